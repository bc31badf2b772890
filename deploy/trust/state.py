"""What a client keeps of the metadata it believes: a folder of files, each written whole or not at all.

`root.json`, `timestamp.json`, `snapshot.json`, `targets.json` and a file for each delegated role are
byte for byte what the server sent. Two more, `floor-a` and `floor-b`, hold the versions below which
nothing is believed again; the one that is written is the older one, so that the other is whole
whatever happens. A damaged file counts as one that is not there. One process at a time writes: it
holds `lock`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout

from deploy.atomic import fsync_folder, sweep, write_atomic
from deploy.digest import sha256_of_bytes
from deploy.disk import target_error
from deploy.errors import TargetError, error
from deploy.trust.rules import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Floor, cap

FLOORS = ("floor-a", "floor-b")
LOCK = "lock"
PRIVATE = 0o600
PATIENCE = 90.0
"""How long one process waits for another that refreshes the same state, in seconds."""
_OWN = frozenset({ROOT, TIMESTAMP, SNAPSHOT, TARGETS})
_LARGEST_FLOOR = 4 * 1024 * 1024


class TrustState:
    """The folder of one client and one server; made when first written to. For one thread."""

    def __init__(self, folder: Path, patience: float = PATIENCE) -> None:
        self.folder = folder
        self._lock = FileLock(folder / LOCK, timeout=patience, mode=PRIVATE)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from writing here; may be nested. Raises `TargetError` (busy, cannot-write)."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout as taken:
            hint = "wait until it has ended, then run the same command again"
            said = f"another program refreshes {self.folder}"
            raise TargetError(error("busy", said, hint, file=str(self.folder))) from taken
        except OSError as wrong:
            raise target_error(wrong, self.folder) from wrong
        try:
            yield
        finally:
            self._lock.release()

    def metadata(self, role: str) -> bytes | None:
        """What is kept of a role; None when nothing readable is."""
        return _read(self._path(role), cap(role))

    def keep(self, role: str, data: bytes) -> None:
        """Keep accepted metadata; raises `TargetError` (disk-full, cannot-write)."""
        self._write(self._path(role), data)

    def begin(self, root: bytes) -> None:
        """Take a root to start from, forgetting everything else; raises `TargetError`.

        The root that was there goes first: without its floor it must never be believed again.
        """
        with self.alone():
            for path in (self._path(ROOT), *self._files()):
                _remove(path)
            self.keep(ROOT, root)

    def floor(self) -> Floor:
        """The floor that was kept last, of the two copies the one that is whole and later."""
        found = [floor for floor in map(self._floor, FLOORS) if floor is not None]
        return max(found, key=lambda one: one[0])[1] if found else Floor()

    def keep_floor(self, floor: Floor) -> None:
        """Keep a floor in the older or damaged of the two copies; raises `TargetError`."""
        with self.alone():
            if self.floor() == floor:
                return
            copies = {name: self._floor(name) for name in FLOORS}
            numbers = {name: copy[0] if copy is not None else 0 for name, copy in copies.items()}
            name = min(FLOORS, key=lambda one: numbers[one])
            self._write(self.folder / name, _encoded(max(numbers.values()) + 1, floor))

    def _path(self, role: str) -> Path:
        name = quote(role, safe="")
        if role not in _OWN and role.lower() in _OWN:
            # Where case makes no difference this role would overwrite ours.
            name = f"%{ord(role[0]):02X}{role[1:]}"
        return self.folder / f"{name}.json"

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [one for one in self.folder.iterdir() if one.suffix == ".json" or one.name in FLOORS]

    def _floor(self, name: str) -> tuple[int, Floor] | None:
        data = _read(self.folder / name, _LARGEST_FLOOR)
        try:
            return None if data is None else _decoded(data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _write(self, path: Path, data: bytes) -> None:
        with self.alone():
            sweep(path)
            try:
                write_atomic(path, data, mode=PRIVATE)
            except OSError as wrong:
                raise target_error(wrong, path) from wrong


def _read(path: Path, most: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        return None
    except OSError as wrong:
        said = f"{path}: {wrong.strerror or type(wrong).__name__}"
        raise TargetError(error("cannot-read", said, "let this account read it", file=str(path))) from wrong
    return data if len(data) <= most else None


def _remove(path: Path) -> None:
    try:
        os.unlink(path)
        fsync_folder(path.parent)
    except FileNotFoundError:
        return
    except OSError as wrong:
        raise target_error(wrong, path) from wrong


def _encoded(number: int, floor: Floor) -> bytes:
    body = json.dumps(
        {
            "number": number,
            "keys": floor.keys,
            "timestamp": floor.timestamp,
            "snapshot": floor.snapshot,
            "roles": dict(floor.roles),
            "issued": None if floor.issued is None else floor.issued.isoformat(),
        },
        separators=(",", ":"),
    ).encode()
    return sha256_of_bytes(body).encode() + b"\n" + body


def _decoded(data: bytes) -> tuple[int, Floor]:
    digest, _, body = data.partition(b"\n")
    if sha256_of_bytes(body).encode() != digest:
        raise ValueError("damaged")
    found = json.loads(body)
    roles: Mapping[str, int] = {str(name): int(version) for name, version in found["roles"].items()}
    issued = found["issued"]
    floor = Floor(
        keys=tuple(map(str, found["keys"])),
        timestamp=int(found["timestamp"]),
        snapshot=int(found["snapshot"]),
        roles=roles,
        issued=None if issued is None else datetime.fromisoformat(issued),
    )
    return int(found["number"]), floor

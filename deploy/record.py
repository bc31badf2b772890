"""What an installation put where, and what it was made from: the reason a second one transfers nothing.

One file for each base folder, below the machine's state folder, written last and atomically. It
is a memory, not a truth: lost or damaged it only costs a transfer.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.atomic import write_atomic
from deploy.errors import Problem, warning
from deploy.relpath import fold
from deploy.transport.contract import Validators

FORMAT = 1


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """One file as it was placed.

    `output` is relative to the base with forward slashes, `source` an address without credentials.
    `size` and `mtime_ns` are the local file's; `recorded_at` is the POSIX time of the transfer.
    """

    output: str
    source: str
    sha256: str
    size: int
    mtime_ns: int
    validators: Validators
    recorded_at: float

    @property
    def key(self) -> str:
        return fold(self.output)


def record_path(state: Path, base: Path) -> Path:
    """Where the record of the installation in `base` lives below the state folder."""
    return state / "installations" / f"{hashlib.sha256(os.fsencode(base)).hexdigest()[:32]}.json"


def load(path: Path) -> tuple[dict[str, InstalledFile], tuple[Problem, ...]]:
    """The record by folded output path; empty, with a warning, when it cannot be read."""
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}")
        return {file.key: file for file in map(_decoded, document["files"])}, ()
    except FileNotFoundError:
        return {}, ()
    except (OSError, ValueError, KeyError, TypeError, IndexError) as wrong:
        return {}, (
            warning(
                "record-unreadable",
                f"the record of the last installation cannot be used: {wrong}",
                "nothing to do: every file is transferred again and the record is made new",
                file=str(path),
            ),
        )


def save(path: Path, base: Path, files: Mapping[str, InstalledFile]) -> tuple[Problem, ...]:
    """Write the record; a warning where it cannot be kept, since the installation itself is done."""
    rows = [_encoded(file) for file in files.values()]
    document = json.dumps({"format": FORMAT, "base": str(base), "files": rows}, separators=(",", ":"))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(path, document.encode("utf-8", "surrogatepass"))
    except OSError as wrong:
        return (
            warning(
                "record-not-kept",
                f"what was installed could not be noted: {wrong}",
                "the next installation transfers it all again; make the folder writable or set state in machine.toml",
                file=str(path),
            ),
        )
    return ()


def _encoded(file: InstalledFile) -> list[object]:
    known = file.validators
    return [
        file.output,
        file.source,
        file.sha256,
        file.size,
        file.mtime_ns,
        [known.size, known.etag, known.modified, known.precision],
        file.recorded_at,
    ]


def _decoded(row: list[object]) -> InstalledFile:
    match row:
        case [
            str(output),
            str(source),
            str(sha256),
            int(size),
            int(mtime_ns),
            [known_size, etag, modified, precision],
            when,
        ]:
            validators = Validators(
                _optional_int(known_size), _optional_text(etag), _optional_float(modified), _float(precision)
            )
            return InstalledFile(output, source, sha256, size, mtime_ns, validators, _float(when))
        case _:
            raise ValueError("a row is damaged")


def _optional_int(value: object) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise ValueError(f"{value!r} is not a size")


def _optional_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is not an ETag")


def _optional_float(value: object) -> float | None:
    return None if value is None else _float(value)


def _float(value: object) -> float:
    if isinstance(value, (int, float)):
        return float(value)
    raise ValueError(f"{value!r} is not a time")

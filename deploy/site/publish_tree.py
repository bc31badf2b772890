"""The published tree as its one writer has it: what lies there, and every change made to it.

    <tree>/customers/<id>/manifest.json
    <tree>/packs/<ab>/<sha256>
    <tree>/objects/<ab>/<sha256>
    <tree>/.work/                 the publisher's own: lock, index, files on their way

Contents are there, whole and durable, under their final name before a manifest names them, and a
manifest is replaced by one rename. What is in `.work` may be lost or left over at any time.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.atomic import fsync_folder, sweep, write_atomic
from deploy.digest import CHUNK, Digest, Sha256, sha256_of
from deploy.disk import target_error, write_all
from deploy.errors import Problem, SourceError, TargetError, error
from deploy.lock import only_one
from deploy.manifest import CUSTOMERS, MANIFEST, OBJECTS, PACKS, address_of
from deploy.manifest_json import LARGEST
from deploy.site.packing import Content
from deploy.site.publish_index import LocalStat

WORK = ".work"
READABLE = 0o644  # by the account of a web server
LISTABLE = 0o755
_PRIVATE = 0o700
_ADDRESS = re.compile(r"(packs|objects)/([0-9a-f]{2})/(\2[0-9a-f]{62})")

Checkpoint = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Piece:
    """Where the bytes of a content can be read: a file and an offset in it."""

    path: str
    offset: int
    content: Content


class Tree:
    """A published tree that this process writes to; every method raises `TargetError` (disk-full, cannot-write)."""

    def __init__(self, folder: Path, checkpoint: Checkpoint) -> None:
        self.folder = folder
        self.work = folder / WORK
        self._incoming = self.work / "incoming"
        self._reached = checkpoint
        self._durable: set[Path] = set()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only publisher; raises `TargetError` (busy) where there is another one."""
        with _refusals(self.folder):
            self.folder.mkdir(mode=LISTABLE, parents=True, exist_ok=True)
            self.work.mkdir(mode=_PRIVATE, exist_ok=True)
        try:
            with only_one(self.work / "lock", str(self.folder)):
                self._prepare()
                yield
        except TargetError as wrong:
            if wrong.code == "busy":
                hint = "wait until it has ended, then publish again"
                said = f"another publication to {self.folder} is under way"
                raise TargetError(error("busy", said, hint)) from wrong
            raise

    def _prepare(self) -> None:
        with _refusals(self.folder):
            shutil.rmtree(self._incoming, ignore_errors=True)
            self._incoming.mkdir(mode=_PRIVATE, exist_ok=True)
            for name in (CUSTOMERS, PACKS, OBJECTS):
                self._make(self.folder / name)
            for id_ in self.customers():
                sweep(self.manifest_path(id_))
                with suppress(OSError):
                    self.manifest_path(id_).parent.rmdir()  # what a killed one was about to fill or to remove

    def present(self) -> dict[str, int]:
        """The contents that lie in the tree: size in bytes by address."""
        found: dict[str, int] = {}
        with _refusals(self.folder):
            for kind in (PACKS, OBJECTS):
                for folder in _folders(self.folder / kind):
                    with os.scandir(folder.path) as entries:
                        for one in entries:
                            address = f"{kind}/{folder.name}/{one.name}"
                            if _ADDRESS.fullmatch(address) and one.is_file(follow_symlinks=False):
                                found[address] = one.stat(follow_symlinks=False).st_size
        return found

    def path(self, address: str) -> str:
        """The path of a content."""
        return os.path.join(self.folder, *address.split("/"))

    def write(self, kind: str, pieces: Iterable[Piece]) -> Sha256:
        """Put contents one after another into a new file of the tree, durable before it has its name.

        Raises `SourceError` (changed) where a piece is not what it was said to be, and what reading raises.
        """
        temporary = self._incoming / os.urandom(8).hex()
        whole = Digest()
        with _refusals(self.folder):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
            descriptor = os.open(temporary, flags, READABLE)
        try:
            for piece in pieces:
                _copy(piece, descriptor, whole, self.folder)
            with _refusals(self.folder):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        address = address_of(whole.value, kind)
        self._reached(f"written {kind}")
        with _refusals(self.folder):
            os.chmod(temporary, READABLE)
            place = Path(self.path(address))
            self._make_durable(place.parent)
            os.replace(temporary, place)
            fsync_folder(place.parent)
        self._reached(f"placed {kind}")
        return whole.value

    def remove(self, address: str) -> None:
        """Remove a content; one that somebody holds open on Windows stays until the next time."""
        with _refusals(self.folder), suppress(FileNotFoundError, PermissionError):
            os.unlink(self.path(address))
        self._reached("removed")

    def is_right(self, address: str) -> bool:
        """Whether a content has the digest its name says; reads all of it. Raises `TargetError` (cannot-read)."""
        path = self.path(address)
        try:
            with open(path, "rb", buffering=0) as file:
                return sha256_of(file) == address.rpartition("/")[2]
        except FileNotFoundError:
            return False
        except OSError as wrong:
            raise TargetError(_unreadable(wrong, path)) from wrong

    def customers(self) -> tuple[str, ...]:
        """The ids, in lower case, of all who have a manifest, or had one on its way."""
        with _refusals(self.folder):
            return tuple(sorted(one.name for one in _folders(self.folder / CUSTOMERS)))

    def manifest_path(self, id_: str) -> Path:
        """Where the manifest of a customer lies; `id_` in lower case."""
        return self.folder / CUSTOMERS / id_ / MANIFEST

    def manifest_stat(self, id_: str) -> LocalStat | None:
        """What the file system says of a manifest; None where there is none."""
        try:
            return local_stat(self.manifest_path(id_))
        except OSError:
            return None

    def manifest_bytes(self, id_: str) -> bytes | None:
        """A manifest as it lies there; None where there is none."""
        path = self.manifest_path(id_)
        try:
            with path.open("rb") as file:
                return file.read(LARGEST + 1)
        except FileNotFoundError:
            return None
        except OSError as wrong:
            raise TargetError(_unreadable(wrong, path)) from wrong

    def write_manifest(self, id_: str, data: bytes) -> None:
        """Publish: readers see the old manifest or this one, whole."""
        path = self.manifest_path(id_)
        with _refusals(self.folder):
            self._make_durable(path.parent)
            self._reached("contents are there")
            write_atomic(path, data, mode=READABLE)
        self._reached("published")

    def remove_manifest(self, id_: str) -> None:
        """Take a customer back; its contents stay for their time."""
        path = self.manifest_path(id_)
        with _refusals(self.folder):
            with suppress(FileNotFoundError):
                path.unlink()
                fsync_folder(path.parent)
            with suppress(OSError):
                path.parent.rmdir()  # with something else in it, it stays
        self._reached("taken back")

    def _make(self, folder: Path) -> None:
        """A folder that a web server may list."""
        with suppress(FileExistsError):
            folder.mkdir(mode=LISTABLE)
            os.chmod(folder, LISTABLE)

    def _make_durable(self, folder: Path) -> None:
        """The same, its name durable, also where it was made by one who was killed right then."""
        if folder == self.folder or folder in self._durable:
            return
        self._make_durable(folder.parent)
        self._make(folder)
        fsync_folder(folder.parent)
        self._durable.add(folder)


def local_stat(path: Path | str) -> LocalStat:
    """What the file system says of a file, through a link to it; raises `OSError`."""
    found = os.stat(path)
    return LocalStat(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [one for one in entries if one.is_dir(follow_symlinks=False) and not one.name.startswith(".")]


def _copy(piece: Piece, descriptor: int, whole: Digest, tree: Path) -> None:
    """Append a content; its digest is that of the bytes that are written, not of what they were read from."""
    own = Digest()
    left = piece.content.size
    buffer = memoryview(bytearray(min(CHUNK, left) or 1))
    try:
        with open(piece.path, "rb", buffering=0) as file:
            file.seek(piece.offset)
            while left:
                count = file.readinto(buffer[: min(len(buffer), left)])
                if not count:
                    break
                part = buffer[:count]
                own.update(part)
                whole.update(part)
                _write(descriptor, part, tree)
                left -= count
    except OSError as wrong:
        raise SourceError(_unreadable(wrong, piece.path)) from wrong
    if own.value != piece.content.sha256:
        said = f"{piece.path} changed while it was published"
        raise SourceError(error("changed", said, "publish again when it is no longer written to"), transient=True)


def _write(descriptor: int, part: memoryview, tree: Path) -> None:
    try:
        write_all(descriptor, part)
    except OSError as wrong:
        raise target_error(wrong, tree) from wrong


def _unreadable(wrong: OSError, path: Path | str) -> Problem:
    said = f"{path}: {wrong.strerror or type(wrong).__name__}"
    return error("cannot-read", said, "let the account that publishes read it", file=str(path))


@contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    """What the system refuses as `TargetError`."""
    try:
        yield
    except OSError as wrong:
        raise target_error(wrong, wrong.filename or folder) from wrong

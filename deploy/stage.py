"""The staging folder: where downloads lie, verified, until an installation places them.

    STAGE/files/<name>          a finished file
    STAGE/files/<name>.part     a large file on its way, see `deploy.partfile`
    STAGE/journal-<token>       one line for each finished file, in a file for each writer
    STAGE/journal-0             the same of earlier runs

A name is made from the job's key, never from what a server calls a file. A journal line is written
as soon as its file is whole, so what was finished is known after a kill at any moment. The journal
is no proof after a power loss: whoever uses a staged file reads it again first (`is_intact`).
Every journal is locked by its writer while that lives, so a later run never shares the folder with
what is left of an earlier one.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from deploy.digest import parse_sha256, sha256_of
from deploy.disk import target_error, write_all
from deploy.errors import Problem, TargetError, error, warning
from deploy.jobs import StagedFile
from deploy.jsonlines import json_line
from deploy.transport.contract import Validators

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

FILES = "files"
PART = "part"
NOTE = "note"
JOURNAL = "journal-"
MERGED = "journal-0"  # sorts before the journals of a run, whose records are newer
NAME_DIGITS = 32
FILE_MODE = 0o666  # less the umask: a staged file is renamed to its place as it is, the folder keeps others out
LOCK_SECONDS = 15.0
LOCK_PAUSE = 0.02
_WRITE = os.O_WRONLY | os.O_CREAT
_EXTRA_FLAGS = ("O_CLOEXEC", "O_NOINHERIT", "O_BINARY", "O_NOFOLLOW")
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EINVAL, getattr(errno, "ENOTSUP", errno.EINVAL)})


class Stage:
    """One staging folder; every method raises `TargetError` (disk-full, cannot-write, in-the-way, busy)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = os.path.join(os.path.abspath(folder), FILES)
        self._parts: dict[str, int] = {}

    def create(self) -> None:
        """Make the folder, for this account only, where it is not there yet."""
        try:
            self.folder.mkdir(mode=_folder_mode(), parents=True, exist_ok=True)
            mode = os.lstat(self.folder).st_mode
            if not stat.S_ISDIR(mode):
                raise FileExistsError(errno.EEXIST, "not a folder", str(self.folder))
            if fcntl is not None and mode & 0o077:
                os.chmod(self.folder, 0o700)
            os.makedirs(self._files, mode=_folder_mode(), exist_ok=True)
        except FileExistsError as wrong:
            said = f"{self.folder} is to be the staging folder and is something else"
            raise TargetError(error("in-the-way", said, "move it away", file=str(self.folder))) from wrong
        except OSError as wrong:
            raise target_error(wrong, self.folder) from wrong

    def path_of(self, key: str) -> str:
        """The absolute path of the finished file of a job, whether or not it is there."""
        return f"{self._files}{os.sep}{staged_name(key)}"

    def held(self, key: str) -> int:
        """How many bytes of an unfinished file an earlier run left."""
        return self._parts.get(staged_name(key), 0) if self._parts else 0

    def load(self, keys: Iterable[str] | None = None) -> dict[str, StagedFile]:
        """What earlier runs finished, by key; everything else in the folder is removed.

        `keys` are the jobs of this run: what they do not name is removed too. A part file stays if
        its key may be wanted. Call it once, before any writer of this run opens a journal: it waits
        for the last breath of a killed run, and raises `TargetError` (busy) if one goes on.
        """
        try:
            old = [_claimed(path) for path in self._journals()]
            found = list(os.scandir(self._files))
            records: dict[str, StagedFile] = {}
            for _, descriptor in old:
                with open(descriptor, "rb", closefd=False) as journal:
                    records.update((record.key, record) for record in _records(journal))
            kept = self._sweep(found, records, keys) if found else {}
            if old:
                self._rewrite(kept.values())
            for path, descriptor in old:
                os.close(descriptor)
                if os.path.basename(path) != MERGED:
                    os.unlink(path)
        except OSError as wrong:
            raise target_error(wrong, self.folder) from wrong
        return kept

    def remembered(self) -> dict[str, StagedFile]:
        """What earlier runs finished, by key, whether or not it still lies here; changes nothing."""
        records: dict[str, StagedFile] = {}
        try:
            for path in self._journals():
                with open(path, "rb") as journal:
                    records.update((record.key, record) for record in _records(journal))
        except FileNotFoundError:
            return records
        except OSError as wrong:
            raise target_error(wrong, self.folder) from wrong
        return records

    def open_journal(self) -> Journal:
        """A new journal for one process of this run."""
        try:
            return Journal(os.path.join(self.folder, f"{JOURNAL}{os.urandom(8).hex()}"))
        except OSError as wrong:
            raise target_error(wrong, self.folder) from wrong

    def discard(self) -> tuple[Problem, ...]:
        """Remove the folder and all in it; a warning names what could not be removed."""
        try:
            shutil.rmtree(self.folder)
        except FileNotFoundError:
            return ()
        except OSError as wrong:
            said = f"{self.folder} could not be removed: {wrong.strerror}"
            return (warning("staging-left", said, "nothing to do: the next installation removes it"),)
        return ()

    def _journals(self) -> list[str]:
        return sorted(entry.path for entry in os.scandir(self.folder) if entry.name.startswith(JOURNAL))

    def _sweep(
        self, found: list[os.DirEntry[str]], records: dict[str, StagedFile], keys: Iterable[str] | None
    ) -> dict[str, StagedFile]:
        """Remove strays; returns the records whose file is there in the right size and is wanted."""
        wanted = None if keys is None else {staged_name(key) for key in keys}
        by_name = {staged_name(key): record for key, record in records.items()}
        kept: dict[str, StagedFile] = {}
        for entry in found:
            name, _, kind = entry.name.partition(".")
            record = by_name.get(name)
            stays = wanted is None or name in wanted
            if stays and kind == PART:
                self._parts[name] = entry.stat(follow_symlinks=False).st_size
            elif kind != NOTE:
                stays = stays and record is not None and not kind and _has_size(entry, record.size)
                if stays and record is not None:
                    kept[record.key] = record
            if not stays:
                _remove(entry)
        return kept

    def _rewrite(self, records: Iterable[StagedFile]) -> None:
        """Merge the journals into one; the new one is whole before the old ones go."""
        merged = os.path.join(self.folder, MERGED)
        temporary = os.path.join(self._files, "journal.new")
        descriptor = os.open(temporary, open_flags(os.O_TRUNC), 0o600)
        try:
            write_all(descriptor, b"".join(map(encoded, records)))
        finally:
            os.close(descriptor)
        os.replace(temporary, merged)


class Journal:
    """Lines of finished files, one writer's own; raises `TargetError`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = os.open(path, open_flags(os.O_EXCL | os.O_APPEND), 0o600)
        _lock(self._descriptor)

    def record(self, staged: StagedFile) -> None:
        """Note a finished file with one write; threads need no lock of their own (O_APPEND)."""
        try:
            write_all(self._descriptor, encoded(staged))
        except OSError as wrong:
            raise target_error(wrong, self._path) from wrong

    def close(self) -> None:
        """Give the journal up to whoever reads it next."""
        os.close(self._descriptor)


def staged_name(key: str) -> str:
    """The file name for a key: hexadecimal, of one length, the same in every run."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:NAME_DIGITS]


def is_intact(path: str, staged: StagedFile) -> bool:
    """Whether the file at `path` still has the size and digest of its record; reads all of it."""
    try:
        with open(path, "rb", buffering=0) as file:
            return os.fstat(file.fileno()).st_size == staged.size and sha256_of(file) == staged.sha256
    except OSError:
        return False


@cache
def open_flags(extra: int) -> int:
    """Flags to write a staged file: created where missing, closed on exec, never through a link."""
    flags = _WRITE | extra
    for name in _EXTRA_FLAGS:
        flags |= getattr(os, name, 0)
    return flags


def encoded(staged: StagedFile) -> bytes:
    """The journal line of a record, its line feed included; ASCII."""
    known = staged.validators
    row = (
        staged.key,
        staged.source,
        staged.size,
        staged.sha256,
        (known.size, known.etag, known.modified, known.precision),
        staged.fetched_at,
    )
    return json_line(row)


def decoded(line: bytes) -> StagedFile | None:
    """The record of a journal line; None for anything that is not one, a torn line too."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match row:
        case [str(key), str(source), int(size), str(digest), known, float(when)] if size >= 0:
            validators = validators_of(known)
            sha256 = parse_sha256(digest)
            if validators is None or sha256 is None:
                return None
            return StagedFile(key, source, size, sha256, validators, when)
        case _:
            return None


def validators_of(row: object) -> Validators | None:
    """Validators from their row [size, etag, modified, precision]; None if it is not one."""
    match row:
        case [int() | None as size, str() | None as etag, float() | int() | None as modified, float() | int() as grain]:
            return Validators(size, etag, None if modified is None else float(modified), float(grain))
        case _:
            return None


def _folder_mode() -> int:
    """Windows takes 0o700 as an access list of its own (since CVE-2024-4030), which the staged files
    would carry into the installation: there the folder inherits the protection of its target instead."""
    return 0o777 if fcntl is None else 0o700


def _claimed(path: str) -> tuple[str, int]:
    """Open a journal nobody writes any more: (its path now, descriptor); waits for its writer to end."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        taken = _take(path)
        if taken is not None:
            return taken
        if time.monotonic() > deadline:
            said = f"another installation is writing to {os.path.dirname(path)}"
            raise TargetError(error("busy", said, "wait until it has ended, then run the same command again"))
        time.sleep(LOCK_PAUSE)


def _take(path: str) -> tuple[str, int] | None:
    if fcntl is None:
        # Windows: a file that is open cannot be renamed, which serves as the lock.
        try:
            os.rename(path, f"{path}-taken")
        except PermissionError:
            return None
        path = f"{path}-taken"
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    if _lock(descriptor):
        return path, descriptor
    os.close(descriptor)
    return None


def _lock(descriptor: int) -> bool:
    """Lock an open journal for this process; True too where the file system knows no locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[attr-defined, unused-ignore]
    except BlockingIOError:
        return False
    except OSError as wrong:
        if wrong.errno not in _NO_LOCKS:
            raise
    return True


def _records(journal: Iterable[bytes]) -> Iterator[StagedFile]:
    for line in journal:
        record = decoded(line)
        if record is not None:
            yield record


def _has_size(entry: os.DirEntry[str], size: int) -> bool:
    found = entry.stat(follow_symlinks=False)
    return stat.S_ISREG(found.st_mode) and found.st_size == size


def _remove(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path)
    else:
        os.unlink(entry.path)

"""Copies that are proven while they are made: what was read is what was hashed is what was written."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO

from deploy.atomic import flush_tree
from deploy.digest import CHUNK, Digest, Sha256, sha256_of
from deploy.disk import target_error, write_all
from deploy.errors import TargetError, error
from hotfix.installed import Original

PRIVATE = 0o600
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_EXTRA_FLAGS = ("O_CLOEXEC", "O_NOINHERIT", "O_BINARY", "O_NOFOLLOW")

Count = Callable[[int], None]
"""Told how many bytes more are done."""


def uncounted(_: int) -> None:
    """For whoever counts nothing."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy turned out to be."""

    sha256: Sha256
    size: int


def original_of(path: str, count: Count = uncounted) -> Original | None:
    """A file as it is now; None for no file.

    Raises `TargetError`: in-the-way for what is no regular file, cannot-read.
    """
    try:
        with _opened(path) as file:
            found = os.fstat(file.fileno())
            digest = sha256_of(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as wrong:
        raise unreadable(wrong, path) from wrong
    count(found.st_size)
    return Original(digest, found.st_size, found.st_mtime_ns, stat.S_IMODE(found.st_mode), _owner(found))


def copy(source: str, target: str, count: Count = uncounted) -> Copied:
    """Copy the bytes of a regular file into a new file of this account; flushing it is the caller's.

    Raises `TargetError`: cannot-read, in-the-way, disk-full, cannot-write; nothing is left of the copy then.
    """
    try:
        file = _opened(source)
    except OSError as wrong:
        raise unreadable(wrong, source) from wrong
    with file:
        needed = os.fstat(file.fileno()).st_size
        try:
            return _written(file, target, needed, count)
        except OSError as wrong:
            raise target_error(wrong, target, needed) from wrong


def write(data: bytes, target: str) -> None:
    """Make a new file of these bytes; raises `TargetError` as `copy` does."""
    try:
        descriptor = os.open(target, _with_extras(_FLAGS), PRIVATE)
        try:
            write_all(descriptor, data)
        except OSError:
            os.close(descriptor)
            os.unlink(target)
            raise
        os.close(descriptor)
    except OSError as wrong:
        raise target_error(wrong, target, len(data)) from wrong


def dress(path: str, mode: int, mtime_ns: int | None, owner: tuple[int, int] | None) -> None:
    """Give a file permission bits, time and owner; raises `TargetError` (cannot-write).

    The owner is given where this account may do so: a file of another account is kept readable by its
    bits either way.
    """
    try:
        if owner is not None and hasattr(os, "chown") and owner != _owner(os.stat(path)):
            _give_away(path, owner)
        os.chmod(path, mode)
        if mtime_ns is not None:
            os.utime(path, ns=(mtime_ns, mtime_ns))
    except OSError as wrong:
        raise target_error(wrong, path) from wrong


def flush(paths: list[str], folder: str) -> None:
    """Make copies in `folder` (or below) durable; raises `TargetError`."""
    try:
        flush_tree(paths, folder)
    except OSError as wrong:
        raise target_error(wrong, folder) from wrong


def unreadable(wrong: OSError, path: str) -> TargetError:
    """What the system refused to read, as `TargetError` (cannot-read)."""
    hint = "let this account read it, then run the same command again"
    return TargetError(error("cannot-read", f"{path}: {wrong.strerror or type(wrong).__name__}", hint, file=path))


def _opened(path: str) -> FileIO:
    """A file for reading; never a link, nor a pipe that would be waited for."""
    file = FileIO(os.open(path, _with_extras(os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))))
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise TargetError(error("in-the-way", f"{path} is not a regular file", "move it away", file=path))


def _written(file: FileIO, target: str, needed: int, count: Count) -> Copied:
    descriptor = os.open(target, _with_extras(_FLAGS), PRIVATE)
    try:
        digest, size = Digest(), 0
        buffer = memoryview(bytearray(min(CHUNK, max(needed, 1))))
        while taken := file.readinto(buffer):
            write_all(descriptor, buffer[:taken])
            digest.update(buffer[:taken])
            size += taken
            count(taken)
    except OSError:
        os.close(descriptor)
        os.unlink(target)
        raise
    os.close(descriptor)
    return Copied(digest.value, size)


def _give_away(path: str, owner: tuple[int, int]) -> None:
    give = getattr(os, "chown", None)
    if give is None:
        return
    try:
        give(path, *owner)
    except PermissionError:
        return  # Only the administrator may; the file then belongs to this account.


def _owner(found: os.stat_result) -> tuple[int, int] | None:
    return (found.st_uid, found.st_gid) if hasattr(os, "chown") else None


def _with_extras(flags: int) -> int:
    for name in _EXTRA_FLAGS:
        flags |= getattr(os, name, 0)
    return flags

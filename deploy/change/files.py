"""What a change does to single files: patient with whoever holds one, never through a link, errors for people."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

from deploy.change.ops import Before
from deploy.digest import Sha256, sha256_of
from deploy.disk import target_error, write_all
from deploy.errors import TargetError, error

BUSY_ATTEMPTS = 20
BUSY_PAUSE = 0.25
WINDOWS_BUSY = (5, 32, 33)  # ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
COPY_CHUNK = 1 << 20

Pause = Callable[[float], None]


def is_busy(wrong: OSError) -> bool:
    """Whether somebody else holds the file (Windows); elsewhere no file in use resists."""
    return isinstance(wrong, PermissionError) and getattr(wrong, "winerror", None) in WINDOWS_BUSY


def patiently(act: Callable[[], None], path: str, pause: Pause = time.sleep, attempts: int = BUSY_ATTEMPTS) -> None:
    """Do what may meet a virus scanner or indexer that holds `path` for a moment; raises `OSError`.

    Windows also refuses to replace or remove a read-only file, so that attribute is taken off.
    """
    for attempt in range(attempts):
        try:
            act()
            return
        except PermissionError as wrong:
            if not is_busy(wrong) or attempt == attempts - 1:
                raise
            _clear_read_only(path)
            pause(BUSY_PAUSE)


def replace(source: str, target: str, pause: Pause = time.sleep, attempts: int = BUSY_ATTEMPTS) -> None:
    """`os.replace`, patiently; at least a second attempt is made, for a file that was only read-only."""
    try:
        os.replace(source, target)
        return
    except PermissionError as wrong:
        if not is_busy(wrong):
            raise
        _clear_read_only(target)
    patiently(lambda: os.replace(source, target), target, pause, attempts)


def remove(path: str, pause: Pause = time.sleep, attempts: int = BUSY_ATTEMPTS) -> None:
    """`os.unlink`, patiently; nothing to do where there is no such file."""
    try:
        os.unlink(path)
        return
    except FileNotFoundError:
        return
    except PermissionError as wrong:
        if not is_busy(wrong):
            raise
        _clear_read_only(path)
    try:
        patiently(lambda: os.unlink(path), path, pause, attempts)
    except FileNotFoundError:
        return


def back_up(target: str, backup: str) -> bool:
    """Give a file a second name, or make a copy of it where the file system has no hard links.

    Returns whether it is a copy, which has to be flushed. Raises `OSError`.
    """
    try:
        os.link(target, backup)
    except OSError as wrong:
        # From another volume nothing comes back by a rename.
        if wrong.errno in (errno.ENOENT, errno.EXDEV):
            raise
        _copy(target, backup)
        return True
    return False


def _copy(source: str, target: str) -> None:
    extra = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    with open(source, "rb", buffering=0) as old:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | extra, 0o600)
        try:
            while chunk := old.read(COPY_CHUNK):
                write_all(descriptor, chunk)
        finally:
            os.close(descriptor)
    shutil.copystat(source, target)


def look(path: str) -> os.stat_result | None:
    """What is there, a link itself and not what it points to; None for nothing. Raises `OSError`."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def before_of(found: os.stat_result, sha256: Sha256 | None) -> Before:
    """A file as it is to be found again."""
    return Before(found.st_size, found.st_mtime_ns, stat.S_IMODE(found.st_mode), sha256)


def digest_of(path: str) -> Sha256:
    """The digest of a file; raises `OSError`."""
    with open(path, "rb", buffering=0) as file:
        return sha256_of(file)


def restore_mode(path: str, mode: int) -> None:
    """Give a file its permission bits back where replacing or removing took them off (`patiently`)."""
    found = look(path)
    if found is not None and stat.S_IMODE(found.st_mode) != mode:
        os.chmod(path, mode)


def refused(wrong: OSError, path: str | Path) -> TargetError:
    """What the system refused, as `TargetError` (in-use, disk-full, cannot-write)."""
    if is_busy(wrong):
        hint = "close the program that uses it, then run the same command again"
        return TargetError(error("in-use", f"{path} is in use", hint, file=str(path)))
    return target_error(wrong, path)


def _clear_read_only(path: str) -> None:
    try:
        os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode) | stat.S_IWRITE)
    except OSError:
        return

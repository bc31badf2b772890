"""The only durable write: whole files replaced at once, and many files flushed together.

`write_atomic` leaves the old content or the new, whatever happens in between, power loss included.
What the system refuses raises `OSError` here; `deploy.disk.target_error` makes it a `TargetError`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from deploy.disk import write_all

MANY = 16
FLUSH_THREADS = 8
BUSY_ATTEMPTS = 20
BUSY_PAUSE = 0.05
OWNER_ONLY = 0o600
_TEMPORARY = ".tmp"

_NO_FOLDER_FSYNC = frozenset({errno.EINVAL, errno.EBADF, errno.EISDIR, getattr(errno, "ENOTSUP", errno.EINVAL)})


def write_atomic(path: Path, data: bytes, *, mode: int = OWNER_ONLY) -> None:
    """Replace the content of `path` by `data` so that every reader and every crash sees old or new.

    The folder must exist; `mode` is that of the new file, the umask notwithstanding where it lets others
    read. Raises `OSError`, the old content intact.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}{_TEMPORARY}")
    descriptor = os.open(temporary, _new_file_flags(), mode)
    try:
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if mode & ~OWNER_ONLY:
            os.chmod(temporary, mode)
        _replace(temporary, path)
    except OSError:
        _forget(temporary)
        raise
    fsync_folder(path.parent)


def sweep(path: Path) -> None:
    """Remove what a killed `write_atomic` of `path` left; only for who alone writes it now. What resists stays."""
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if entry.name.startswith(f".{path.name}.") and entry.name.endswith(_TEMPORARY):
                _forget(Path(entry.path))


def fsync_folder(folder: Path | str) -> None:
    """Make the names in a folder durable; does nothing where folders cannot be opened (Windows).

    Raises `OSError`.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    except OSError as wrong:
        if wrong.errno not in _NO_FOLDER_FSYNC:
            raise
    finally:
        os.close(descriptor)


def flush_tree(paths: Sequence[Path | str], folder: Path | str) -> None:
    """Make the contents of many files durable, and the names in `folder`, where they all lie or below.

    Many files on Linux take one `syncfs` of the file system (syncfs(2); since Linux 5.8 it reports
    failed writes of any of them), else each file is flushed by itself. Raises `OSError`.
    """
    if len(paths) < MANY:
        for path in paths:
            _fsync_file(path)
    elif _syncfs(folder):
        return
    else:
        _fsync_files(paths)
    for parent in {str(folder), *(os.path.dirname(path) for path in paths)}:
        fsync_folder(parent)


def _new_file_flags() -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
        flags |= getattr(os, name, 0)
    return flags


def _replace(temporary: Path, path: Path) -> None:
    """`os.replace`, patient on Windows, where a virus scanner may hold either file for a moment."""
    for left in reversed(range(BUSY_ATTEMPTS)):
        try:
            os.replace(temporary, path)
            return
        except PermissionError as wrong:
            if not left or getattr(wrong, "winerror", None) is None:
                raise
            time.sleep(BUSY_PAUSE)


def _forget(temporary: Path) -> None:
    try:
        os.unlink(temporary)
    except OSError:
        return


def _fsync_file(path: Path | str) -> None:
    # Windows flushes through a writable handle only.
    access = os.O_RDONLY if hasattr(os, "O_DIRECTORY") else os.O_RDWR
    descriptor = os.open(path, access | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fsync_files(paths: Sequence[Path | str]) -> None:
    with ThreadPoolExecutor(FLUSH_THREADS) as threads:
        for _ in threads.map(_fsync_file, paths):
            pass


def _syncfs(folder: Path | str) -> bool:
    """Flush the whole file system of `folder`; False where there is no such call."""
    if not hasattr(os, "O_DIRECTORY"):
        return False
    call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if call is None:
        return False
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | getattr(os, "O_CLOEXEC", 0))
    try:
        if call(ctypes.c_int(descriptor)) != 0:
            code = ctypes.get_errno()
            if code in (errno.ENOSYS, errno.EOPNOTSUPP):
                return False
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)
    return True

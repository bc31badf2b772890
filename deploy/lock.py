"""One at a time: the lock that keeps a second installation away from what the first one works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from deploy.disk import target_error
from deploy.errors import TargetError, error

PRIVATE = 0o700


@contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path` as long as the block runs; `what` says in messages what is locked.

    Its folder is made where it is missing, for this account alone. The system lets go of the lock when
    this process ends, however it ends; the file stays. Raises `TargetError` at once: busy where another
    process or thread holds it, cannot-write.
    """
    lock = FileLock(path, timeout=0)
    try:
        path.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as taken:
        hint = "wait until it has ended, then run the same command again"
        raise TargetError(error("busy", f"another installation is working on {what}", hint)) from taken
    except OSError as wrong:
        raise target_error(wrong, path.parent) from wrong
    try:
        yield
    finally:
        lock.release()

"""The version that a program on the disk carries, the same way on every system."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from deploy.peversion import version_through


def version_of(file: Path) -> str | None:
    """As `Host.file_version`; raises `OSError`, also for what is no regular file."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(file, flags), "rb", buffering=0) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a file", str(file))

        def read(offset: int, count: int) -> bytes:
            opened.seek(offset)
            return opened.read(count)

        return version_through(read)

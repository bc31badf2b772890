"""Writing to this machine's disk, and its refusals as errors for people."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from deploy.errors import TargetError, error

_NO_SPACE = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_UNITS = ("KiB", "MiB", "GiB", "TiB")


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write every byte: a single `os.write` may take fewer. Raises `OSError`."""
    count = os.write(descriptor, data)
    if count < len(data):
        rest = memoryview(data)[count:]
        while len(rest):
            rest = rest[os.write(descriptor, rest) :]


def target_error(wrong: OSError, path: Path | str, needed: int | None = None) -> TargetError:
    """What the system refused at `path`, as `TargetError` (disk-full, cannot-write).

    `needed` is how many bytes were still to be written, where known.
    """
    if wrong.errno in _NO_SPACE:
        return disk_full(path, needed)
    said = wrong.strerror or type(wrong).__name__
    hint = "see to it that this account may write there and that the disk is in order, then run the same command again"
    return TargetError(error("cannot-write", f"{path}: {said}", hint, file=str(path)))


def disk_full(path: Path | str, needed: int | None) -> TargetError:
    """The error (disk-full) that says how many bytes are free at `path` and how many are needed."""
    free = free_space(path)
    amounts = [] if needed is None else [f"{readable_size(needed)} needed"]
    amounts += [] if free is None else [f"{readable_size(free)} free"]
    hint = "make room there" + (f" ({', '.join(amounts)})" if amounts else "")
    return TargetError(
        error("disk-full", f"no room left at {path}", f"{hint}, then run the same command again", file=str(path))
    )


def free_space(path: Path | str) -> int | None:
    """Bytes this account may still write on the disk of `path` (or of the nearest folder there is)."""
    place = os.path.abspath(path)
    while True:
        try:
            return shutil.disk_usage(place).free
        except OSError:
            parent = os.path.dirname(place)
            if parent == place:
                return None
            place = parent


def readable_size(size: int) -> str:
    """A size in bytes for people, in binary units."""
    if size < 1024:
        return f"{size} bytes"
    power = min((size.bit_length() - 1) // 10, len(_UNITS))
    return f"{size / 1024**power:.1f} {_UNITS[power - 1]}"

"""The journal file of a change: appended to, every record durable before the next thing happens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from deploy.change.records import DamagedError, Record, Standing, decoded, encoded, standing
from deploy.disk import write_all
from deploy.errors import TargetError, error

MODE = 0o600
_EXTRA_FLAGS = ("O_CLOEXEC", "O_NOINHERIT", "O_BINARY", "O_NOFOLLOW")


class Journal:
    """An open journal; `append` and `retract` raise `OSError`."""

    def __init__(self, path: Path, descriptor: int, end: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._end = end
        self._previous = end
        self._torn = True

    @classmethod
    def create(cls, path: Path) -> Journal:
        """A new, empty journal; raises `OSError` if there is one."""
        journal = cls(path, os.open(path, _flags(os.O_RDWR | os.O_CREAT | os.O_EXCL), MODE), 0)
        journal._torn = False
        return journal

    @classmethod
    def reopen(cls, path: Path) -> tuple[Journal, Standing]:
        """An existing journal, to go on with, and what it amounts to; a torn last line is cut off later.

        Raises `OSError`, and `TargetError` (journal-damaged) that names the line.
        """
        data = path.read_bytes()
        now, end = _read(data, path)
        return cls(path, os.open(path, _flags(os.O_RDWR)), end), now

    def append(self, record: Record) -> None:
        """Write a record and make it durable; what a failed append left is cut off first."""
        if self._torn:
            self.retract()
        line = encoded(record)
        self._torn = True
        os.lseek(self._descriptor, self._end, os.SEEK_SET)
        write_all(self._descriptor, line)
        os.fsync(self._descriptor)
        self._torn = False
        self._end += len(line)

    def retract(self) -> None:
        """Make sure that what a failed `append` left is gone, and stays gone after a power loss."""
        os.ftruncate(self._descriptor, self._end)
        os.fsync(self._descriptor)
        self._torn = False

    def close(self) -> None:
        """Close the file; it stays."""
        os.close(self._descriptor)


def read(path: Path) -> Standing:
    """What a journal amounts to; nothing is changed. Raises as `Journal.reopen` does."""
    return _read(path.read_bytes(), path)[0]


def _read(data: bytes, path: Path) -> tuple[Standing, int]:
    """The standing, and where the last whole line ends."""
    end = data.rfind(b"\n") + 1
    try:
        return standing(_records(data[:end])), end
    except DamagedError as wrong:
        said = f"the journal of a change that was broken off cannot be used: {wrong}"
        hint = "nothing was touched and the earlier files are kept beside it: see which of them to restore by hand"
        raise TargetError(error("journal-damaged", said, hint, file=str(path))) from wrong


def _records(data: bytes) -> Iterator[Record]:
    """Every record; the last line may be damaged, as a power loss leaves blocks that were never written."""
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        try:
            yield decoded(line)
        except DamagedError as wrong:
            raise DamagedError(f"line {number}: {wrong}") from wrong


def _flags(wanted: int) -> int:
    for name in _EXTRA_FLAGS:
        wanted |= getattr(os, name, 0)
    return wanted

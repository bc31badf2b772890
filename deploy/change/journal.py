"""The journal file of a change: appended to, every record durable before the next thing happens."""

from __future__ import annotations

import io
import os
from pathlib import Path

from deploy.change.lines import decoded, encoded
from deploy.change.records import DamagedError, Record, Standing, followed, standing
from deploy.disk import target_error, write_all
from deploy.errors import TargetError, error

MODE = 0o600
_EXTRA_FLAGS = ("O_CLOEXEC", "O_NOINHERIT", "O_BINARY", "O_NOFOLLOW")


class Journal:
    """An open journal and what it amounts to; `append` and `retract` raise `OSError`."""

    def __init__(self, path: Path, descriptor: int, end: int, torn: bool, now: Standing) -> None:
        self.path = path
        self._descriptor = descriptor
        self._torn = torn
        self._states = [(end, now)]

    @classmethod
    def create(cls, path: Path) -> Journal:
        """A new, empty journal; raises `OSError` if there is one."""
        return cls(path, os.open(path, _flags(os.O_RDWR | os.O_CREAT | os.O_EXCL), MODE), 0, False, Standing())

    @classmethod
    def reopen(cls, path: Path) -> tuple[Journal, Standing]:
        """An existing journal, to go on with, and what it amounts to; a torn last line is cut off later.

        Raises `OSError`, and `TargetError` (journal-damaged) that names the line.
        """
        data = path.read_bytes()
        now, end = _read(data, path)
        return cls(path, os.open(path, _flags(os.O_RDWR)), end, end < len(data), now), now

    @property
    def now(self) -> Standing:
        """What the durable records amount to."""
        return self._states[-1][1]

    @property
    def end(self) -> int:
        """Where the last durable record ends, in bytes."""
        return self._states[-1][0]

    @property
    def torn(self) -> bool:
        """Whether something stands behind the last whole record: the next one was being written."""
        return self._torn

    def append(self, record: Record) -> None:
        """Write a record and make it durable; what a failed append left is cut off first.

        Raises `DamagedError`, nothing written, where it cannot follow what is there.
        """
        now = followed(self.now, record)
        if self._torn:
            self.retract(self.end)
        line = encoded(record)
        self._torn = True
        os.lseek(self._descriptor, self.end, os.SEEK_SET)
        write_all(self._descriptor, line)
        os.fsync(self._descriptor)
        self._states.append((self.end + len(line), now))
        self._torn = False

    def note(self, record: Record) -> None:
        """As `append`; raises `TargetError` (cannot-write, disk-full) where the system refuses."""
        try:
            self.append(record)
        except OSError as wrong:
            raise target_error(wrong, self.path) from wrong

    def retract(self, end: int) -> None:
        """Make sure that what stands behind the record that ends there is gone, and stays gone after a power loss."""
        os.ftruncate(self._descriptor, end)
        os.fsync(self._descriptor)
        while self.end > end:
            self._states.pop()
        self._torn = False

    def close(self) -> None:
        """Close the file, which stays; once is enough."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read(path: Path) -> Standing:
    """What a journal amounts to; nothing is changed. Raises as `Journal.reopen` does."""
    return _read(path.read_bytes(), path)[0]


def _read(data: bytes, path: Path) -> tuple[Standing, int]:
    """The standing, and where the last whole line ends.

    Only the last line may be damaged: it was never durable, or nothing would follow from it.
    """
    lines = io.BytesIO(data).readlines()
    records: list[Record] = []
    end = 0
    try:
        for number, line in enumerate(lines, start=1):
            try:
                records.append(decoded(line))
            except DamagedError as wrong:
                if number == len(lines):
                    break
                raise DamagedError(f"line {number}: {wrong}") from wrong
            end += len(line)
        return standing(records), end
    except DamagedError as wrong:
        said = f"the journal of a change that was broken off cannot be used: {wrong}"
        hint = "nothing was touched and the earlier files are kept beside it: restore by hand what is missing"
        raise TargetError(error("journal-damaged", said, hint, file=str(path))) from wrong


def _flags(wanted: int) -> int:
    for name in _EXTRA_FLAGS:
        wanted |= getattr(os, name, 0)
    return wanted

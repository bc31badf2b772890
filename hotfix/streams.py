"""Standard output and error that stop no work: a reader that has gone, a full disk or a missing console is noted only.

What a command did to the machine does not depend on whether anybody read about it.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TextIO

UTF_8 = "utf-8"
_GONE = (errno.EPIPE, errno.EINVAL)
"""What a pipe without a reader says on POSIX and on Windows."""
_PATIENCE = 1.0
_LAST_STREAM = 2


class _Raw(Protocol):
    def write(self, data: bytes, /) -> int | None: ...
    def fileno(self) -> int: ...
    def isatty(self) -> bool: ...


class Unfailing(io.RawIOBase):
    """Passes bytes on until that fails once; `lost` says why, and everything after that is dropped."""

    def __init__(self, raw: _Raw) -> None:
        self._raw = raw
        self.lost: OSError | None = None

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """That of what it writes to."""
        return self._raw.fileno()

    def isatty(self) -> bool:
        """Whether it writes to a terminal."""
        return self._raw.isatty()

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Take all of it."""
        rest = bytes(data)
        size = len(rest)
        while rest and self.lost is None:
            try:
                count = self._raw.write(rest)
                if count is None:  # Somebody made it non-blocking, and it is full.
                    select.select([], [self._raw], [], _PATIENCE)
            except OSError as wrong:
                self.lost = wrong
            else:
                rest = rest[count or 0 :]
        return size


@dataclass(frozen=True, slots=True)
class Streams:
    """Standard output of this process while it works; None where it has none of its own."""

    output: Unfailing | None

    @property
    def lost_output(self) -> str | None:
        """Why some of the standard output did not arrive; None too where its reader just went away."""
        wrong = None if self.output is None else self.output.lost
        return None if wrong is None or wrong.errno in _GONE else wrong.strerror or str(wrong)


@contextmanager
def unfailing() -> Iterator[Streams]:
    """Have `sys.stdout` and `sys.stderr` never fail from now on; what does not go to a terminal is UTF-8.

    They are flushed at the end and stay, for what the interpreter writes last may fail as well.
    """
    _occupy_descriptors()
    output, sys.stdout = _replaced(sys.stdout)
    _, sys.stderr = _replaced(sys.stderr)
    try:
        yield Streams(output)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _occupy_descriptors() -> None:
    """Put nothing in the place of closed streams: the next file opened would be there, and take what programs write."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        pass
    os.close(descriptor)


def _replaced(stream: TextIO | None) -> tuple[Unfailing | None, TextIO]:
    if stream is None:
        # A process without a console has no streams (pythonw, a service, a closed descriptor).
        return None, open(os.devnull, "w", encoding=UTF_8)
    if not isinstance(stream, io.TextIOWrapper):
        return None, stream
    buffer = stream.buffer
    raw = Unfailing(buffer.raw if isinstance(buffer, io.BufferedWriter) else buffer)
    return raw, io.TextIOWrapper(
        io.BufferedWriter(raw),  # type: ignore[type-var]
        encoding=stream.encoding if raw.isatty() else UTF_8,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
    )

"""Which bytes a request asks for (RFC 9110 section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
LONGEST_NUMBER = 19


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


class UnsatisfiableError(Exception):
    """Nothing of the file lies in the range (RFC 9110 section 15.5.17)."""


def span_of(header: str | None, size: int) -> Span | None:
    """The one range asked for of a file of `size` bytes; None to send the whole.

    What is no range of bytes is ignored, and so are several at once, which a server may (14.2): the
    whole file is never wrong. Raises `UnsatisfiableError`.
    """
    match = _ONE.fullmatch(header) if header else None
    if match is None or max(map(len, match.groups())) > LONGEST_NUMBER:
        return None
    first, last = match.groups()
    if first:
        start, stop = int(first), int(last) + 1 if last else size
        if stop <= start and last:
            return None
        if start >= size:
            raise UnsatisfiableError
        return Span(start, min(stop, size))
    if not last:
        return None
    if int(last) == 0 or size == 0:
        raise UnsatisfiableError
    return Span(max(size - int(last), 0), size)

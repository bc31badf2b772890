"""Which bytes a request asks for, and how several pieces are put into one answer (RFC 9110 section 14). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST_RANGES = 32
"""A request for more pieces than this gets the whole file; many tiny ones are an attack (section 17.15)."""
CLOSER_THAN = 80
"""Pieces with fewer bytes between them are sent as one: that costs less than a boundary does (section 15.3.7.2)."""

_SET = re.compile(r"bytes=(.*)", re.IGNORECASE | re.ASCII)
_ONE = re.compile(r"([0-9]*)-([0-9]*)")
_DIGITS_OF_SIZES = 18
_BEYOND = 10**_DIGITS_OF_SIZES


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many bytes these are."""
        return self.stop - self.start


class UnsatisfiableError(Exception):
    """No piece that is asked for lies in the file: a 416 (section 15.5.17)."""


def spans_of(header: str | None, size: int) -> tuple[Span, ...] | None:
    """The pieces asked for of a file of `size` bytes, none twice; None to send the whole.

    Ignored, as a server has to or may, are headers that are no ranges of bytes, one wrong range among
    right ones, more than `MOST_RANGES`, and every range of an empty file, of which no piece can be
    named. Pieces that overlap or lie close together are joined, at the place of the first of them;
    otherwise they keep the order they were asked in. Raises `UnsatisfiableError`.
    """
    asked = _asked(header, size)
    if asked is None or size == 0:
        return None
    spans = [span for span in asked if span is not None]
    if not spans:
        raise UnsatisfiableError
    return tuple(spans) if len(spans) == 1 else _joined(spans)


def content_range(span: Span, size: int) -> bytes:
    """The value of Content-Range for one piece (section 14.4)."""
    return b"bytes %d-%d/%d" % (span.start, span.stop - 1, size)


def preambles(spans: Sequence[Span], size: int, media_type: bytes, boundary: bytes) -> tuple[bytes, ...]:
    """What stands before each piece of a multipart/byteranges body, and last what closes it (section 14.6).

    The length of the body is that of these and of the pieces together.
    """
    starts = [
        b"%s--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n"
        % (b"\r\n" if number else b"", boundary, media_type, content_range(span, size))
        for number, span in enumerate(spans)
    ]
    return (*starts, b"\r\n--%s--\r\n" % boundary)


def _asked(header: str | None, size: int) -> list[Span | None] | None:
    """One for each range, None where it lies outside of the file; None where this is to be ignored."""
    match = _SET.fullmatch(header.strip(" \t")) if header else None
    if match is None:
        return None
    texts = [text.strip(" \t") for text in match[1].split(",", 4 * MOST_RANGES)]
    ranges = [_ONE.fullmatch(text) for text in texts if text]
    if not 0 < len(ranges) <= MOST_RANGES:
        return None
    asked = []
    for one in ranges:
        if one is None or not (one[1] or one[2]):
            return None
        first, last = _number(one[1]), _number(one[2])
        if first is not None and last is not None and last < first:
            return None
        asked.append(_span(first, last, size))
    return asked


def _span(first: int | None, last: int | None, size: int) -> Span | None:
    if first is None:
        return Span(max(size - (last or 0), 0), size) if last else None
    return Span(first, size if last is None else min(last + 1, size)) if first < size else None


def _number(text: str) -> int | None:
    """None for no digits; what is longer than any file's size is beyond all of them, however long the number."""
    if not text:
        return None
    return int(text) if len(text) <= _DIGITS_OF_SIZES else _large(text)


def _large(text: str) -> int:
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) <= _DIGITS_OF_SIZES else _BEYOND


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    order = sorted(range(len(spans)), key=lambda number: spans[number].start)
    groups: list[tuple[int, Span]] = []
    for number in order:
        span = spans[number]
        if groups and span.start < groups[-1][1].stop + CLOSER_THAN:
            earliest, before = groups[-1]
            groups[-1] = min(earliest, number), Span(before.start, max(before.stop, span.stop))
        else:
            groups.append((number, span))
    return tuple(span for _, span in sorted(groups, key=lambda group: group[0]))

"""Ranges of bytes, by the examples and rules of RFC 9110 section 14."""

from __future__ import annotations

import email.parser
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.site.ranges import CLOSER_THAN, MOST_RANGES, Span, UnsatisfiableError, content_range, preambles, spans_of

# 14.1.2 has a representation of 10000 bytes.
SIZE = 10_000
ONE = {
    "bytes=0-499": (0, 500),
    "bytes=500-999": (500, 1000),
    "bytes=-500": (9500, 10000),
    "bytes=9500-": (9500, 10000),
    "bytes=0-0": (0, 1),
    "bytes=-1": (9999, 10000),
    "bytes=0-": (0, 10000),
    "bytes=9999-9999": (9999, 10000),
    "bytes=9999-20000": (9999, 10000),
    "bytes=0-99999999999999999999999999": (0, 10000),
    "bytes=-99999999999999999999999999": (0, 10000),
    "bytes=-10000": (0, 10000),
    "bytes=-10001": (0, 10000),
    "bytes=00000000000000000000000000005-7": (5, 8),
    "BYTES=1-2": (1, 3),
    "bytes= 1-2": (1, 3),
    "bytes=1-2 ": (1, 3),
    "bytes=1-2,": (1, 3),
    "bytes=,,1-2": (1, 3),
    # One that lies outside is left out.
    "bytes=1-2,10000-": (1, 3),
    "bytes=10000-20000,-5": (9995, 10000),
    # Joined: they overlap, touch, or have less between them than a boundary is long.
    "bytes=0-9,5-14": (0, 15),
    "bytes=0-9,10-19": (0, 20),
    "bytes=5-9,0-4": (0, 10),
    "bytes=0-0,80-80": (0, 81),
    "bytes=500-600,601-999": (500, 1000),
    "bytes=500-700,601-999": (500, 1000),
    "bytes=0-,0-,0-": (0, 10000),
}
SEVERAL = {
    "bytes=0-0,-1": [(0, 1), (9999, 10000)],
    "bytes=0-0, -1": [(0, 1), (9999, 10000)],
    "bytes=0-0 , 500-999\t,, 7000-7999": [(0, 1), (500, 1000), (7000, 8000)],
    "bytes=0-999,4500-5499,-1000": [(0, 1000), (4500, 5500), (9000, 10000)],
    # In the order that was asked for, what is joined where the first of it stood.
    "bytes=7000-7999,0-499": [(7000, 8000), (0, 500)],
    "bytes=7000-7999,0-9,7500-8499,10-19": [(7000, 8500), (0, 20)],
    "bytes=0-0,81-81": [(0, 1), (81, 82)],
}
IGNORED = [
    None,
    "",
    "bytes",
    "bytes=",
    "bytes=,",
    "bytes=-",
    "bytes=--1",
    "bytes=a-b",
    "bytes=1",
    "bytes=5-1",
    "bytes=0-1,5-1",
    "bytes=0-1,x",
    "bytes=1-2-3",
    "bytes=0x1-2",
    "bytes=+1-2",
    "bytes=1 - 2",
    "bytes=１-２",
    "bytes=1-2;3-4",
    "bytes =1-2",
    "bytes: 1-2",
    "octets=0-1",
    "seconds=1-2",
    "bytes=0-1, bytes=2-3",
    "0-1",
    "bytes=0-1\n",
    "bytes=" + ",".join(f"{at * 200}-{at * 200}" for at in range(MOST_RANGES + 1)),
    "bytes=" + "," * 100_000,
    "bytes=" + "0-1," * 100_000,
]
UNSATISFIABLE = [
    "bytes=10000-",
    "bytes=10000-10001",
    "bytes=99999999999999999999-",
    "bytes=" + "9" * 5000 + "-",
    "bytes=-0",
    "bytes=-000",
    "bytes=10000-,20000-30000",
]


def spans(header: str | None, size: int = SIZE) -> list[tuple[int, int]] | None:
    found = spans_of(header, size)
    return None if found is None else [(span.start, span.stop) for span in found]


@pytest.mark.parametrize(("header", "span"), ONE.items())
def test_one_piece(header: str, span: tuple[int, int]) -> None:
    assert spans(header) == [span]


@pytest.mark.parametrize(("header", "wanted"), SEVERAL.items())
def test_several_pieces(header: str, wanted: list[tuple[int, int]]) -> None:
    assert spans(header) == wanted


@pytest.mark.parametrize("header", IGNORED)
def test_what_is_no_range_of_bytes_is_ignored(header: str | None) -> None:
    assert spans(header) is None


@pytest.mark.parametrize("header", UNSATISFIABLE)
def test_nothing_of_the_file_is_asked_for(header: str) -> None:
    with pytest.raises(UnsatisfiableError):
        spans_of(header, SIZE)


@pytest.mark.parametrize("header", [*ONE, *SEVERAL, *UNSATISFIABLE])
def test_an_empty_file_is_sent_as_it_is(header: str) -> None:
    assert spans_of(header, 0) is None


def test_as_many_as_are_allowed() -> None:
    header = "bytes=" + ",".join(f"{at * 200}-{at * 200}" for at in range(MOST_RANGES))
    assert len(spans(header) or ()) == MOST_RANGES


@pytest.mark.parametrize("header", ["0-1," * 16_000, " " * 64_000 + "x", "0-" + "9" * 64_000 + "x"])
def test_a_header_as_long_as_a_server_lets_through(header: str) -> None:
    assert spans("bytes=" + header) is None


NUMBERS = st.one_of(st.integers(0, 30), st.integers(0, 2500), st.just(10**25)).map(str)
RANGES = st.one_of(
    st.builds("{}-{}".format, NUMBERS, NUMBERS), NUMBERS.map("{}-".format), NUMBERS.map("-{}".format), st.just("")
)


@given(st.binary(max_size=2000), st.lists(RANGES, min_size=1, max_size=6))
def test_every_byte_asked_for_is_sent_once_and_nothing_far_from_it(content: bytes, texts: list[str]) -> None:
    header = "bytes=" + ",".join(texts)
    asked = asked_bytes(texts, len(content))
    try:
        found = spans_of(header, len(content))
    except UnsatisfiableError:
        assert asked == set()
        return
    if found is None:
        assert asked is None or not content
        return
    sent = [at for span in found for at in range(span.start, span.stop)]
    assert asked is not None
    assert len(sent) == len(set(sent))
    assert asked <= set(sent)
    assert all(span.size > 0 and span.stop <= len(content) for span in found)
    if len(texts) == 1:
        assert set(sent) == asked
    for at in set(sent) - asked:
        assert {one for one in asked if abs(one - at) <= CLOSER_THAN}


def asked_bytes(texts: list[str], size: int) -> set[int] | None:
    """The positions a set of ranges names, worked out one by one; None where one of them is wrong."""
    asked: set[int] = set()
    named = [text for text in texts if text]
    for text in named:
        first, _, last = text.partition("-")
        if first and last and int(last) < int(first):
            return None
        if first:
            asked |= {at for at in range(size) if int(first) <= at and (not last or at <= int(last))}
        else:
            asked |= {at for at in range(size) if at >= size - int(last)}
    return asked if named else None


@given(st.binary(min_size=1, max_size=3000), st.lists(RANGES, min_size=2, max_size=8))
def test_a_multipart_body_is_read_by_others(content: bytes, texts: list[str]) -> None:
    try:
        found = spans_of("bytes=" + ",".join(texts), len(content))
    except UnsatisfiableError:
        return
    if found is None or len(found) == 1:
        return
    *starts, end = preambles(found, len(content), b"application/octet-stream", b"0123456789abcdef")
    body = b"".join(start + content[span.start : span.stop] for start, span in zip(starts, found, strict=True)) + end
    head = b'Content-Type: multipart/byteranges; boundary="0123456789abcdef"\r\n\r\n'
    parts = parts_of(head + body)
    assert [(head, payload) for head, payload in parts] == [
        (content_range(span, len(content)).decode(), content[span.start : span.stop]) for span in found
    ]


def parts_of(message: bytes) -> list[tuple[str, bytes]]:
    head, _, body = message.partition(b"\r\n\r\n")
    boundary = head.partition(b'boundary="')[2].rstrip(b'"')
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    parts = []
    for piece in pieces[1:-1]:
        fields, _, payload = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        parsed = email.parser.BytesHeaderParser(policy=email.policy.HTTP).parsebytes(fields)
        assert parsed["Content-Type"] == "application/octet-stream"
        parts.append((str(parsed["Content-Range"]), payload))
    return parts


def test_content_range() -> None:
    assert content_range(Span(42, 1234), 1234) == b"bytes 42-1233/1234"

"""What is answered when a file is asked for, worked out before a byte of it is read (RFC 9110). Pure.

Conditions first, then ranges, as section 13.2.2 has it; only a GET has ranges (section 14.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from deploy.site.conditions import CONDITIONS, Verdict, Version, judge, range_holds
from deploy.site.ranges import Span, UnsatisfiableError, content_range, preambles, spans_of
from deploy.transport.httpdate import format_http_date

YEAR = 365 * 86400
TYPES: Mapping[str, bytes] = {
    "bmp": b"image/bmp",
    "config": b"application/xml",
    "css": b"text/css; charset=utf-8",
    "gif": b"image/gif",
    "ico": b"image/vnd.microsoft.icon",
    "ini": b"text/plain",
    "jpeg": b"image/jpeg",
    "jpg": b"image/jpeg",
    "js": b"text/javascript; charset=utf-8",
    "json": b"application/json",
    "log": b"text/plain",
    "pdf": b"application/pdf",
    "png": b"image/png",
    "svg": b"image/svg+xml",
    "txt": b"text/plain",
    "wav": b"audio/wav",
    "webp": b"image/webp",
    "woff2": b"font/woff2",
    "xml": b"application/xml",
    "zip": b"application/zip",
}
"""By the end of a name in lower case. Contents are never looked at; a page of a share is nothing a browser opens."""
OTHER = b"application/octet-stream"

Fields = tuple[tuple[bytes, bytes], ...]
_ASKED = {name.encode("ascii"): name for name in (*CONDITIONS, "range")}
_BODILESS = {Verdict.UNCHANGED: 304, Verdict.FAILED: 412}


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What is known of the file: `size` in bytes, `immutable` if its address never has other contents.

    Compared by identity: the same facts are asked about again and again, and hashing them costs more
    than all the rest of an answer.
    """

    version: Version
    size: int
    media_type: bytes
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the headers that depend on the file, and which of its bytes follow.

    `preambles` is empty, or for several pieces what stands before each of them and, last, what ends
    the body.
    """

    status: int
    fields: Fields
    spans: tuple[Span, ...] = ()
    preambles: tuple[bytes, ...] = ()

    @property
    def length(self) -> int:
        """Bytes of the body."""
        if not self.preambles:
            return self.spans[0].size if self.spans else 0
        return sum(map(len, self.preambles)) + sum(span.size for span in self.spans)


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of a body: `size` bytes of the file from `at`, between what stands before and after them."""

    at: int
    size: int
    before: bytes = b""
    after: bytes = b""
    is_last: bool = False


def steps_of(answer: Answer, most: int) -> Iterator[Step]:
    """The body of an answer in pieces with at most `most` bytes of the file each; none for an empty body."""
    *starts, end = answer.preambles or (b"",) * (len(answer.spans) + 1)
    for number, (span, start) in enumerate(zip(answer.spans, starts, strict=True), 1):
        for at in range(span.start, span.stop, most):
            is_last = number == len(answer.spans) and at + most >= span.stop
            before = start if at == span.start else b""
            yield Step(at, min(most, span.stop - at), before, end if is_last else b"", is_last)


def media_type_of(name: str) -> bytes:
    """The Content-Type of a file by the end of its name."""
    return TYPES.get(name.rpartition(".")[2].lower(), OTHER)


def asked_of(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers of a request that matter here; several lines of one are joined (RFC 9110 section 5.3)."""
    asked: dict[str, str] = {}
    for raw, value in headers:
        name = _ASKED.get(raw)
        if name is not None:
            text = value.decode("latin-1")
            asked[name] = f"{asked[name]}, {text}" if name in asked else text
    return asked


def answer_for(method: str, asked: Mapping[str, str], facts: Facts, boundary: bytes) -> Answer:
    """The answer to a GET or HEAD; `boundary` is a text that stands nowhere in the file."""
    verdict = judge(asked, facts.version) if asked else Verdict.SEND
    if verdict is not Verdict.SEND:
        fields = _validators(facts) if verdict is Verdict.UNCHANGED else _nothing(facts)
        return Answer(_BODILESS[verdict], fields)
    header = asked.get("range") if method == "GET" and range_holds(asked, facts.version) else None
    try:
        spans = spans_of(header, facts.size)
    except UnsatisfiableError:
        return Answer(416, (*_nothing(facts), (b"content-range", b"bytes */%d" % facts.size)))
    if spans is None:
        return _whole(facts, method)
    return _one(facts, spans[0]) if len(spans) == 1 else _several(facts, spans, boundary)


@lru_cache(maxsize=1024)
def _whole(facts: Facts, method: str) -> Answer:
    """What most requests get; many of them ask for the same files."""
    fields = _validators(facts) + _content(facts.media_type, facts.size)
    return Answer(200, fields, () if method == "HEAD" or not facts.size else (Span(0, facts.size),))


def _one(facts: Facts, span: Span) -> Answer:
    fields = _validators(facts) + _content(facts.media_type, span.size)
    return Answer(206, (*fields, (b"content-range", content_range(span, facts.size))), (span,))


def _several(facts: Facts, spans: tuple[Span, ...], boundary: bytes) -> Answer:
    between = preambles(spans, facts.size, facts.media_type, boundary)
    length = Answer(206, (), spans, between).length
    fields = _validators(facts) + _content(b"multipart/byteranges; boundary=" + boundary, length)
    return Answer(206, fields, spans, between)


def _content(media_type: bytes, length: int) -> Fields:
    return (b"content-type", media_type), (b"content-length", b"%d" % length)


def _validators(facts: Facts) -> Fields:
    """What a cache needs, with a 304 too (section 15.4.5)."""
    return (
        (b"etag", facts.version.etag.encode("ascii")),
        (b"last-modified", format_http_date(facts.version.modified).encode("ascii")),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", b"public, max-age=%d, immutable" % YEAR if facts.immutable else b"no-cache"),
    )


def _nothing(facts: Facts) -> Fields:
    """No content, and nothing a cache may take for the file's."""
    return (
        (b"etag", facts.version.etag.encode("ascii")),
        (b"cache-control", b"no-store"),
        (b"content-length", b"0"),
    )

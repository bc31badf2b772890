"""What fields and statuses mean."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import Resume, Validators
from deploy.transport.http_rules import (
    body_size,
    conditions,
    continues,
    refusal,
    renewed,
    same_file,
    unchanged,
    unsatisfied_size,
    validators_of,
)
from deploy.transport.httpdate import format_http_date
from deploy.transport.location import Location, Scheme

AT = Location(Scheme.HTTP, "server", segments=("a",))
THEN = 1_700_000_000.0
STRONG = Validators(100, '"tag"', THEN)
DATED = Validators(100, None, THEN)
DATE = format_http_date(THEN)


@dataclass
class Answered:
    status: int
    fields: dict[bytes, bytes] = field(default_factory=dict)
    proxied: bool = False

    def readinto(self, buffer: memoryview, deadline: float | None = None) -> int:
        return 0

    def close(self) -> None:
        pass


class TestValidators:
    @pytest.mark.parametrize(("age", "precision"), [(0, 60.0), (1, 60.0), (59, 60.0), (60, 1.0), (86400, 1.0)])
    def test_a_date_is_proof_when_it_was_a_minute_ago(self, age: int, precision: float) -> None:
        fields = {b"last-modified": DATE.encode(), b"date": format_http_date(THEN + age).encode()}
        assert validators_of(fields, 5) == Validators(5, None, THEN, precision)

    def test_without_a_date_field_there_is_no_proof(self) -> None:
        assert validators_of({b"last-modified": DATE.encode()}, 5).precision == 60.0

    @pytest.mark.parametrize("tag", ['"a"', '""', 'W/"a"', '"\xe4"'])
    def test_etags(self, tag: str) -> None:
        assert validators_of({b"etag": tag.encode("latin-1")}, None).etag == tag

    @pytest.mark.parametrize("tag", ["a", '"a', '"a b"', '"a"b"', 'w/"a"', '"a\x7f"', ""])
    def test_what_is_no_etag(self, tag: str) -> None:
        assert validators_of({b"etag": tag.encode("latin-1")}, None).etag is None

    def test_garbled_dates(self) -> None:
        assert validators_of({b"last-modified": b"yesterday", b"date": b"\xff"}, 1) == Validators(1)


class TestConditions:
    def test_an_etag_comes_first(self) -> None:
        assert conditions(None, STRONG) == (("If-None-Match", '"tag"'),)
        assert conditions(Resume(5, STRONG), None) == (("Range", "bytes=5-"), ("If-Range", '"tag"'))

    def test_else_a_date(self) -> None:
        assert conditions(None, DATED) == (("If-Modified-Since", DATE),)
        assert conditions(Resume(5, DATED), None) == (("Range", "bytes=5-"), ("If-Range", DATE))

    @pytest.mark.parametrize(
        "held",
        [
            Validators(),
            Validators(100),
            Validators(100, 'W/"tag"'),
            Validators(100, None, THEN, 60.0),
            Validators(100, None, THEN, 93_660.0),
            Validators(None, None, THEN),
            Validators(100, '"inj\r\nected"'),
            Validators(100, "unquoted"),
        ],
    )
    def test_nothing_is_asked_that_could_not_be_proved(self, held: Validators) -> None:
        assert conditions(Resume(5, held), held) == ()

    def test_a_weak_etag_leaves_the_date(self) -> None:
        held = Validators(100, 'W/"tag"', THEN)
        assert conditions(Resume(5, held), None) == (("Range", "bytes=5-"), ("If-Range", DATE))

    def test_from_the_beginning_needs_no_range(self) -> None:
        assert conditions(Resume(0, STRONG), None) == ()


class TestFraming:
    def test_a_length(self) -> None:
        assert body_size(AT, {b"content-length": b"12"}) == 12
        assert body_size(AT, {b"content-length": b"12", b"content-encoding": b"identity"}) == 12

    def test_chunks(self) -> None:
        assert body_size(AT, {b"transfer-encoding": b"Chunked"}) is None

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({}, "cut-off"),
            ({b"connection": b"close"}, "cut-off"),
            ({b"content-length": b"1, 1"}, "bad-answer"),
            ({b"content-length": b""}, "bad-answer"),
            ({b"content-length": b"+1"}, "bad-answer"),
            ({b"content-length": b"1" * 20}, "bad-answer"),
            ({b"content-length": "١".encode()}, "bad-answer"),
            ({b"content-length": b"1", b"transfer-encoding": b"chunked"}, "bad-answer"),
            ({b"transfer-encoding": b"gzip, chunked"}, "bad-answer"),
            ({b"content-length": b"1", b"content-encoding": b"gzip"}, "bad-answer"),
            ({b"content-length": b"1", b"content-encoding": b"identity, br"}, "bad-answer"),
        ],
    )
    def test_what_is_refused(self, fields: dict[bytes, bytes], code: str) -> None:
        with pytest.raises(SourceError) as wrong:
            body_size(AT, fields)
        assert wrong.value.code == code
        assert not wrong.value.transient
        assert wrong.value.problems[0].hint


def part(content_range: str, length: int, **fields: bytes) -> dict[bytes, bytes]:
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return {b"content-range": content_range.encode(), b"content-length": str(length).encode(), **named}


class TestParts:
    def test_exactly_the_rest(self) -> None:
        assert continues(Resume(40, STRONG), part("bytes 40-99/100", 60)) == 100
        assert continues(Resume(40, STRONG), part("bytes 40-99/100", 60, etag=b'"tag"')) == 100
        assert continues(Resume(40, DATED), part("bytes 40-99/100", 60, last_modified=DATE.encode())) == 100
        assert continues(Resume(40, Validators(None, '"tag"')), part("bytes 40-99/100", 60)) == 100

    @pytest.mark.parametrize(
        ("content_range", "length"),
        [
            ("bytes 39-99/100", 61),
            ("bytes 41-99/100", 59),
            ("bytes 40-98/100", 59),
            ("bytes 40-98/100", 60),
            ("bytes 40-99/101", 60),
            ("bytes 40-98/99", 59),
            ("bytes 40-99/100", 59),
            ("bytes 40-99/100", 61),
            ("bytes 40-99/*", 60),
            ("bytes */100", 60),
            ("bytes 40-99", 60),
            ("items 40-99/100", 60),
            ("bytes=40-99/100", 60),
            ("bytes 40-99/100, bytes 1-2/100", 60),
            ("", 60),
        ],
    )
    def test_anything_else_is_not(self, content_range: str, length: int) -> None:
        assert continues(Resume(40, STRONG), part(content_range, length)) is None

    def test_without_a_length_of_its_own(self) -> None:
        assert continues(Resume(40, STRONG), {b"content-range": b"bytes 40-99/100"}) is None

    def test_of_another_version(self) -> None:
        assert continues(Resume(40, STRONG), part("bytes 40-99/100", 60, etag=b'"other"')) is None
        assert continues(Resume(40, STRONG), part("bytes 40-99/100", 60, etag=b'W/"tag"')) is None
        later = format_http_date(THEN + 1).encode()
        assert continues(Resume(40, DATED), part("bytes 40-99/100", 60, last_modified=later)) is None

    def test_several_parts(self) -> None:
        fields = part("bytes 40-99/100", 60, content_type=b"multipart/byteranges; boundary=x")
        assert continues(Resume(40, STRONG), fields) is None

    def test_what_a_416_tells(self) -> None:
        assert unsatisfied_size({b"content-range": b"bytes */100"}) == 100
        assert unsatisfied_size({b"content-range": b"bytes 1-2/100"}) is None
        assert unsatisfied_size({}) is None


class TestUnchanged:
    def test_an_etag_is_proof(self) -> None:
        assert unchanged(STRONG, Validators(100)) is True
        assert unchanged(STRONG, Validators(100, '"tag"')) is True
        assert unchanged(STRONG, Validators(100, '"other"')) is False

    def test_a_date_is_proof_only_when_it_is_the_same(self) -> None:
        assert unchanged(DATED, Validators(100, None, THEN)) is True
        assert unchanged(DATED, Validators(100, None, THEN - 1)) is False
        assert unchanged(DATED, Validators(100)) is None

    def test_same_file(self) -> None:
        assert same_file(STRONG, Validators(None, '"tag"'))
        assert not same_file(STRONG, Validators(100, '"other"', THEN))
        assert same_file(DATED, STRONG)
        assert not same_file(DATED, Validators(101, None, THEN))

    def test_what_is_told_anew_is_kept(self) -> None:
        held = Validators(100, '"tag"', THEN, 60.0)
        assert renewed(held, Validators(100, None, THEN, 1.0)) == Validators(100, '"tag"', THEN, 1.0)
        assert renewed(held, Validators(100)) == held
        assert renewed(DATED, Validators(100, '"new"')) == Validators(100, '"new"', THEN)


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "code", "transient"),
        [
            *((status, "not-found", False) for status in (404, 410)),
            *((status, "access-denied", False) for status in (401, 403, 407)),
            *((status, "busy", True) for status in (408, 429, 500, 502, 503, 504)),
            *((status, "bad-answer", False) for status in (204, 206, 300, 304, 400, 405, 416, 418, 451, 501, 505)),
        ],
    )
    def test_codes(self, status: int, code: str, transient: bool) -> None:
        wrong = refusal(AT, Answered(status), THEN)
        assert (wrong.code, wrong.transient, wrong.retry_after) == (code, transient, None)
        assert str(status) in str(wrong)
        assert wrong.problems[0].hint

    @pytest.mark.parametrize(
        ("value", "date", "seconds"),
        [
            (b"120", None, 120.0),
            (b" 0 ", None, 0.0),
            (format_http_date(THEN + 30).encode(), None, 30.0),
            (format_http_date(THEN + 30).encode(), format_http_date(THEN - 10).encode(), 40.0),
            (format_http_date(THEN - 30).encode(), None, 0.0),
            (b"soon", None, None),
            (b"-5", None, None),
            (b"9" * 400, None, 999_999_999.0),
        ],
    )
    def test_retry_after(self, value: bytes, date: bytes | None, seconds: float | None) -> None:
        fields = {b"retry-after": value} | ({b"date": date} if date else {})
        assert refusal(AT, Answered(503, fields), THEN).retry_after == seconds

    @pytest.mark.parametrize("status", [502, 503, 504])
    def test_a_proxy_that_does_not_get_through(self, status: int) -> None:
        wrong = refusal(AT, Answered(status, {b"retry-after": b"5"}, proxied=True), THEN)
        assert (wrong.code, wrong.transient, wrong.retry_after) == ("unreachable", True, 5.0)

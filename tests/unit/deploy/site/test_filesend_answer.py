"""What is answered when a file is asked for, without a file and without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.site.conditions import Version
from deploy.site.filesend_answer import (
    OTHER,
    TYPES,
    Answer,
    Facts,
    Step,
    answer_for,
    asked_of,
    media_type_of,
    steps_of,
)
from deploy.site.ranges import Span

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
FACTS = Facts(Version('"x"', 784111777), 10_000, b"text/plain")
BOUNDARY = b"0123456789"


def answer(method: str = "GET", /, *, facts: Facts = FACTS, **asked: str) -> Answer:
    return answer_for(method, {name.replace("_", "-"): value for name, value in asked.items()}, facts, BOUNDARY)


def fields(found: Answer) -> dict[str, str]:
    names = [name for name, _ in found.fields]
    assert len(set(names)) == len(names)
    return {name.decode(): value.decode() for name, value in found.fields}


VALIDATORS = {"etag": '"x"', "last-modified": DATE, "accept-ranges": "bytes", "cache-control": "no-cache"}


def test_the_whole_file() -> None:
    found = answer()
    assert (found.status, found.spans, found.length) == (200, (Span(0, 10_000),), 10_000)
    assert fields(found) == {**VALIDATORS, "content-type": "text/plain", "content-length": "10000"}


def test_a_head_says_the_same_and_sends_nothing() -> None:
    assert answer("HEAD").fields == answer().fields
    assert (answer("HEAD").status, answer("HEAD").length) == (200, 0)


def test_a_head_has_no_ranges() -> None:
    assert answer("HEAD", range="bytes=0-1") == answer("HEAD")
    assert answer("HEAD", range="bytes=20000-") == answer("HEAD")


def test_a_piece() -> None:
    found = answer(range="bytes=-500")
    assert (found.status, found.spans, found.length) == (206, (Span(9500, 10_000),), 500)
    assert fields(found) == {
        **VALIDATORS,
        "content-type": "text/plain",
        "content-length": "500",
        "content-range": "bytes 9500-9999/10000",
    }


def test_several_pieces() -> None:
    found = answer(range="bytes=0-0,-1")
    assert (found.status, found.spans) == (206, (Span(0, 1), Span(9999, 10_000)))
    head = fields(found)
    assert head["content-type"] == "multipart/byteranges; boundary=0123456789"
    assert "content-range" not in head
    assert found.preambles == (
        b"--0123456789\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/10000\r\n\r\n",
        b"\r\n--0123456789\r\nContent-Type: text/plain\r\nContent-Range: bytes 9999-9999/10000\r\n\r\n",
        b"\r\n--0123456789--\r\n",
    )
    assert head["content-length"] == str(found.length) == str(sum(map(len, found.preambles)) + 2)


def test_nothing_of_the_file_is_asked_for() -> None:
    found = answer(range="bytes=10000-")
    assert (found.status, found.length) == (416, 0)
    head = fields(found)
    assert (head["content-range"], head["content-length"]) == ("bytes */10000", "0")
    assert head["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        # Preconditions come before the range; If-Range only decides whether it counts (13.2.2).
        ({"if_none_match": '"x"', "range": "bytes=0-1"}, 304),
        ({"if_none_match": '"x"', "range": "bytes=20000-"}, 304),
        ({"if_match": '"y"', "range": "bytes=0-1"}, 412),
        ({"if_match": '"x"', "range": "bytes=0-1"}, 206),
        ({"if_match": '"x"', "range": "bytes=20000-"}, 416),
        ({"if_unmodified_since": DATE, "range": "bytes=0-1"}, 206),
        ({"if_modified_since": DATE, "range": "bytes=0-1"}, 304),
        ({"if_range": '"x"', "range": "bytes=0-1"}, 206),
        ({"if_range": '"y"', "range": "bytes=0-1"}, 200),
        ({"if_range": 'W/"x"', "range": "bytes=0-1"}, 200),
        ({"if_range": DATE, "range": "bytes=0-1"}, 200),
        ({"if_range": '"y"', "range": "bytes=20000-"}, 200),
        ({"if_range": '"x"', "range": "bytes=20000-"}, 416),
        ({"if_range": '"y"'}, 200),
        ({"range": "lines=1-2"}, 200),
    ],
)
def test_conditions_and_ranges_together(asked: dict[str, str], status: int) -> None:
    sent = {name.replace("_", "-"): value for name, value in asked.items()}
    assert answer_for("GET", sent, FACTS, BOUNDARY).status == status


def test_what_has_not_changed_is_said_with_what_a_cache_needs() -> None:
    found = answer(if_none_match='"x"')
    assert (found.status, found.length) == (304, 0)
    assert fields(found) == VALIDATORS


def test_a_failed_condition() -> None:
    found = answer(if_match='"y"')
    assert (found.status, found.length, fields(found)["content-length"]) == (412, 0, "0")


def test_what_never_changes_is_kept_and_only_when_it_is_sent() -> None:
    facts = Facts(FACTS.version, 10_000, b"text/plain", immutable=True)
    for sent in ({}, {"range": "bytes=0-1"}, {"if-none-match": '"x"'}):
        found = fields(answer_for("GET", sent, facts, BOUNDARY))
        assert found["cache-control"] == "public, max-age=31536000, immutable"
    for refused in ({"range": "bytes=20000-"}, {"if-match": '"y"'}):
        assert fields(answer_for("GET", refused, facts, BOUNDARY))["cache-control"] == "no-store"


@pytest.mark.parametrize("text", ["", "bytes=0-", "bytes=-1", "bytes=5-9,11-"])
def test_an_empty_file(text: str) -> None:
    found = answer(facts=Facts(FACTS.version, 0, b"text/plain"), range=text)
    assert (found.status, found.spans, fields(found)["content-length"]) == (200, (), "0")


def test_headers_of_a_request() -> None:
    raw = [
        (b"host", b"x"),
        (b"range", b"bytes=0-1"),
        (b"if-none-match", b'"a"'),
        (b"accept", b"*/*"),
        (b"if-none-match", b'W/"b\xff"'),
        (b"range", b"bytes=2-3"),
    ]
    assert asked_of(raw) == {"range": "bytes=0-1, bytes=2-3", "if-none-match": '"a", W/"b\xff"'}
    assert asked_of([]) == {}


def test_two_range_headers_are_no_range() -> None:
    assert answer_for("GET", asked_of([(b"range", b"bytes=0-1"), (b"range", b"bytes=2-3")]), FACTS, b"").status == 200


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Setup.config", b"application/xml"),
        ("LOGO.PNG", b"image/png"),
        ("ClientSetup.ini", b"text/plain"),
        ("site.css", b"text/css; charset=utf-8"),
        ("a.b.zip", b"application/zip"),
        ("Agent.exe", OTHER),
        ("page.html", OTHER),
        ("page.xhtml", OTHER),
        ("script.vbs", OTHER),
        ("none", OTHER),
        ("png", b"image/png"),
        ("x.", OTHER),
    ],
)
def test_types_by_name(name: str, kind: bytes) -> None:
    assert media_type_of(name) == kind


def test_no_type_is_a_page() -> None:
    assert not {kind for kind in TYPES.values() if b"html" in kind}


def test_steps_of_a_body() -> None:
    assert list(steps_of(answer(), 4000)) == [
        Step(0, 4000),
        Step(4000, 4000),
        Step(8000, 2000, is_last=True),
    ]
    assert list(steps_of(answer("HEAD"), 4000)) == []
    first, middle, end = answer(range="bytes=0-2,5000-5001").preambles
    assert list(steps_of(answer(range="bytes=0-2,5000-5001"), 2)) == [
        Step(0, 2, before=first),
        Step(2, 1),
        Step(5000, 2, before=middle, after=end, is_last=True),
    ]


TEXTS = st.lists(st.builds("{}-{}".format, st.integers(0, 900), st.integers(0, 900)), min_size=1, max_size=5)


@given(st.binary(min_size=1, max_size=900), TEXTS, st.integers(1, 1000))
def test_steps_make_the_body_that_was_promised(content: bytes, texts: list[str], most: int) -> None:
    facts = Facts(FACTS.version, len(content), b"text/plain")
    found = answer(facts=facts, range="bytes=" + ",".join(texts))
    steps = list(steps_of(found, most))
    body = b"".join(step.before + content[step.at : step.at + step.size] + step.after for step in steps)
    assert len(body) == found.length == int(fields(found)["content-length"])
    assert [step.is_last for step in steps] == [False] * (len(steps) - 1) + [True] * bool(steps)
    assert all(0 < step.size <= most for step in steps)
    if found.status == 206 and len(found.spans) == 1:
        assert body == content[found.spans[0].start : found.spans[0].stop]
    if found.status == 200:
        assert body == content

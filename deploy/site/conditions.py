"""Conditional requests: what a request's preconditions mean for a file (RFC 9110 section 13)."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.transport.httpdate import parse_http_date

_TAGS = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


class Verdict(enum.Enum):
    """What to answer: the file, 304 or 412."""

    SEND = "send"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Version:
    """What tells a version of a file: a strong entity tag with its quotes, whole POSIX seconds of its last change."""

    etag: str
    modified: int


def judge(headers: Mapping[str, str], version: Version) -> Verdict:
    """Evaluate the preconditions in their order (13.2.2); names of `headers` are in lower case."""
    if (tags := headers.get("if-match")) is not None:
        if not _any_strong(tags, version.etag):
            return Verdict.FAILED
    elif (before := _time(headers.get("if-unmodified-since"))) is not None and version.modified > before:
        return Verdict.FAILED
    if (tags := headers.get("if-none-match")) is not None:
        return Verdict.UNCHANGED if _any_weak(tags, version.etag) else Verdict.SEND
    since = _time(headers.get("if-modified-since"))
    if since is not None and version.modified <= since:
        return Verdict.UNCHANGED
    return Verdict.SEND


def range_holds(headers: Mapping[str, str], version: Version) -> bool:
    """Whether a Range counts: without If-Range, or when that names exactly this version (13.1.5).

    A date is no strong validator here: a file may change twice in a second.
    """
    condition = headers.get("if-range")
    return condition is None or condition.strip() == version.etag


def _any_strong(tags: str, etag: str) -> bool:
    return tags.strip() == "*" or etag in _TAGS.findall(tags)


def _any_weak(tags: str, etag: str) -> bool:
    return tags.strip() == "*" or etag in (tag.removeprefix("W/") for tag in _TAGS.findall(tags))


def _time(text: str | None) -> float | None:
    return None if text is None else parse_http_date(text)

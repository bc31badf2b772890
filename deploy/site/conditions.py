"""Conditional requests: what a request's preconditions mean for a file (RFC 9110 section 13). Pure.

Headers come as a mapping of names in lower case; a field that was sent on several lines has its
values joined with commas (section 5.3), a field that was not sent is not in it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.transport.httpdate import parse_http_date

CONDITIONS = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"})
"""The headers this reads."""
_TAGS = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_WEAK = "W/"


class Verdict(enum.Enum):
    """What to answer: the file, 304 or 412."""

    SEND = "send"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Version:
    """What tells a version of a file: an entity tag with its quotes, whole POSIX seconds of its last change."""

    etag: str
    modified: int

    @property
    def is_strong(self) -> bool:
        """Whether the tag stands for the very same bytes (section 8.8.1)."""
        return not self.etag.startswith(_WEAK)


def judge(headers: Mapping[str, str], version: Version) -> Verdict:
    """Evaluate the preconditions of a GET or HEAD in their order (section 13.2.2); wrong dates count as not sent."""
    if (tags := headers.get("if-match")) is not None:
        if not _any_strong(tags, version):
            return Verdict.FAILED
    elif (before := _time(headers.get("if-unmodified-since"))) is not None and version.modified > before:
        return Verdict.FAILED
    if (tags := headers.get("if-none-match")) is not None:
        return Verdict.UNCHANGED if _any_weak(tags, version) else Verdict.SEND
    since = _time(headers.get("if-modified-since"))
    if since is not None and version.modified <= since:
        return Verdict.UNCHANGED
    return Verdict.SEND


def range_holds(headers: Mapping[str, str], version: Version) -> bool:
    """Whether a Range counts: without If-Range, or when that names exactly this version (section 13.1.5).

    A date never does: it is a strong validator only where a file is known not to have changed twice
    in its second (section 8.8.2.2), and the whole file is never wrong.
    """
    condition = headers.get("if-range")
    return condition is None or (version.is_strong and condition.strip(" \t") == version.etag)


def _any_strong(tags: str, version: Version) -> bool:
    return tags.strip(" \t") == "*" or (version.is_strong and version.etag in _TAGS.findall(tags))


def _any_weak(tags: str, version: Version) -> bool:
    bare = version.etag.removeprefix(_WEAK)
    return tags.strip(" \t") == "*" or bare in (tag.removeprefix(_WEAK) for tag in _TAGS.findall(tags))


def _time(text: str | None) -> float | None:
    return None if text is None else parse_http_date(text.strip(" \t"))

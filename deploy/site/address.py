"""The path of a request, read once and safely: names that could be files, or nothing at all. Pure.

The application takes the raw path, as it stood on the request line without its query, asks
`parse_path` for names, and from there on works with names alone; nothing is decoded a second time and
no path is put together from text. Two ways of writing one name that a file system would tell apart
from the rules here (`CLIENT~1.EXE`, `x.exe.`, `x.exe::$DATA`) are no names at all.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from deploy.relpath import segment_problem

LONGEST = 4096
"""In bytes, as it was sent; longer paths than Windows and most proxies let through."""

# Eight characters at most, the last of them a tilde and a number, and an extension of up to three.
_SHORT_NAME = re.compile(r"(?=[^.]{3,8}(?:\.|\Z))[^.]{1,6}~[0-9]{1,6}(?:\.[^.]{0,3})?")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def parse_path(raw: bytes) -> tuple[str, ...] | None:
    """The names in a raw path without query; None for what no file here can be called, which is a 404.

    Percent sequences are decoded once, as UTF-8: `%252e` is the name `%2e`. Refused are `.` and `..`,
    empty segments inside, separators, what looks like one, and control characters however they are
    written, broken percent sequences and UTF-8 (overlong forms too), a fragment, names Windows keeps
    for devices or streams or would shorten, and its short names (`PROGRA~1`), which would be a second
    way to a file. One slash at the end is dropped: `/install/` is `("install",)`; `/` alone is `()`.
    Source: RFC 3986 sections 2.4, 3.3 and 6; RFC 3629 section 3; "Naming Files, Paths, and Namespaces".
    """
    if not raw.startswith(b"/") or len(raw) > LONGEST or b"#" in raw:
        return None
    escaped = b"%" in raw
    if escaped and _BROKEN_ESCAPE.search(raw):
        return None
    parts = raw[1:].split(b"/")
    if parts[-1] == b"":
        parts.pop()
    segments = []
    for part in parts:
        try:
            name = (unquote_to_bytes(part) if escaped else part).decode("utf-8")
        except UnicodeDecodeError:
            return None
        if segment_problem(name) is not None or ("~" in name and _SHORT_NAME.fullmatch(name)):
            return None
        segments.append(name)
    return tuple(segments)

"""The path of a request, read once and safely: names that could be files, or nothing at all."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from deploy.relpath import segment_problem

LONGEST = 4096
_SHORT_NAME = re.compile(r"[^.]{1,6}~[0-9]{1,6}(\.[^.]{0,3})?")


def parse_path(raw: bytes) -> tuple[str, ...] | None:
    """The decoded segments of a raw path without query; None for what no file here can be called.

    Percent sequences are decoded once, as UTF-8. Refused are `.` and `..`, empty segments inside,
    separators and control characters however they are written, names Windows keeps for devices or
    streams, and its short names (`CLIENT~1.EXE`), which would be a second way to a file. One slash at
    the end means nothing. Source: RFC 3986 sections 2.4 and 6; Win32 "Naming Files".
    """
    if not raw.startswith(b"/") or len(raw) > LONGEST:
        return None
    parts = raw[1:].split(b"/")
    if parts[-1] == b"":
        parts.pop()
    segments = []
    for part in parts:
        try:
            name = unquote_to_bytes(part).decode("utf-8")
        except UnicodeDecodeError:
            return None
        if segment_problem(name) is not None or _SHORT_NAME.fullmatch(name):
            return None
        segments.append(name)
    return tuple(segments)

r"""The `args` of `<execute>` as a Windows program reads them (manual: `<execute>`).

Pure. Rules: "Parsing C command-line arguments" (Microsoft C runtime) and CommandLineToArgvW. Where
the two differ, after `""` inside quotes, the documented rule of the C runtime holds: it is one
quotation mark and the quoted part goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOKEN = re.compile(r'(?P<slashes>\\*)"|(?P<blanks>[ \t]+)|\\+|[^\\" \t]+')
_NEEDS_QUOTES = re.compile(r'[ \t\n\v"]|\A\Z')
_SLASHES_OR_MARK = re.compile(r'\\+|"')


def split_arguments(text: str) -> tuple[str, ...]:
    r"""The arguments in `text`, which holds no program name.

    Blanks and tabs part arguments outside quotes. 2n backslashes before a quotation mark are n
    backslashes, and the mark opens or closes; 2n+1 are n, and the mark is a character. A quote that
    is left open ends with the text.
    """
    arguments: list[str] = []
    current: list[str] | None = None  # None between arguments; [] is the start of an empty one
    quoted = closed_just_now = False
    for token in _TOKEN.finditer(text):
        slashes, was_closed = token["slashes"], closed_just_now
        closed_just_now = False
        if slashes is None:
            if token["blanks"] is None or quoted:
                current = [] if current is None else current
                current.append(token.group())
            elif current is not None:
                arguments.append("".join(current))
                current = None
            continue
        current = [] if current is None else current
        current.append("\\" * (len(slashes) // 2))
        if len(slashes) % 2:
            current.append('"')
        elif quoted:
            quoted, closed_just_now = False, True
        else:
            quoted = True
            if was_closed and not slashes:
                current.append('"')
    return tuple(arguments) if current is None else (*arguments, "".join(current))


def quote_arguments(arguments: Iterable[str]) -> str:
    """A text that `split_arguments`, and a Windows program, reads as exactly these arguments."""
    return " ".join(map(_quoted, arguments))


def _quoted(argument: str) -> str:
    if not _NEEDS_QUOTES.search(argument):
        return argument
    return '"' + _SLASHES_OR_MARK.sub(_escaped, argument) + '"'


def _escaped(found: re.Match[str]) -> str:
    if found.group() == '"':
        return '\\"'
    before_mark = found.string[found.end() : found.end() + 1] in ("", '"')
    return found.group() * 2 if before_mark else found.group()

"""On which line each key of a TOML document stands, so that a message can name it (TOML 1.0.0).

Pure. `tomllib` gives values without places; this finds the places in a document it has accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

KeyPath = tuple[str | int, ...]

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[^\S\n]+"
    r"|\n"
    r"|[\[\]{}=,.]"
    r"|[^\s\[\]{}=,.\"'#]+",
    re.DOTALL,
)
_OPENING = "[{"
_CLOSING = "]}"


def key_lines(text: str) -> dict[KeyPath, int]:
    """The 1-based line of every table and key outside inline tables.

    `text` is a valid TOML document with `\\n` line ends. A path holds the position of an element of
    an array of tables: `[[smb]]`, `host = ...` is `("smb", 0, "host")`.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    for line, statement in _statements(text):
        if statement[0] == "[":
            table = _numbered(_names(statement), counts, array=statement[1] == "[")
            for depth in range(1, len(table) + 1):
                lines.setdefault(table[:depth], line)
        elif "=" in statement:
            path = table
            for name in _names(statement[: statement.index("=")]):
                path = (*path, name)
                lines.setdefault(path, line)
    return lines


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """The line of `path`, or of the nearest key above it that has one."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each table header and each key with its value, as tokens, and the line it starts on."""
    parts: list[str] = []
    start = line = 1
    depth = 0
    for match in _TOKEN.finditer(text):
        part = match.group()
        if part == "\n" and depth == 0:
            if parts:
                yield start, parts
            parts = []
        elif not part.isspace() and not part.startswith("#"):
            if not parts:
                start = line
            parts.append(part)
            depth += (part in _OPENING) - (part in _CLOSING)
        line += part.count("\n")
    if parts:
        yield start, parts


def _names(tokens: list[str]) -> tuple[str, ...]:
    return tuple(_unquoted(token) for token in tokens if token not in (".", "[", "]"))


def _unquoted(token: str) -> str:
    return token[1:-1] if token[0] in "\"'" else token


def _numbered(names: tuple[str, ...], counts: dict[KeyPath, int], *, array: bool) -> KeyPath:
    """The path of a header: an element of an array of tables is the array's last one so far."""
    path: KeyPath = ()
    for name in names[:-1]:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path])
    path = (*path, names[-1])
    if not array:
        return path
    counts[path] = counts.get(path, -1) + 1
    return (*path, counts[path])

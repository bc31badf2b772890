"""Files of sections and keys as Windows reads them: GetPrivateProfileString, byte for byte.

Pure. `configparser` reads other files: it takes `%` and trailing `;` for syntax, keeps quotation marks, joins
lines that are indented, refuses keys that are there twice and looks into every section of one name. Sources:
"GetPrivateProfileStringW" (Win32); where that is silent, what Windows was seen to do, the tests of
WelliSolutions/IniFileFormatReverseEngineering. tests/windows asks the function itself.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from deploy.errors import ConfigError, error
from deploy.relpath import fold

SIZE_CAP = 1024 * 1024
LONGEST_VALUE = 32_767  # UTF-16 units; Windows counts the answer in 16 bits

_MARK = "\ufeff"
_BLANKS = "\t\v\f\x1a "
_QUOTES = frozenset("'\"")
_LINE_END = re.compile(r"\r\n|[\r\n]")
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
# As MultiByteToWideChar has it: the five places of windows-1252 that hold nothing become control characters.
_ANSI = dict(zip(range(0x80, 0xA0), "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ", strict=True))


class Encoding(enum.StrEnum):
    """How a file is encoded, in words for people."""

    ASCII = "ASCII"
    ANSI = "Windows-1252"
    UTF8 = "UTF-8 without a mark"
    UTF8_MARKED = "UTF-8 with a mark"
    UTF16LE = "UTF-16, little-endian"
    UTF16BE = "UTF-16, big-endian"

    @property
    def is_read_by_windows(self) -> bool:
        """Whether Windows itself reads it as it is meant: only ASCII, its own code page, and UTF-16LE with a mark."""
        return self in (Encoding.ASCII, Encoding.ANSI, Encoding.UTF16LE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a section that is no comment; `line` is 1-based.

    `value` is without its quotation marks, None for a line without `=`, whose whole text is the `key`.
    """

    key: str = field(repr=False)
    value: str | None = field(repr=False)
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """A `[name]` and what follows it up to the next one; `line` is 1-based.

    `closed` is whether its bracket is: Windows takes the rest of the line for the name where it is not.
    """

    name: str
    line: int
    entries: tuple[Entry, ...] = ()
    closed: bool = True

    def find(self, key: str) -> Entry | None:
        """The first entry of a key, in any case; None if there is none."""
        return next((entry for entry in self.entries if fold(entry.key) == fold(key)), None)


@dataclass(frozen=True, slots=True)
class Profile:
    """Every section of a file in its order, also those that are there twice.

    `before` holds the lines before the first section, which Windows never looks at.
    """

    encoding: Encoding
    sections: tuple[Section, ...]
    before: tuple[Entry, ...] = ()

    def section(self, name: str) -> Section | None:
        """The first section of a name, in any case: the only one of that name that counts."""
        return next((section for section in self.sections if fold(section.name) == fold(name)), None)

    def get(self, section: str, key: str) -> str | None:
        """What GetPrivateProfileString answers, None where it would give its default."""
        found = self.section(section)
        entry = None if found is None else found.find(key)
        return None if entry is None else entry.value


def read(data: bytes) -> Profile:
    """Read a file; a byte order mark decides the encoding, else it is UTF-8 if it can be, else Windows-1252.

    Raises `ConfigError`: document-too-large (over `SIZE_CAP`), document-encoding (not the encoding its mark
    says, or no text).
    """
    if len(data) > SIZE_CAP:
        hint = "check that it is the right file"
        raise ConfigError(error("document-too-large", f"the file is larger than {SIZE_CAP // 1024} KiB", hint))
    encoding, text = _decoded(data)
    if "\0" in text:
        place = _line_at(text, text.index("\0"))
        hint = "save it as UTF-16 with a byte order mark, or as ANSI"
        raise ConfigError(error("document-encoding", "there is a NUL character in it: it is no text", hint, line=place))
    before: list[Entry] = []
    found: list[tuple[int, str, list[Entry]]] = []
    for number, raw in enumerate(_LINE_END.split(text), start=1):
        line = raw.strip(_BLANKS)
        if line.startswith("["):
            found.append((number, line, []))
        elif line and not line.startswith(";"):
            (found[-1][2] if found else before).append(_entry(line, number))
    return Profile(encoding, tuple(_section(*one) for one in found), tuple(before))


def write(sections: Iterable[tuple[str, Iterable[tuple[str, str]]]]) -> bytes:
    """The file of these sections, each with its keys and their values, that `read` and Windows read again.

    Lines end in CR LF; ASCII where that is enough, else UTF-16LE with its mark. A value with a blank or a
    quotation mark at either end stands in double quotation marks. Raises `ConfigError` (unwritable-value)
    for all values that `value_problem` refuses, without showing them, and `ValueError` for a name that
    would be read as something else.
    """
    blocks: list[str] = []
    problems = []
    for section, entries in sections:
        lines = [f"[{_name(section)}]"]
        for key, value in entries:
            wrong = value_problem(value)
            if wrong is not None:
                said = f"{key} below [{section}] cannot be written: {wrong}"
                problems.append(error("unwritable-value", said, "leave that out"))
            lines.append(f"{_name(key)}={_quoted(value)}")
        blocks.append("".join(f"{line}\r\n" for line in lines))
    if problems:
        raise ConfigError(problems)
    text = "\r\n".join(blocks)
    return text.encode("ascii") if text.isascii() else (_MARK + text).encode("utf-16-le")


def value_problem(value: str) -> str | None:
    """Why a value cannot be written, in words that follow a colon and do not hold it; None if it can be."""
    unprinted = _UNPRINTED.search(value)
    if unprinted is not None:
        what = "half of a character" if "\ud800" <= unprinted.group() <= "\udfff" else "a control character"
        return f"it holds {what} (U+{ord(unprinted.group()):04X})"
    if len(value.encode("utf-16-le")) // 2 > LONGEST_VALUE:
        return f"it is longer than {LONGEST_VALUE} characters"
    return None


def _decoded(data: bytes) -> tuple[Encoding, str]:
    for mark, encoding, codec in (
        (b"\xff\xfe", Encoding.UTF16LE, "utf-16-le"),
        (b"\xfe\xff", Encoding.UTF16BE, "utf-16-be"),
        (b"\xef\xbb\xbf", Encoding.UTF8_MARKED, "utf-8"),
    ):
        if data.startswith(mark):
            try:
                return encoding, data[len(mark) :].decode(codec)
            except UnicodeDecodeError as wrong:
                line = _line_at(wrong.object[: wrong.start].decode(codec), wrong.start)
                said = f"the file begins as {encoding}, and is not"
                hint = "save it again in one encoding"
                raise ConfigError(error("document-encoding", said, hint, line=line)) from None
    if data.isascii():
        return Encoding.ASCII, data.decode("ascii")
    try:
        return Encoding.UTF8, data.decode("utf-8")
    except UnicodeDecodeError:
        return Encoding.ANSI, data.decode("latin-1").translate(_ANSI)


def _line_at(text: str, place: int) -> int:
    return len(_LINE_END.findall(text, 0, place)) + 1


def _section(number: int, line: str, entries: list[Entry]) -> Section:
    name, bracket, _ = line[1:].partition("]")
    return Section(name.strip(_BLANKS), number, tuple(entries), bool(bracket))


def _entry(line: str, number: int) -> Entry:
    key, equals, value = line.partition("=")
    return Entry(key.rstrip(_BLANKS), _unquoted(value.lstrip(_BLANKS)) if equals else None, number)


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] in _QUOTES and value[-1] == value[0] else value


def _quoted(value: str) -> str:
    return f'"{value}"' if value != value.strip() or value[:1] in _QUOTES or value[-1:] in _QUOTES else value


def _name(name: str) -> str:
    if not name or name != name.strip() or name[0] in "[;" or set(name) & {"=", "]"} or _UNPRINTED.search(name):
        raise ValueError(f"not a name: {name!r}")
    return name

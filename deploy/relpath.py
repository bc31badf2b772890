r"""Paths that cannot leave their base folder, and the names Windows lets a file have.

Pure. Where a name may come from outside (a Setup.config, a listing), `segment_problem` decides
whether it is taken, and a `RelPath` holds only names that were. Rules: "Naming Files, Paths, and
Namespaces" (Win32); the specification's Output page adds look-alike separators and bidi controls.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

from deploy.errors import ConfigError, error, quoted

LONGEST_NAME = 255  # UTF-16 units, NTFS and SMB

# Division, fraction, set-minus and full-width signs that show as, or are mapped to, a separator.
LOOK_ALIKES = "\u2044\u2215\u2216\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c"

_SEPARATORS = re.compile(r"[\\/]+")
_DRIVE = re.compile(r"[A-Za-z]:")
_ORDINARY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 !#$%&'()+,.;=@\[\]^_`{}~-]{0,127}")
_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\.|\Z)", re.IGNORECASE | re.ASCII)
_FORBIDDEN = (
    (re.compile(r"[\\/]"), "a separator"),
    (re.compile(r"[\ud800-\udfff]"), "half of a character, a lone surrogate"),
    (re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"), "a control character"),
    (re.compile(r'[<>:"|?*]'), "a character Windows does not allow"),
    (re.compile(f"[{LOOK_ALIKES}]"), "a character that looks like a separator"),
    (re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"), "a character that turns the direction of reading"),
)


def segment_problem(name: str) -> str | None:
    """Why `name` cannot be one file or folder name on Windows, in words that follow "because"; None if it can."""
    if not _ORDINARY.fullmatch(name):
        problem = _unusual_problem(name)
        if problem is not None:
            return problem
    if name[-1] in ". ":
        return "it ends in a dot or a blank, which Windows drops"
    if _DEVICE.match(name):
        return "Windows keeps that name for a device"
    return None


def _unusual_problem(name: str) -> str | None:
    if name in ("", ".", ".."):
        return "it means a folder and not a name" if name else "it is empty"
    for pattern, what in _FORBIDDEN:
        found = pattern.search(name)
        if found is not None:
            character = found.group()
            shown = character if character.isascii() and character.isprintable() else f"U+{ord(character):04X}"
            return f"it holds {what} ({shown})"
    if len(name) > LONGEST_NAME // 2 and len(name.encode("utf-16-le")) // 2 > LONGEST_NAME:
        return f"it is longer than {LONGEST_NAME} characters"
    if not unicodedata.normalize("NFKC", name).strip("."):
        return "it looks like a folder above"
    return None


def fold(name: str) -> str:
    """`name` as Windows compares it: each character in upper case where that is one other character.

    Not `casefold`: NTFS compares character by character, so `ß` is not `ss`. Letters that only
    share a capital with the usual small letter (`ı`, `ſ`, `µ`) and characters outside the basic
    plane stay as they are, as in NTFS's table.
    """
    return name.upper() if name.isascii() else "".join(map(_upcased, name))


@cache
def _upcased(character: str) -> str:
    upper = character.upper()
    if len(upper) != 1 or character > "\uffff":
        return character
    return upper if upper.lower() == character or character == "ς" else character


def _refuse_unsafe(names: Iterable[str]) -> None:
    for name in names:
        problem = segment_problem(name)
        if problem is not None:
            raise _unsafe(name, problem)


def _unsafe(text: str, problem: str) -> ConfigError:
    return ConfigError(
        error(
            "unsafe-path",
            f"{quoted(text)} cannot be used, because {problem}",
            r"write a path below the base folder such as Solidus\Bin, without drive, '..' or special characters",
        )
    )


@dataclass(frozen=True, slots=True)
class RelPath:
    """A path below a base folder that cannot leave it: names only, each one Windows accepts.

    Making one, in whatever way, raises `ConfigError` (unsafe-path) for any other name. Equality
    is exact; `key` is the path as Windows compares it, with `/` between the names and "" for the
    base. `str()` has forward slashes, the base is `.`.
    """

    segments: tuple[str, ...] = ()
    key: str = field(init=False, compare=False, repr=False)

    BASE: ClassVar[RelPath]

    def __post_init__(self) -> None:
        _refuse_unsafe(self.segments)
        object.__setattr__(self, "key", fold("/".join(self.segments)))

    @staticmethod
    def parse(text: str) -> RelPath:
        r"""Read a relative path written with `\` or `/`; "" and "." are the base.

        Raises `ConfigError` (unsafe-path) for a drive, a UNC path, a leading separator, `..` and
        every name `segment_problem` refuses.
        """
        if _SEPARATORS.match(text) or _DRIVE.match(text):
            raise _unsafe(text, "it is an absolute path or names a drive")
        names = tuple(name for name in _SEPARATORS.split(text) if name not in ("", "."))
        for name in names:
            problem = segment_problem(name)
            if problem is not None:
                raise _unsafe(text, problem if name == text else f"of {quoted(name)}: {problem}")
        return RelPath._checked(names)

    def child(self, name: str) -> RelPath:
        """The path of `name` directly below this one."""
        return self.join((name,))

    def join(self, names: tuple[str, ...]) -> RelPath:
        """The path that goes on through `names`, one segment each."""
        _refuse_unsafe(names)
        return self._checked((*self.segments, *names))

    @property
    def name(self) -> str:
        """The last segment, or "" for the base."""
        return self.segments[-1] if self.segments else ""

    @property
    def parent(self) -> RelPath:
        """The folder above; the base's is the base."""
        return self._checked(self.segments[:-1])

    @staticmethod
    def _checked(segments: tuple[str, ...]) -> RelPath:
        """A path of names that were looked at before; once for each name is enough."""
        path = object.__new__(RelPath)
        object.__setattr__(path, "segments", segments)
        object.__setattr__(path, "key", fold("/".join(segments)))
        return path

    def __str__(self) -> str:
        return "/".join(self.segments) or "."


RelPath.BASE = RelPath()

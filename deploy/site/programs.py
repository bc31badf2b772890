"""The toolkit's installers that pages offer, told apart by their names, and which of them a visitor's system takes."""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from deploy.digest import Sha256, sha256_of
from deploy.errors import TargetError
from deploy.relpath import segment_problem
from deploy.site.model import APPLICATION_ROOT
from deploy.site.shares import open_file


class System(enum.StrEnum):
    """What a computer runs."""

    WINDOWS = "Windows"
    LINUX = "Linux"
    MAC = "macOS"
    ANY = "any system with Python"


class Visitor(enum.Enum):
    """A visitor whose computer takes none of our programs, or of whom nothing is known."""

    HANDHELD = enum.auto()
    UNKNOWN = enum.auto()


_ENDS: Mapping[str, System] = {
    ".exe": System.WINDOWS,
    ".msi": System.WINDOWS,
    ".deb": System.LINUX,
    ".rpm": System.LINUX,
    ".pkg": System.MAC,
    ".dmg": System.MAC,
    ".whl": System.ANY,
}
_PACKED = (".zip", ".tar.gz", ".tgz", ".tar.xz")
_WORDS = (("windows", System.WINDOWS), ("linux", System.LINUX), ("macos", System.MAC))
_STEPS: Sequence[tuple[tuple[str, ...], str]] = (
    ((".exe", ".msi", ".pkg", ".dmg"), "Open the file when it is there, and follow it to its end."),
    (_PACKED, "Unpack the file, and open a command window in its folder."),
    ((".deb",), "Install the package: sudo apt install ./{name}"),
    ((".rpm",), "Install the package: sudo dnf install ./{name}"),
    ((".whl",), "Install the package: pipx install ./{name}"),
)
# In this order: an iPhone says "like Mac OS X", Android says "Linux".
_AGENTS: Sequence[tuple[str, System | Visitor]] = (
    ("iphone", Visitor.HANDHELD),
    ("ipad", Visitor.HANDHELD),
    ("ipod", Visitor.HANDHELD),
    ("android", Visitor.HANDHELD),
    ("windows phone", Visitor.HANDHELD),
    ("windows", System.WINDOWS),
    ("mac os", System.MAC),
    ("macos", System.MAC),
    ("linux", System.LINUX),
)
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})+")


@dataclass(frozen=True, slots=True)
class Program:
    """A file of the folder of programs; `size` in bytes."""

    name: str
    system: System
    size: int
    sha256: Sha256

    @property
    def address(self) -> str:
        """Where it is served, from the host's root."""
        return f"/{APPLICATION_ROOT}/programs/{quote(self.name)}"

    @property
    def step(self) -> str:
        """What its user does with it."""
        lower = self.name.lower()
        return next((text.format(name=self.name) for ends, text in _STEPS if lower.endswith(ends)), "")


def system_of(name: str) -> System | None:
    """Which system a program is for, by its name; None for what is no program."""
    lower = name.lower()
    for end, system in _ENDS.items():
        if lower.endswith(end):
            return system
    if lower.endswith(_PACKED):
        return next((system for word, system in _WORDS if word in lower), None)
    return None


def visitor_system(headers: Mapping[str, str]) -> System | Visitor:
    """What the visitor's browser says of its system (Sec-CH-UA-Platform, else User-Agent).

    Header names are in lower case, or the mapping finds them in any.
    """
    said = (headers.get("sec-ch-ua-platform") or headers.get("user-agent") or "").lower()
    return next((system for word, system in _AGENTS if word in said), Visitor.UNKNOWN)


def programs_in(folder: Path | None) -> tuple[Program, ...]:
    """The programs of a folder that are served, for each system the newest by its name first.

    None where there is no folder or it cannot be read; one that cannot be read is left out.
    """
    if folder is None:
        return ()
    try:
        names = sorted(os.listdir(folder), key=_by_version, reverse=True)
    except OSError:
        return ()
    order = list(System)
    found = [one for name in names if (one := _program(folder, name)) is not None]
    return tuple(sorted(found, key=lambda one: order.index(one.system)))


def _program(folder: Path, name: str) -> Program | None:
    system = system_of(name)
    if system is None or segment_problem(name) is not None:
        return None
    try:
        opened = open_file(folder, (name,))
        if opened is None:
            return None
        os.close(opened.descriptor)
        digest = _digest(os.path.join(folder, name), opened.inode, opened.size, opened.mtime_ns)
    except (OSError, TargetError):
        return None
    return Program(name, system, opened.size, digest)


@lru_cache(maxsize=256)
def _digest(path: str, _inode: int, _size: int, _changed: int) -> Sha256:
    with open(path, "rb", buffering=0) as file:
        return sha256_of(file)


def _by_version(name: str) -> tuple[tuple[int, ...], str]:
    """Sorts 9.10 after 9.9, and 9.10.1 after both; what has no version first."""
    found = _VERSION.search(name)
    return (() if found is None else tuple(map(int, found[0].split("."))), name.lower())

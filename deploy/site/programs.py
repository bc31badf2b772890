"""The client programs that pages offer, told apart by their names, and which of them a visitor's system takes."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from deploy.digest import Sha256, sha256_of
from deploy.site.model import APPLICATION_ROOT


class System(enum.StrEnum):
    """What a visitor's computer runs."""

    WINDOWS = "Windows"
    LINUX = "Linux"
    MAC = "macOS"
    ANY = "any system with Python"


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
_AGENTS = (
    ("windows", System.WINDOWS),
    ("android", None),
    ("mac os", System.MAC),
    ("macos", System.MAC),
    ("linux", System.LINUX),
)


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
    def label(self) -> str:
        """What a button says."""
        return f"Download for {self.system.value}"


def system_of(name: str) -> System | None:
    """Which system a program is for, by its name; None for what is no program."""
    lower = name.lower()
    for end, system in _ENDS.items():
        if lower.endswith(end):
            return system
    if lower.endswith(_PACKED):
        return next((system for word, system in _WORDS if word in lower), None)
    return None


def visitor_system(headers: Mapping[str, str]) -> System | None:
    """What the visitor's browser says of its system (Sec-CH-UA-Platform, else User-Agent); None if nothing known."""
    said = (headers.get("sec-ch-ua-platform") or headers.get("user-agent") or "").lower()
    return next((system for word, system in _AGENTS if word in said), None)


def programs_in(folder: Path | None) -> tuple[Program, ...]:
    """The programs of a folder, by name; none where there is no folder or it cannot be read."""
    if folder is None:
        return ()
    try:
        with os.scandir(folder) as entries:
            found = [_program(entry) for entry in entries if entry.is_file() and not entry.name.startswith(".")]
    except OSError:
        return ()
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.name.lower()))


def _program(entry: os.DirEntry[str]) -> Program | None:
    system = system_of(entry.name)
    if system is None:
        return None
    about = entry.stat()
    return Program(entry.name, system, about.st_size, _digest(entry.path, about.st_size, about.st_mtime_ns))


@lru_cache(maxsize=256)
def _digest(path: str, _size: int, _changed: int) -> Sha256:
    with open(path, "rb", buffering=0) as file:
        return sha256_of(file)

"""Versions of files, products and systems: up to four numbers, compared from the left.

Pure. These are Windows file versions (VS_FIXEDFILEINFO: four numbers of 16 bits), not those of Python
packages: `9.6.1` is `9.6.1.0`, and nothing but numbers is in them.
"""

from __future__ import annotations

import re

from hotfix.model import Versions

INSTALLER = "9.6.1.0"
"""The release whose MiCCEHotFixInstaller this one stands in for: what `minInstallerVersion` is compared with."""

Version = tuple[int, int, int, int]

_PARTS = 4
_HIGHEST = 2**64
_VERSION = re.compile(r"\d{1,18}(?:\.\d{1,18})*", re.ASCII)


def parse_version(text: str) -> Version | None:
    """Read a version; None for what is none. Missing numbers are 0, those after the fourth do not count."""
    if not _VERSION.fullmatch(text):
        return None
    return _filled(text, 0)


def is_within(version: str, bounds: Versions) -> bool:
    """Whether a version is in a closed range; one that cannot be read is in no range but that without bounds.

    A bound of fewer numbers means all that begin so: `9.6` is the lowest of them as a minimum, the
    highest as a maximum.
    """
    if not bounds.minimum and not bounds.maximum:
        return True
    found = parse_version(version)
    if found is None:
        return False
    if bounds.minimum and found < _filled(bounds.minimum, 0):
        return False
    return not bounds.maximum or found <= _filled(bounds.maximum, _HIGHEST)


def is_newer(new: str, old: str) -> bool:
    """Whether `new` is the higher version; any is higher than none ("", or what is no version)."""
    found, there = parse_version(new), parse_version(old)
    return found is not None and (there is None or found > there)


def is_same(one: str, other: str) -> bool:
    """Whether two texts mean the same version."""
    return parse_version(one) == parse_version(other)


def shown(bounds: Versions) -> str:
    """A range in words: "9.6 to 9.7", "9.6 or higher", "9.7 or lower", "any version"."""
    if bounds.minimum and bounds.maximum:
        return bounds.minimum if bounds.minimum == bounds.maximum else f"{bounds.minimum} to {bounds.maximum}"
    if not bounds.minimum and not bounds.maximum:
        return "any version"
    return f"{bounds.minimum} or higher" if bounds.minimum else f"{bounds.maximum} or lower"


def _filled(text: str, filler: int) -> Version:
    numbers = [int(part) for part in text.split(".")][:_PARTS]
    first, second, third, fourth = (*numbers, *[filler] * (_PARTS - len(numbers)))
    return first, second, third, fourth

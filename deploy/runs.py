"""Which pieces of which packs to ask for, so that few large requests bring many small files. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from deploy.digest import Sha256
from deploy.transport.location import Location

WIDEST_GAP = 128 * 1024
"""So many unwanted bytes are rather read over than another request made."""


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file to have out of a pack: `key` is that of its job, `offset` and `size` are in bytes."""

    key: str
    pack: Location
    offset: int
    size: int
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Run:
    """Files of one pack that one request brings, in the order they lie in it. Two may have the same bytes."""

    pack: Location
    files: tuple[PackedFile, ...]

    @property
    def start(self) -> int:
        return self.files[0].offset

    @property
    def size(self) -> int:
        """Bytes from the first file's start to the last one's end."""
        return max(file.offset + file.size for file in self.files) - self.start


def runs_of(files: Iterable[PackedFile], widest_gap: int = WIDEST_GAP) -> tuple[Run, ...]:
    """Every file in one run, the largest runs first."""
    ordered = sorted(files, key=lambda one: (one.pack.segments, one.offset, one.size, one.key))
    found: list[Run] = []
    for _, of_one in groupby(ordered, key=lambda one: one.pack.segments):
        current: list[PackedFile] = []
        end = 0
        for file in of_one:
            if current and file.offset > end + widest_gap:
                found.append(Run(current[0].pack, tuple(current)))
                current, end = [], 0
            current.append(file)
            end = max(end, file.offset + file.size)
        found.append(Run(current[0].pack, tuple(current)))
    return tuple(sorted(found, key=lambda run: -run.size))

"""The folders a planned change works in, where each file lies below them, and how much room is needed.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from deploy.errors import Problem, error
from deploy.relpath import RelPath
from hotfix.known import Facts, Folder
from hotfix.places import below, is_inside
from hotfix.planned import FileAction, PlannedFile

SLACK = 2**20
"""Bytes for journal and folders, in each root and for the records."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file lies: below `Roots.folders[root]`."""

    root: int
    target: RelPath


class Roots:
    """The roots of a plan: existing folders with their volumes, none inside another of its volume."""

    def __init__(self, folders: tuple[str, ...], volumes: tuple[int | None, ...], separator: str) -> None:
        self.folders = folders
        self.volumes = volumes
        self._separator = separator
        self._numbers: dict[tuple[str, int | None], int | None] = {}

    def place(self, folder: Folder, path: str) -> Place | None:
        """Where a file in a folder lies; None where no root holds it.

        Raises `ConfigError` (unsafe-path) for a name that cannot be used.
        """
        wanted = folder.path, folder.volume
        if wanted not in self._numbers:
            self._numbers[wanted] = self._number(folder)
        number = self._numbers[wanted]
        return None if number is None else Place(number, below(path, self.folders[number], self._separator))

    def _number(self, folder: Folder) -> int | None:
        """The innermost root on the volume of a folder that holds it."""
        fitting = [
            number
            for number, (root, volume) in enumerate(zip(self.folders, self.volumes, strict=True))
            if volume == folder.volume and is_inside(folder.path, root, self._separator)
        ]
        return max(fitting, key=lambda number: len(self.folders[number]), default=None)


def roots_for(folders: Iterable[Folder], facts: Facts) -> Roots:
    """The roots for files in these folders.

    For each that is the outermost folder of an identifier around it which is on its volume and may be
    written, else the nearest folder that is there.
    """
    wanted = dict.fromkeys(one for one in folders if one.existing and one.volume is not None)
    chosen = dict.fromkeys(_root_of(one, facts) for one in wanted)
    kept = [
        one
        for one in chosen
        if not any(
            other is not one and other.volume == one.volume and is_inside(one.path, other.path, facts.separator)
            for other in chosen
        )
    ]
    return Roots(tuple(one.path for one in kept), tuple(one.volume for one in kept), facts.separator)


def _root_of(folder: Folder, facts: Facts) -> Folder:
    around = [
        one
        for one in facts.roots
        if one.volume == folder.volume and one.writable and is_inside(folder.path, one.path, facts.separator)
    ]
    nearest = Folder(folder.existing, folder.existing, folder.volume, folder.writable)
    return min(around, key=lambda one: len(one.path), default=nearest)


def space_needed(files: Iterable[PlannedFile], roots: Roots) -> tuple[int, ...]:
    """How many bytes are needed in each root: every new file lies beside the old one for a while.

    The old ones are kept by a second name, which needs no room.
    """
    needed = [SLACK] * len(roots.folders)
    for one in files:
        if one.action is not FileAction.KEEP and one.after is not None:
            needed[one.root] += one.size
    return tuple(needed)


def too_little_room(space: Sequence[int], roots: Roots, store: int, repository: int, facts: Facts) -> Iterator[Problem]:
    """Volumes without room for that, for the package and the originals in the store, and for what is published.

    `store` and `repository` are in bytes.
    """
    needed: dict[int, int] = {}
    at: dict[int, str] = {}
    amounts = [*zip(roots.volumes, roots.folders, space, strict=True)]
    amounts.append((facts.store_folder.volume, facts.store, store))
    if facts.repository is not None and repository:
        amounts.append((facts.repository.volume, facts.repository.path, repository))
    for volume, folder, size in amounts:
        if volume is not None:
            needed[volume] = needed.get(volume, 0) + size
            at.setdefault(volume, folder)
    yield from _short(needed, at, facts)


def _short(needed: Mapping[int, int], at: Mapping[int, str], facts: Facts) -> Iterator[Problem]:
    for volume, size in needed.items():
        free = facts.free.get(volume)
        if free is not None and free < size:
            said = f"{at[volume]}: {-(-size // 2**20)} MB are needed on that disk, and {free // 2**20} MB are free"
            yield error("disk-full", said, "make room there, then run the same command again")

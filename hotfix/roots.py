"""The folders a change works in: every file it touches lies below one of them, on its volume."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploy import inventory
from deploy.change.work import WORK
from deploy.disk import target_error
from deploy.host.contract import Host
from deploy.relpath import RelPath
from hotfix.layout import STAGING

_LONGEST_PLAIN = 200  # MAX_PATH (260) less what staging and change add
_ANY_LENGTH = "\\\\?\\"
_ADDED = max(len(WORK), len(STAGING)) + len("/backup/1234567")


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a file lies: below `folders[root]` of the `Roots` that placed it."""

    root: int
    target: RelPath


class Roots:
    """The roots of one change: resolved, existing folders, none inside another of its volume."""

    def __init__(self, folders: Iterable[str]) -> None:
        """Take the given folders and leave out those within others.

        Raises `TargetError` (cannot-write) where one is not there.
        """
        self._volumes: dict[str, int] = {}
        self._resolved: dict[str, str] = {}
        for folder in folders:
            self._add(os.path.realpath(folder))

    @property
    def folders(self) -> tuple[str, ...]:
        """The roots, in the order that `Placed.root` counts them in."""
        return tuple(self._volumes)

    @staticmethod
    def around(folders: Iterable[str], paths: Iterable[str]) -> Roots:
        """Roots for all of `paths`: those of `folders` that are there, and where none holds a path, what does."""
        roots = Roots(folder for folder in folders if os.path.isdir(folder))
        for path in paths:
            if roots._root_of(roots._real(path)) is None:
                roots._add(_existing(os.path.dirname(roots._real(path))))
        return roots

    def place(self, path: str) -> Placed:
        """Where an absolute path lies; raises `ValueError` for one below no root, `ConfigError` for an unsafe one."""
        resolved = self._real(path)
        root = self._root_of(resolved)
        if root is None:
            raise ValueError(f"{path} is below none of {', '.join(self._volumes)}")
        names = resolved[len(root.rstrip(os.sep)) :].split(os.sep)
        return Placed(self.folders.index(root), RelPath(tuple(name for name in names if name)))

    def of_any_length(self, host: Host, placed: Iterable[Placed]) -> tuple[str, ...]:
        """The roots in the form under which every one of these files can be made (MAX_PATH on Windows)."""
        longest: dict[int, int] = {}
        for one in placed:
            longest[one.root] = max(longest.get(one.root, 0), len(str(one.target)))
        return tuple(
            os.fspath(host.any_length(Path(folder)))
            if len(folder) + max(longest.get(number, 0), _ADDED) >= _LONGEST_PLAIN
            else folder
            for number, folder in enumerate(self.folders)
        )

    def _real(self, path: str) -> str:
        """The path of a file with its folder resolved: the file itself may be anything, or nothing yet."""
        folder, name = os.path.split(path)
        if folder not in self._resolved:
            self._resolved[folder] = os.path.realpath(folder)
        return os.path.join(self._resolved[folder], name)

    def _root_of(self, path: str) -> str | None:
        """The innermost root a resolved path lies in."""
        within = [root for root in self._volumes if is_within(path, root)]
        return max(within, key=len, default=None)

    def _add(self, folder: str) -> None:
        try:
            volume = os.stat(folder).st_dev
        except OSError as wrong:
            raise target_error(wrong, folder) from wrong
        outer = self._root_of(folder)
        if outer is not None and self._volumes[outer] == volume:
            return
        for inner in [root for root, its in self._volumes.items() if is_within(root, folder) and its == volume]:
            del self._volumes[inner]
        self._volumes[folder] = volume


def is_within(path: str, folder: str) -> bool:
    """Whether a path is the folder or below it, as the system compares names."""
    path, folder = os.path.normcase(path), os.path.normcase(folder).rstrip(os.sep)
    return path == folder or path.startswith(folder + os.sep)


def plain(path: str) -> str:
    """A path as people write it: without what lets it be of any length on Windows."""
    return path.removeprefix(_ANY_LENGTH)


def below(root: str, target: RelPath) -> str:
    """The whole path of a file below a root."""
    return inventory.local_path(Path(root), target)


def _existing(folder: str) -> str:
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return folder

"""Opening a file below a folder without ever leaving it, whatever else changes names there meanwhile.

Where the system has descriptors of folders, each name is opened in the folder before it and no link is
followed by the system: a link's target is worked out, has to lie below the root, and is then walked in
the same way. Elsewhere (Windows) paths are resolved, and what was opened is compared with them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.site.shares_names import Names

MOST_LINKS = 8
WALKS = os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd
"""Whether this system can open a name in a folder that is open."""

# Neither a pipe nor a device that comes in the place of a file can make opening it wait.
_FILE = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)
_ROOT = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER = _ROOT | getattr(os, "O_NOFOLLOW", 0)

Allowed = Callable[[str], bool]
"""Whether a name may be served; asked of every name on the way, as it is spelled on disk."""


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file that was opened: its descriptor, its name on disk, what the system says of it."""

    descriptor: int
    name: str
    about: os.stat_result


def open_below(root: Path, segments: tuple[str, ...], allowed: Allowed, names: Names) -> Found | None:
    """Open the file `segments` below `root`, its path in any case; None where no file is to be had.

    Exactly spelled names go first. `root` itself may be a link. Raises `OSError` for anything the
    system refuses, a name that is not there too (`FileNotFoundError`, `NotADirectoryError`).
    """
    return _walk(root, segments, allowed, names) if WALKS else open_resolved(root, segments, allowed, names)


def _walk(root: Path, segments: tuple[str, ...], allowed: Allowed, names: Names) -> Found | None:
    top = os.open(root, _ROOT)
    try:
        for _ in range(MOST_LINKS):
            found = _Walk(top, allowed, names).to(segments)
            if not isinstance(found, _Link):
                return found
            target = _below(root, found.walked)
            if target is None:
                return None
            segments = (*target, *found.rest)
        return None
    finally:
        os.close(top)


@dataclass(frozen=True, slots=True)
class _Link:
    """A link on the way: the names up to it and with it, and those still to go."""

    walked: tuple[str, ...]
    rest: tuple[str, ...]


class _Walk:
    """One way down from an open folder, which stays open."""

    def __init__(self, top: int, allowed: Allowed, names: Names) -> None:
        self._top = top
        self._at = top
        self._allowed = allowed
        self._names = names

    def to(self, segments: tuple[str, ...]) -> Found | _Link | None:
        walked: list[str] = []
        try:
            for number, segment in enumerate(segments, 1):
                is_last = number == len(segments)
                name, about = self._look(segment)
                if not self._allowed(name):
                    return None
                walked.append(name)
                if stat.S_ISLNK(about.st_mode):
                    return _Link(tuple(walked), segments[number:])
                if is_last:
                    return self._file(name) if stat.S_ISREG(about.st_mode) else None
                self._enter(name)
            return None
        finally:
            self._leave()

    def _look(self, name: str) -> tuple[str, os.stat_result]:
        """A name as it is spelled here, and what stands under it; links are not followed."""
        try:
            return name, os.stat(name, dir_fd=self._at, follow_symlinks=False)
        except FileNotFoundError:
            spelled = self._names.spelled(self._at, name)
            if spelled is None:
                raise
            return spelled, os.stat(spelled, dir_fd=self._at, follow_symlinks=False)

    def _enter(self, name: str) -> None:
        inner = os.open(name, _FOLDER, dir_fd=self._at)
        self._leave()
        self._at = inner

    def _leave(self) -> None:
        if self._at != self._top:
            os.close(self._at)
            self._at = self._top

    def _file(self, name: str) -> Found | None:
        return _regular(os.open(name, _FILE, dir_fd=self._at), name)


def _regular(descriptor: int, name: str) -> Found | None:
    about = os.fstat(descriptor)
    if stat.S_ISREG(about.st_mode):
        return Found(descriptor, name, about)
    os.close(descriptor)
    return None


def _below(root: Path, walked: tuple[str, ...]) -> tuple[str, ...] | None:
    """Where a path below `root` leads after all links, as names below it; None where that is outside."""
    real_root = os.path.realpath(root, strict=True)
    real = os.path.realpath(os.path.join(real_root, *walked), strict=True)
    try:
        if os.path.commonpath((real_root, real)) != real_root:
            return None
    except ValueError:  # another drive
        return None
    return Path(real).relative_to(real_root).parts


def open_resolved(root: Path, segments: tuple[str, ...], allowed: Allowed, names: Names) -> Found | None:
    """`open_below` for systems without descriptors of folders: paths are resolved before and after opening."""
    path = os.path.realpath(root, strict=True)
    for name in segments:
        if not os.path.lexists(os.path.join(path, name)):
            name = names.spelled(path, name) or name  # noqa: PLW2901
        if not allowed(name):
            return None
        path = os.path.join(path, name)
    target = _below(root, tuple(Path(path).relative_to(os.path.realpath(root)).parts))
    if not target or not all(map(allowed, target)):
        return None
    real = os.path.join(os.path.realpath(root), *target)
    if not stat.S_ISREG(os.lstat(real).st_mode):
        return None
    found = _regular(os.open(real, _FILE), target[-1])
    if found is not None and not _is_still(real, found.about):
        os.close(found.descriptor)
        return None
    return found


def _is_still(real: str, about: os.stat_result) -> bool:
    """Whether a path without links still leads, without links, to the file that was opened."""
    try:
        return os.path.realpath(real, strict=True) == real and os.path.samestat(os.lstat(real), about)
    except OSError:
        return False

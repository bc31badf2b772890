"""A read-only look at an installation on disk, and the one place where a path inside it is formed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import Problem, error
from deploy.relpath import RelPath


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A regular file as the file system describes it: size in bytes, mtime in nanoseconds."""

    size: int
    mtime_ns: int


def local_path(base: Path, output: RelPath) -> str:
    """The path of `output` below `base`; `RelPath` guarantees that it stays there."""
    return os.sep.join((os.fspath(base).rstrip(os.sep), *output.segments))


def look(base: Path, output: RelPath) -> LocalFile | None:
    """The regular file at `output`; None for nothing, a link, a folder or a device."""
    try:
        found = os.lstat(local_path(base, output))
    except OSError:
        return None
    return LocalFile(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def obstacles(base: Path, outputs: Iterable[RelPath]) -> tuple[Problem, ...]:
    """What lies where folders and files are to be: links, files instead of folders and the reverse.

    A link is an obstacle because a file placed through it would land outside `base`.
    """
    problems: dict[str, Problem] = {}
    in_folder: dict[tuple[str, ...], list[RelPath]] = {}
    for output in outputs:
        in_folder.setdefault(output.segments[:-1], []).append(output)
    checked: set[RelPath] = set()
    for inside in in_folder.values():
        folder = inside[0].parent
        for step in (folder, *_folders_above(folder)):
            if step in checked or not step.segments:
                continue
            checked.add(step)
            path = local_path(base, step)
            if (said := _not_a_folder(path)) is not None:
                problems[path] = _in_the_way(path, said)
        taken = _folders_in(local_path(base, folder))
        for output in inside:
            if output.name in taken:
                path = local_path(base, output)
                problems[path] = _in_the_way(path, "is a folder where a file is to be")
    return tuple(problems.values())


def _folders_in(path: str) -> set[str]:
    try:
        with os.scandir(path) as entries:
            return {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    except OSError:
        return set()


def _folders_above(output: RelPath) -> Iterable[RelPath]:
    folder = output.parent
    while folder.segments:
        yield folder
        folder = folder.parent


def _not_a_folder(path: str) -> str | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if stat.S_ISDIR(found.st_mode) and not _is_junction(found):
        return None
    return "is a link, and files would land outside" if stat.S_ISLNK(found.st_mode) else "is not a folder"


def _is_junction(found: os.stat_result) -> bool:
    return getattr(found, "st_reparse_tag", 0) == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)


def _in_the_way(path: str, said: str) -> Problem:
    return error("in-the-way", f"{path} {said}", "move it away, or install into another folder")

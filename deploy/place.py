"""Move verified files from the staging folder to their final names, durably and never by halves."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.atomic import fsync_folder
from deploy.errors import Problem, TargetError, error
from deploy.inventory import local_path
from deploy.relpath import RelPath

BUSY_ATTEMPTS = 20
BUSY_PAUSE = 0.25
WINDOWS_BUSY = (5, 32, 33)  # ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION


@dataclass(frozen=True, slots=True)
class Placement:
    """A staged, verified, flushed file and where it goes; `modified` is its time in POSIX seconds."""

    staged: str
    output: RelPath
    modified: float | None


def place(base: Path, placements: Sequence[Placement], *, pause: Callable[[float], None] = time.sleep) -> None:
    """Give every staged file its final name by one rename each, then make the folders durable.

    Raises `TargetError` (in-use, cannot-write, disk-full) naming the file; files already moved stay,
    the others keep their old content and stay staged.
    """
    folders = {placement.output.segments[:-1]: placement.output for placement in placements}
    into = {output.parent for output in folders.values()}
    made = _make_folders(base, into)
    for number, placement in enumerate(placements):
        try:
            if placement.modified is not None:
                os.utime(placement.staged, (placement.modified, placement.modified))
            _replace(placement.staged, local_path(base, placement.output), pause)
        except OSError as wrong:
            raise TargetError(_not_placed(base, placement.output, wrong, number, len(placements))) from wrong
    for folder in sorted(into | made, key=str):
        fsync_folder(Path(local_path(base, folder)))


def _make_folders(base: Path, folders: Iterable[RelPath]) -> set[RelPath]:
    """Create what is missing; returns every folder whose list of names changed."""
    changed: set[RelPath] = set()
    for folder in sorted(folders, key=lambda one: len(one.segments)):
        missing: list[RelPath] = []
        step = folder
        while step.segments and not os.path.isdir(local_path(base, step)):
            missing.append(step)
            step = step.parent
        for new in reversed(missing):
            try:
                os.mkdir(local_path(base, new))
            except OSError as wrong:
                raise TargetError(_not_made(local_path(base, new), wrong)) from wrong
            changed.add(new.parent)
    return changed


def _replace(staged: str, final: str, pause: Callable[[float], None]) -> None:
    """`os.replace`, patient with virus scanners and indexers that hold a file for a moment."""
    for attempt in range(BUSY_ATTEMPTS):
        try:
            os.replace(staged, final)
            return
        except PermissionError as wrong:
            if getattr(wrong, "winerror", None) not in WINDOWS_BUSY or attempt == BUSY_ATTEMPTS - 1:
                raise
            _clear_read_only(final)
            pause(BUSY_PAUSE)


def _clear_read_only(path: str) -> None:
    """Windows refuses to replace a read-only file."""
    try:
        os.chmod(path, stat.S_IWRITE)
    except OSError:
        return


def _not_placed(base: Path, output: RelPath, wrong: OSError, done: int, total: int) -> Problem:
    path = local_path(base, output)
    if getattr(wrong, "winerror", None) in WINDOWS_BUSY:
        hint = "close the program that uses it and run the same command again: nothing is transferred twice"
        return error("in-use", f"{path} is in use ({done} of {total} files are in place)", hint)
    hint = "see to it that this account may write there, then run the same command again: nothing is transferred twice"
    return error("cannot-write", f"{path}: {wrong.strerror} ({done} of {total} files are in place)", hint)


def _not_made(path: str, wrong: OSError) -> Problem:
    return error("cannot-write", f"{path}: {wrong.strerror}", "see to it that this account may create folders there")

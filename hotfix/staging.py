"""The staging folder in each root, where new files lie until the change renames them, and the note that tells of it.

The note is durable before anything is staged, so what a kill leaves is found by the next start.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.atomic import fsync_folder, sweep, write_atomic
from deploy.change import files
from deploy.disk import target_error
from deploy.errors import TargetError, error
from deploy.jsonlines import json_line
from hotfix import copying, layout
from hotfix.copying import Count, uncounted
from hotfix.installed import Original
from hotfix.jsonvalues import decoded, encoded

_PRIVATE, _INHERITED = 0o700, 0o777


@dataclass(frozen=True, slots=True)
class Note:
    """What has to be tidied up after a change of hotfixes, whatever became of it.

    `roots` may have staging folders. Once there is no record of `id` in `revision`, the empty ones of
    `folders` go (absolute paths); for an installation there are none.
    """

    roots: tuple[str, ...] = ()
    id: str = ""
    revision: int = 0
    folders: tuple[str, ...] = ()


def write_note(hotfixes: Path, note: Note) -> None:
    """Make the note durable; raises `TargetError`."""
    path = hotfixes / layout.UNFINISHED
    sweep(path)
    try:
        write_atomic(path, json_line(encoded(note)))
    except OSError as wrong:
        raise target_error(wrong, path) from wrong


def read_note(hotfixes: Path) -> Note | None:
    """The note, None for none; one that cannot be read was never durable, and nothing came of it.

    Raises `TargetError` (cannot-read).
    """
    path = hotfixes / layout.UNFINISHED
    try:
        return decoded(Note, json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as wrong:
        raise copying.unreadable(wrong, str(path)) from wrong
    except (ValueError, RecursionError):
        return Note()


def forget_note(hotfixes: Path) -> None:
    """Remove the note; raises `OSError`."""
    files.remove(str(hotfixes / layout.UNFINISHED))
    fsync_folder(hotfixes)


class Staging:
    """New files for one change; `roots` are the change's own. Methods raise `TargetError`."""

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = roots
        self._made: set[int] = set()
        self._count = 0

    def file(self, root: int, source: str, wanted: Original, count: Count = uncounted) -> str:
        """Stage a copy of a file: with these bytes (code `changed` else), mode, time and owner. Returns its path."""
        path = self._path(root)
        if copying.copy(source, path, count).sha256 != wanted.sha256:
            said = f"{source} was changed while it was being copied"
            raise TargetError(error("changed", said, "run the same command again", file=source))
        copying.dress(path, wanted.mode, wanted.mtime_ns, wanted.owner)
        return path

    def bytes(self, root: int, data: bytes, mode: int = copying.PRIVATE, owner: tuple[int, int] | None = None) -> str:
        """Stage a file of these bytes, as of now. Returns its path."""
        path = self._path(root)
        copying.write(data, path)
        copying.dress(path, mode, None, owner)
        return path

    def _path(self, root: int) -> str:
        folder = os.path.join(self._roots[root], layout.STAGING)
        if root not in self._made:
            try:
                # Windows: inherited, for the files keep what they inherit here.
                os.mkdir(folder, _PRIVATE if hasattr(os, "O_DIRECTORY") else _INHERITED)
            except OSError as wrong:
                raise target_error(wrong, folder) from wrong
            self._made.add(root)
        self._count += 1
        return os.path.join(folder, str(self._count))


def remove_staging(root: str) -> None:
    """Remove the staging folder of a root, if there is one; never through a link. Raises `OSError`."""
    folder = os.path.join(root, layout.STAGING)
    found = files.look(folder)
    if found is None:
        return
    if stat.S_ISDIR(found.st_mode) and not _is_junction(found):
        for name in os.listdir(folder):
            files.remove(os.path.join(folder, name))
        os.rmdir(folder)
    else:
        files.remove(folder)


def _is_junction(found: os.stat_result) -> bool:
    return getattr(found, "st_reparse_tag", 0) == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)

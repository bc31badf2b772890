"""The folder in which a change keeps what it needs to be undone.

    WORK/journal     what is going on, see `deploy.change.records`
    WORK/ballast     room that is given back before a recovery writes anything
    WORK/backup/N    the old file of the N-th op, counted from 0

It lies on the volume of the base folder, for a backup comes back by a rename.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from deploy.atomic import fsync_folder
from deploy.change import files
from deploy.change.files import Pause
from deploy.change.journal import Journal
from deploy.change.records import Begin
from deploy.change.steps import Op
from deploy.disk import write_all
from deploy.relpath import RelPath

WORK = ".micce-change"
BALLAST = 64 * 1024


class WorkFolder:
    """One work folder and the base folder it belongs to; every method raises `OSError`."""

    def __init__(self, base: Path, folder: Path | None = None) -> None:
        self.base = base
        self.folder = base / WORK if folder is None else folder
        self._known: dict[str, RelPath] = {}
        self.journal = self.folder / "journal"
        self._ballast = self.folder / "ballast"
        self._backups = os.path.join(self.folder, "backup")
        self._root = os.fspath(base).rstrip(os.sep) + os.sep

    def target(self, path: RelPath) -> str:
        """The absolute path of something below the base folder."""
        return self._root + os.sep.join(path.segments)

    def below(self, path: str) -> RelPath:
        """The other way round; raises `ValueError` for what is not below the base folder."""
        if not path.startswith(self._root):
            raise ValueError(f"{path} is not below {self.base}")
        folder, _, name = path[len(self._root) :].rpartition(os.sep)
        if folder not in self._known:
            self._known[folder] = RelPath.parse(folder)
        return self._known[folder].child(name)

    def backup(self, number: int) -> str:
        """Where the old file of an op is kept."""
        return f"{self._backups}{os.sep}{number}"

    @property
    def backups(self) -> str:
        """The folder of the backups."""
        return self._backups

    def exists(self) -> bool:
        """Whether there is such a folder, or anything else of its name."""
        return os.path.lexists(self.folder)

    def is_folder(self) -> bool:
        """Whether it is a folder of its own and not a link (Windows: a junction) to one."""
        found = os.lstat(self.folder)
        is_junction = getattr(found, "st_reparse_tag", 0) == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)
        return stat.S_ISDIR(found.st_mode) and not is_junction

    def has_backups(self) -> bool:
        """Whether any old file is kept here."""
        try:
            with os.scandir(self._backups) as entries:
                return any(True for _ in entries)
        except FileNotFoundError:
            return False

    def begin(self, ops: Sequence[Op]) -> Journal:
        """Make the folder, the ballast and the journal with its `begin`, all durable."""
        private = 0o700 if hasattr(os, "O_DIRECTORY") else 0o777  # Windows: inherited, as in `deploy.stage`
        os.mkdir(self.folder, private)
        extra = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_EXCL | extra, 0o600)
        try:
            # Random, so that no file system packs it into less room than it is to keep.
            write_all(descriptor, os.urandom(BALLAST))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        journal = Journal.create(self.journal)
        try:
            journal.append(Begin(tuple(ops)))
            os.mkdir(self._backups, private)
            fsync_folder(self.folder)
            fsync_folder(self.base)
        except BaseException:
            journal.close()
            raise
        return journal

    def free_ballast(self) -> None:
        """Give the room back; if that cannot be, what follows may still do without."""
        with suppress(OSError):
            self._ballast.unlink(missing_ok=True)

    def clean(self, ops: Sequence[Op], pause: Pause) -> None:
        """Remove everything, the journal last; the change is decided, so being broken off does no harm."""
        for entry in _entries(self._backups):
            files.remove(entry.path, pause)
        for op in ops:
            # On Windows a second name of a read-only file can only be removed by taking that off both.
            if op.before is not None and not op.before.mode & stat.S_IWRITE:
                files.restore_mode(self.target(op.target), op.before.mode)
        for entry in _entries(self.folder):
            if entry.name == self.journal.name:
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                files.remove(entry.path, pause)
        fsync_folder(self.folder)
        files.remove(str(self.journal), pause)
        os.rmdir(self.folder)


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []

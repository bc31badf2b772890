"""The folders in which a change keeps what it needs to be undone.

    HOME/journal              what is going on, see `deploy.change.records`
    HOME/ballast              room that is given back before a recovery writes anything
    ROOT/.micce-change/backup/N    the old file of the N-th op, counted from 0
    ROOT/.micce-change/owner       the HOME of the change, as text

A backup lies on the volume of its root, for it comes back by a rename. A change of one installation
has its journal and ballast there too: HOME is then ROOT/.micce-change, and nobody else owns it.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from deploy.atomic import fsync_folder
from deploy.change import files
from deploy.change.files import Pause
from deploy.change.journal import Journal
from deploy.change.ops import Op
from deploy.change.records import Begin
from deploy.disk import write_all
from deploy.relpath import RelPath

WORK = ".micce-change"
BALLAST = 64 * 1024

CarryAway = Callable[[str], None]
"""Called with a backup that is in use and cannot be removed; raises `OSError` if it is to stay."""


class Root:
    """One folder below which files change, and the work folder in it; every method raises `OSError`."""

    def __init__(self, base: Path, folder: Path | None = None) -> None:
        self.base = base
        self.folder = base / WORK if folder is None else folder
        self.owner = self.folder / "owner"
        self.backups = os.path.join(self.folder, "backup")
        self._known: dict[str, RelPath] = {}
        self._prefix = os.fspath(base).rstrip(os.sep) + os.sep

    def target(self, path: RelPath) -> str:
        """The absolute path of something below this root."""
        return self._prefix + os.sep.join(path.segments)

    def below(self, path: str) -> RelPath:
        """The other way round; raises `ValueError` for what is not below this root."""
        if not path.startswith(self._prefix):
            raise ValueError(f"{path} is not below {self.base}")
        folder, _, name = path[len(self._prefix) :].rpartition(os.sep)
        if folder not in self._known:
            self._known[folder] = RelPath.parse(folder)
        return self._known[folder].child(name)

    def backup(self, number: int) -> str:
        """Where the old file of an op is kept."""
        return f"{self.backups}{os.sep}{number}"

    def owned_by(self) -> Path | None:
        """The home of the change of a machine that this work folder belongs to; None for an installation's own."""
        try:
            said = self.owner.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Path(os.fsdecode(said)) if said else None

    def is_of_another(self, home: Path) -> bool:
        """Whether the work folder belongs to an installation, or to a change with another home that has a journal."""
        owner = self.owned_by()
        if owner is None:
            return os.path.lexists(self.folder / "journal")
        try:
            return os.path.lexists(owner / "journal") and not os.path.samefile(owner, home)
        except FileNotFoundError:
            return False

    def has_backups(self) -> bool:
        """Whether any old file is kept here."""
        try:
            with os.scandir(self.backups) as entries:
                return any(True for _ in entries)
        except (FileNotFoundError, NotADirectoryError):
            return False


class Place:
    """The home of one change and its roots; every method raises `OSError`."""

    def __init__(self, home: Path, roots: Sequence[Root]) -> None:
        self.home = home
        self.roots = tuple(roots)
        self.journal = home / "journal"
        self._ballast = home / "ballast"

    @classmethod
    def of_installation(cls, base: Path, work: Path | None = None) -> Place:
        """The work folder of an installation is the home of its changes."""
        root = Root(base, work)
        return cls(root.folder, (root,))

    @classmethod
    def of_machine(cls, home: Path, roots: Iterable[str]) -> Place:
        """A home of its own; `roots` are absolute."""
        return cls(home, [Root(Path(root)) for root in roots])

    def target(self, op: Op) -> str:
        """The absolute path of what an op changes."""
        return self.roots[op.root].target(op.target)

    def staged(self, op: Op) -> str | None:
        """The absolute path of what it brings."""
        return None if op.staged is None else self.roots[op.root].target(op.staged)

    def backup(self, number: int, op: Op) -> str:
        """Where its old file is kept."""
        return self.roots[op.root].backup(number)

    def exists(self) -> bool:
        """Whether there is a home, or anything else of its name."""
        return os.path.lexists(self.home)

    def is_folder(self) -> bool:
        """Whether it is a folder of its own and not a link (Windows: a junction) to one."""
        found = os.lstat(self.home)
        is_junction = getattr(found, "st_reparse_tag", 0) == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)
        return stat.S_ISDIR(found.st_mode) and not is_junction

    def begin(self, begin: Begin) -> Journal:
        """Make the home, the ballast and the journal with its `begin`, then the folders of the roots, all durable."""
        os.mkdir(self.home, _private())
        _make_ballast(self._ballast)
        journal = Journal.create(self.journal)
        try:
            journal.append(begin)
            own = [self.roots[number] for number in sorted({op.root for op in begin.ops})]
            for root in own:
                if root.folder == self.home:
                    os.mkdir(root.backups, _private())
            fsync_folder(self.home)
            fsync_folder(self.home.parent)
            # Nothing but `begin` tells of these, so it is on disk before they are.
            for root in own:
                if root.folder != self.home:
                    self._make_folder(root)
        except BaseException:
            journal.close()
            raise
        return journal

    def _make_folder(self, root: Root) -> None:
        os.mkdir(root.folder, _private())
        _write_owner(root, self.home)
        if os.stat(root.folder).st_dev != os.stat(self.home).st_dev:
            _make_ballast(root.folder / "ballast")
        os.mkdir(root.backups, _private())
        fsync_folder(root.folder)
        fsync_folder(root.base)

    def free_ballast(self) -> None:
        """Give the room back; if that cannot be, what follows may still do without."""
        others = (root.folder / "ballast" for root in self.roots if root.folder != self.home)
        for ballast in (self._ballast, *others):
            with suppress(OSError):
                ballast.unlink(missing_ok=True)

    def let_go(self, pause: Pause) -> None:
        """Remove the old files' second names as far as that can be; everything has been undone, durably."""
        for root in self.roots:
            for entry in _entries(root.backups):
                with suppress(OSError):
                    files.remove(entry.path, pause, 1)

    def clean(self, ops: Sequence[Op], undone: bool, pause: Pause, carry_away: CarryAway | None = None) -> None:
        """Remove everything, the journal last; the change is decided, so being broken off does no harm."""
        roots = [root for root in self.roots if root.folder == self.home or not root.is_of_another(self.home)]
        for root in roots:
            for entry in _entries(root.backups):
                _remove(entry.path, pause, carry_away)
        for op in ops if undone else ():
            # On Windows a second name of a read-only file can only be removed by taking that off both.
            if op.before is not None and not op.before.mode & stat.S_IWRITE:
                files.restore_mode(self.target(op), op.before.mode)
        for root in roots:
            if root.folder != self.home and os.path.lexists(root.folder):
                _empty(root.folder, None, pause)
                os.rmdir(root.folder)
                fsync_folder(root.base)
        _empty(self.home, self.journal.name, pause)
        fsync_folder(self.home)
        files.remove(str(self.journal), pause)
        os.rmdir(self.home)


def _private() -> int:
    """The mode of new folders; on Windows they inherit, as in `deploy.stage`."""
    return 0o700 if hasattr(os, "O_DIRECTORY") else 0o777


def _make_ballast(path: Path) -> None:
    extra = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | extra, 0o600)
    try:
        # Random, so that no file system packs it into less room than it is to keep.
        write_all(descriptor, os.urandom(BALLAST))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_owner(root: Root, home: Path) -> None:
    descriptor = os.open(root.owner, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        write_all(descriptor, os.fsencode(home))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: str, pause: Pause, carry_away: CarryAway | None) -> None:
    if carry_away is None:
        files.remove(path, pause)
        return
    try:
        files.remove(path, pause, 1)
    except PermissionError as wrong:
        if not files.is_busy(wrong):
            raise
        carry_away(path)


def _empty(folder: Path, keep: str | None, pause: Pause) -> None:
    for entry in _entries(folder):
        if entry.name == keep:
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            files.remove(entry.path, pause)


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []

"""The files of a change on their way: flushed, old ones kept by a second name, renamed, looked at.

Methods raise `OSError` for what the system refuses, at the path `at`, and `TargetError` for the rest.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.atomic import flush_tree, fsync_folder
from deploy.change import aside, files
from deploy.change.course import Course, ignore
from deploy.change.journal import Journal
from deploy.change.model import Doing, InUse
from deploy.change.ops import Kind, Op
from deploy.change.work import Place
from deploy.errors import TargetError, error

LONG_ATTEMPTS = 240
"""A minute of `files.BUSY_PAUSE`."""
_ATTEMPTS = {InUse.FAIL: 1, InUse.RETRY: LONG_ATTEMPTS, InUse.REBOOT: files.BUSY_ATTEMPTS}


@dataclass(frozen=True, slots=True)
class Planned:
    """An op with its absolute paths, and the file it will leave: size in bytes, mtime in nanoseconds; None for none."""

    op: Op
    target: str
    staged: str | None = None
    after: tuple[int, int] | None = None


class Placing:
    """All files of one change; `moved` and `waiting` are the targets of files that stayed in use."""

    def __init__(self, place: Place, plan: Sequence[Planned], reread: bool, course: Course) -> None:
        self._place = place
        self._plan = plan
        self._reread = reread
        self._course = course
        self._left = LONG_ATTEMPTS
        self._held: list[int] = []
        self.moved: list[str] = []
        self.waiting: list[str] = []
        self.at = os.fspath(place.home)

    def flush(self) -> None:
        """Make everything that is staged durable."""
        for number, root in enumerate(self._place.roots):
            staged = [one.staged for one in self._plan if one.staged is not None and one.op.root == number]
            if staged:
                self.at = os.path.dirname(staged[0])
                flush_tree(staged, root.base)

    def recheck(self) -> None:
        """See that every old file is still as it was planned with; raises `TargetError` (changed)."""
        for one in self._plan:
            before = one.op.before
            self.at = one.target
            found = files.look(one.target)
            same = None if found is None else (found.st_size, found.st_mtime_ns)
            if one.op.kind is not Kind.FOLDER and same != (None if before is None else (before.size, before.mtime_ns)):
                said = f"{one.target} was changed since the change began"
                hint = "see which program or command changes it, then run the same command again"
                raise TargetError(error("changed", said, hint, file=one.target))

    def back_up(self) -> None:
        """Give every old file a second name, durably."""
        concerned = {one.op.root for one in self._plan}
        copies: dict[int, list[str]] = {number: [] for number in concerned}
        for number, one in enumerate(self._plan):
            if one.op.before is not None:
                self.at = one.target
                backup = self._place.backup(number, one.op)
                if files.back_up(self.at, backup):
                    copies[one.op.root].append(backup)
        for number in sorted(concerned):
            self.at = self._place.roots[number].backups
            if copies[number]:
                flush_tree(copies[number], self.at)
            fsync_folder(self.at)

    def change(self, journal: Journal) -> None:
        """Rename, remove and make, durably."""
        is_told = self._course.tell is not ignore
        for number, one in enumerate(self._plan):
            self.at = one.target
            if one.op.kind is Kind.FOLDER:
                _make_folder(one.target)
                continue
            if is_told:
                self._course.tell(Doing("delete-file" if one.staged is None else "replace-file", one.target))
            try:
                if one.staged is not None:
                    os.replace(one.staged, one.target)
                else:
                    with suppress(FileNotFoundError):
                        os.unlink(one.target)
            except PermissionError as wrong:
                if not files.is_busy(wrong):
                    raise
                self._patiently(number, one, journal)
        self._flush_folders()

    def _patiently(self, number: int, one: Planned, journal: Journal) -> None:
        """Change a file that somebody holds, or is read-only, as the change says."""
        try:
            self._one(one)
        except PermissionError as wrong:
            if not files.is_busy(wrong):
                raise
            self._in_use(number, one, journal, wrong)

    def _one(self, one: Planned) -> None:
        attempts = files.BUSY_ATTEMPTS if self._course.means is None else _ATTEMPTS[one.op.in_use]
        pause = self._course.pause
        if one.op.in_use is InUse.REBOOT:
            # All of them together wait a minute at most: there is another way for each.
            attempts = max(1, min(attempts, self._left))
            pause = self._counted_pause
        if one.staged is None:
            files.remove(one.target, pause, attempts)
        else:
            files.replace(one.staged, one.target, pause, attempts)

    def _counted_pause(self, seconds: float) -> None:
        self._left -= 1
        self._course.pause(seconds)

    def _in_use(self, number: int, one: Planned, journal: Journal, wrong: OSError) -> None:
        if one.op.in_use is not InUse.REBOOT or self._course.means is None:
            raise aside.in_use(one.target, self._course.means) from wrong
        if aside.move_away(self._place, number, one.op, journal):
            self.moved.append(one.target)
            if one.staged is not None:
                files.replace(one.staged, one.target, self._course.pause)
        else:
            self._held.append(number)

    def defer(self, journal: Journal) -> None:
        """Have the system finish at its next start what is still in use."""
        for number in self._held:
            one = self._plan[number]
            self.at = one.target
            aside.leave_to_restart(self._place, number, one.op, journal, self._course.machine)
            self.waiting.append(one.target)
        if self._held:
            self._flush_folders()

    def _flush_folders(self) -> None:
        folders = set()
        for one in self._plan:
            folders.add(one.target.rpartition(os.sep)[0])
            if one.staged is not None:
                folders.add(one.staged.rpartition(os.sep)[0])
        for folder in sorted(folders):
            self.at = folder
            fsync_folder(folder)

    def look(self, *, reread: bool) -> None:
        """See that every file is as it should be; raises `TargetError` (not-kept).

        `reread` takes effect where the change was told to reread.
        """
        held = {self._plan[number].target for number in self._held}
        for one in self._plan:
            if one.op.kind is Kind.FOLDER or one.target in held:
                continue
            self.at = one.target
            found = files.look(one.target)
            right = (None if found is None else (found.st_size, found.st_mtime_ns)) == one.after
            if right and reread and self._reread and one.op.new is not None:
                right = files.digest_of(one.target) == one.op.new
            if not right:
                said = f"{one.target} was put in place and is gone or changed"
                hint = "look for what removes it (a virus scanner, another installer)"
                raise TargetError(error("not-kept", said, hint, file=one.target))


def _make_folder(path: str) -> None:
    try:
        os.mkdir(path)
    except FileExistsError:
        if not Path(path).is_dir():
            raise

"""Apply the steps of a change so that the base folder is wholly old or wholly new, whatever happens.

The protocol: journal `begin`; flush what is staged; give every old file a second name; journal
`backed`; rename; look; journal `commit`; remove the second names; the journal last. A failure on
the way undoes everything at once; a kill or a power loss is what `deploy.change.recovery` is for.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deploy import inventory
from deploy.atomic import flush_tree, fsync_folder
from deploy.change import files
from deploy.change.files import Pause
from deploy.change.journal import Journal
from deploy.change.records import Backed, Commit
from deploy.change.recovery import Checkpoint, Outcome, leave, pass_by, recover, roll_back
from deploy.change.steps import Create, Delete, Kind, MakeFolder, Op, Put, Replace, Step, with_folders
from deploy.change.work import WorkFolder
from deploy.errors import MicceError, Problem, TargetError, error

AGAIN = "run the same command again"


@dataclass(frozen=True, slots=True)
class _Planned:
    """An op with its absolute paths, and the file it will leave: size in bytes, mtime in nanoseconds; None for none."""

    op: Op
    target: str
    staged: str | None = None
    after: tuple[int, int] | None = None


def apply(
    base: Path,
    steps: Sequence[Step],
    work: Path | None = None,
    *,
    reread: bool = False,
    pause: Pause = time.sleep,
    checkpoint: Checkpoint = pass_by,
) -> tuple[Problem, ...]:
    """Carry out the steps, all or none; missing folders are made. Returns warnings.

    `base` is resolved, and locked by the caller. What is staged lies below `base` on its volume, and
    its digests were proven in this run; `reread` has it read before and after instead. `work` is the
    folder for journal and backups, by default `.micce-change` in `base`. Raises `TargetError`: in-the-way,
    changed, digest-mismatch (nothing was touched); in-use, cannot-write, disk-full, not-kept
    (everything is as it was, and the new files are staged; if not, a second problem says so and
    `recover` goes on). Raises `ValueError` for steps that contradict each other.
    """
    place = WorkFolder(base, work)
    if place.exists() and recover(base, work, pause=pause).outcome is Outcome.ROLLED_BACK:
        said = f"a change of {base} that had been broken off was undone just now"
        raise TargetError(error("changed", said, AGAIN, file=str(base)))
    try:
        plan = _planned(place, steps, reread)
    except OSError as wrong:
        raise files.refused(wrong, wrong.filename or base) from wrong
    if not plan:
        return ()
    return _Change(place, plan, reread, pause, checkpoint).carried_out()


class _Change:
    """One change on its way."""

    def __init__(
        self, place: WorkFolder, plan: Sequence[_Planned], reread: bool, pause: Pause, checkpoint: Checkpoint
    ) -> None:
        self._place = place
        self._plan = plan
        self._ops = tuple(one.op for one in plan)
        self._reread = reread
        self._pause = pause
        self._reached = checkpoint
        self._journal: Journal | None = None
        self._undecided = 0
        self._backed = False
        self._at = os.fspath(place.folder)

    def carried_out(self) -> tuple[Problem, ...]:
        """All of it, or an error and nothing of it."""
        try:
            journal = self._journal = self._place.begin(self._ops)
            self._undecided = journal.end
            self._reached("begun")
            self._back_up()
            self._at = os.fspath(self._place.journal)
            journal.append(Backed())
            self._undecided, self._backed = journal.end, True
            self._reached("backed")
            self._change()
            self._reached("changed")
            self._look()
            self._reached("checked")
            self._at = os.fspath(self._place.journal)
            journal.append(Commit())
        except OSError as wrong:
            raise TargetError((*files.refused(wrong, self._at).problems, *self._abandoned())) from wrong
        except MicceError as wrong:
            raise TargetError((*wrong.problems, *self._abandoned())) from wrong
        except BaseException:
            self._abandoned()
            raise
        self._reached("committed")
        journal.close()
        warnings = leave(self._place, (), self._pause)
        self._reached("cleaned")
        return warnings

    def _back_up(self) -> None:
        staged = [one.staged for one in self._plan if one.staged is not None]
        if staged:
            self._at = os.path.dirname(staged[0])
            flush_tree(staged, self._place.base)
        self._reached("flushed")
        copies = []
        for number, one in enumerate(self._plan):
            if one.op.before is not None:
                self._at = one.target
                if files.back_up(self._at, self._place.backup(number)):
                    copies.append(self._place.backup(number))
        self._at = self._place.backups
        if copies:
            flush_tree(copies, self._place.backups)
        fsync_folder(self._place.backups)

    def _change(self) -> None:
        folders = set()
        for one in self._plan:
            self._at = one.target
            folders.add(one.target.rpartition(os.sep)[0])
            if one.staged is not None:
                folders.add(one.staged.rpartition(os.sep)[0])
                files.replace(one.staged, one.target, self._pause)
            elif one.op.kind is Kind.FOLDER:
                _make_folder(one.target)
            else:
                files.remove(one.target, self._pause)
        for folder in sorted(folders):
            self._at = folder
            fsync_folder(folder)

    def _look(self) -> None:
        for one in self._plan:
            if one.op.kind is Kind.FOLDER:
                continue
            self._at = one.target
            found = files.look(one.target)
            right = (None if found is None else (found.st_size, found.st_mtime_ns)) == one.after
            if right and self._reread and one.op.new is not None:
                right = files.digest_of(one.target) == one.op.new
            if not right:
                said = f"{one.target} was put in place and is gone or changed"
                hint = "look for what removes it (a virus scanner, another installer)"
                raise TargetError(error("not-kept", said, hint, file=one.target))

    def _abandoned(self) -> tuple[Problem, ...]:
        """Undo what was done so far; returns why it could not be, for then the next start goes on."""
        try:
            self._place.free_ballast()
            if self._journal is not None:
                # Never undo while a commit may be on disk.
                self._journal.retract(self._undecided)
                if self._backed:
                    roll_back(self._place, self._journal, self._ops, self._pause, self._reached)
                self._journal.close()
            leave(self._place, self._ops, self._pause)
        except OSError as wrong:
            return _not_undone(files.refused(wrong, self._place.journal))
        except MicceError as wrong:
            return _not_undone(wrong)
        finally:
            if self._journal is not None:
                self._journal.close()
        return ()


def _not_undone(wrong: MicceError) -> tuple[Problem, ...]:
    hint = "run the same command again when that is in order: it begins by undoing what is left, and all of it is kept"
    said = "what had been done could not be undone yet"
    return tuple(replace(one, message=f"{said}: {one.message}", hint=hint) for one in wrong.problems)


def _planned(place: WorkFolder, steps: Sequence[Step], reread: bool) -> list[_Planned]:
    """Look at everything the steps touch, before anything is changed; raises `TargetError`, `OSError`."""
    steps = with_folders(steps, lambda folder: os.path.isdir(place.target(folder)))
    problems = list(inventory.obstacles(place.base, (one.target for one in steps if not isinstance(one, MakeFolder))))
    planned = []
    for step in [] if problems else steps:
        target = place.target(step.target)
        found = files.look(target)
        problem = _unlike(step, target, found)
        if problem is not None:
            problems.append(problem)
            continue
        planned.append(_planned_one(place, step, target, found, reread))
    if problems:
        raise TargetError(problems)
    return planned


def _planned_one(place: WorkFolder, step: Step, target: str, found: os.stat_result | None, reread: bool) -> _Planned:
    if isinstance(step, MakeFolder):
        return _Planned(Op(Kind.FOLDER, step.target, None, None, None), target)
    known = step.old if isinstance(step, (Replace, Delete)) else None
    before = None if found is None else files.before_of(found, known)
    if isinstance(step, Delete):
        return _Planned(Op(Kind.DELETE, step.target, None, None, before), target)
    kind = Kind.CREATE if before is None else Kind.REPLACE
    op = Op(kind, step.target, place.below(step.staged), step.new, before)
    return _Planned(op, target, step.staged, _readied(step, reread))


def _unlike(step: Step, target: str, found: os.stat_result | None) -> Problem | None:
    """How what is there differs from what the step was made for."""
    if found is not None and not stat.S_ISREG(found.st_mode):
        return error("in-the-way", f"{target} is not a regular file", "move it away", file=target)
    if isinstance(step, Put) or (found is None) == isinstance(step, (Create, MakeFolder)):
        return None
    said = f"{target} {'is gone' if found is None else 'has appeared'} since the change was planned"
    return error("changed", said, AGAIN, file=target)


def _readied(step: Create | Replace | Put, reread: bool) -> tuple[int, int]:
    """Prove a staged file and give it its time; returns its size and mtime in nanoseconds."""
    if step.modified is not None:
        os.utime(step.staged, (step.modified, step.modified))
    found = os.lstat(step.staged)
    if not stat.S_ISREG(found.st_mode) or found.st_size != step.size:
        said = f"{step.staged} is not the file of {step.size} bytes that was staged"
        raise TargetError(error("changed", said, AGAIN, file=step.staged))
    if reread and files.digest_of(step.staged) != step.new:
        said = f"{step.staged} does not have the digest it was staged with"
        raise TargetError(error("digest-mismatch", said, AGAIN, file=step.staged))
    return found.st_size, found.st_mtime_ns


def _make_folder(path: str) -> None:
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise

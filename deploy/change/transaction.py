"""Carry out a change so that everything is wholly old or wholly new, whatever happens.

The order: journal `begin`; commands that come before; what is staged flushed; services held, programs
ended; every old file gets a second name; journal `backed`; renames; registry; commands after the
files; a look; services started; commands after; another look; commands that come last; journal
`commit`; start types restored; the second names are removed, and the journal last. A failure on the
way undoes everything at once; a kill or a power loss is what `deploy.change.recovery` is for.

Checkpoints, those without a change of a machine in brackets: [begun], command-started N,
command-done N (at every moment), before-run, [flushed], stopping, made-manual NAME, stopped NAME,
stopped, programs-ended, [backed], [changed], registry N, registry-set, after-files-run, looked,
started NAME, started, after-run, deferred, [checked], last-run, [committed], start-type-restored
NAME, start-types-restored, [cleaned]. Those of undoing are in `deploy.change.recovery`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from deploy.change import commands, files, programs, registry, services
from deploy.change.course import Checkpoint, Course, Tell, ignore, pass_by
from deploy.change.files import Pause
from deploy.change.journal import Journal
from deploy.change.means import Means
from deploy.change.model import Change, Doing, Done, Moment, ProcessChange
from deploy.change.placing import Placing, Planned
from deploy.change.planning import AGAIN, begun_with, files_of, planned_files, see_sense
from deploy.change.records import Backed, Begin, Commit, Standing
from deploy.change.recovery import Outcome, Recovery, recover, recover_machine
from deploy.change.rollback import leave, roll_back
from deploy.change.steps import Step
from deploy.change.work import Place
from deploy.errors import MicceError, Problem, Severity, TargetError, error, warning


def apply(
    base: Path,
    steps: Sequence[Step],
    work: Path | None = None,
    *,
    reread: bool = False,
    pause: Pause = time.sleep,
    checkpoint: Checkpoint = pass_by,
) -> tuple[Problem, ...]:
    """Carry out the steps on one installation, all or none; missing folders are made. Returns warnings.

    `base` is resolved, and locked by the caller. What is staged lies below `base` on its volume, and
    its digests were proven in this run; `reread` has it read before and after instead. `work` is the
    folder for journal and backups, by default `.micce-change` in `base`. Raises `TargetError`: in-the-way,
    changed, digest-mismatch, change-unfinished (nothing was touched); in-use, cannot-write, disk-full,
    not-kept (everything is as it was, and the new files are staged; if not, a second problem says so
    and `recover` goes on). Raises `ValueError` for steps that contradict each other.
    """
    place = Place.of_installation(base, work)
    if place.exists():
        _refuse_unless_clear(recover(base, work, pause=pause), place, str(base))
    plan = planned_files(place, files_of(steps), reread)
    if not plan:
        return ()
    course = Course(None, ignore, pause, checkpoint)
    return _Transaction(place, plan, Begin(tuple(one.op for one in plan)), (), reread, course).carried_out().warnings


def carry_out(
    change: Change,
    home: Path,
    means: Means | None,
    *,
    tell: Tell = ignore,
    reread: bool = False,
    pause: Pause = time.sleep,
    checkpoint: Checkpoint = pass_by,
) -> Done:
    """Carry out the change of a machine, all or nothing.

    `home` is the folder for journal and ballast: made here, its parent exists, nobody else's. Each
    root keeps its backups in itself, on its own volume. The caller holds the lock of the machine and
    of every root. What is staged lies below its root, and its digests were proven in this run;
    `reread` has everything read before and after instead. `tell` is called with what is done next.

    Raises `TargetError`. Refused, nothing was touched: changed, digest-mismatch, in-the-way,
    no-such-service, service-needed, service-disabled, program-running, command-missing, restart-pending,
    change-unfinished, and what services and registry raise. Failed, and everything is as it was
    again: these and in-use, cannot-write, disk-full, not-kept, registry-not-kept, service-not-stopped,
    service-not-started, command-failed, command-not-started, command-timed-out; a warning
    not-reversible or command-not-undone beside it names what could not be undone, a further error what
    could not be undone yet: `recover_machine` goes on. With the code start-type-not-restored or
    not-finished everything is done and in place but for what it says, and `recover_machine` does
    that. Raises `ValueError` for a change that contradicts itself.
    """
    see_sense(change, means is not None)
    course = Course(means, tell, pause, checkpoint)
    place = Place.of_machine(home, change.roots)
    if place.exists():
        _refuse_unless_clear(recover_machine(home, course.machine, tell=tell, pause=pause), place, "this machine")
    for root in place.roots:
        _refuse_unless_clear(recover(root.base, pause=pause), Place.of_installation(root.base), str(root.base))
    plan = planned_files(place, change.files, reread)
    begin = begun_with(place, change, plan, course) if means is not None else Begin(tuple(one.op for one in plan))
    begin = replace(begin, roots=change.roots)
    if not (plan or begin.registry or begin.services or begin.commands or change.processes):
        return Done()
    return _Transaction(place, plan, begin, change.processes, reread, course).carried_out()


def _refuse_unless_clear(done: Recovery, place: Place, of: str) -> None:
    """What the caller planned with may be another state by now; and what is left of an earlier change is in the way."""
    if done.warnings and place.exists():
        raise TargetError(replace(one, severity=Severity.ERROR, hint=AGAIN) for one in done.warnings)
    if done.outcome is Outcome.ROLLED_BACK and not done.earlier:
        said = f"a change of {of} that had been broken off was undone just now"
        raise TargetError(error("changed", said, AGAIN))


class _Transaction:
    """One change on its way."""

    def __init__(
        self,
        place: Place,
        plan: Sequence[Planned],
        begin: Begin,
        processes: Sequence[ProcessChange],
        reread: bool,
        course: Course,
    ) -> None:
        self._place = place
        self._begin = begin
        self._processes = processes
        self._course = course
        self._files = Placing(place, plan, reread, course)
        self._journal: Journal | None = None
        self._undecided: int | None = None
        self._warnings: list[Problem] = []

    def carried_out(self) -> Done:
        """All of it, or an error and nothing of it."""
        try:
            self._course.tell(Doing("begin", str(self._place.home)))
            journal = self._journal = self._place.begin(self._begin)
            self._course.reached("begun")
            self._change(journal)
            self._course.tell(Doing("commit", str(self._place.home)))
            self._undecided = journal.end
            journal.note(Commit())
        except OSError as wrong:
            problems = files.refused(wrong, self._files.at).problems
            raise TargetError((*problems, *self._abandoned())) from wrong
        except MicceError as wrong:
            raise TargetError((*wrong.problems, *self._abandoned())) from wrong
        except BaseException:
            self._abandoned()
            raise
        self._course.reached("committed")
        return self._finished(journal)

    def _change(self, journal: Journal) -> None:
        """Everything between `begin` and `commit`."""
        course, begin = self._course, self._begin
        self._run(Moment.BEFORE, "before-run", journal)
        self._files.flush()
        course.reached("flushed")
        if begin.services:
            services.hold(journal, course, undoing=False)
        if self._processes:
            programs.end(self._processes, course)
        if begin.commands or begin.services:
            self._files.recheck()
        course.tell(Doing("back-up", str(self._place.home)))
        self._files.back_up()
        journal.note(Backed())
        course.reached("backed")
        if begin.services:
            services.see_stopped(journal, course)
        self._files.change(journal)
        course.reached("changed")
        if begin.registry:
            registry.carry_out_ops(begin.registry, course)
        self._run(Moment.AFTER_FILES, "after-files-run", journal)
        if begin.services or begin.commands:
            self._look(reread=False)
            course.reached("looked")
        if begin.services:
            services.start(journal, course)
        self._run(Moment.AFTER, "after-run", journal)
        self._files.defer(journal)
        if self._files.waiting:
            course.reached("deferred")
        course.tell(Doing("check", str(self._place.home)))
        self._look(reread=True)
        if begin.services:
            services.see_running(journal, course)
        course.reached("checked")
        self._run(Moment.LAST, "last-run", journal)

    def _run(self, moment: Moment, name: str, journal: Journal) -> None:
        if any(command.moment is moment for command in self._begin.commands):
            self._warnings += commands.run(moment, journal, self._course)
            self._course.reached(name)

    def _look(self, *, reread: bool) -> None:
        self._files.look(reread=reread)
        if self._begin.registry:
            registry.look(self._begin.registry, self._course)

    def _finished(self, journal: Journal) -> Done:
        """What is left to do when everything is decided."""
        try:
            problems = services.restore_start_types(journal, self._course) if self._begin.services else ()
            if problems:
                raise TargetError(problems)
            moved = [_moved(path) for path in self._files.moved]
            done = Done(
                commands.ended(journal),
                tuple(self._files.waiting),
                commands.asks_for_restart(journal.now) or bool(moved or self._files.waiting),
                (*self._warnings, *moved),
            )
        finally:
            journal.close()
        left = leave(self._place, journal.now, self._course)
        self._course.reached("cleaned")
        return replace(done, warnings=(*done.warnings, *left))

    def _abandoned(self) -> tuple[Problem, ...]:
        """Undo what was done so far; returns why it could not be, for then the next start goes on."""
        journal = self._journal
        warnings: tuple[Problem, ...] = ()
        try:
            self._place.free_ballast()
            if journal is not None:
                # Never undo while a commit may be on disk.
                journal.retract(journal.end if self._undecided is None else self._undecided)
                if journal.now.is_decided:
                    return (_left_to_finish(),)
                if journal.now.is_touched:
                    warnings = roll_back(self._place, journal, self._course)
                journal.close()
            leave(self._place, Standing() if journal is None else journal.now, self._course)
        except OSError as wrong:
            return _not_undone(files.refused(wrong, self._place.journal))
        except MicceError as wrong:
            return _not_undone(wrong)
        finally:
            if journal is not None:
                journal.close()
        return warnings


def _moved(path: str) -> Problem:
    said = f"{path} was in use and is changed: programs that run go on with the old file"
    return warning("used-until-restart", said, "restart these programs, or the system", file=path)


def _left_to_finish() -> Problem:
    said = "everything is changed, a command that cannot be undone has ended, and that could not be noted"
    return error("not-finished", said, "run `micce-hotfix recover` when that is in order: it finishes the change")


def _not_undone(wrong: MicceError) -> tuple[Problem, ...]:
    hint = "run the same command again when that is in order: it begins by undoing what is left, and all of it is kept"
    said = "what had been done could not be undone yet"
    return tuple(replace(one, message=f"{said}: {one.message}", hint=hint) for one in wrong.problems)

"""Undo a whole change, whatever was done of it, and clean up after a decided one.

The order: services stopped, commands undone (last one first), registry, files, commands of the
rollback, services and start types as they were. Being broken off and begun again is part of it.
"""

from __future__ import annotations

import os
from functools import partial

from deploy.change import aside, commands, files, registry, services
from deploy.change.course import Course
from deploy.change.journal import Journal
from deploy.change.model import Doing, Moment
from deploy.change.records import Commit, Failed, Phase, RolledBack, Standing, Undone
from deploy.change.undo import undo
from deploy.change.work import Place
from deploy.errors import MicceError, Problem, TargetError, warning


def roll_back(place: Place, journal: Journal, course: Course) -> tuple[Problem, ...]:
    """Undo everything and note that; a failure is noted too, where the disk takes it.

    Returns warnings (not-reversible, command-not-undone, service-not-started). Raises `TargetError`:
    what was reached is kept, and calling it again goes on. Files are never undone under a service
    that cannot be stopped.
    """
    warnings: tuple[Problem, ...] = ()
    if journal.now.phase is not Phase.UNDONE:
        registry.see_account(journal.now.begin.registry, journal.now.begin.account, course)
        try:
            warnings = _undo_all(place, journal, course)
        except MicceError as wrong:
            _note(journal, wrong)
            raise
    if journal.now.services:
        if journal.now.phase is not Phase.UNDONE:
            journal.note(Undone())
            course.reached("undone-noted")
        # Windows removes no name of a file that is in use under another one, as it will be once its service runs.
        place.let_go(course.pause)
        if journal.now.stopping:
            warnings += services.bring_up(journal, course, services.all_that_ran)
    journal.note(RolledBack())
    course.reached("rolled-back")
    return warnings


def _undo_all(place: Place, journal: Journal, course: Course) -> tuple[Problem, ...]:
    now = journal.now
    changed = now.phase is Phase.BACKED
    if changed and now.services:
        services.hold(journal, course, undoing=True)
    warnings = commands.undo(journal, course)
    if changed:
        course.reached("commands-undone")
        course.tell(Doing("undo", str(place.home)))
        problems = registry.undo_ops(now.begin.registry, course)
        course.reached("registry-undone")
        _undo_files(place, now, course, problems)
    course.reached("undone")
    return (*warnings, *commands.run(Moment.ROLLBACK, journal, course))


def _undo_files(place: Place, now: Standing, course: Course, before: tuple[Problem, ...]) -> None:
    """Bring the files back even where the registry resisted, so that as little as possible is left."""
    problems = list(before)
    try:
        aside.take_back(place, now, course)
        undo(place, now.ops, course.pause, course.means)
    except OSError as wrong:
        problems += files.refused(wrong, wrong.filename or place.home).problems
    except MicceError as wrong:
        problems += wrong.problems
    if problems:
        raise TargetError(problems)


def _note(journal: Journal, wrong: MicceError) -> None:
    try:
        journal.append(Failed(wrong.problems[0].message))
    except OSError:
        return  # A disk that takes no note of a failure: it counts for nothing, and is tried again.


def finish(journal: Journal, course: Course) -> tuple[Problem, ...]:
    """Bring up what a committed change starts, and restore start types; returns warnings.

    Raises `TargetError` (service-not-started, start-type-not-restored); calling it again goes on.
    """
    if journal.now.phase is Phase.BACKED:
        journal.note(Commit())
        course.reached("committed")
    if not journal.now.services:
        return ()
    return services.bring_up(journal, course, services.all_that_start)


def leave(place: Place, now: Standing, course: Course) -> tuple[Problem, ...]:
    """Remove what a decided change kept; a warning says what is left for the next start."""
    warnings: tuple[Problem, ...] = ()
    undone = now.phase is not Phase.COMMITTED
    carry = None
    if course.means is not None:
        carry = partial(_carried_away, place, course)
        if now.phase in (Phase.COMMITTED, Phase.ROLLED_BACK):
            warnings = aside.tidy(place, now, course)
    try:
        place.clean(now.ops, undone, course.pause, carry)
    except OSError as wrong:
        said = f"{wrong.filename or place.home} could not be removed: {wrong.strerror}"
        return (*warnings, warning("staging-left", said, "nothing to do: the next installation removes it"))
    return warnings


def _carried_away(place: Place, course: Course, path: str) -> None:
    root = next(root for root in place.roots if os.path.dirname(path) == root.backups)
    try:
        aside.carry_away(root, path, course.machine)
    except OSError:
        # Held by somebody who lets nobody rename it; for a moment only, perhaps.
        files.remove(path, course.pause)

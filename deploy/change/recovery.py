"""What every start does first: finish or undo a change that was broken off.

Checkpoints of a recovery, those without a change of a machine in brackets: stopping, stopped,
command-undone N, commands-undone, registry-undone, [undone], command-started N, command-done N,
undone-noted, started NAME, restarted, start-types-restored, [rolled-back], [cleaned]; where it goes
on with what was decided: committed, started NAME, restarted, start-types-restored, [cleaned].
"""

from __future__ import annotations

import enum
import os
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.change import commands, files, journal
from deploy.change.course import Checkpoint, Course, Tell, ignore, pass_by
from deploy.change.files import Pause
from deploy.change.journal import Journal
from deploy.change.means import Means
from deploy.change.records import FAILURES, Aside, Backed, Phase, Standing
from deploy.change.rollback import finish, leave, roll_back
from deploy.change.work import Place, Root
from deploy.errors import Problem, TargetError, error


class Outcome(enum.StrEnum):
    """What a recovery found and did."""

    NOTHING = "nothing"
    ROLLED_BACK = "rolled-back"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was done: `files` of the change were undone or are in place.

    `warnings` are about what could not be removed, undone or started. `earlier` says that it had been
    undone by an earlier start, and only leftovers were removed. Of a finished change: `waiting` are the
    files that get their content at the next restart, by absolute path, and `restart_needed` says whether
    they or a command ask for one.
    """

    outcome: Outcome
    files: int = 0
    warnings: tuple[Problem, ...] = ()
    earlier: bool = False
    waiting: tuple[str, ...] = ()
    restart_needed: bool = False


def recover(
    base: Path,
    work: Path | None = None,
    *,
    insist: bool = False,
    pause: Pause = time.sleep,
    checkpoint: Checkpoint = pass_by,
) -> Recovery:
    """Bring the base folder to wholly old or wholly new, whatever the last change left.

    Call it under the lock of the installation, before anything is staged anew. Costs one look
    where there is nothing to do. After three failed attempts it gives up at once, everything
    kept, unless `insist`. Raises `TargetError`: in-use, cannot-write or disk-full (what was
    reached is kept, calling it again goes on), needs-attention, journal-damaged, in-the-way,
    change-unfinished (a change of the whole machine left its traces here: `recover_machine`).
    """
    place = Place.of_installation(base, work)
    if not place.exists():
        return Recovery(Outcome.NOTHING)
    return _recovered(place, Course(None, ignore, pause, checkpoint, insist))


def recover_machine(
    home: Path,
    means: Means,
    *,
    insist: bool = False,
    tell: Tell = ignore,
    pause: Pause = time.sleep,
    checkpoint: Checkpoint = pass_by,
) -> Recovery:
    """Bring the machine to wholly old or wholly new, whatever the last `carry_out` with this home left.

    Call it under the locks of `carry_out`, elevated where that was. `insist` tries again after three
    failed attempts, and leaves what resists of commands and services with a warning. Raises
    `TargetError` as `recover` does, and service-not-stopped, service-not-started,
    start-type-not-restored, command-not-undone, other-account, root-missing and what services and
    registry raise; what was reached is kept, and calling it again goes on.
    """
    place = Place(home, ())
    if not place.exists():
        return Recovery(Outcome.NOTHING)
    return _recovered(place, Course(means, tell, pause, checkpoint, insist))


def unfinished(base: Path, work: Path | None = None) -> Standing | None:
    """What a change of an installation that was broken off left to do, for whoever explains it; None if nothing.

    Changes nothing. Raises `TargetError` (journal-damaged, cannot-write).
    """
    return _standing(Place.of_installation(base, work))


def unfinished_machine(home: Path) -> Standing | None:
    """As `unfinished`, of a change of the machine."""
    return _standing(Place(home, ()))


def _standing(place: Place) -> Standing | None:
    try:
        return journal.read(place.journal)
    except FileNotFoundError:
        return None
    except OSError as wrong:
        raise files.refused(wrong, place.journal) from wrong


def _recovered(place: Place, course: Course) -> Recovery:
    try:
        if not place.is_folder():
            said = f"{place.home} is to be the folder for what a change needs and is something else"
            raise TargetError(error("in-the-way", said, "move it away", file=str(place.home)))
        place.free_ballast()
        if not place.journal.exists():
            return _not_begun(place, course)
        open_journal, now = Journal.reopen(place.journal)
    except OSError as wrong:
        raise files.refused(wrong, place.home) from wrong
    try:
        if now.begin.is_of_machine and course.means is None:
            raise TargetError(_of_the_machine(place))
        if now.begin.roots:
            place = _with_roots(place, now)
            place.free_ballast()
        return _go_on(place, open_journal, course)
    finally:
        open_journal.close()


def _of_the_machine(place: Place) -> Problem:
    """A journal in an installation says nothing about anything beyond it, whoever wrote it there."""
    said = "the journal of a change that was broken off cannot be used: it is not one of an installation"
    hint = "nothing was touched: see who wrote it, and move it away"
    return error("journal-damaged", said, hint, file=str(place.journal))


def _with_roots(place: Place, now: Standing) -> Place:
    """The place with the roots its journal names; raises `TargetError` (root-missing)."""
    whole = Place.of_machine(place.home, now.begin.roots)
    for number in sorted({op.root for op in now.ops}):
        if not whole.roots[number].base.is_dir():
            said = f"{whole.roots[number].base}, in which a change was broken off, is not there"
            raise TargetError(error("root-missing", said, "connect or mount what it lies on"))
    return whole


def _not_begun(place: Place, course: Course) -> Recovery:
    """Without a `begin` nothing was changed, unless somebody spoiled the journal."""
    for root in place.roots:
        owner = root.owned_by()
        if owner is not None and os.path.lexists(owner / "journal"):
            raise TargetError(_owned_by_another(root, owner))
        if root.has_backups():
            said = f"{root.folder} holds files of a change that was broken off, and its journal is gone"
            hint = f"compare them with those in {root.base} and remove the folder"
            raise TargetError(error("needs-attention", said, hint, file=str(root.folder)))
    return Recovery(Outcome.NOTHING, 0, leave(place, Standing(), course))


def _owned_by_another(root: Root, owner: Path) -> Problem:
    said = f"a change of this machine that was broken off changes {root.base} too"
    hint = "finish or undo it first, with the command that began it or with `micce-hotfix recover`"
    return error("change-unfinished", said, hint, file=str(owner))


def _go_on(place: Place, open_journal: Journal, course: Course) -> Recovery:
    if open_journal.now.awaits_backed and open_journal.torn:
        # What is torn may be `backed`: the backups are whole then, and it does no harm to undo.
        open_journal.note(Backed())
    now = open_journal.now
    earlier = now.phase is Phase.ROLLED_BACK
    warnings: tuple[Problem, ...] = ()
    if now.phase is Phase.COMMITTED or now.is_decided:
        warnings = finish(open_journal, course)
    elif now.is_touched or now.phase is Phase.UNDONE:
        if len(now.failures) >= FAILURES and not course.insist and now.phase is not Phase.UNDONE:
            raise TargetError(_needs_attention(place, now))
        warnings = roll_back(place, open_journal, course)
    now = open_journal.now
    open_journal.close()
    if now.phase is Phase.NOT_BEGUN:
        return _not_begun(place, course)
    finished = now.phase is Phase.COMMITTED
    warnings += leave(place, now, course)
    course.reached("cleaned")
    if not finished:
        return Recovery(Outcome.ROLLED_BACK, len(now.ops), warnings, earlier)
    asks = bool(now.deferred) or commands.asks_for_restart(now)
    return Recovery(Outcome.FINISHED, len(now.ops), warnings, False, _waiting(place, now), asks)


def _waiting(place: Place, now: Standing) -> tuple[str, ...]:
    held = (now.ops[one.op] for one in now.deferred if one.aside is Aside.WAITING)
    return tuple(place.target(op) for op in held)


def _needs_attention(place: Place, now: Standing) -> Problem:
    of = place.roots[0].base if not now.begin.roots else "this machine"
    said = (
        f"a change of {of} was broken off and could not be undone in {len(now.failures)} attempts: {now.failures[-1]}"
    )
    kept = ", ".join(root.backups for root in place.roots)
    hint = f"remove what stands in the way; the earlier files are kept in {kept}"
    return error("needs-attention", said, hint, file=os.fspath(place.home))

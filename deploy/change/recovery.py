"""What every start does first: finish or undo a change that was broken off."""

from __future__ import annotations

import enum
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.change import files, journal
from deploy.change.files import Pause
from deploy.change.journal import Journal
from deploy.change.records import FAILURES, Backed, Failed, Phase, RolledBack, Standing
from deploy.change.steps import Op
from deploy.change.undo import undo
from deploy.change.work import WorkFolder
from deploy.errors import MicceError, Problem, TargetError, error, warning

Checkpoint = Callable[[str], None]
"""Called with the name of a state as soon as it is reached and durable; tests stop the world there."""


def pass_by(_: str) -> None:
    """The checkpoint of every day: nobody waits there."""


class Outcome(enum.StrEnum):
    """What a recovery found and did."""

    NOTHING = "nothing"
    ROLLED_BACK = "rolled-back"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was done; `files` of the change were undone or are in place, what could not be removed is warned about."""

    outcome: Outcome
    files: int = 0
    warnings: tuple[Problem, ...] = ()


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
    reached is kept, calling it again goes on), needs-attention, journal-damaged, in-the-way.
    """
    place = WorkFolder(base, work)
    if not place.exists():
        return Recovery(Outcome.NOTHING)
    try:
        if not place.is_folder():
            said = f"{place.folder} is to be the folder for what a change needs and is something else"
            raise TargetError(error("in-the-way", said, "move it away", file=str(place.folder)))
        place.free_ballast()
        if not place.journal.exists():
            return _not_begun(place)
        open_journal, now = Journal.reopen(place.journal)
    except OSError as wrong:
        raise files.refused(wrong, place.folder) from wrong
    try:
        return _go_on(place, open_journal, now, insist, pause, checkpoint)
    finally:
        open_journal.close()


def unfinished(base: Path, work: Path | None = None) -> Standing | None:
    """What a change that was broken off left to do, for whoever explains it; None if nothing.

    Changes nothing. Raises `TargetError` (journal-damaged, cannot-write).
    """
    place = WorkFolder(base, work)
    try:
        return journal.read(place.journal)
    except FileNotFoundError:
        return None
    except OSError as wrong:
        raise files.refused(wrong, place.journal) from wrong


def _not_begun(place: WorkFolder) -> Recovery:
    """Without a `begin` nothing was changed, unless somebody spoiled the journal."""
    if place.has_backups():
        said = f"{place.folder} holds files of a change that was broken off, and its journal is gone"
        hint = f"compare them with those in {place.base} and remove the folder"
        raise TargetError(error("needs-attention", said, hint, file=str(place.folder)))
    return Recovery(Outcome.NOTHING, 0, leave(place, (), time.sleep))


def _go_on(
    place: WorkFolder, open_journal: Journal, now: Standing, insist: bool, pause: Pause, checkpoint: Checkpoint
) -> Recovery:
    if now.phase is Phase.BEGUN and open_journal.torn:
        # What is torn can only be `backed`: the backups are whole, and it does no harm to undo.
        now = replace(now, phase=Phase.BACKED)
        _promoted(place, open_journal)
    if now.phase is Phase.BACKED:
        if len(now.failures) >= FAILURES and not insist:
            raise TargetError(_needs_attention(place, now))
        roll_back(place, open_journal, now.ops, pause, checkpoint)
    open_journal.close()
    if now.phase is Phase.NOT_BEGUN:
        return _not_begun(place)
    finished = now.phase is Phase.COMMITTED
    warnings = leave(place, () if finished else now.ops, pause)
    checkpoint("cleaned")
    return Recovery(Outcome.FINISHED if finished else Outcome.ROLLED_BACK, len(now.ops), warnings)


def _promoted(place: WorkFolder, open_journal: Journal) -> None:
    try:
        open_journal.append(Backed())
    except OSError as wrong:
        raise files.refused(wrong, place.journal) from wrong


def roll_back(
    place: WorkFolder, open_journal: Journal, ops: Sequence[Op], pause: Pause, checkpoint: Checkpoint
) -> None:
    """Undo and note that; a failure is noted too, where the disk takes it. Raises `TargetError`."""
    try:
        undo(place, ops, pause)
        checkpoint("undone")
        try:
            open_journal.append(RolledBack())
        except OSError as wrong:
            raise files.refused(wrong, place.journal) from wrong
        checkpoint("rolled-back")
    except MicceError as wrong:
        _note(open_journal, wrong)
        raise


def leave(place: WorkFolder, undone: Sequence[Op], pause: Pause) -> tuple[Problem, ...]:
    """Remove the work folder of a decided change; a warning says what is left for the next start."""
    try:
        place.clean(undone, pause)
    except OSError as wrong:
        said = f"{place.folder} could not be removed: {wrong.strerror}"
        return (warning("staging-left", said, "nothing to do: the next installation removes it"),)
    return ()


def _note(open_journal: Journal, wrong: MicceError) -> None:
    try:
        open_journal.append(Failed(wrong.problems[0].message))
    except OSError:
        return  # A disk that takes no note of a failure: it counts for nothing, and is tried again.


def _needs_attention(place: WorkFolder, now: Standing) -> Problem:
    said = (
        f"a change of {place.base} was broken off and could not be undone in {len(now.failures)} attempts: "
        f"{now.failures[-1]}"
    )
    hint = f"remove what stands in the way; the earlier files are kept in {place.backups}"
    return error("needs-attention", said, hint, file=os.fspath(place.folder))

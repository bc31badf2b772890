"""What every start does first: finish or undo a change that was broken off, then remove what it left lying about."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from deploy.change.course import Checkpoint, pass_by
from deploy.change.files import Pause
from deploy.change.recovery import Outcome, Recovery, recover_machine
from deploy.errors import MicceError, Problem, warning
from deploy.inventory import local_path
from deploy.relpath import fold
from hotfix import layout, packages
from hotfix.events import Tell, ignore
from hotfix.history import note_waiting, read_history
from hotfix.locking import alone
from hotfix.originals import Originals
from hotfix.roots import plain
from hotfix.staging import Note, forget_note, read_note, remove_staging
from hotfix.target import Target


def recover(
    target: Target,
    *,
    insist: bool = False,
    tell: Tell = ignore,
    pause: Pause = time.sleep,
    checkpoint: Checkpoint = pass_by,
) -> Recovery:
    """Bring the machine to wholly old or wholly new, whatever the last installation left; costs two looks else.

    After three attempts that failed it gives up at once, everything kept, unless `insist`. Raises
    `TargetError`: busy, and what `deploy.change.recovery.recover_machine` raises.
    """
    if not _is_left(target):
        return Recovery(Outcome.NOTHING)
    with alone(target):
        return recover_alone(target, insist=insist, tell=tell, pause=pause, checkpoint=checkpoint)


def recover_alone(
    target: Target,
    *,
    insist: bool = False,
    tell: Tell = ignore,
    pause: Pause = time.sleep,
    checkpoint: Checkpoint = pass_by,
) -> Recovery:
    """As `recover`, for whoever holds the locks."""
    if not _is_left(target):
        return Recovery(Outcome.NOTHING)
    recovered = recover_machine(target.home, target.means, insist=insist, tell=tell, pause=pause, checkpoint=checkpoint)
    waiting = tuple(plain(path) for path in recovered.waiting)
    noted = _note_waiting(target, waiting) if waiting else ()
    return replace(recovered, waiting=waiting, warnings=(*recovered.warnings, *noted, *tidy(target)))


def _note_waiting(target: Target, waiting: Sequence[str]) -> tuple[Problem, ...]:
    """Note with the hotfix that brought them, the last one in order, which files wait for a restart."""
    owners = {file.key: one for one in read_history(target.hotfixes).records for file in one.files}
    by_owner: dict[int, list[str]] = {}
    for path in waiting:
        if fold(path) in owners:
            by_owner.setdefault(owners[fold(path)].sequence, []).append(path)
    found = {one.sequence: one for one in owners.values()}
    return tuple(
        problem for number, paths in by_owner.items() for problem in note_waiting(target.hotfixes, found[number], paths)
    )


def is_unfinished(target: Target) -> bool:
    """Whether a change is under way or was broken off: until it is recovered nothing may be tidied up."""
    return os.path.lexists(target.home)


def tidy(target: Target) -> tuple[Problem, ...]:
    """Remove what a decided change left: staging, folders that became empty, packages and originals nobody needs.

    A warning says what could not be removed; the note stays then, and the next start tries again.
    Where a record cannot be read nothing that it may need is removed.
    """
    try:
        note = read_note(target.hotfixes)
    except MicceError as wrong:
        return tuple(_left(str(target.hotfixes), one.message) for one in wrong.problems)
    if note is None or is_unfinished(target):
        return ()
    history = read_history(target.hotfixes)
    roomy = target.means.host.any_length
    deeds: list[Callable[[], None]] = [partial(remove_staging, str(roomy(Path(root)))) for root in note.roots]
    if not history.problems:
        hotfixes = roomy(target.hotfixes)
        deeds.append(partial(_remove_folders, target, note))
        deeds.append(partial(packages.tidy, hotfixes, history.records))
        deeds.append(partial(Originals(hotfixes).tidy, history.records))
    warnings = []
    for deed in deeds:
        try:
            deed()
        except OSError as wrong:
            warnings.append(_left(str(wrong.filename or target.hotfixes), wrong.strerror or str(wrong)))
    if not warnings:
        try:
            forget_note(target.hotfixes)
        except OSError as wrong:
            warnings.append(_left(str(target.hotfixes / layout.UNFINISHED), wrong.strerror or str(wrong)))
    return tuple(warnings)


def _is_left(target: Target) -> bool:
    return is_unfinished(target) or os.path.lexists(target.hotfixes / layout.UNFINISHED)


def _remove_folders(target: Target, note: Note) -> None:
    """Remove the folders a hotfix had made, once it is gone and where nothing else is in them."""
    if not note.id or os.path.lexists(local_path(target.hotfixes, layout.record(note.id, note.revision))):
        return
    for folder in sorted(note.folders, key=len, reverse=True):
        if os.path.isdir(folder) and not os.path.islink(folder) and not os.listdir(folder):
            os.rmdir(folder)


def _left(path: str, said: str) -> Problem:
    hint = "nothing to do: the next start removes it"
    return warning("staging-left", f"{path} could not be removed: {said}", hint, file=path)

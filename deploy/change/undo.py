"""Undo the changes of files from whatever state they were left in; being broken off and begun again is part of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from deploy.atomic import fsync_folder
from deploy.change import aside, files
from deploy.change.files import Pause
from deploy.change.means import Means
from deploy.change.ops import Kind, Op, Seen, Undo, undo_of
from deploy.change.work import Place
from deploy.errors import MicceError, Problem, TargetError, error

SHOWN = 20
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})


def undo(place: Place, ops: Sequence[Op], pause: Pause, means: Means | None = None) -> None:
    """Bring back every old file and remove every new one, last op first, all of it durable.

    New files go back to where they were staged. Goes on after a file that resists, so that as
    little as possible is left; raises `TargetError` (in-use, cannot-write, disk-full,
    needs-attention) naming those. Renames only, so it needs no room.
    """
    problems: list[Problem] = []
    folders: set[str] = set()
    for number, op in reversed(list(enumerate(ops))):
        try:
            folders |= _undo_one(place, number, op, pause)
        except OSError as wrong:
            target = place.target(op)
            busy = files.is_busy(wrong)
            problems += (aside.in_use(target, means) if busy else files.refused(wrong, target)).problems
            pause = _no_pause
        except MicceError as wrong:
            problems += wrong.problems
    if problems:
        raise TargetError(problems[:SHOWN])
    for folder in sorted(folders):
        try:
            fsync_folder(folder)
        except FileNotFoundError:
            continue
        except OSError as wrong:
            raise files.refused(wrong, folder) from wrong
    _check(place, ops)


def _no_pause(_: float) -> None:
    """Somebody was waited for already."""


def _undo_one(place: Place, number: int, op: Op, pause: Pause) -> set[str]:
    """Undo one op; returns the folders whose names changed."""
    target, backup, staged = place.target(op), place.backup(number, op), place.staged(op)
    todo = undo_of(op, _seen(op, target, staged, backup))
    if todo is Undo.NOTHING:
        return set()
    if todo is Undo.LOST:
        raise TargetError(_lost(target))
    if todo is Undo.REMOVE_FOLDER:
        _remove_folder(target)
    elif todo is Undo.REMOVE:
        files.remove(target, pause)
    elif todo is Undo.UNSTAGE:
        _unstage(op, target, staged, pause)
    if todo is Undo.SWAP and staged is not None:
        # It is only kept to save a transfer; the old file comes back all the same.
        with suppress(OSError):
            files.replace(target, staged, pause)
    if todo in (Undo.SWAP, Undo.RESTORE):
        files.replace(backup, target, pause)
        if op.before is not None:
            files.restore_mode(target, op.before.mode)
    return {os.path.dirname(path) for path in (target, staged) if path is not None}


def _seen(op: Op, target: str, staged: str | None, backup: str) -> Seen:
    there, kept = files.look(target), files.look(backup)
    has_staged = staged is not None and files.look(staged) is not None
    is_old = is_new = False
    if there is not None and op.before is not None:
        is_old = _is_old(op, there, kept, target, backup, has_staged)
    elif there is not None and has_staged:
        is_new = files.digest_of(target) == op.new
    return Seen(there is not None, has_staged, kept is not None, is_old, is_new)


def _is_old(
    op: Op, there: os.stat_result, kept: os.stat_result | None, target: str, backup: str, has_staged: bool
) -> bool:
    """Whether the file in place is the one from before; read only where its name says nothing."""
    before = op.before
    if before is None:
        return False
    if kept is not None and os.path.samestat(there, kept):
        return True
    if kept is not None and op.kind is Kind.REPLACE and not has_staged:
        return False
    if there.st_size != before.size:
        return False
    same_time = there.st_mtime_ns == before.mtime_ns
    if not same_time and before.sha256 is None:
        return False
    found = files.digest_of(target)
    if found == before.sha256 and (same_time or kept is None):
        return True
    if kept is not None:
        return same_time and found == files.digest_of(backup)
    return same_time and (found != op.new or has_staged)


def _remove_folder(path: str) -> None:
    try:
        os.rmdir(path)
    except OSError as wrong:
        if wrong.errno not in _NOT_EMPTY:
            raise
        # Somebody else put something there meanwhile, which is not ours to remove.


def _unstage(op: Op, target: str, staged: str | None, pause: Pause) -> None:
    if staged is not None:
        try:
            files.replace(target, staged, pause)
            return
        except FileNotFoundError:
            pass  # The staging folder is gone.
    if files.digest_of(target) != op.new:
        said = f"{target} was made by a change that is being undone, and was written to since"
        hint = "move it away if it is not needed, then run the same command again"
        raise TargetError(error("needs-attention", said, hint, file=target))
    files.remove(target, pause)


def _check(place: Place, ops: Sequence[Op]) -> None:
    """Look at everything once more before it is called undone."""
    for number, op in enumerate(ops):
        if op.kind is Kind.FOLDER:
            continue
        target = place.target(op)
        try:
            todo = undo_of(op, _seen(op, target, place.staged(op), place.backup(number, op)))
        except OSError as wrong:
            raise files.refused(wrong, target) from wrong
        if todo is not Undo.NOTHING:
            raise TargetError(_lost(target))


def _lost(target: str | Path) -> Problem:
    said = f"the earlier content of {target} is neither in place nor kept"
    return error("needs-attention", said, "restore it by hand, then run the same command again", file=str(target))

"""Files that stay in use: the old one renamed away, or the new one left to the next start of the system (Windows).

    ROOT/.micce-restart/HEX           an old file that goes, or a new one that comes, at the next start
    ROOT/.micce-restart/HEX.target    what is done then: "replace" or "remove", and the target below ROOT

A program that runs, or a library that is loaded, can be renamed though not replaced: its file is
opened with FILE_SHARE_DELETE and mapped. What is opened without that can only be left to the system.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.atomic import fsync_folder, write_atomic
from deploy.change import files
from deploy.change.course import Course
from deploy.change.journal import Journal
from deploy.change.means import Means
from deploy.change.ops import Kind, Op
from deploy.change.records import Aside, Deferred, Standing
from deploy.change.work import Place, Root
from deploy.errors import ConfigError, Problem, TargetError, error, warning
from deploy.relpath import RelPath, fold

ASIDE = ".micce-restart"
_NOTE = ".target"
_SHOWN = 5


def in_use(path: str, means: Means | None) -> TargetError:
    """The error (in-use) that says who holds a file, as far as the system tells."""
    holders = () if means is None else means.processes.holders(Path(path))
    names = ", ".join(f"{one.name} ({one.pid})" for one in holders[:_SHOWN])
    more = f" and {len(holders) - _SHOWN} more" if len(holders) > _SHOWN else ""
    said = f"{path} is in use" + (f" by {names}{more}" if names else "")
    hint = "close the program that uses it, then run the same command again"
    return TargetError(error("in-use", said, hint, file=path))


def move_away(place: Place, number: int, op: Op, journal: Journal) -> bool:
    """Rename the old file of an op away, so that its name is free; False if that is refused too. Raises `OSError`."""
    away = RelPath((ASIDE, os.urandom(8).hex()))
    journal.note(Deferred(number, Aside.MOVED, away))
    root = place.roots[op.root]
    _make_folder(root)
    try:
        os.rename(place.target(op), root.target(away))
    except PermissionError as wrong:
        if not files.is_busy(wrong):
            raise
        return False
    return True


def leave_to_restart(place: Place, number: int, op: Op, journal: Journal, means: Means) -> None:
    """Have the system replace or remove a file that stays in use at its next start.

    Raises `TargetError` (in-use) where the system does not do that, else `OSError`.
    """
    root, target, staged = place.roots[op.root], place.target(op), place.staged(op)
    name = os.urandom(8).hex()
    later = Path(root.target(RelPath((ASIDE, name))))
    journal.note(Deferred(number, Aside.WAITING, RelPath((ASIDE, name))))
    _make_folder(root)
    verb = "remove" if staged is None else "replace"
    write_atomic(later.with_name(name + _NOTE), os.fsencode(f"{verb}\n{op.target}\n"))
    if staged is not None:
        os.rename(staged, later)
        fsync_folder(later.parent)
    try:
        if staged is None:
            means.host.replace_at_restart(Path(target), None)
        else:
            means.host.replace_at_restart(later, Path(target))
    except OSError as wrong:
        raise in_use(target, means) from wrong


def take_back(place: Place, now: Standing, course: Course) -> None:
    """Undo `leave_to_restart`, wherever it was broken off; the new file is staged again. Raises `OSError`."""
    for one in now.deferred:
        if one.aside is not Aside.WAITING:
            continue
        op = now.ops[one.op]
        root, staged = place.roots[op.root], place.staged(op)
        later = root.target(one.path)
        course.machine.host.forget_at_restart(Path(place.target(op) if op.kind is Kind.DELETE else later))
        files.remove(later + _NOTE, course.pause)
        if staged is not None and files.look(later) is not None and files.look(staged) is None:
            os.makedirs(os.path.dirname(staged), exist_ok=True)
            files.replace(later, staged, course.pause)
            fsync_folder(os.path.dirname(staged))


def carry_away(root: Root, path: str, means: Means) -> None:
    """Get a second name of a file in use out of the work folder; it goes at the next restart. Raises `OSError`."""
    _make_folder(root)
    away = os.path.join(root.base, ASIDE, os.urandom(8).hex())
    os.rename(path, away)
    means.host.replace_at_restart(Path(away), None)


def tidy(place: Place, now: Standing, course: Course) -> tuple[Problem, ...]:
    """Remove what was moved away, at the next restart where it is still in use; returns warnings."""
    warnings = []
    for one in now.deferred:
        root = place.roots[now.ops[one.op].root]
        path = root.target(one.path)
        if one.aside is Aside.MOVED and files.look(path) is not None:
            try:
                _remove_or_leave(path, course)
            except OSError as wrong:
                said = f"{path}, an old file that was in use, could not be removed: {wrong.strerror}"
                warnings.append(warning("staging-left", said, "remove it after the next restart", file=path))
    for root in place.roots:
        sweep(root)
    return tuple(warnings)


def _remove_or_leave(path: str, course: Course) -> None:
    try:
        files.remove(path, course.pause, 1)
    except PermissionError as wrong:
        if not files.is_busy(wrong):
            raise
        course.machine.host.replace_at_restart(Path(path), None)


def sweep(root: Root) -> None:
    """Remove what earlier changes left for a restart that has been; as far as that can be."""
    folder = root.base / ASIDE
    if not folder.is_dir():
        return
    with suppress(OSError):
        notes = _notes(folder)
        for name in os.listdir(folder):
            note = notes.get(name.removesuffix(_NOTE), _Note(None))
            if note is not None and not note.is_pending(root, name.removesuffix(_NOTE)):
                with suppress(OSError):
                    os.unlink(folder / name)
        os.rmdir(folder)


def still_waiting(root: Root, ops: Iterable[Op]) -> tuple[Problem, ...]:
    """Which targets of ops below a root an earlier change left to a restart that has not been; raises `OSError`."""
    folder = root.base / ASIDE
    if not folder.is_dir():
        return ()
    notes = _notes(folder)
    waiting = {
        fold(str(note.target)) for name, note in notes.items() if note is not None and note.is_pending(root, name)
    }
    return tuple(
        error(
            "restart-pending",
            f"{root.target(op.target)} waits for a restart since an earlier change",
            "restart the system, then run the same command again",
            file=root.target(op.target),
        )
        for op in ops
        if op.target.key in waiting
    )


@dataclass(frozen=True, slots=True)
class _Note:
    """What the next restart is to do to a target; None for what lies aside without a target."""

    target: RelPath | None
    removes: bool = False

    def is_pending(self, root: Root, name: str) -> bool:
        if self.target is None:
            return False
        return os.path.lexists(root.target(self.target) if self.removes else root.base / ASIDE / name)


def _notes(folder: Path) -> dict[str, _Note | None]:
    """The notes of a folder by the names of their files; None for one that cannot be read. Raises `OSError`."""
    notes: dict[str, _Note | None] = {}
    for name in os.listdir(folder):
        if name.endswith(_NOTE):
            verb, _, rest = os.fsdecode((folder / name).read_bytes()).partition("\n")
            try:
                target = RelPath.parse(rest.strip("\n"))
            except ConfigError:
                notes[name.removesuffix(_NOTE)] = None
                continue
            notes[name.removesuffix(_NOTE)] = _Note(target, verb == "remove")
    return notes


def _make_folder(root: Root) -> None:
    try:
        os.mkdir(root.base / ASIDE)
    except FileExistsError:
        return
    fsync_folder(root.base)

"""The commands that run when a hotfix is removed: what takes its commands back, and those of phase uninstall.

All of them run while what the hotfix brought is still there, as they do where its installation is
undone: those of phase uninstall, then what takes commands back, the last one first. A command of phase
uninstall that must not run twice runs last of all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from deploy.change.model import Command, CommandLine, Moment
from hotfix.installed import Installed
from hotfix.model import CommandEntry, CommandPhase, Manifest, OnError, When
from hotfix.packages import PackageCopy
from hotfix.paths import packaged_program
from hotfix.places import native
from hotfix.plan_commands import exit_codes

_UNDO_OF = "undo of "


def removal_commands(manifest: Manifest, applied: Sequence[Command], package: PackageCopy) -> tuple[Command, ...]:
    """Every command of the removal, in order; `applied` are those of the installation, as they are run."""
    entries = [one for one in manifest.commands if one.phase is CommandPhase.UNINSTALL and _holds(one.when)]
    return (*(_removing(one, package) for one in entries), *_undoing(applied))


def redoing(earlier: Installed | None, commands: Sequence[Command]) -> tuple[Command, ...]:
    """What brings back the work of an earlier installation where this one is undone.

    Undoing a command takes back what the same command did when the hotfix was applied before, so it
    runs again then, as it does in every installation over another. One that fails is told of only.
    """
    if earlier is None:
        return ()
    undone = {f"{_UNDO_OF}{one.label}": one.label for one in commands if one.undo is not None}
    return tuple(
        Command(undone[one.label], one.undo, Moment.ROLLBACK, one.success, one.restart, optional=True)
        for one in reversed(earlier.commands)
        if one.label in undone and one.undo is not None and os.path.isfile(one.undo.program)
    )


def not_undone(applied: Iterable[Command]) -> tuple[str, ...]:
    """The names of the commands that nothing takes back."""
    return tuple(one.label for one in applied if one.undo is None and one.moment is not Moment.ROLLBACK)


def _undoing(applied: Sequence[Command]) -> list[Command]:
    """Each undo as a command of its own; where the removal is undone, the command itself runs again."""
    return [
        Command(
            label=f"{_UNDO_OF}{one.label}",
            line=one.undo,
            moment=Moment.BEFORE,
            success=one.success,
            restart=one.restart,
            undo=one.line,
            optional=one.optional,
        )
        for one in reversed(applied)
        if one.undo is not None
    ]


def _removing(entry: CommandEntry, package: PackageCopy) -> Command:
    inside = packaged_program(entry.command)
    program = entry.command.strip().strip('"') if inside is None else package.program(inside)
    success, restart = exit_codes(entry.exit_codes)
    return Command(
        label=os.path.basename(program) if inside is None else str(inside),
        line=CommandLine(_native(program), entry.args, package.folder, entry.hidden, float(entry.timeout)),
        moment=Moment.BEFORE if entry.idempotent else Moment.LAST,
        success=success,
        restart=restart,
        idempotent=entry.idempotent,
        optional=entry.when.on_error is OnError.CONTINUE,
    )


def _holds(when: When) -> bool:
    """Whether the condition is met now, when the hotfix is installed."""
    return not when.condition or os.path.exists(_native(when.condition)) is not when.negated


def _native(path: str) -> str:
    return native(path, os.sep) or path

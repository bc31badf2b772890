"""What a whole change of a machine is: files below several roots, registry, services, programs, commands.

Pure values. The order in which they are carried out is the transaction's, not theirs.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from deploy.change.steps import Step
from deploy.errors import Problem
from deploy.host.registry import RegistryKey, RegistryValue


@dataclass(frozen=True, slots=True)
class MakeKey:
    """A key, with every missing one above it."""

    key: RegistryKey


@dataclass(frozen=True, slots=True)
class SetValue:
    """A value, "" for the default one; a missing key is made."""

    key: RegistryKey
    name: str
    value: RegistryValue


@dataclass(frozen=True, slots=True)
class DeleteValue:
    """No value of this name."""

    key: RegistryKey
    name: str


@dataclass(frozen=True, slots=True)
class DeleteKey:
    """No such key, nor anything below it; all of it is kept for the way back."""

    key: RegistryKey


RegistryStep = MakeKey | SetValue | DeleteValue | DeleteKey


class Moment(enum.StrEnum):
    """When a command runs.

    `LAST` is after everything else was checked, for what cannot be undone; `ROLLBACK` only while a
    change is undone, after the files are back and before the services start.
    """

    BEFORE = "before"
    AFTER_FILES = "afterFiles"
    AFTER = "after"
    LAST = "last"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A program to run: its absolute path, its arguments as a Windows program gets them, its absolute working folder.

    `timeout` is in seconds.
    """

    program: str
    args: str
    folder: str
    hidden: bool
    timeout: float


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a change.

    An exit code in `success` is success, one in `restart` is success that needs a restart, any other
    undoes the change unless `optional`. `undo` is run where the change is undone after the command
    was begun; it has to bear that the command did nothing. Without `undo` the command either is
    `idempotent`, or its moment is `LAST`. `label` is how it is called in messages, without arguments.
    """

    label: str
    line: CommandLine
    moment: Moment
    success: frozenset[int] = frozenset({0})
    restart: frozenset[int] = frozenset({3010, 1641})
    undo: CommandLine | None = None
    idempotent: bool = False
    optional: bool = False


class Restart(enum.StrEnum):
    """Whether a service that was stopped is started again."""

    IF_WAS_RUNNING = "ifWasRunning"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """A service that does not run while the files change, or (`stop` false) only has to run afterwards.

    With `dependents` the services that need it are stopped before it and those of them that ran are
    started after it; without, one that runs is a refusal. `timeout` is in seconds, for each wait.
    """

    name: str
    stop: bool = True
    restart: Restart = Restart.IF_WAS_RUNNING
    dependents: bool = True
    timeout: float = 120


class Ending(enum.StrEnum):
    """How running programs are dealt with: asked to end, asked and then ended, ended, or refused."""

    CLOSE = "close"
    KILL = "kill"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class ProcessChange:
    """A program, by its file name, of which none may run while the files change; `timeout` in seconds.

    `CLOSE`: asked, and a refusal if it still runs then. `KILL`: asked, and ended if it still runs
    then. `FAIL`: a refusal at once.
    """

    name: str
    ending: Ending = Ending.CLOSE
    timeout: float = 60


class InUse(enum.StrEnum):
    """What happens where a file stays in use after the usual patience.

    `FAIL` has no patience and `RETRY` about a minute, then both are errors that name the holder.
    `REBOOT` has some seconds, a minute for all such files together; then the old file is renamed away
    and the new one put in place, and where that is refused too it is replaced at the next start of the
    system.
    """

    FAIL = "fail"
    RETRY = "retry"
    REBOOT = "reboot"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A step on one file or folder below `Change.roots[root]`."""

    step: Step
    root: int = 0
    in_use: InUse = InUse.RETRY


@dataclass(frozen=True, slots=True)
class Change:
    """Everything that is to be different, all of it or nothing.

    `roots` are absolute, resolved paths of existing folders, each on one volume; files are changed in
    the order given, after missing folders and before deletions.
    """

    roots: tuple[str, ...]
    files: tuple[FileChange, ...] = ()
    registry: tuple[RegistryStep, ...] = ()
    services: tuple[ServiceChange, ...] = ()
    processes: tuple[ProcessChange, ...] = ()
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """How a command ended: its exit code, None where it was optional and could not be started or took too long."""

    label: str
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Doing:
    """What a change is doing now: a stable kebab-case name, and what with.

    Actions: begin, run-command, stop-service, close-process, back-up, replace-file, delete-file,
    set-registry, start-service, check, commit; while undoing: undo, undo-command.
    """

    action: str
    subject: str


@dataclass(frozen=True, slots=True)
class Done:
    """What a change came to. `waiting` are the absolute paths of files that get their content at the next restart."""

    commands: tuple[CommandEnded, ...] = ()
    waiting: tuple[str, ...] = ()
    restart_needed: bool = False
    warnings: tuple[Problem, ...] = ()

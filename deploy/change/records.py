"""The records of a journal, and what a journal amounts to: one table says what may follow what.

Pure. How a record is written is `deploy.change.lines`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace

from deploy.change.model import Command, Moment
from deploy.change.ops import Op
from deploy.change.registry_ops import RegistryOp
from deploy.change.service_ops import ServiceOp
from deploy.relpath import RelPath

FAILURES = 3
"""So many recoveries may fail before a person has to look."""


@dataclass(frozen=True, slots=True)
class Begin:
    """What is going to be changed; durable before anything is.

    `roots` are absolute; none of them stands for the one folder that the journal lies in, wherever
    that was moved to. `account` is the one it ran under.
    """

    ops: tuple[Op, ...]
    roots: tuple[str, ...] = ()
    registry: tuple[RegistryOp, ...] = ()
    services: tuple[ServiceOp, ...] = ()
    commands: tuple[Command, ...] = ()
    account: str = ""

    @property
    def is_of_machine(self) -> bool:
        """Whether it goes beyond the files of the one folder that the journal lies in."""
        return bool(self.roots or self.registry or self.services or self.commands)


@dataclass(frozen=True, slots=True)
class CommandStarted:
    """A command, counted from 0, is started; durable before it is."""

    command: int


@dataclass(frozen=True, slots=True)
class CommandDone:
    """It ended, with this exit code; None where it could not be started or took too long."""

    command: int
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class CommandUndone:
    """Its way back was gone."""

    command: int


@dataclass(frozen=True, slots=True)
class Stopping:
    """Services are set to manual and stopped; durable before the first is.

    `also` are those that ran besides those of the `begin` and need one of them. May be written again.
    """

    also: tuple[ServiceOp, ...] = ()


@dataclass(frozen=True, slots=True)
class Backed:
    """Every old file has its backup; durable before the first file, key or value changes."""


class Aside(enum.StrEnum):
    """What is done about a file that stays in use.

    `MOVED`: the old file was renamed away and goes at the next restart; the new one is in place.
    `WAITING`: the system puts the new one in place at its next start, or removes the old one.
    """

    MOVED = "moved"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Deferred:
    """The file of an op, counted from 0, is in use; durable before anything is done about it.

    `path` is below the op's root: where the old file (`MOVED`) or the new one (`WAITING`) lies from then on.
    """

    op: int
    aside: Aside
    path: RelPath


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything is changed and was looked at; durable before the first backup is removed."""


@dataclass(frozen=True, slots=True)
class Undone:
    """Everything is as it was but the services; durable before the first of them is started."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """Everything is as it was; durable before the first backup is removed."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt to undo that did not succeed, and what stood in its way."""

    said: str


Record = (
    Begin
    | CommandStarted
    | CommandDone
    | CommandUndone
    | Stopping
    | Backed
    | Deferred
    | Commit
    | Undone
    | RolledBack
    | Failed
)


class DamagedError(ValueError):
    """A line that is not a record, or one that cannot follow those before; the message says why."""


class Phase(enum.Enum):
    """How far a change came, as its journal tells. Before `BACKED` no file was changed and backups may be half made."""

    NOT_BEGUN = enum.auto()
    BEGUN = enum.auto()
    BACKED = enum.auto()
    COMMITTED = enum.auto()
    UNDONE = enum.auto()
    ROLLED_BACK = enum.auto()


@dataclass(frozen=True, slots=True)
class Run:
    """One start of a command: whether it ended and how, and whether it was undone."""

    command: int
    is_done: bool = False
    exit_code: int | None = None
    is_undone: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What a journal amounts to: what was to be done, how far it came, what failed recoveries said."""

    phase: Phase = Phase.NOT_BEGUN
    begin: Begin = Begin(())
    stopping: bool = False
    also: tuple[ServiceOp, ...] = ()
    runs: tuple[Run, ...] = ()
    deferred: tuple[Deferred, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def ops(self) -> tuple[Op, ...]:
        """The changes of files."""
        return self.begin.ops

    @property
    def services(self) -> tuple[ServiceOp, ...]:
        """Every service that is concerned, in the order of stopping."""
        return (*self.also, *self.begin.services)

    @property
    def is_touched(self) -> bool:
        """Whether there is anything to undo."""
        return self.phase is Phase.BACKED or (self.phase is Phase.BEGUN and (self.stopping or bool(self.runs)))

    @property
    def awaits_backed(self) -> bool:
        """Whether the next record may be `backed`."""
        return self.phase is Phase.BEGUN and (self.stopping or not self.begin.services)

    @property
    def is_decided(self) -> bool:
        """Whether only the commit is missing after the last command, and one that ran cannot be undone."""
        if self.phase is not Phase.BACKED:
            return False
        last = [n for n, command in enumerate(self.begin.commands) if command.moment is Moment.LAST]
        well = {run.command for run in self.runs if run.is_done and ended_well(self.begin.commands[run.command], run)}
        return bool(last) and well.issuperset(last) and any(not can_be_undone(self.begin.commands[n]) for n in last)


def ended_well(command: Command, run: Run) -> bool:
    """Whether a run of a command lets the change go on."""
    return command.optional or run.exit_code in command.success | command.restart


def can_be_undone(command: Command) -> bool:
    """Whether undoing the change undoes what the command did, or running it again does no harm."""
    return command.undo is not None or command.idempotent


def standing(records: Iterable[Record]) -> Standing:
    """Read the records from first to last; raises `DamagedError` where one cannot follow the one before."""
    now = Standing()
    for number, record in enumerate(records, start=1):
        try:
            now = followed(now, record)
        except DamagedError as wrong:
            raise DamagedError(f"line {number}: {wrong}") from wrong
    return now


_BEFORE_THE_END = frozenset({Phase.BEGUN, Phase.BACKED})
_MAY_FOLLOW: dict[type[Record], frozenset[Phase]] = {
    Begin: frozenset({Phase.NOT_BEGUN}),
    CommandStarted: _BEFORE_THE_END,
    CommandDone: _BEFORE_THE_END,
    CommandUndone: _BEFORE_THE_END,
    Stopping: _BEFORE_THE_END,
    Backed: frozenset({Phase.BEGUN}),
    Deferred: frozenset({Phase.BACKED}),
    Commit: frozenset({Phase.BACKED}),
    Undone: _BEFORE_THE_END,
    RolledBack: frozenset({*_BEFORE_THE_END, Phase.UNDONE}),
    Failed: _BEFORE_THE_END,
}
_OF_UNDOING = (Undone, RolledBack, Failed)


def followed(now: Standing, record: Record) -> Standing:
    """What a journal amounts to with one more record; raises `DamagedError` where it cannot follow."""
    untouched = now.phase is Phase.BEGUN and not now.is_touched
    if now.phase not in _MAY_FOLLOW[type(record)] or (isinstance(record, _OF_UNDOING) and untouched):
        raise DamagedError(f"{type(record).__name__.lower()} cannot follow {now.phase.name.lower()}")
    match record:
        case Begin():
            return Standing(Phase.BEGUN, record)
        case CommandStarted(command):
            _counted(command, len(now.begin.commands))
            return replace(now, runs=(*now.runs, Run(command)))
        case CommandDone(command, exit_code):
            return _with_run(now, Run(command, True, exit_code))
        case CommandUndone(command):
            return _with_run(now, replace(_last_run(now, command), is_undone=True))
        case Stopping(also):
            return replace(now, stopping=True, also=(*also, *now.also))
        case Deferred(op):
            _counted(op, len(now.ops))
            return replace(now, deferred=(*now.deferred, record))
        case Failed(said):
            return replace(now, failures=(*now.failures, said))
        case Backed():
            return replace(now, phase=Phase.BACKED)
        case Commit():
            return replace(now, phase=Phase.COMMITTED)
        case Undone():
            return replace(now, phase=Phase.UNDONE)
        case RolledBack():
            return replace(now, phase=Phase.ROLLED_BACK)


def _counted(number: int, count: int) -> None:
    if not 0 <= number < count:
        raise DamagedError(f"there is no number {number}")


def _last_run(now: Standing, command: int) -> Run:
    for run in reversed(now.runs):
        if run.command == command:
            return run
    raise DamagedError(f"command {command} was not started")


def _with_run(now: Standing, changed: Run) -> Standing:
    """The standing with another value for the last run of a command."""
    last = _last_run(now, changed.command)
    place = len(now.runs) - 1 - now.runs[::-1].index(last)
    return replace(now, runs=(*now.runs[:place], changed, *now.runs[place + 1 :]))

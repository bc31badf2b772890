"""Which services a change stops and starts, in which order, and what undoing it means for each.

Pure. One table per service answers everything; the order of the ops is the order of stopping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from deploy.change.model import Restart, ServiceChange
from deploy.errors import Problem, error
from deploy.host.services import ServiceState, ServiceStatus, StartType

_BY_ITSELF = frozenset({StartType.AUTOMATIC, StartType.DELAYED})
_KEENNESS = {Restart.NEVER: 0, Restart.IF_WAS_RUNNING: 1, Restart.ALWAYS: 2}


@dataclass(frozen=True, slots=True)
class ServiceOp:
    """A service as it was, whether it stops while files change, and whether the change starts it afterwards.

    `timeout` is in seconds, for each wait. `start_type` is None where there is none to change.
    """

    name: str
    was_running: bool
    start_type: StartType | None
    stops: bool
    starts: bool
    timeout: float

    @property
    def made_manual(self) -> bool:
        """Whether its start type is "manual" meanwhile.

        So that a restart of the system does not start it over mixed files; and what is disabled but
        ran could not be started again.
        """
        if self.start_type is StartType.DISABLED:
            return self.stops and (self.was_running or self.starts)
        return self.stops and self.start_type in _BY_ITSELF

    @property
    def stops_for_undo(self) -> bool:
        """Whether it has to be stopped before the change is undone: it may run over what is taken back."""
        return self.stops or not self.was_running


def runs(status: ServiceStatus) -> bool:
    """Whether a service counts as running: what is about to run, and what pauses, runs a program."""
    return status.state in (ServiceState.RUNNING, ServiceState.STARTING, ServiceState.PAUSED)


def refusals(changes: Iterable[ServiceChange], found: Mapping[str, ServiceStatus | None]) -> tuple[Problem, ...]:
    """Why the changes cannot be made on a machine with the services `found`, by the names that were asked for."""
    problems: list[Problem] = []
    for change in changes:
        status = found.get(change.name)
        if status is None:
            said = f"there is no service {change.name} on this machine"
            problems.append(error("no-such-service", said, "install what it belongs to, or correct its name"))
            continue
        needed_by = [name for name in status.dependents if (other := found.get(name)) is not None and runs(other)]
        if change.stop and not change.dependents and needed_by:
            said = f"the service {status.name} cannot be stopped, because these need it: {', '.join(needed_by)}"
            problems.append(error("service-needed", said, "stop them first, then run the same command again"))
        must_start = change.restart is Restart.ALWAYS or not change.stop
        if must_start and status.start_type is StartType.DISABLED and not runs(status):
            said = f"the service {status.name} is to be started and is disabled"
            problems.append(error("service-disabled", said, "set its start type to manual or automatic"))
    return tuple(problems)


def arranged(changes: Iterable[ServiceChange], found: Mapping[str, ServiceStatus | None]) -> tuple[ServiceOp, ...]:
    """The ops, in the order of stopping: what needs another before that other. Starting is the reverse.

    `found` has the status of every service that `refusals` would not refuse, and of all its
    dependents, by the names that were asked for and those the machine uses. Dependents are part of it
    even if they do not run: a restart of the system could start them, and with them what they need.
    """
    wanted = _merged(changes, found)
    stopped_for: dict[str, list[ServiceChange]] = {}
    for name, change in wanted.items():
        status = found[name]
        for dependent in status.dependents if status is not None and change.stop else ():
            stopped_for.setdefault(dependent, []).append(change)
    ops: dict[str, ServiceOp] = {}

    def visit(name: str) -> None:
        status = found.get(name)
        if name in ops or status is None:
            return
        for dependent in status.dependents:
            if dependent in wanted or dependent in stopped_for:
                visit(dependent)
        ops[name] = _op(status, wanted.get(name), stopped_for.get(name, []))

    for name in wanted:
        visit(name)
    return tuple(ops.values())


def _merged(changes: Iterable[ServiceChange], found: Mapping[str, ServiceStatus | None]) -> dict[str, ServiceChange]:
    """One change for each service, by the machine's name."""
    merged: dict[str, ServiceChange] = {}
    for change in changes:
        status = found[change.name]
        assert status is not None
        other = merged.get(status.name, change)
        merged[status.name] = ServiceChange(
            status.name,
            change.stop or other.stop,
            max(change.restart, other.restart, key=_KEENNESS.__getitem__),
            change.dependents or other.dependents,
            max(change.timeout, other.timeout),
        )
    return merged


def _op(status: ServiceStatus, own: ServiceChange | None, mains: Sequence[ServiceChange]) -> ServiceOp:
    """The op of a service with a change of its own, or that has to stop because it needs what others stop."""
    was_running = runs(status)
    if own is None:
        # Starting what needs a service starts that too, wanted or not.
        starts = was_running and all(change.restart is not Restart.NEVER for change in mains)
        timeout = max(change.timeout for change in mains)
        return ServiceOp(status.name, was_running, status.start_type, True, starts, timeout)
    starts = not own.stop or own.restart is Restart.ALWAYS
    starts = starts or (own.restart is Restart.IF_WAS_RUNNING and was_running)
    return ServiceOp(status.name, was_running, status.start_type, own.stop or bool(mains), starts, own.timeout)


def unforeseen(ops: Sequence[ServiceOp], found: Mapping[str, ServiceStatus | None]) -> tuple[ServiceOp, ...]:
    """Dependents of what is about to be stopped that run by now and are not among the ops, in the order of stopping."""
    known = {op.name for op in ops}
    more: dict[str, ServiceOp] = {}
    for op in ops:
        status = found.get(op.name)
        for name in status.dependents if status is not None and op.stops_for_undo else ():
            other = found.get(name)
            if other is not None and runs(other) and name not in known and name not in more:
                more[name] = ServiceOp(name, True, other.start_type, True, op.starts, op.timeout)
    return tuple(more.values())

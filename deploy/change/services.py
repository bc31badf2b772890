"""The services of a change: looked at, stopped and held, started again, their start types restored.

Every function raises `TargetError` as `ServiceManager` does. Which service, and in which order, is
decided by `deploy.change.service_ops`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from deploy.change.course import Course
from deploy.change.journal import Journal
from deploy.change.model import Doing, ServiceChange
from deploy.change.records import Stopping
from deploy.change.service_ops import ServiceOp, arranged, refusals, unforeseen
from deploy.errors import MicceError, Problem, Severity, TargetError, error
from deploy.host.services import ServiceManager, ServiceState, ServiceStatus, StartType

RESTORE_ATTEMPTS = 3
RESTORE_PAUSE = 1.0
_BY_HAND = "see its own log, start it by hand, then run the same command again"


def planned(changes: Sequence[ServiceChange], manager: ServiceManager) -> tuple[ServiceOp, ...]:
    """The ops, in the order of stopping; raises all of no-such-service, service-needed and service-disabled at once."""
    found = _statuses((change.name for change in changes), manager)
    problems = refusals(changes, found)
    if problems:
        raise TargetError(problems)
    return arranged(changes, found)


def _statuses(names: Iterable[str], manager: ServiceManager) -> dict[str, ServiceStatus | None]:
    """The status of each service and of everything that needs it, by the name asked for and by the machine's."""
    found: dict[str, ServiceStatus | None] = {}
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        status = found[name] = manager.status(name)
        if status is not None:
            found[status.name] = status
            todo += status.dependents
    return found


def hold(journal: Journal, course: Course, *, undoing: bool) -> None:
    """Set services to manual and stop them, so that none runs and none is started over files that change.

    Noted in the journal before the first is touched, with whatever needs them and runs by now. Raises
    `TargetError` (service-not-stopped and what the manager says).
    """
    manager = course.machine.services
    ops = journal.now.services
    found = _statuses((op.name for op in ops), manager)
    also = unforeseen(ops, found)
    if also or not journal.now.stopping:
        journal.note(Stopping(also))
    course.reached("stopping")
    concerned = [op for op in journal.now.services if (op.stops_for_undo if undoing else op.stops)]
    for op in concerned:
        if op.made_manual and _start_type(found.get(op.name)) not in (None, StartType.MANUAL):
            manager.set_start_type(op.name, StartType.MANUAL)
            course.reached(f"made-manual {op.name}")
    for op in concerned:
        status = manager.status(op.name)
        if status is None or status.state is ServiceState.STOPPED:
            continue
        course.tell(Doing("stop-service", op.name))
        manager.stop(op.name, op.timeout)
        course.reached(f"stopped {op.name}")
    _see_stopped(concerned, manager)
    course.reached("stopped")


def _start_type(status: ServiceStatus | None) -> StartType | None:
    return None if status is None else status.start_type


def see_stopped(journal: Journal, course: Course) -> None:
    """See once more that nothing started what has to stand still (service-not-stopped)."""
    _see_stopped([op for op in journal.now.services if op.stops], course.machine.services)


def _see_stopped(ops: Iterable[ServiceOp], manager: ServiceManager) -> None:
    for op in ops:
        status = manager.status(op.name)
        if status is not None and status.state is not ServiceState.STOPPED:
            said = f"the service {op.name} was stopped and is {status.state} again"
            hint = "see what starts it (a supervisor, a trigger), then run the same command again"
            raise TargetError(error("service-not-stopped", said, hint))


def start(journal: Journal, course: Course) -> None:
    """Start what the change starts, each after what it needs."""
    for op in reversed(journal.now.services):
        if op.starts:
            _start(op, course)
    course.reached("started")


def _start(op: ServiceOp, course: Course) -> None:
    manager = course.machine.services
    status = manager.status(op.name)
    if status is None:
        raise TargetError(error("service-not-started", f"there is no service {op.name} any more", _BY_HAND))
    if status.state is ServiceState.RUNNING:
        return
    if status.start_type is StartType.DISABLED and op.made_manual:
        manager.set_start_type(op.name, StartType.MANUAL)
    course.tell(Doing("start-service", op.name))
    manager.start(op.name, op.timeout)
    course.reached(f"started {op.name}")


def see_running(journal: Journal, course: Course) -> None:
    """See that everything that was started still runs; raises `TargetError` (service-not-started)."""
    problems = []
    for op in journal.now.services:
        status = course.machine.services.status(op.name) if op.starts else None
        if op.starts and (status is None or status.state is not ServiceState.RUNNING):
            state = "gone" if status is None else status.state
            said = f"the service {op.name} was started and is {state} now"
            problems.append(error("service-not-started", said, _BY_HAND))
    if problems:
        raise TargetError(problems)


def bring_up(journal: Journal, course: Course, wanted: Callable[[ServiceOp], bool]) -> tuple[Problem, ...]:
    """Start everything `wanted` as far as it can be, and restore the start types, when all else is decided.

    Raises `TargetError` with what did not come up or could not be restored; where the course insists,
    these are the warnings that are returned.
    """
    problems: list[Problem] = []
    for op in reversed(journal.now.services):
        if wanted(op):
            try:
                _start(op, course)
            except MicceError as wrong:
                problems += wrong.problems
    course.reached("restarted")
    problems += restore_start_types(journal, course)
    if problems and not course.insist:
        raise TargetError(problems)
    return tuple(replace(one, severity=Severity.WARNING) for one in problems)


def restore_start_types(journal: Journal, course: Course) -> tuple[Problem, ...]:
    """Give every service its start type back, unless somebody gave it another one; returns what could not be.

    A service manager that is busy for a moment is asked again.
    """
    problems: list[Problem] = []
    for op in journal.now.services:
        if op.made_manual and op.start_type is not None:
            for attempt in range(RESTORE_ATTEMPTS):
                try:
                    _restore(op.name, op.start_type, course)
                    break
                except MicceError as wrong:
                    if attempt == RESTORE_ATTEMPTS - 1:
                        problems += map(_not_restored, wrong.problems)
                    else:
                        course.pause(RESTORE_PAUSE)
    course.reached("start-types-restored")
    return tuple(problems)


def _restore(name: str, start_type: StartType, course: Course) -> None:
    manager = course.machine.services
    status = manager.status(name)
    if status is not None and status.start_type is StartType.MANUAL:
        manager.set_start_type(name, start_type)
        course.reached(f"start-type-restored {name}")


def _not_restored(problem: Problem) -> Problem:
    said = f"the start type of a service could not be restored: {problem.message}"
    return error("start-type-not-restored", said, problem.hint)


def all_that_ran(op: ServiceOp) -> bool:
    """What is started again when a change is undone."""
    return op.was_running


def all_that_start(op: ServiceOp) -> bool:
    """What is started when a change is finished."""
    return op.starts

"""What happens to services and running programs: what stops in which order, what starts again, who is asked.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.change.model import Ending, ProcessChange, Restart, ServiceChange
from deploy.change.service_ops import ServiceOp, arranged, refusals, runs
from deploy.errors import Problem, error
from deploy.host.services import ServiceStatus
from deploy.relpath import fold
from hotfix.applicability import Situation
from hotfix.known import Facts
from hotfix.model import Manifest, ProcessAction, ProcessEntry, Service, ServiceAction
from hotfix.planned import PlannedProcess, PlannedService
from hotfix.softening import softened

_ENDINGS = {
    ProcessAction.PROMPT: Ending.CLOSE,
    ProcessAction.CLOSE: Ending.CLOSE,
    ProcessAction.KILL: Ending.KILL,
    ProcessAction.FAIL: Ending.FAIL,
}


@dataclass(frozen=True, slots=True)
class ServicesPlan:
    """The services in the order of stopping (starting is the reverse), the changes they come from, what is wrong."""

    services: tuple[PlannedService, ...] = ()
    changes: tuple[ServiceChange, ...] = ()
    problems: tuple[Problem, ...] = ()


def plan_services(manifest: Manifest, situation: Situation) -> ServicesPlan:
    """Plan the services that apply, with everything that needs them.

    A missing one with `onError="continue"` is left out with a warning. Codes: no-such-service,
    service-needed, service-disabled, and what the service manager said.
    """
    facts = situation.facts
    changes: list[tuple[Service, ServiceChange]] = []
    problems: list[Problem] = []
    for entry in manifest.services:
        if not situation.holds(entry.when):
            continue
        change = _change(entry)
        wrong = _unknown(entry, facts) or refusals((change,), facts.services)
        if wrong:
            problems += softened(wrong, entry.when, manifest.source)
        else:
            changes.append((entry, change))
    ops = arranged((change for _, change in changes), facts.services)
    services = tuple(_planned(op, changes, facts.services) for op in ops)
    return ServicesPlan(services, tuple(change for _, change in changes), tuple(problems))


def _change(entry: Service) -> ServiceChange:
    restart = Restart.ALWAYS if entry.action is ServiceAction.RESTART else entry.restart
    return ServiceChange(entry.name, entry.action is not ServiceAction.START, restart, entry.dependents, entry.timeout)


def _unknown(entry: Service, facts: Facts) -> tuple[Problem, ...]:
    """Why nothing can be said of a service, or of one that needs it."""
    status = facts.services.get(entry.name)
    names = (entry.name, *(() if status is None else status.dependents))
    return tuple(problem for name in names for problem in facts.service_problems.get(name, ()))


def _planned(
    op: ServiceOp, changes: Sequence[tuple[Service, ServiceChange]], found: Mapping[str, ServiceStatus | None]
) -> PlannedService:
    status = found[op.name]
    assert status is not None
    own = next((entry for entry, _ in changes if _is(entry.name, op.name, found)), None)
    for_another = (entry for entry, _ in changes if own is None and op.name in _dependents(entry.name, found))
    main = own or next(for_another, None)
    return PlannedService(
        name=op.name,
        state=status.state,
        stops=op.stops and runs(status),
        starts=op.starts,
        because="" if own is not None or main is None else _name(main.name, found),
        line=None if main is None else main.when.line,
    )


def _name(name: str, found: Mapping[str, ServiceStatus | None]) -> str:
    status = found.get(name)
    return name if status is None else status.name


def _is(name: str, machines: str, found: Mapping[str, ServiceStatus | None]) -> bool:
    return _name(name, found) == machines


def _dependents(name: str, found: Mapping[str, ServiceStatus | None]) -> tuple[str, ...]:
    status = found.get(name)
    return () if status is None else status.dependents


def plan_processes(
    manifest: Manifest, situation: Situation, *, silent: bool
) -> tuple[tuple[PlannedProcess, ...], tuple[Problem, ...]]:
    """Plan the programs that may not run meanwhile; one that is to end the change and runs is program-running."""
    planned: list[PlannedProcess] = []
    problems: list[Problem] = []
    for entry in manifest.processes:
        if not situation.holds(entry.when):
            continue
        running = situation.facts.processes.get(entry.name, 0)
        if entry.action is ProcessAction.FAIL and running:
            said = f"{entry.name} runs ({running} times), and must not"
            wrong = error("program-running", said, "close it, then run the same command again")
            problems += softened((wrong,), entry.when, manifest.source)
        else:
            planned.append(_process(entry, running, silent))
    return tuple(planned), tuple(problems)


def _process(entry: ProcessEntry, running: int, silent: bool) -> PlannedProcess:
    change = ProcessChange(entry.name, _ENDINGS[entry.action], entry.timeout)
    asks = entry.action is ProcessAction.PROMPT and running > 0 and not silent
    return PlannedProcess(change, running, asks, entry.when.line)


def elevation_missing(what: Sequence[str], facts: Facts) -> tuple[Problem, ...]:
    """That this account may not do what only an administrator may (not-elevated); `what` names it."""
    if not what or facts.elevated:
        return ()
    said = f"{facts.account} may not change {' and '.join(sorted(set(what), key=fold))} of the machine"
    return (error("not-elevated", said, "start it as administrator"),)

"""Applying and removing with every step in the log: what each command of an administrator does."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.change.files import Pause
from deploy.change.recovery import Outcome, Recovery
from deploy.errors import MicceError, Problem, TargetError, error
from hotfix.conversation import doing, removed_lines, result_lines, steps
from hotfix.events import Event, Progress, Tell
from hotfix.install import Applied, apply
from hotfix.interruption import interruptible
from hotfix.log import Log
from hotfix.planned import Plan
from hotfix.prepare import prepare
from hotfix.recovery import is_unfinished, recover
from hotfix.removal import UninstallPlan
from hotfix.target import Target
from hotfix.uninstall import Removed, uninstall


def recover_logged(target: Target, log: Log, tell: Tell, *, insist: bool = False) -> Recovery:
    """`hotfix.recovery.recover`, with what it did in the log; what is planned next is planned on a whole machine.

    A request to stop waits for its end.
    """
    with _in_log(target, log), interruptible(_told(log, tell), to_its_end=True) as stop:
        recovery = recover(target, insist=insist, tell=stop.tell)
    if recovery.outcome is not Outcome.NOTHING:
        log.info(f"a change that was broken off: {recovery.outcome.value}")
    log.problems(recovery.warnings)
    if stop.asked:
        log.info("stopped on request")
        raise KeyboardInterrupt
    return recovery


def prepare_logged(config: Path, target: Target, log: Log, *, silent: bool) -> Plan:
    """`hotfix.prepare.prepare`, with what it found in the log."""
    with _in_log(target, log):
        plan = prepare(config, target, silent=silent)
    log.id = plan.manifest.id
    log.info(f"revision {plan.manifest.revision} from {config}, sha256 {plan.digest}: {plan.verdict.value}")
    log.problems(plan.warnings)
    log.problems(plan.reasons)
    _lines(log, steps(plan))
    return plan


def apply_logged(plan: Plan, target: Target, log: Log, tell: Tell, pause: Pause = time.sleep) -> Applied:
    """`hotfix.install.apply`, with every step and the result in the log.

    Raises what it raises, `TargetError` with stopped-halfway, and `KeyboardInterrupt` with everything as it was.
    """
    log.id = plan.manifest.id
    with _in_log(target, log, plan.reasons):
        applied = apply(plan, target, _told(log, tell), pause=pause)
    log.problems(one for one in applied.warnings if one not in plan.warnings)
    _lines(log, result_lines(applied))
    return applied


def uninstall_logged(plan: UninstallPlan, target: Target, log: Log, tell: Tell, pause: Pause = time.sleep) -> Removed:
    """`hotfix.uninstall.uninstall`, with every step and the result in the log; raises as `apply_logged`."""
    log.id = plan.installed.id
    log.info(f"remove revision {plan.installed.revision}: {plan.verdict.value}")
    log.problems(plan.warnings)
    _lines(log, steps(plan))
    with _in_log(target, log):
        removed = uninstall(plan, target, _told(log, tell), pause=pause)
    log.problems(one for one in removed.warnings if one not in plan.warnings)
    _lines(log, removed_lines(removed))
    return removed


def _halfway() -> Problem:
    hint = "run `micce-hotfix recover`, or the same command again: that comes first"
    return error("stopped-halfway", "stopped on request, and what had been done is not undone yet", hint)


@contextmanager
def _in_log(target: Target, log: Log, known: Sequence[Problem] = ()) -> Iterator[None]:
    """Whatever ends the work inside is in the log; `known` are there already."""
    try:
        yield
    except MicceError as wrong:
        log.problems(one for one in wrong.problems if one not in known)
        raise
    except KeyboardInterrupt:
        halfway = is_unfinished(target)
        said = (_halfway(),) if halfway else (error("interrupted", "stopped on request; nothing was changed", ""),)
        log.problems(said)
        if halfway:
            raise TargetError(said) from None
        raise
    except BaseException as wrong:
        log.info(f"broken off: {type(wrong).__name__}")
        raise


def _told(log: Log, tell: Tell) -> Tell:
    def both(event: Event) -> None:
        if not isinstance(event, Progress):
            log.info(doing(event))
        tell(event)

    return both


def _lines(log: Log, lines: Iterable[str]) -> None:
    for line in lines:
        log.info(line)

"""Applying and removing with every step in the log: what each command of an administrator does."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deploy.change.recovery import Outcome, Recovery
from deploy.errors import MicceError
from hotfix.conversation import doing, removed_lines, result_lines, steps
from hotfix.events import Event, Progress, Tell
from hotfix.install import Applied, apply
from hotfix.log import Log
from hotfix.planned import Plan, Verdict
from hotfix.prepare import prepare
from hotfix.recovery import recover
from hotfix.removal import UninstallPlan
from hotfix.target import Target
from hotfix.uninstall import Removed, uninstall


def recover_logged(target: Target, log: Log, tell: Tell, *, insist: bool = False) -> Recovery:
    """`hotfix.recovery.recover`, with what it did in the log; what is planned next is planned on a whole machine."""
    try:
        recovery = recover(target, insist=insist, tell=_told(log, tell))
    except MicceError as wrong:
        log.problems(wrong.problems)
        raise
    if recovery.outcome is not Outcome.NOTHING:
        log.info(f"a change that was broken off: {recovery.outcome.value}")
    log.problems(recovery.warnings)
    return recovery


def prepare_logged(config: Path, target: Target, log: Log, *, silent: bool) -> Plan:
    """`hotfix.prepare.prepare`, with what it found in the log."""
    try:
        plan = prepare(config, target, silent=silent)
    except MicceError as wrong:
        log.problems(wrong.problems)
        raise
    log.id = plan.manifest.id
    log.info(f"revision {plan.manifest.revision} from {config}, sha256 {plan.digest}: {plan.verdict.value}")
    log.problems(plan.warnings)
    log.problems(plan.reasons)
    _lines(log, steps(plan))
    return plan


def apply_logged(plan: Plan, target: Target, log: Log, tell: Tell) -> Applied:
    """`hotfix.install.apply`, with every step and the result in the log."""
    log.id = plan.manifest.id
    try:
        applied = apply(plan, target, _told(log, tell))
    except MicceError as wrong:
        if plan.verdict is not Verdict.REFUSED:
            log.problems(wrong.problems)
        raise
    except BaseException as wrong:
        log.info(f"broken off: {type(wrong).__name__}")
        raise
    log.problems(one for one in applied.warnings if one not in plan.warnings)
    _lines(log, result_lines(applied))
    return applied


def uninstall_logged(plan: UninstallPlan, target: Target, log: Log, tell: Tell) -> Removed:
    """`hotfix.uninstall.uninstall`, with every step and the result in the log."""
    log.id = plan.installed.id
    log.info(f"remove revision {plan.installed.revision}: {plan.verdict.value}")
    log.problems(plan.warnings)
    _lines(log, steps(plan))
    try:
        removed = uninstall(plan, target, _told(log, tell))
    except MicceError as wrong:
        log.problems(wrong.problems)
        raise
    except BaseException as wrong:
        log.info(f"broken off: {type(wrong).__name__}")
        raise
    log.problems(one for one in removed.warnings if one not in plan.warnings)
    _lines(log, removed_lines(removed))
    return removed


def _told(log: Log, tell: Tell) -> Tell:
    def both(event: Event) -> None:
        if not isinstance(event, Progress):
            log.info(doing(event))
        tell(event)

    return both


def _lines(log: Log, lines: Iterable[str]) -> None:
    for line in lines:
        log.info(line)

"""The installer's conversation in a terminal: which hotfix, what it does, what will be stopped, yes or no."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.errors import UsageError, error
from hotfix.conversation import warning_text
from hotfix.interruption import interruptible
from hotfix.log import Log
from hotfix.logged import apply_logged, prepare_logged, recover_logged
from hotfix.planned import Verdict
from hotfix.progress import progress
from hotfix.rendering import write_applied, write_lines, write_plan
from hotfix.target import Target

DONE, FAILED = 0, 1
_YES = frozenset({"y", "yes"})


def converse(config: str | None, target: Target, log: Log) -> int:
    """Apply one hotfix as the person wants it; returns the exit code, 1 where nothing was applied in the end.

    Raises `MicceError`: what recovery, planning and applying raise, and `UsageError` (needs-answer)
    where the input is no terminal.
    """
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError(
            error("needs-answer", "nobody can be asked here", "use /i:<file> /s, or start it in a terminal")
        )
    with progress(as_json=False) as tell:
        recover_logged(target, log, tell)
        path = config if config is not None else _answer("Hotfix (*.config): ").strip().strip('"')
        if not path:
            write_lines(("nothing was changed",))
            return FAILED
        plan = prepare_logged(Path(path), target, log, silent=False)
    write_plan(plan)
    if plan.verdict is Verdict.REFUSED:
        return FAILED
    if plan.verdict is Verdict.NOT_APPLICABLE:
        return DONE
    question = "Go on? [y/N] " if warning_text(plan) else "Apply it? [y/N] "
    if _answer(question).strip().lower() not in _YES:
        log.info("cancelled; nothing was changed")
        write_lines(("nothing was changed",))
        return FAILED
    with progress(as_json=False) as tell, interruptible(tell) as stop:
        applied = apply_logged(plan, target, log, stop.tell, stop.pause)
    write_applied(applied)
    write_lines((f"log: {log.path}",))
    return DONE


def _answer(question: str) -> str:
    """What the person writes; "" at the end of the input."""
    sys.stdout.write(question)
    sys.stdout.flush()
    return sys.stdin.readline()

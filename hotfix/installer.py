"""`MiCCEHotFixInstaller`: applies a hotfix with a window, in a terminal, or silently (manual: MICCEHOTFIXINSTALLER)."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from deploy.errors import EXIT_FAILED, MicceError, Problem, UsageError, error
from deploy.host.current import current
from hotfix.events import ignore
from hotfix.interruption import interruptible
from hotfix.log import Log, log_path
from hotfix.logged import apply_logged, prepare_logged, recover_logged
from hotfix.slash import USAGE, Options, asks_for_silence, parse_slash
from hotfix.streams import unfailing
from hotfix.target import Target, open_target
from hotfix.terminal import converse

DONE = 0
INTERRUPTED = 130


def main() -> None:
    """The console script; ends the process with the exit code."""
    with unfailing():
        sys.excepthook = _unexpected
        code = run(sys.argv[1:])
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit code, with `/s` 0 or 1 and nothing else."""
    silent = asks_for_silence(arguments)
    log = Log(log_path(current()), lambda problem: _say((problem,)))
    try:
        options = parse_slash(arguments)
        if options.help:
            sys.stdout.write(USAGE)
            return DONE
        return _work(options, _target(log), log)
    except UsageError as wrong:
        log.problems(wrong.problems)
        _say(wrong.problems)
        return EXIT_FAILED if silent else wrong.exit_code
    except MicceError as wrong:
        _say(wrong.problems)
        return EXIT_FAILED
    except KeyboardInterrupt:
        _say((error("interrupted", "stopped on request; nothing was changed", "run the same command again"),))
        return EXIT_FAILED if silent else INTERRUPTED


def _target(log: Log) -> Target:
    try:
        return open_target(current(), {})
    except MicceError as wrong:
        log.problems(wrong.problems)
        raise


def _work(options: Options, target: Target, log: Log) -> int:
    if options.silent and options.config is not None:
        return _silently(Path(options.config), target, log)
    if options.text or not _has_display():
        return converse(options.config, target, log)
    from hotfix.window import show

    return show(options.config, target, log)


def _silently(config: Path, target: Target, log: Log) -> int:
    recover_logged(target, log, ignore)
    plan = prepare_logged(config, target, log, silent=True)
    with interruptible(ignore) as stop:
        applied = apply_logged(plan, target, log, stop.tell, stop.pause)
    _say((*applied.reasons, *applied.warnings))
    return DONE


def _has_display() -> bool:
    try:
        from hotfix.window import can_open
    except ImportError:
        return False
    return can_open()


def _say(problems: Sequence[Problem]) -> None:
    for problem in problems:
        sys.stderr.write(f"{problem}\n")


def _unexpected(kind: type[BaseException], wrong: BaseException, trace: TracebackType | None) -> None:
    """A mistake of this program: said in a line, and kept in the log with the place where it happened."""
    place = "".join(f" < {one.filename}:{one.lineno}" for one in reversed(traceback.extract_tb(trace)))
    said = error("unexpected", f"{kind.__name__}: {wrong}", "send the log to whoever supplied this program")
    _say((said,))
    log = Log(log_path(current()), lambda problem: _say((problem,)))
    log.problems((said,))
    log.info(f"unexpected{place}")

"""`MiCCEHotFixInstaller`: applies a hotfix with a window, in a terminal, or silently (manual: MICCEHOTFIXINSTALLER)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from deploy.errors import EXIT_FAILED, MicceError, Problem, UsageError, error
from deploy.host.current import current
from hotfix.events import ignore
from hotfix.log import Log, log_path
from hotfix.logged import apply_logged, prepare_logged, recover_logged
from hotfix.slash import USAGE, Options, asks_for_silence, parse_slash
from hotfix.target import Target, open_target
from hotfix.terminal import converse

DONE = 0
INTERRUPTED = 130


def main() -> None:
    """The console script; ends the process with the exit code."""
    _have_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit code, with `/s` 0 or 1 and nothing else."""
    silent = asks_for_silence(arguments)
    log = Log(log_path(current()), lambda problem: _say((problem,)))
    try:
        options = parse_slash(arguments)
        if options.help:
            _write(sys.stdout, USAGE)
            return DONE
        return _work(options, open_target(current(), {}), log)
    except UsageError as wrong:
        log.problems(wrong.problems)
        _say(wrong.problems)
        return EXIT_FAILED if silent else wrong.exit_code
    except MicceError as wrong:
        _say(wrong.problems)
        return EXIT_FAILED
    except KeyboardInterrupt:
        said = error("interrupted", "stopped on request", "run the same command again")
        log.problems((said,))
        _say((said,))
        return EXIT_FAILED if silent else INTERRUPTED


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
    applied = apply_logged(plan, target, log, ignore)
    _say((*applied.reasons, *applied.warnings))
    return DONE


def _has_display() -> bool:
    try:
        from hotfix.window import can_open
    except ImportError:
        return False
    return can_open()


def _have_streams() -> None:
    """A process without a console has no streams, and whatever writes to one would fail (pythonw, a closed stderr)."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _say(problems: Sequence[Problem]) -> None:
    _write(sys.stderr, "".join(f"{problem}\n" for problem in problems))


def _write(stream: TextIO, text: str) -> None:
    """Write as far as anybody reads: a reader that has gone changes nothing about what was done."""
    with suppress(OSError, ValueError):
        stream.write(text)
        stream.flush()

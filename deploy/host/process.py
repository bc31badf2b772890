"""Waiting for a started program, and where its output goes: what every kind of system shares."""

from __future__ import annotations

import os
import subprocess

POLL_SECONDS = 0.1


def wait_for(process: subprocess.Popen[bytes]) -> int:
    """The raw exit code of `process`.

    Ctrl-C reaches the program as well and is its first: an installer is given the time to end by
    itself. A second one ends it. `KeyboardInterrupt` is raised once it has ended.
    """
    try:
        return _wait(process)
    except KeyboardInterrupt:
        try:
            _wait(process)
        except KeyboardInterrupt:
            process.kill()
            process.wait()
        raise


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait in steps: Windows tells Python of a Ctrl-C only between two waits."""
    while True:
        try:
            return process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def output_for_programs() -> int:
    """The file descriptor for what programs write: standard error, or nowhere if there is none.

    Standard output belongs to the result of a command.
    """
    try:
        os.fstat(2)
    except OSError:
        return subprocess.DEVNULL
    return 2

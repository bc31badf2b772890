"""Starting a program on POSIX, with a time limit for it and what it starts."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deploy.config.command import split_arguments
from deploy.host.posixtool import Deadline
from deploy.host.process import POLL_SECONDS, output_for_programs, wait_for
from deploy.host.procfs import descendants_of

_SIGNAL_CODES = 128
_ROUNDS = 20
_PR_SET_PDEATHSIG = 1


def run_program(program: Path, args: str, *, folder: Path, timeout: float | None) -> int:
    """Run it to its end, as `Host.start` says. Raises `OSError`, `TimeoutError`, `KeyboardInterrupt`.

    One with a time limit ends with this process, however that ends: nothing goes on changing what the
    next start undoes. The time limit covers what the program starts and what these start, but for a
    program that has left its session and whose parent has ended: a daemon.
    """
    output = output_for_programs()
    with subprocess.Popen(
        [program.absolute(), *split_arguments(args)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        process_group=None if timeout is None else 0,
        preexec_fn=None if timeout is None else _ending_with(os.getpid()),  # noqa: PLW1509
    ) as process:
        code = wait_for(process) if timeout is None else _wait_for_group(process, program, timeout)
    return code if code >= 0 else _SIGNAL_CODES - code


def _ending_with(parent: int) -> Callable[[], None] | None:
    """What makes a new process end when this one does (prctl(2)); None where no system call does."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "prctl"):
        return None

    def bind() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(_SIGNAL_CODES + signal.SIGKILL)

    return bind


def _wait_for_group(process: subprocess.Popen[bytes], program: Path, timeout: float) -> int:
    """The exit code of one that has a process group of its own, so that a Ctrl-C has to be passed on to it."""
    deadline = Deadline(timeout)
    interrupted = False
    while True:
        try:
            code = process.wait(min(POLL_SECONDS, deadline.left))
            break
        except subprocess.TimeoutExpired:
            if deadline.left <= 0:
                _end(process)
                raise TimeoutError(f"{program} did not end within {timeout:g} seconds") from None
        except KeyboardInterrupt:
            if interrupted:
                _end(process)
                raise
            interrupted = True
            _signal_group(process.pid, signal.SIGINT)
    if interrupted:
        raise KeyboardInterrupt
    return code


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all it has started; they are stopped first, so that none can start more meanwhile."""
    found: set[int] = set()
    _signal_group(process.pid, signal.SIGSTOP)
    for _ in range(_ROUNDS):
        more = set(descendants_of(process.pid)) - found
        if not more:
            break
        for pid in more:
            _signal(pid, signal.SIGSTOP)
        found |= more
    for pid in found:
        _signal(pid, signal.SIGKILL)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)

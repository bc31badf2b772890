"""Signals to programs: to the right one only, and told where they are not allowed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.errors import TargetError
from deploy.host import procfs
from deploy.host.posixprocesses import PosixProcesses
from deploy.host.processes import Process

LONG = 60.0


PROGRAM = """
import signal
signal.signal(signal.SIGTERM, lambda number, _: print("heard", int(number), flush=True))
print(flush=True)
while True:
    signal.pause()
"""


@pytest.fixture(params=["pidfd", "none"])
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A program; systems before Linux 5.3 know it by its id only."""
    if request.param == "none":

        def missing(*_: object) -> int:
            raise OSError(38, "Function not implemented")

        monkeypatch.setattr(os, "pidfd_open", missing)
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        program.stdout.readline()
        yield program
        program.kill()


def _process(program: subprocess.Popen[bytes]) -> Process:
    stat = procfs.stat_of(program.pid)
    assert stat is not None
    return Process(program.pid, Path(sys.executable).name, stat.started)


@pytest.fixture
def running(program: subprocess.Popen[bytes]) -> Process:
    return _process(program)


def test_closing_is_a_signal_that_can_be_heard_and_killing_is_none(program: subprocess.Popen[bytes]) -> None:
    processes, running = PosixProcesses(), _process(program)
    assert program.stdout is not None
    processes.close(running)
    assert program.stdout.readline() == b"heard 15\n"
    assert processes.wait([running], 0.1) == (running,)
    processes.kill(running)
    assert processes.wait([running], LONG) == ()
    assert program.wait() == -signal.SIGKILL


def test_a_later_program_of_the_same_id_gets_no_signal(running: Process) -> None:
    former = Process(running.pid, running.name, running.started - 1)
    PosixProcesses().close(former)
    PosixProcesses().kill(former)
    assert PosixProcesses().wait([former], LONG) == ()
    assert PosixProcesses().wait([running], 0.1) == (running,)


def test_no_permission_is_told_with_the_programs_name(running: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(signal, "pidfd_send_signal", refused)
    monkeypatch.setattr(os, "kill", refused)
    for send in (PosixProcesses().close, PosixProcesses().kill):
        with pytest.raises(TargetError) as caught:
            send(running)
        assert caught.value.code == "no-permission"
        assert running.name in str(caught.value)
        assert str(running.pid) in str(caught.value)
    monkeypatch.undo()


def test_the_time_is_for_all_of_them_together(running: Process) -> None:
    own = procfs.stat_of(os.getpid())
    assert own is not None
    others = [Process(os.getpid(), "python", own.started)] * 3
    assert PosixProcesses().wait([*others, running], 0) == (*others, running)

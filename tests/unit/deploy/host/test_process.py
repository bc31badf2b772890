"""Waiting for a program, and Ctrl-C meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from deploy.host.process import output_for_programs, wait_for

SECONDS = 30.0


class Scripted:
    """Ends as a script of waits says: an exception is raised, a number is the exit code."""

    def __init__(self, *waits: type[KeyboardInterrupt] | subprocess.TimeoutExpired | int) -> None:
        self.waits = list(waits)
        self.killed = 0

    def wait(self, timeout: float | None = None) -> int:
        answer = self.waits.pop(0)
        if isinstance(answer, int):
            return answer
        raise answer

    def kill(self) -> None:
        self.killed += 1


def _wait_for(process: Scripted) -> int:
    return wait_for(cast(subprocess.Popen[bytes], process))


LATER = subprocess.TimeoutExpired("program", 0.1)


def test_a_program_is_waited_for_however_long_it_takes() -> None:
    process = Scripted(*[LATER] * 1000, 7)
    assert _wait_for(process) == 7
    assert process.waits == []


def test_ctrl_c_waits_for_the_programs_own_end() -> None:
    process = Scripted(LATER, KeyboardInterrupt, LATER, LATER, 0)
    with pytest.raises(KeyboardInterrupt):
        _wait_for(process)
    assert process.waits == []
    assert process.killed == 0


def test_a_second_ctrl_c_ends_the_program() -> None:
    process = Scripted(KeyboardInterrupt, LATER, KeyboardInterrupt, -9)
    with pytest.raises(KeyboardInterrupt):
        _wait_for(process)
    assert process.waits == []
    assert process.killed == 1


STARTER = """
import sys
from pathlib import Path
from deploy.host.current import current
try:
    current().start(Path(sys.executable), sys.argv[1], folder=Path.cwd(), hidden=False)
except KeyboardInterrupt:
    Path("interrupted").touch()
    sys.exit(130)
"""
CAREFUL = """
import signal, sys
from pathlib import Path
def finish(*_):
    Path("finished").touch()
    sys.exit(0)
signal.signal(signal.SIGINT, finish)
Path("ready").touch()
signal.pause()
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups")
def test_ctrl_c_in_a_terminal_lets_the_program_finish_first(tmp_path: Path) -> None:
    (tmp_path / "careful.py").write_text(CAREFUL, encoding="utf-8")
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, "careful.py"],
        cwd=tmp_path,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        _until((tmp_path / "ready").exists, starter)
        os.killpg(starter.pid, signal.SIGINT)
        assert starter.wait(SECONDS) == 130
    finally:
        if starter.poll() is None:
            os.killpg(starter.pid, signal.SIGKILL)
            starter.wait()
    assert (tmp_path / "finished").exists()
    assert (tmp_path / "interrupted").exists()


def _until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_without_standard_error_output_goes_nowhere() -> None:
    ask = "import sys; from deploy.host.process import output_for_programs; sys.exit(output_for_programs() + 100)"
    closed = f"import os, subprocess, sys; os.close(2); sys.exit(subprocess.call([sys.executable, '-c', {ask!r}]))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert output_for_programs() == 2
    assert subprocess.call([sys.executable, "-c", ask], env=env, stderr=subprocess.PIPE) == 102
    assert subprocess.call([sys.executable, "-c", closed], env=env) == 100 + subprocess.DEVNULL

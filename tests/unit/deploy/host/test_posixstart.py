"""The time limit of a program that is started: for it, its children and those that left its group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from deploy.config.command import quote_arguments
from deploy.host import procfs
from deploy.host.posix import PosixHost

LONG = 60.0


def _start(folder: Path, text: str, timeout: float | None) -> int:
    script = folder / "program.py"
    script.write_text(textwrap.dedent(text), "utf-8")
    host = PosixHost({})
    return host.start(Path(sys.executable), quote_arguments([str(script)]), folder=folder, hidden=True, timeout=timeout)


def _ended(pid: int) -> bool:
    stat = procfs.stat_of(pid)
    return stat is None or stat.ended


def test_one_that_keeps_to_its_time_ends_as_ever(tmp_path: Path) -> None:
    assert _start(tmp_path, "raise SystemExit(7)", LONG) == 7
    assert _start(tmp_path, "import os; os.kill(os.getpid(), 9)", LONG) == 137


def test_everything_it_started_is_ended_with_it(tmp_path: Path) -> None:
    """A child, a grandchild, one with a session of its own, and one that ignores every signal that can be ignored."""
    program = """
    import os, signal, subprocess, sys
    waits = "import time; time.sleep(1000)"
    deaf = f"import signal; signal.signal(15, signal.SIG_IGN); signal.signal(2, signal.SIG_IGN); {waits}"
    nested = f"import subprocess as s, sys; p = s.Popen([sys.executable, '-c', {waits!r}]); print(p.pid, flush=True)"
    nested = f"{nested}; {waits}"
    a = subprocess.Popen([sys.executable, "-c", deaf])
    b = subprocess.Popen([sys.executable, "-c", waits], start_new_session=True)
    c = subprocess.Popen([sys.executable, "-c", nested], start_new_session=True, stdout=subprocess.PIPE)
    pids = [os.getpid(), a.pid, b.pid, c.pid, int(c.stdout.readline())]
    open("pids.new", "w").write(" ".join(map(str, pids)))
    os.rename("pids.new", "pids")
    signal.pause()
    """
    with pytest.raises(TimeoutError, match=r"did not end within 3 seconds"):
        _start(tmp_path, program, 3)
    pids = [int(one) for one in (tmp_path / "pids").read_text("ascii").split()]
    ends = time.monotonic() + LONG
    while not all(map(_ended, pids)):
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_what_a_program_leaves_running_when_it_ends_in_time_is_left_alone(tmp_path: Path) -> None:
    program = """
    import subprocess, sys
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    open("pid", "w").write(str(child.pid))
    """
    assert _start(tmp_path, program, LONG) == 0
    pid = int((tmp_path / "pid").read_text("ascii"))
    assert not _ended(pid)
    os.kill(pid, signal.SIGKILL)


INTERRUPTED = """
import sys
from pathlib import Path
from deploy.config.command import quote_arguments
from deploy.host.posix import PosixHost
try:
    args = quote_arguments([sys.argv[1]])
    PosixHost({}).start(Path(sys.executable), args, folder=Path.cwd(), hidden=True, timeout=1000)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize(("patient", "presses"), [(True, 1), (False, 2)])
def test_ctrl_c_is_the_programs_first_and_the_second_one_ends_it(tmp_path: Path, patient: bool, presses: int) -> None:
    ends = "Path('ended').touch(); sys.exit(0)" if patient else "pass"
    script = tmp_path / "program.py"
    script.write_text(
        "import signal, sys, os\nfrom pathlib import Path\n"
        f"def heard(*_):\n    Path('heard').touch()\n    {ends}\n"
        "signal.signal(signal.SIGINT, heard)\nPath('ready').write_text(str(os.getpid()))\n"
        "while True: signal.pause()\n",
        "utf-8",
    )
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        _until((tmp_path / "ready").exists)
        process.send_signal(signal.SIGINT)
        _until((tmp_path / "heard").exists)
        for _ in range(presses - 1):
            process.send_signal(signal.SIGINT)
        assert process.communicate()[0].strip() == b"interrupted"
    assert (tmp_path / "ended").exists() is patient
    assert _ended(int((tmp_path / "ready").read_text("ascii")))


def _until(condition: object) -> None:
    assert callable(condition)
    ends = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < ends
        threading.Event().wait(0.01)

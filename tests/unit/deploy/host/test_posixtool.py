"""Programs that are asked: what they say, and that they cannot take longer or say more than they may."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from deploy.host import posixtool
from deploy.host.posixtool import Deadline, Ran, ask, tell


def test_code_and_both_outputs_come_back() -> None:
    ran = ask(["/bin/sh", "-c", "echo out; echo err >&2; exit 5"], 60)
    assert ran == Ran(5, b"out\n", b"err\n")


@pytest.mark.parametrize(
    ("output", "errors", "said"),
    [(b"", b"", ""), (b"o\n", b"", "o"), (b"o\n", b"first\n last \n\n", "last"), (b"", b"\xff\n", "\ufffd")],
)
def test_the_last_line_is_what_it_said(output: bytes, errors: bytes, said: str) -> None:
    assert Ran(1, output, errors).said == said


def test_too_much_output_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posixtool, "MOST_BYTES", 1000)
    ran = ask([sys.executable, "-c", "print('x' * 5_000_000)"], 60)
    assert (ran.code, ran.output) == (0, b"x" * 1000)


def test_what_it_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    ran = ask(["/bin/sh", "-c", f"sleep 1000 & echo $! >'{tmp_path}/pid'; echo done"], 60)
    assert (ran.code, ran.output) == (0, b"done\n")
    os.kill(int((tmp_path / "pid").read_text("ascii")), 9)


@pytest.mark.parametrize("run", [ask, tell])
def test_one_that_cannot_be_started_is_an_oserror(tmp_path: Path, run: object) -> None:
    assert callable(run)
    with pytest.raises(FileNotFoundError):
        run([str(tmp_path / "missing")], 60)


def test_one_that_takes_too_long_has_no_code() -> None:
    assert ask(["/bin/sh", "-c", "echo begun; sleep 1000"], 0.5).code is None
    assert tell(["/bin/sleep", "1000"], 0) is None
    assert tell(["/bin/sh", "-c", "exit 4"], 60) == 4


def test_a_deadline_ends() -> None:
    deadline = Deadline(0.05)
    before = time.monotonic()
    while deadline.pause(0.01):
        assert time.monotonic() - before < 60
    assert deadline.left == 0
    assert not Deadline(-1).pause(1000)

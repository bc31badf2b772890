"""A time limit for a program and everything it starts."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from deploy.host.current import current
from tests.windows.services import ProgramMaker, end_process, until

pytestmark = pytest.mark.windows


def _is_running(name: str) -> bool:
    return bool(current().processes().named(name))


def test_a_program_that_takes_too_long_is_ended_with_its_children(programs: ProgramMaker, tmp_path: Path) -> None:
    path = programs.copy()
    child = tmp_path / "child.ready"
    args = subprocess.list2cmdline([str(tmp_path / "own.ready"), "--child", str(child)])
    with pytest.raises(TimeoutError, match=path.name):
        current().start(path, args, folder=tmp_path, hidden=True, timeout=4)
    assert child.exists()
    assert not _is_running(path.name)


def test_a_child_that_outlives_its_program_is_ended_by_the_limit_no_more(
    programs: ProgramMaker, tmp_path: Path
) -> None:
    path = programs.copy()
    child = tmp_path / "child.ready"
    args = subprocess.list2cmdline([str(tmp_path / "own.ready"), "--child", str(child), "--then-end", "7"])
    assert current().start(path, args, folder=tmp_path, hidden=False, timeout=60) == 7
    until(child.exists, "the child runs")
    (survivor,) = current().processes().named(path.name)
    assert survivor.pid == int(child.read_text("ascii"))
    end_process(survivor.pid)


def test_an_exit_code_within_the_limit_is_whole(programs: ProgramMaker, tmp_path: Path) -> None:
    args = subprocess.list2cmdline([str(tmp_path / "own.ready"), "--then-end", "3010"])
    assert current().start(programs.copy(), args, folder=tmp_path, hidden=False, timeout=60) == 3010


def test_a_program_that_cannot_start_is_an_oserror_at_once(tmp_path: Path) -> None:
    broken = tmp_path / "broken.exe"
    broken.write_bytes(b"not a program")
    before = time.monotonic()
    with pytest.raises(OSError):
        current().start(broken, "", folder=tmp_path, hidden=False, timeout=600)
    assert time.monotonic() - before < 300

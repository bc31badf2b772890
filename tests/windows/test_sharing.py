"""Files that are in use: sharing modes are real here, so a replaced file that is open refuses."""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes
from pathlib import Path

import pytest

from deploy.atomic import write_atomic
from deploy.errors import TargetError
from deploy.place import BUSY_ATTEMPTS, Placement, place
from deploy.relpath import RelPath

pytestmark = pytest.mark.windows

GENERIC_READ = 0x80000000
SHARE_NOTHING, SHARE_READ, SHARE_DELETE = 0, 1, 4
OPEN_EXISTING = 3


@contextmanager
def _open_elsewhere(path: Path, share: int) -> Iterator[None]:
    """Hold a file open as another program would; `share` is what it lets others do meanwhile."""
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.CreateFileW.restype = wintypes.HANDLE
    kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
    handle = kernel.CreateFileW(str(path), GENERIC_READ, share, None, OPEN_EXISTING, 0, None)
    assert handle != wintypes.HANDLE(-1).value, ctypes.get_last_error()
    try:
        yield
    finally:
        kernel.CloseHandle(handle)


def _staged(folder: Path, name: str, text: str) -> Placement:
    staged = folder / f"staged-{name}"
    staged.write_text(text, encoding="ascii")
    return Placement(str(staged), RelPath.parse(name), None)


@pytest.mark.parametrize("share", [SHARE_NOTHING, SHARE_READ])
def test_a_file_in_use_is_an_error_that_says_so(tmp_path: Path, share: int) -> None:
    base = tmp_path / "client"
    base.mkdir()
    (base / "Agent.exe").write_text("old", encoding="ascii")
    placements = [_staged(tmp_path, "CM.exe", "new"), _staged(tmp_path, "Agent.exe", "new")]
    pauses: list[float] = []
    with _open_elsewhere(base / "Agent.exe", share), pytest.raises(TargetError) as caught:
        place(base, placements, pause=pauses.append)
    assert caught.value.code == "in-use"
    assert "Agent.exe is in use (1 of 2 files are in place)" in str(caught.value)
    assert len(pauses) == BUSY_ATTEMPTS - 1
    assert (base / "Agent.exe").read_text(encoding="ascii") == "old"
    assert (base / "CM.exe").read_text(encoding="ascii") == "new"
    place(base, placements[1:])
    assert (base / "Agent.exe").read_text(encoding="ascii") == "new"


def test_a_file_held_for_a_moment_only_is_waited_for(tmp_path: Path) -> None:
    base = tmp_path / "client"
    base.mkdir()
    (base / "Agent.exe").write_text("old", encoding="ascii")
    held = _open_elsewhere(base / "Agent.exe", SHARE_READ)
    held.__enter__()
    pauses: list[float] = []

    def _pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            held.__exit__(None, None, None)

    place(base, [_staged(tmp_path, "Agent.exe", "new")], pause=_pause)
    assert len(pauses) == 3
    assert (base / "Agent.exe").read_text(encoding="ascii") == "new"


def test_a_read_only_file_is_replaced(tmp_path: Path) -> None:
    base = tmp_path / "client"
    base.mkdir()
    target = base / "Agent.exe.config"
    target.write_text("old", encoding="ascii")
    target.chmod(stat.S_IREAD)
    place(base, [_staged(tmp_path, "Agent.exe.config", "new")], pause=lambda _: None)
    assert target.read_text(encoding="ascii") == "new"


def test_names_in_another_case_are_the_same_file(tmp_path: Path) -> None:
    base = tmp_path / "client"
    (base / "Common").mkdir(parents=True)
    (base / "Common" / "Agent.EXE").write_text("old", encoding="ascii")
    staged = tmp_path / "staged"
    staged.write_text("new", encoding="ascii")
    place(base, [Placement(str(staged), RelPath.parse("COMMON\\agent.exe"), None)])
    assert len(os.listdir(base)) == len(os.listdir(base / "Common")) == 1
    assert (base / "Common" / "Agent.EXE").read_text(encoding="ascii") == "new"


def test_a_state_file_in_use_keeps_its_old_content(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomic(path, b"old")
    with _open_elsewhere(path, SHARE_READ), pytest.raises(PermissionError) as caught:
        write_atomic(path, b"new")
    assert caught.value.winerror in (5, 32)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state.json"]
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"

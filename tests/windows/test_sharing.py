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
from deploy.change.files import BUSY_ATTEMPTS
from deploy.change.recovery import recover
from deploy.change.steps import Put
from deploy.change.transaction import apply
from deploy.digest import sha256_of_bytes
from deploy.errors import TargetError
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


def _put(base: Path, name: str, text: str) -> Put:
    """A step that puts a new file there; it is staged below the base folder."""
    staged = base / ".staging" / name.replace("\\", "-")
    staged.parent.mkdir(exist_ok=True)
    staged.write_text(text, encoding="ascii")
    return Put(RelPath.parse(name), str(staged), sha256_of_bytes(text.encode()), len(text), None)


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii")


@pytest.mark.parametrize("share", [SHARE_NOTHING, SHARE_READ])
def test_a_file_in_use_is_an_error_that_says_so_and_nothing_has_changed(tmp_path: Path, share: int) -> None:
    (tmp_path / "Agent.exe").write_text("old", encoding="ascii")
    (tmp_path / "CM.exe").write_text("old", encoding="ascii")
    steps = [_put(tmp_path, "CM.exe", "new"), _put(tmp_path, "Agent.exe", "new")]
    pauses: list[float] = []
    with _open_elsewhere(tmp_path / "Agent.exe", share), pytest.raises(TargetError) as caught:
        apply(tmp_path, steps, pause=pauses.append)
    assert caught.value.code == "in-use"
    assert "Agent.exe is in use" in str(caught.value)
    assert len(pauses) >= BUSY_ATTEMPTS - 1
    assert (_text(tmp_path / "Agent.exe"), _text(tmp_path / "CM.exe")) == ("old", "old")
    recover(tmp_path)
    assert apply(tmp_path, steps) == ()
    assert (_text(tmp_path / "Agent.exe"), _text(tmp_path / "CM.exe")) == ("new", "new")


def test_a_file_held_for_a_moment_only_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "Agent.exe").write_text("old", encoding="ascii")
    step = _put(tmp_path, "Agent.exe", "new")
    held = _open_elsewhere(tmp_path / "Agent.exe", SHARE_READ)
    held.__enter__()
    pauses: list[float] = []

    def _pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            held.__exit__(None, None, None)

    apply(tmp_path, [step], pause=_pause)
    assert len(pauses) == 3
    assert _text(tmp_path / "Agent.exe") == "new"


def test_a_read_only_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "Agent.exe.config"
    target.write_text("old", encoding="ascii")
    target.chmod(stat.S_IREAD)
    apply(tmp_path, [_put(tmp_path, "Agent.exe.config", "new")], pause=lambda _: None)
    assert _text(target) == "new"


def test_names_in_another_case_are_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "Common").mkdir()
    (tmp_path / "Common" / "Agent.EXE").write_text("old", encoding="ascii")
    apply(tmp_path, [_put(tmp_path, "COMMON\\agent.exe", "new")])
    assert len(os.listdir(tmp_path / "Common")) == 1
    assert _text(tmp_path / "Common" / "Agent.EXE") == "new"


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

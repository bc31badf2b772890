"""What Windows is told to rename at its next start, beside what others told it."""

from __future__ import annotations

import os
import winreg
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.host.current import current
from deploy.host.winrestart import MANAGER

pytestmark = pytest.mark.windows
LIST = "PendingFileRenameOperations"
OTHERS = ["\\??\\C:\\others\\a.dll", "!\\??\\C:\\others\\b.dll", "\\??\\C:\\others\\c.tmp", ""]


@pytest.fixture
def pending() -> Iterator[None]:
    """The list of this Windows with operations of others in it; as it was afterwards."""
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, MANAGER, 0, winreg.KEY_ALL_ACCESS) as key:
        before = _listed()
        winreg.SetValueEx(key, LIST, 0, winreg.REG_MULTI_SZ, OTHERS)
        yield
        if before is not None:
            winreg.SetValueEx(key, LIST, 0, winreg.REG_MULTI_SZ, before)
        elif _listed() is not None:
            winreg.DeleteValue(key, LIST)


def _listed() -> list[str] | None:
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, MANAGER) as key:
        try:
            return list(winreg.QueryValueEx(key, LIST)[0])
        except FileNotFoundError:
            return None


@pytest.mark.usefixtures("pending")
def test_a_replacement_is_listed_and_taken_back(tmp_path: Path) -> None:
    source, target = tmp_path / "new.dll", tmp_path / "å Router.dll"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    current().replace_at_restart(source, target)
    assert _listed() == [*OTHERS, f"\\??\\{source}", f"!\\??\\{target}"]
    assert (source.read_bytes(), target.read_bytes()) == (b"new", b"old")
    current().forget_at_restart(Path(str(source).upper()))
    assert _listed() == OTHERS
    current().forget_at_restart(source)
    assert _listed() == OTHERS


@pytest.mark.usefixtures("pending")
def test_a_removal_is_listed_and_taken_back_from_between_others(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for path in (first, second):
        path.write_bytes(b"x")
        current().replace_at_restart(path, None)
    assert _listed() == [*OTHERS, f"\\??\\{first}", "", f"\\??\\{second}", ""]
    current().forget_at_restart(first)
    assert _listed() == [*OTHERS, f"\\??\\{second}", ""]


@pytest.mark.usefixtures("pending")
def test_an_empty_list_goes_away(tmp_path: Path) -> None:
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, MANAGER, 0, winreg.KEY_ALL_ACCESS) as key:
        winreg.DeleteValue(key, LIST)
    path = tmp_path / "a"
    path.write_bytes(b"x")
    current().replace_at_restart(path, None)
    current().forget_at_restart(path)
    assert _listed() is None


@pytest.mark.usefixtures("pending")
def test_a_list_that_is_not_of_pairs_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a"
    odd = ["\\??\\C:\\x", f"\\??\\{path}", ""]
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, MANAGER, 0, winreg.KEY_ALL_ACCESS) as key:
        winreg.SetValueEx(key, LIST, 0, winreg.REG_MULTI_SZ, odd)
    with pytest.raises(OSError, match="not pairs"):
        current().forget_at_restart(path)
    assert _listed() == odd


@pytest.mark.usefixtures("pending")
def test_what_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        current().replace_at_restart(tmp_path / "missing" / "x", tmp_path / "y")
    assert _listed() == OTHERS


@pytest.mark.usefixtures("pending")
def test_long_paths_are_listed_too(tmp_path: Path) -> None:
    folder = current().any_length(tmp_path) / ("long" * 30) / ("path" * 30)
    os.makedirs(folder)
    source = folder / "new.dll"
    source.write_bytes(b"new")
    current().replace_at_restart(source, folder / "Router.dll")
    plain = str(folder).removeprefix("\\\\?\\")
    assert _listed() == [*OTHERS, f"\\??\\{plain}\\new.dll", f"!\\??\\{plain}\\Router.dll"]
    current().forget_at_restart(source)
    assert _listed() == OTHERS

"""What Windows says about itself and about who runs here."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from deploy.host.contract import System
from deploy.host.current import current
from deploy.host.windows import WindowsHost

pytestmark = pytest.mark.windows


def test_the_system_is_windows_with_its_version() -> None:
    found = current().system()
    assert (found.name, found.architecture) == ("windows", "x64")
    assert re.fullmatch(r"\d+\.\d+\.\d+", found.version)
    assert isinstance(found, System)


def test_the_account_has_its_domain() -> None:
    assert re.fullmatch(r"[^\\]+\\[^\\]+", current().account())
    assert current().account().lower().endswith(f"\\{os.environ['USERNAME']}".lower())


def test_wines_account_is_an_administrator() -> None:
    assert current().is_elevated()


def test_logs_lie_below_userprofile_and_without_it_where_windows_says() -> None:
    assert WindowsHost({"USERPROFILE": "D:\\people\\åsa"}).log_folder() == Path("D:\\people\\åsa\\AppData\\Local")
    for strange in ({}, {"USERPROFILE": ""}, {"USERPROFILE": "relative"}):
        folder = WindowsHost(strange).log_folder()
        assert folder.is_absolute()
        assert folder.parts[-2:] == ("AppData", "Local")

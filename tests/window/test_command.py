"""The window of the real command, driven from outside by keys."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.conftest import Machine, machine
from tests.servers.process import program
from tests.unit.hotfix.packages import file, files, package
from tests.window.display import display

__all__ = ["machine"]

pytest.importorskip("tkinter", reason="this Python has no tkinter")

SECONDS = 60.0
TITLE = "MiCC Enterprise HotFix Installer"
COMMAND = Path(sys.executable).with_name("MiCCEHotFixInstaller")


@pytest.fixture
def screen() -> Iterator[str]:
    with display() as name:
        yield name


def test_a_hotfix_named_on_the_command_line_is_applied_by_keys(screen: str, machine: Machine, tmp_path: Path) -> None:
    inst = machine.folder / "inst"
    inst.mkdir()
    (inst / "a.dll").write_text("old")
    machine.settings(f'roles = ["Server"]\n[identifiers]\nInstallDir = "{inst}"\n')
    config = package(tmp_path / "p", files(file("a.dll")), {"a.dll": "new"})
    log = tmp_path / "home/AppData/Local/Mitel/MiCC Enterprise/MiCCEHotFixInstaller/MiCCEHotFixInstaller.log"
    with subprocess.Popen(
        [COMMAND, f"/i:{config}"],
        env={**machine.environment, "DISPLAY": screen, "USERPROFILE": str(tmp_path / "home")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            _pressed_until(screen, "alt+a", lambda: log.exists() and "is installed" in log.read_text("utf-8"))
            _pressed_until(screen, "alt+c", lambda: process.poll() is not None)
        finally:
            process.kill()
        said = process.communicate()
    assert (process.returncode, said) == (0, ("", ""))
    assert (inst / "a.dll").read_text() == "new"


def _pressed_until(screen: str, name: str, holds: Callable[[], bool]) -> None:
    """Press a key in the window, again while it is not ready for it, until something holds."""
    ends = time.monotonic() + SECONDS
    search = ["search", "--onlyvisible", "--name", f"^{TITLE}$"]
    while not holds():
        assert time.monotonic() < ends, f"{name} did nothing"
        with suppress(subprocess.CalledProcessError):  # The window may close at this very moment.
            subprocess.run(
                [program("xdotool"), *search, "windowfocus", "key", name],
                env={**os.environ, "DISPLAY": screen},
                check=True,
                capture_output=True,
            )

"""These tests run with a Windows Python only: `make test-windows`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import winreg

    from tests.windows.services import ProgramMaker, ServiceMaker

collect_ignore_glob = [] if os.name == "nt" else ["test_*.py"]

if os.name == "nt":
    # How long an example takes under Wine says nothing.
    settings.register_profile("windows", deadline=None, derandomize=True)
    settings.load_profile("windows")


@dataclass(frozen=True, slots=True)
class Served:
    """A folder, and the address at which a server outside Windows offers it."""

    address: str
    folder: Path


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Served:
    address, folder = request.config.getoption("--served-at"), Path(request.config.getoption("--served-from"))
    own = folder / request.node.name
    own.mkdir()
    return Served(f"{address}/{own.name}", own)


@pytest.fixture
def client_setup(request: pytest.FixtureRequest) -> Path:
    """A program that notes how it was started (packaging/windows/clientsetup.c)."""
    return Path(request.config.getoption("--programs"), "ClientSetup.exe")


@pytest.fixture
def services(request: pytest.FixtureRequest) -> Iterator[ServiceMaker]:
    """Installs services (packaging/windows/lockingservice.c), and removes them afterwards."""
    from tests.windows.services import ServiceMaker

    maker = ServiceMaker(Path(request.config.getoption("--programs"), "LockingService.exe"))
    yield maker
    maker.remove_all()


@pytest.fixture
def programs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ProgramMaker]:
    """Starts programs (packaging/windows/runningprogram.c), and ends them afterwards."""
    from tests.windows.services import ProgramMaker

    maker = ProgramMaker(Path(request.config.getoption("--programs"), "RunningProgram.exe"), tmp_path)
    yield maker
    maker.end_all()


@pytest.fixture
def executables(request: pytest.FixtureRequest) -> Path:
    """The folder of the product's commands as programs (packaging/windows/build_exe.sh)."""
    folder = request.config.getoption("--executables")
    if not folder or not Path(folder).is_dir():
        pytest.skip("the Windows programs are not built: make windows-programs")
    return Path(folder)


@pytest.fixture
def clean_restart_list() -> Iterator[None]:
    """Nothing is to be renamed at the next start of this Windows, before and after."""
    import winreg

    from deploy.host.winrestart import MANAGER

    name = "PendingFileRenameOperations"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, MANAGER, 0, winreg.KEY_ALL_ACCESS) as key:
        _forget(key, name)
        yield
        _forget(key, name)


def _forget(key: winreg.HKEYType, name: str) -> None:
    import winreg

    try:
        winreg.DeleteValue(key, name)
    except FileNotFoundError:
        return

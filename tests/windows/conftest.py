"""These tests run with a Windows Python only: `make test-windows`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

collect_ignore_glob = [] if os.name == "nt" else ["test_*.py"]

if os.name == "nt":
    # How long an example takes under Wine says nothing.
    settings.register_profile("windows", deadline=None, derandomize=True)
    settings.load_profile("windows")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--served-at", help="the address of a web server outside Windows")
    parser.addoption("--programs", help="the folder of the programs made for these tests")
    parser.addoption("--served-from", help="the folder that it serves, as Windows sees it")


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

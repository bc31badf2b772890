"""These tests run with a Windows Python only: `make test-windows`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

collect_ignore_glob = [] if os.name == "nt" else ["test_*.py"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--served-at", help="the address of a web server outside Windows")
    parser.addoption("--served-from", help="the folder that it serves, as Windows sees it")


@dataclass(frozen=True, slots=True)
class Served:
    """A folder, and the address at which a server outside Windows offers it."""

    address: str
    folder: Path


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    address, folder = request.config.getoption("--served-at"), Path(request.config.getoption("--served-from"))
    own = folder / request.node.name
    own.mkdir()
    yield Served(f"{address}/{own.name}", own)

"""What the crash tests share."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.machine_faults import Bench, MachineDriver, started
from tests.crash.machines import MachineScene
from tests.crash.tally import Tally

MEMORY = Path("/dev/shm")


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Takes down what one test did, under its name."""
    return Tally(re.sub(r"\W+", "-", request.node.name).strip("-"))


@pytest.fixture(scope="module")
def machine_driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MachineDriver]:
    """What changes and recovers machines, with faults."""
    with started(tmp_path_factory.mktemp("driver")) as running:
        yield running


@pytest.fixture(scope="module")
def bench(machine_driver: MachineDriver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """In memory where that can be: a kill loses nothing that was written, so nothing depends on the disk."""
    above = MEMORY if MEMORY.is_dir() else tmp_path_factory.getbasetemp()
    folder = Path(tempfile.mkdtemp(prefix="machine-", dir=above))
    yield Bench(machine_driver, MachineScene(folder / "scene"))
    shutil.rmtree(folder)

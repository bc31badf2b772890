"""The process that has the injector preloaded, from the tests' side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.crash.changes import Scene
from tests.servers.process import program

SOURCE = Path(__file__).with_name("injector.c")
PROJECT = Path(__file__).parents[2]
SIGKILL = 9


@dataclass(frozen=True)
class Told:
    """What the driver answered: the signal that ended it (0: none), the outcome, calls made, codes."""

    signal: int
    outcome: str
    calls: int
    codes: list[str]


class Driver:
    """Applies and recovers in processes that are hit by faults; `folder` takes the list of calls."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._log = folder / "calls"

    def act(self, scene: Scene, action: str, mode: str = "count", call: int = 0, options: str = "") -> Told:
        """Apply or recover with a fault at one call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        row = [action, str(scene.base), scene.extra, mode, call, options, str(self._log)]
        self._process.stdin.write(json.dumps(row) + "\n")
        self._process.stdin.flush()
        return Told(*json.loads(self._process.stdout.readline()))

    def calls(self, scene: Scene) -> list[tuple[str, str]]:
        """The counted calls of the last action: what was called, and on what below the base folder."""
        rows = (line.split(" ", 2) for line in self._log.read_text().splitlines())
        return [(name, os.path.relpath(path, scene.base)) for _, name, path in rows]


def started(folder: Path) -> Iterator[Driver]:
    """Compile the injector and start a driver; the test is skipped by name where there is no compiler."""
    library = folder / "injector.so"
    subprocess.run([program("gcc"), "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.change_driver"],
        cwd=PROJECT,
        env={**os.environ, "LD_PRELOAD": str(library), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Driver(process, folder)
        assert process.stdin is not None
        process.stdin.close()

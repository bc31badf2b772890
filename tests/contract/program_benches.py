"""Places where programs can run for a test: in memory, and on this computer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from deploy.host.current import current
from deploy.host.fakeprocesses import FakeProcesses
from deploy.host.processes import Processes

SECONDS = 60.0
# Says that it is ready once everything asked for is so, and runs until it is ended.
SCRIPT = """#!{python} -IS
import signal, sys
ready, holds, stubborn = sys.argv[1:]
held = open(holds, "rb") if holds else None
if stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(ready, "x").close()
while True:
    signal.pause()
"""


class ProgramBench(Protocol):
    """The running programs, and a way to have more of them."""

    @property
    def processes(self) -> Processes: ...

    def run(self, name: str, *, holds: Path | None = None, stubborn: bool = False) -> int:
        """Have one run under this file name; returns its process id. One that is `stubborn` does not close."""
        ...


@dataclass(slots=True)
class InMemory:
    processes: FakeProcesses = field(default_factory=FakeProcesses)

    def run(self, name: str, *, holds: Path | None = None, stubborn: bool = False) -> int:
        files = () if holds is None else (holds,)
        return self.processes.run(name, *files, refuses_to_close=stubborn).process.pid


@dataclass(slots=True)
class Scripts:
    """Scripts that are called by their own name."""

    folder: Path
    processes: Processes = field(default_factory=lambda: current().processes())
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, name: str, *, holds: Path | None = None, stubborn: bool = False) -> int:
        program = self.folder / name
        if not program.exists():
            program.write_text(SCRIPT.format(python=sys.executable), "utf-8")
            program.chmod(0o755)
        ready = self.folder / uuid.uuid4().hex
        process = subprocess.Popen([program, ready, holds or "", "stubborn" if stubborn else ""])
        self.running.append(process)
        ends = time.monotonic() + SECONDS
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.01)
        return process.pid

    def end_all(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


@contextmanager
def in_memory(_: Path, __: pytest.FixtureRequest) -> Iterator[ProgramBench]:
    yield InMemory()


@contextmanager
def this_computer(folder: Path, request: pytest.FixtureRequest) -> Iterator[ProgramBench]:
    if os.name == "nt":
        from tests.contract.windows_benches import RealPrograms

        real = RealPrograms(folder, Path(request.config.getoption("--programs")))
        try:
            yield real
        finally:
            real.maker.end_all()
        return
    bench = Scripts(folder)
    try:
        yield bench
    finally:
        bench.end_all()


BENCHES = {"memory": in_memory, "this computer": this_computer}

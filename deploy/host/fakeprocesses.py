"""Running programs that exist in memory only, and remember what was asked of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.errors import TargetError, error
from deploy.host.processes import Process


@dataclass(slots=True)
class FakeProgram:
    """A running program and the files it `holds`.

    One that `refuses_to_close` runs on after it was asked, one that is `refused` may not be ended by
    this account.
    """

    process: Process
    holds: frozenset[Path] = frozenset()
    refuses_to_close: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class ProcessCall:
    """One thing that was asked for: `method` is close, kill or wait."""

    method: str
    processes: tuple[Process, ...]
    timeout: float | None = None


def _ignore(_: ProcessCall) -> None:
    return


@dataclass(slots=True)
class FakeProcesses:
    """`programs` are those that run; `watch` is called with each call before it has an effect. No wait takes time."""

    programs: list[FakeProgram] = field(default_factory=list)
    calls: list[ProcessCall] = field(default_factory=list)
    watch: Callable[[ProcessCall], None] = _ignore

    def run(self, name: str, *holds: Path, refuses_to_close: bool = False, service: str | None = None) -> FakeProgram:
        """Have one more program run."""
        pid = 4 + max((one.process.pid for one in self.programs), default=5000)
        program = FakeProgram(Process(pid, name, pid, service), frozenset(holds), refuses_to_close)
        self.programs.append(program)
        return program

    def named(self, name: str) -> tuple[Process, ...]:
        wanted = {name.casefold(), f"{name}.exe".casefold()}
        return tuple(one.process for one in self.programs if one.process.name.casefold() in wanted)

    def holders(self, path: Path) -> tuple[Process, ...]:
        return tuple(one.process for one in self.programs if path in one.holds)

    def close(self, process: Process) -> None:
        self._called(ProcessCall("close", (process,)))
        program = self._find(process)
        if program is not None and self._allowed(program) and not program.refuses_to_close:
            self.programs.remove(program)

    def kill(self, process: Process) -> None:
        self._called(ProcessCall("kill", (process,)))
        program = self._find(process)
        if program is not None and self._allowed(program):
            self.programs.remove(program)

    def wait(self, processes: Sequence[Process], timeout: float) -> tuple[Process, ...]:
        self._called(ProcessCall("wait", tuple(processes), timeout))
        return tuple(process for process in processes if self._find(process) is not None)

    def _find(self, process: Process) -> FakeProgram | None:
        return next((one for one in self.programs if one.process == process), None)

    def _allowed(self, program: FakeProgram) -> bool:
        if program.refused:
            said = f"this account may not end {program.process.name} (process {program.process.pid})"
            raise TargetError(error("no-permission", said, "run this as administrator, or end it by hand"))
        return True

    def _called(self, call: ProcessCall) -> None:
        self.calls.append(call)
        self.watch(call)

"""Where services can be made for a test: in memory, behind commands, under a systemd of its own, on Windows."""

from __future__ import annotations

import json
import os
import signal
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from deploy.host.current import current
from deploy.host.fakeservices import FakeService, FakeServices
from deploy.host.services import ServiceManager, ServiceState, StartType
from deploy.machine import Services, ServicesDriver
from tests.contract import service_control


@dataclass(frozen=True, slots=True)
class Plan:
    """What a service for a test does; `needs` are whole names."""

    needs: tuple[str, ...] = ()
    holds: Path | None = None
    never_stops: bool = False
    never_starts: bool = False
    ends_again: bool = False


PLAIN = Plan()


class ServiceBench(Protocol):
    """A service manager, and a way to give it services, which are stopped and of manual start at first."""

    @property
    def manager(self) -> ServiceManager: ...

    @property
    def start_types(self) -> Sequence[StartType]:
        """Those that a service can be given here."""
        ...

    @property
    def forgets(self) -> bool:
        """Whether services that neither run nor are to be started are not known as dependents."""
        ...

    def add(self, name: str, plan: Plan = PLAIN) -> str:
        """Have a service; returns its whole name."""
        ...

    def letting_go(self, file: Path) -> bool:
        """Whether nobody holds the file."""
        ...


@dataclass(slots=True)
class InMemory:
    manager: FakeServices = field(default_factory=FakeServices)
    start_types: Sequence[StartType] = tuple(StartType)
    forgets: bool = False
    holds: dict[str, Path | None] = field(default_factory=dict)

    def add(self, name: str, plan: Plan = PLAIN) -> str:
        self.manager.add(
            FakeService(
                name,
                ServiceState.STOPPED,
                StartType.MANUAL,
                plan.needs,
                plan.never_stops,
                plan.never_starts,
                plan.ends_again,
            )
        )
        self.holds[name] = plan.holds
        return name

    def letting_go(self, file: Path) -> bool:
        return not any(self.holds[name] == file for name in self.manager.running())


@dataclass(slots=True)
class BehindCommands:
    """The driver `commands` with `service_control.py`."""

    folder: Path
    start_types: Sequence[StartType] = tuple(StartType)
    forgets: bool = False
    made: dict[str, Plan] = field(default_factory=dict)

    @property
    def manager(self) -> ServiceManager:
        start = (sys.executable, "-I", "-S", service_control.__file__, str(self.folder))
        actions = ((*start, action, "{name}") for action in ("status", "start", "stop", "start-type"))
        status, begin, stop, start_type = actions
        settings = Services(ServicesDriver.COMMANDS, status, begin, stop, (*start_type, "{start_type}"))
        return current().services(settings, self.folder)

    def add(self, name: str, plan: Plan = PLAIN) -> str:
        self.made[name] = plan
        for one, of in self.made.items():
            place = self.folder / f"{one}.json"
            kept = json.loads(place.read_text("utf-8"))["start_type"] if place.exists() else StartType.MANUAL
            place.write_text(
                json.dumps(
                    {
                        "start_type": kept,
                        "dependents": self._dependents(one),
                        "holds": None if of.holds is None else str(of.holds),
                        "never_stops": of.never_stops,
                        "never_starts": of.never_starts,
                        "ends_again": of.ends_again,
                    }
                ),
                "utf-8",
            )
        return name

    def letting_go(self, file: Path) -> bool:
        return not current().processes().holders(file)

    def end_all(self) -> None:
        for entry in os.scandir("/proc"):
            if entry.name.isdecimal():
                with suppress(OSError):
                    arguments = Path(entry.path, "cmdline").read_bytes().split(b"\0")
                    if os.fsencode(self.folder) in arguments and b"serve" in arguments:
                        os.kill(int(entry.name), signal.SIGKILL)

    def _dependents(self, name: str) -> list[str]:
        """Later ones need earlier ones, so that the last one is stopped first."""
        needed = {name}
        for one, plan in self.made.items():
            if needed & set(plan.needs):
                needed.add(one)
        return [one for one in reversed(self.made) if one in needed - {name}]


@contextmanager
def in_memory(_: Path, __: pytest.FixtureRequest) -> Iterator[ServiceBench]:
    yield InMemory()


@contextmanager
def this_computer(folder: Path, request: pytest.FixtureRequest) -> Iterator[ServiceBench]:
    """What machine.toml leads to here: on Windows the service control manager, else commands."""
    if os.name == "nt":
        from tests.contract.windows_benches import RealServices

        real = RealServices(Path(request.config.getoption("--programs")))
        try:
            yield real
        finally:
            real.maker.remove_all()
        return
    bench = BehindCommands(folder / f"services {uuid.uuid4().hex[:8]}")
    bench.folder.mkdir()
    try:
        yield bench
    finally:
        bench.end_all()


@contextmanager
def own_systemd(folder: Path, request: pytest.FixtureRequest) -> Iterator[ServiceBench]:
    from tests.contract.systemd_bench import UnderSystemd

    yield UnderSystemd(request.getfixturevalue("systemd"))


BENCHES = {"memory": in_memory, "this computer": this_computer}
if os.name != "nt":
    BENCHES["systemd"] = own_systemd

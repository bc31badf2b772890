"""Real services and programs on Windows, for the suites that hold for every Host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.host.current import current
from deploy.host.processes import Processes
from deploy.host.services import ServiceManager, StartType
from deploy.machine import Services
from tests.contract.service_benches import PLAIN, Plan
from tests.windows.services import ProgramMaker, ServiceMaker


@dataclass(slots=True)
class RealServices:
    """The service control manager; services are packaging/windows/lockingservice.c. Wine's knows no delayed start."""

    programs: Path
    start_types: Sequence[StartType] = (StartType.AUTOMATIC, StartType.MANUAL, StartType.DISABLED)
    forgets: bool = False
    manager: ServiceManager = field(default_factory=lambda: current().services(Services(), Path()))
    maker: ServiceMaker = field(init=False)

    def __post_init__(self) -> None:
        self.maker = ServiceMaker(self.programs / "LockingService.exe")

    def add(self, name: str, plan: Plan = PLAIN) -> str:
        options: list[str] = [] if plan.holds is None else ["--hold", str(plan.holds)]
        options += ["--never-stops"] if plan.never_stops else []
        options += ["--slow-start", "600000"] if plan.never_starts else []
        options += ["--ends-at-start", "42"] if plan.ends_again else []
        return self.maker.install(name, *options, needs=plan.needs).name

    def letting_go(self, file: Path) -> bool:
        try:
            file.open("rb").close()
        except PermissionError:
            return False
        return True


@dataclass(slots=True)
class RealPrograms:
    """Copies of packaging/windows/runningprogram.c."""

    folder: Path
    programs: Path
    processes: Processes = field(init=False)
    maker: ProgramMaker = field(init=False)

    def __post_init__(self) -> None:
        self.maker = ProgramMaker(self.programs / "RunningProgram.exe", self.folder)
        self.processes = current().processes()

    def run(self, name: str, *, holds: Path | None = None, stubborn: bool = False) -> int:
        program = self.folder / name
        options = ["--stubborn-window" if stubborn else "--window"]
        options += [] if holds is None else ["--hold", str(holds)]
        return self.maker.run(program if program.exists() else self.maker.copy(name), *options).pid

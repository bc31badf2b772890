"""Services whose state lies in files: it outlives the process that drives them, and can be read from outside.

FOLDER/NAME/start_type   one word
FOLDER/NAME/needs        the services it depends on, one a line
FOLDER/NAME/running      there while it runs
FOLDER/NAME/dies         it ends by itself as soon as somebody asks about it, for one time
FOLDER/violations        a line for everything that must not happen
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deploy.errors import TargetError, error
from deploy.host.services import ServiceState, ServiceStatus, StartType


@dataclass(frozen=True)
class ServiceFiles:
    """A service manager as strict as that of Windows: dependents stop first, what is needed runs first.

    `unfit` says why no service may start now, "" where one may; a service that is started even so is a violation.
    """

    folder: Path
    unfit: Callable[[], str] = str

    def add(self, name: str, start_type: StartType, needs: Iterable[str] = (), *, running: bool) -> None:
        """Set up a service."""
        own = self.folder / name
        own.mkdir(parents=True)
        (own / "needs").write_text("".join(f"{one}\n" for one in needs))
        (own / "start_type").write_text(start_type)
        if running:
            (own / "running").touch()

    def status(self, name: str) -> ServiceStatus | None:
        own = self.folder / name
        if not own.is_dir():
            return None
        state = ServiceState.RUNNING if (own / "running").exists() else ServiceState.STOPPED
        if state is ServiceState.RUNNING and (own / "dies").exists():
            (own / "dies").unlink()
            (own / "running").unlink()
            state = ServiceState.STOPPED
        kind = StartType((own / "start_type").read_text())
        return ServiceStatus(name, state, kind, self._dependents(name), None)

    def stop(self, name: str, timeout: float) -> None:
        status = self._known(name)
        if running := [one for one in status.dependents if self._runs(one)]:
            raise TargetError(error("service-not-stopped", f"{name} is needed by {', '.join(running)}"))
        (self.folder / name / "running").unlink(missing_ok=True)

    def start(self, name: str, timeout: float) -> None:
        status = self._known(name)
        if status.state is ServiceState.RUNNING:
            return
        if status.start_type is StartType.DISABLED:
            raise TargetError(error("service-not-started", f"{name} is disabled"))
        if missing := [one for one in self._needs(name) if not self._runs(one)]:
            raise TargetError(error("service-not-started", f"{name} needs {', '.join(missing)}"))
        if reason := self.unfit():
            self._violated(f"{name} was started over {reason}")
        (self.folder / name / "running").touch()

    def set_start_type(self, name: str, start_type: StartType) -> None:
        self._known(name)
        (self.folder / name / "start_type").write_text(start_type)

    def restart_of_the_system(self) -> None:
        """What the next start of the system makes of them: what is automatic runs, with all it needs."""
        services = self.now()
        for name in services:
            (self.folder / name / "running").unlink(missing_ok=True)
        for name, (_, start_type) in services.items():
            if start_type in (StartType.AUTOMATIC, StartType.DELAYED):
                self._start_with_needs(name)

    def _start_with_needs(self, name: str) -> None:
        for one in self._needs(name):
            self._start_with_needs(one)
        if (self.folder / name / "start_type").read_text() != StartType.DISABLED:
            (self.folder / name / "running").touch()

    def now(self) -> dict[str, tuple[bool, str]]:
        """Every service: whether it runs, and its start type."""
        return {
            own.name: ((own / "running").exists(), (own / "start_type").read_text())
            for own in sorted(self.folder.iterdir())
            if own.is_dir()
        }

    @property
    def violations(self) -> list[str]:
        """What must not have happened."""
        path = self.folder / "violations"
        return path.read_text().splitlines() if path.exists() else []

    def _violated(self, said: str) -> None:
        with (self.folder / "violations").open("a") as file:
            file.write(f"{said}\n")

    def _known(self, name: str) -> ServiceStatus:
        status = self.status(name)
        if status is None:
            raise TargetError(error("no-such-service", f"there is no service {name}"))
        return status

    def _runs(self, name: str) -> bool:
        return (self.folder / name / "running").exists()

    def _needs(self, name: str) -> tuple[str, ...]:
        return _needs_of(self.folder)[name]

    def _dependents(self, name: str) -> tuple[str, ...]:
        """Those that need it, the ones nothing else needs first."""
        found: list[str] = []
        for one in (other for other, needs in _needs_of(self.folder).items() if name in needs):
            found += [far for far in (*self._dependents(one), one) if far not in found]
        return tuple(found)


@cache
def _needs_of(folder: Path) -> dict[str, tuple[str, ...]]:
    """What each service needs, which never changes once they were set up and asked about."""
    services = sorted(own for own in folder.iterdir() if own.is_dir())
    return {own.name: tuple((own / "needs").read_text().split()) for own in services}

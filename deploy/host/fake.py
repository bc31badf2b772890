"""A computer that is what a test says, and remembers what was asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.host.contract import Candidate, Found, System
from deploy.host.fakeprocesses import FakeProcesses
from deploy.host.fakeregistry import FakeRegistry
from deploy.host.fakeservices import FakeServices
from deploy.host.fileversion import version_of
from deploy.host.noregistry import NoRegistry
from deploy.host.registry import Registry
from deploy.machine import RegistryDriver, Services
from deploy.transport.contract import Proxies

WINDOWS_10 = System("windows", "10.0.19045", "x64")


@dataclass(frozen=True, slots=True)
class Started:
    """One program that was started."""

    program: Path
    args: str
    folder: Path
    hidden: bool
    timeout: float | None = None


def _ends_well(_: Started) -> int:
    return 0


@dataclass(slots=True)
class FakeHost:
    """`ending` stands for the programs: it is called with what was started and returns the exit code.

    Programs and folders are looked for on the real file system, and nothing on it is changed:
    `executable` holds what was asked to be made so. `ending` raises `TimeoutError` for one that takes
    too long. Versions are read from the files themselves, but for those that `versions` names.
    `at_restart` holds what was asked to be renamed at the next start, where the system does that.
    """

    state: Path
    files: tuple[Candidate, ...] = ()
    server: tuple[Candidate, ...] = ()
    known: Mapping[str, Found] = field(default_factory=dict)
    proxies: Proxies = field(default_factory=Proxies)
    unc: bool = False
    ending: Callable[[Started], int] = _ends_well
    started: list[Started] = field(default_factory=list)
    executable: list[Path] = field(default_factory=list)
    exposed: frozenset[Path] = frozenset()
    manager: FakeServices = field(default_factory=FakeServices)
    settings: FakeRegistry = field(default_factory=FakeRegistry)
    programs: FakeProcesses = field(default_factory=FakeProcesses)
    elevated: bool = True
    user: str = "tester"
    operating_system: System = WINDOWS_10
    versions: dict[Path, str | None] = field(default_factory=dict)
    logs: Path | None = None
    renames_at_restart: bool = True
    at_restart: dict[Path, Path | None] = field(default_factory=dict)

    def machine_files(self) -> tuple[Candidate, ...]:
        return self.files

    def server_files(self) -> tuple[Candidate, ...]:
        return self.server

    def identifiers(self) -> Mapping[str, Found]:
        return self.known

    def state_folder(self) -> Path:
        return self.state

    def make_executable(self, program: Path) -> None:
        program.stat()
        self.executable.append(program)

    def start(self, program: Path, args: str, *, folder: Path, hidden: bool, timeout: float | None = None) -> int:
        program.stat()
        if not folder.is_dir():
            raise NotADirectoryError(20, "Not a directory", str(folder))
        if program.is_dir():
            raise PermissionError(13, "Permission denied", str(program))
        self.started.append(Started(program, args, folder, hidden, timeout))
        return self.ending(self.started[-1])

    def readable_by_others(self, file: Path) -> bool:
        return file in self.exposed

    def any_length(self, folder: Path) -> Path:
        return folder

    def allow_many_files(self) -> None:
        return

    def opens_unc_paths(self) -> bool:
        return self.unc

    def proxies_from_environment(self) -> Proxies:
        return self.proxies

    def services(self, settings: Services, state: Path) -> FakeServices:  # noqa: ARG002
        return self.manager

    def registry(self, driver: RegistryDriver, state: Path) -> Registry:  # noqa: ARG002
        return NoRegistry() if driver is RegistryDriver.NONE else self.settings

    def processes(self) -> FakeProcesses:
        return self.programs

    def is_elevated(self) -> bool:
        return self.elevated

    def account(self) -> str:
        return self.user

    def system(self) -> System:
        return self.operating_system

    def file_version(self, file: Path) -> str | None:
        return self.versions[file] if file in self.versions else version_of(file)

    def log_folder(self) -> Path:
        return self.logs or self.state.parent / "AppData" / "Local"

    def replace_at_restart(self, source: Path, target: Path | None) -> None:
        source.stat()
        if not self.renames_at_restart:
            raise OSError(95, "Operation not supported", str(source))
        self.at_restart[source] = target

    def forget_at_restart(self, source: Path) -> None:
        self.at_restart.pop(source, None)

"""A computer that is what a test says, and remembers what was asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.host.contract import Candidate, Found
from deploy.transport.contract import Proxies


@dataclass(frozen=True, slots=True)
class Started:
    """One program that was started."""

    program: Path
    args: str
    folder: Path
    hidden: bool


def _ends_well(_: Started) -> int:
    return 0


@dataclass(slots=True)
class FakeHost:
    """`ending` stands for the programs: it is called with what was started and returns the exit code.

    Programs and folders are looked for on the real file system, and nothing on it is changed:
    `executable` holds what was asked to be made so.
    """

    state: Path
    files: tuple[Candidate, ...] = ()
    known: Mapping[str, Found] = field(default_factory=dict)
    proxies: Proxies = field(default_factory=Proxies)
    unc: bool = False
    ending: Callable[[Started], int] = _ends_well
    started: list[Started] = field(default_factory=list)
    executable: list[Path] = field(default_factory=list)
    exposed: frozenset[Path] = frozenset()

    def machine_files(self) -> tuple[Candidate, ...]:
        return self.files

    def identifiers(self) -> Mapping[str, Found]:
        return self.known

    def state_folder(self) -> Path:
        return self.state

    def make_executable(self, program: Path) -> None:
        program.stat()
        self.executable.append(program)

    def start(self, program: Path, args: str, *, folder: Path, hidden: bool) -> int:
        program.stat()
        if not folder.is_dir():
            raise NotADirectoryError(20, "Not a directory", str(folder))
        if program.is_dir():
            raise PermissionError(13, "Permission denied", str(program))
        self.started.append(Started(program, args, folder, hidden))
        return self.ending(self.started[-1])

    def readable_by_others(self, file: Path) -> bool:
        return file in self.exposed

    def any_length(self, folder: Path) -> Path:
        return folder

    def opens_unc_paths(self) -> bool:
        return self.unc

    def proxies_from_environment(self) -> Proxies:
        return self.proxies

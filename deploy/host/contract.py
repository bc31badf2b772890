"""The Host seam: what this computer knows about itself, its services, registry and programs, and how it starts one."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.host.processes import Processes
from deploy.host.registry import Registry
from deploy.host.services import ServiceManager
from deploy.machine import RegistryDriver, Services
from deploy.transport.contract import Proxies

MACHINE_VARIABLE = "MICCE_MACHINE"
MACHINE_FILE = "machine.toml"
SERVER_VARIABLE = "MICCE_SERVER"
SERVER_FILE = "server.toml"


@dataclass(frozen=True, slots=True)
class Found:
    """A value and where it was found, in words for people."""

    text: str
    origin: str


class Place(enum.StrEnum):
    """Why a machine.toml or server.toml is looked for where it is."""

    NAMED = "named by MICCE_MACHINE"
    SERVER_NAMED = "named by MICCE_SERVER"
    OPTION = "named by --settings"
    SITE = "for the whole machine"
    USER = "for this account"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place where a machine.toml or server.toml may be; one that was named must be there."""

    path: Path
    place: Place

    @property
    def required(self) -> bool:
        return self.place in (Place.NAMED, Place.SERVER_NAMED, Place.OPTION)


@dataclass(frozen=True, slots=True)
class System:
    """An operating system: `name` is "windows" or that of the kernel in lower case; `version` is of numbers and dots.

    `architecture` is one of x86, x64, arm64, or what the system calls itself.
    """

    name: str
    version: str
    architecture: str


class Host(Protocol):
    """This computer."""

    def machine_files(self) -> tuple[Candidate, ...]:
        """Where a machine.toml may be, first one first; `$MICCE_MACHINE` alone where it is set."""
        ...

    def server_files(self) -> tuple[Candidate, ...]:
        """Where a server.toml may be, first one first; `$MICCE_SERVER` alone where it is set."""
        ...

    def identifiers(self) -> Mapping[str, Found]:
        """The identifiers this computer knows by itself, by the manual's names."""
        ...

    def state_folder(self) -> Path:
        """Where state is kept unless machine.toml says; an absolute path that need not exist."""
        ...

    def make_executable(self, program: Path) -> None:
        """Let `program` be started where that takes a permission: 0755 if this account may not; raises `OSError`."""
        ...

    def start(self, program: Path, args: str, *, folder: Path, hidden: bool, timeout: float | None = None) -> int:
        """Run a program to its end and return its exit code; raises `OSError` if it cannot be started.

        `args` reaches a Windows program as written; elsewhere it is split by the rules of
        CommandLineToArgvW. `folder` is its working directory; `hidden` keeps its window away. It has
        no input, and what it writes goes to the standard error of this process. After `timeout`
        seconds the program and those it started are ended and `TimeoutError` is raised; None waits
        for ever. A code is 0 to 2**32 - 1; 128 + n stands for the end by signal n.

        Ctrl-C is the program's first: this waits for its end, then raises `KeyboardInterrupt`; a
        second Ctrl-C ends the program.
        """
        ...

    def readable_by_others(self, file: Path) -> bool:
        """Whether it is known that accounts besides the owner may read `file`; False where nobody says."""
        ...

    def any_length(self, folder: Path) -> Path:
        """The same absolute folder in the form under which paths of any length can be made (MAX_PATH on Windows)."""
        ...

    def allow_many_files(self) -> None:
        """Let this process, and those it starts, have as many files and connections open as the system grants."""
        ...

    def opens_unc_paths(self) -> bool:
        """Whether the system itself opens `\\\\SERVER\\Share` paths."""
        ...

    def proxies_from_environment(self) -> Proxies:
        """What http_proxy, https_proxy, all_proxy and no_proxy say, in either case."""
        ...

    def services(self, settings: Services, state: Path) -> ServiceManager:
        """What drives the services here; `settings` of machine.toml count off Windows only."""
        ...

    def registry(self, driver: RegistryDriver, state: Path) -> Registry:
        """The registry; off Windows the file that stands in for it below the folder `state`, or none."""
        ...

    def processes(self) -> Processes:
        """The running programs."""
        ...

    def is_elevated(self) -> bool:
        """Whether this process may change what belongs to the whole machine (administrator, root)."""
        ...

    def account(self) -> str:
        """The account this process runs under, for messages and records."""
        ...

    def system(self) -> System:
        """Which operating system this is."""
        ...

    def file_version(self, file: Path) -> str | None:
        """The version a Windows program or library carries (VS_FIXEDFILEINFO), as "9.6.1.412"; None for none.

        Read from the file's own bytes on every system. Raises `OSError`.
        """
        ...

    def log_folder(self) -> Path:
        """The folder of this account that the manual's log folders lie in: `%USERPROFILE%\\AppData\\Local`.

        Off Windows below `$USERPROFILE` where that is set, else below the home folder.
        """
        ...

    def replace_at_restart(self, source: Path, target: Path | None) -> None:
        """Have the system rename `source` to `target` at its next start, or remove it where `target` is None.

        Raises `OSError`; off Windows always, for there no file in use resists.
        """
        ...

    def forget_at_restart(self, source: Path) -> None:
        """Take back what `replace_at_restart` was told about `source`; nothing to do where it was told nothing."""
        ...

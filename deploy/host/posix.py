"""Linux and other POSIX systems: no known folders, so the Windows layout is documented here; stand-ins for the rest."""

from __future__ import annotations

import errno
import os
import pwd
import re
import resource
import stat
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from deploy.config.identifiers import IDENTIFIERS, Kind
from deploy.host.contract import (
    MACHINE_FILE,
    MACHINE_VARIABLE,
    SERVER_FILE,
    SERVER_VARIABLE,
    Candidate,
    Found,
    Place,
    System,
)
from deploy.host.environment import proxies_in
from deploy.host.fileversion import version_of
from deploy.host.noregistry import NoRegistry
from deploy.host.posixstart import run_program
from deploy.host.processes import Processes
from deploy.host.registry import Registry
from deploy.host.services import ServiceManager
from deploy.machine import RegistryDriver, Services, ServicesDriver
from deploy.transport.contract import Proxies

PRODUCT = "micce"
SITE_CONFIG = Path("/etc", PRODUCT)
SITE_STATE = Path("/var/lib", PRODUCT)
DEFAULT_LAYOUT = "default Windows layout"
PROFILE_VARIABLE = "USERPROFILE"
_RELEASE = re.compile(r"\d+(?:\.\d+)*")
_ARCHITECTURES = {"x86_64": "x64", "i386": "x86", "i486": "x86", "i586": "x86", "i686": "x86", "aarch64": "arm64"}


class PosixHost:
    """A computer without Windows; `environment` is read for `MICCE_*`, `USERPROFILE` and the proxies only."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def machine_files(self) -> tuple[Candidate, ...]:
        return self._settings_files(MACHINE_FILE, MACHINE_VARIABLE, Place.NAMED)

    def server_files(self) -> tuple[Candidate, ...]:
        return self._settings_files(SERVER_FILE, SERVER_VARIABLE, Place.SERVER_NAMED)

    def _settings_files(self, name: str, variable: str, place: Place) -> tuple[Candidate, ...]:
        named = self._environment.get(variable)
        if named:
            return (Candidate(Path(named), place),)
        return (
            Candidate(SITE_CONFIG / name, Place.SITE),
            Candidate(platformdirs.user_config_path(PRODUCT) / name, Place.USER),
        )

    def identifiers(self) -> Mapping[str, Found]:
        folders = (identifier for identifier in IDENTIFIERS if identifier.kind is Kind.FOLDER)
        return {folder.name: Found(folder.example, DEFAULT_LAYOUT) for folder in folders}

    def state_folder(self) -> Path:
        return SITE_STATE if os.geteuid() == 0 else platformdirs.user_state_path(PRODUCT)

    def make_executable(self, program: Path) -> None:
        if not os.access(program, os.X_OK):
            program.chmod(0o755)

    def start(
        self,
        program: Path,
        args: str,
        *,
        folder: Path,
        hidden: bool,  # noqa: ARG002
        timeout: float | None = None,
    ) -> int:
        return run_program(program, args, folder=folder, timeout=timeout)

    def readable_by_others(self, file: Path) -> bool:
        try:
            return bool(file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
        except OSError:
            return False

    def any_length(self, folder: Path) -> Path:
        return folder

    def allow_many_files(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def opens_unc_paths(self) -> bool:
        return False

    def proxies_from_environment(self) -> Proxies:
        return proxies_in(self._environment)

    def services(self, settings: Services, state: Path) -> ServiceManager:  # noqa: ARG002
        if settings.driver is ServicesDriver.COMMANDS:
            from deploy.host.commands import CommandServices

            return CommandServices(settings)
        from deploy.host.systemd import SystemdServices

        return SystemdServices()

    def registry(self, driver: RegistryDriver, state: Path) -> Registry:
        if driver is RegistryDriver.NONE:
            return NoRegistry()
        from deploy.host.filereg import FILE, FileRegistry

        return FileRegistry(state / FILE)

    def processes(self) -> Processes:
        from deploy.host.posixprocesses import PosixProcesses

        return PosixProcesses()

    def is_elevated(self) -> bool:
        return os.geteuid() == 0

    def account(self) -> str:
        number = os.geteuid()
        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:
            return f"uid {number}"

    def system(self) -> System:
        known = os.uname()
        release = _RELEASE.match(known.release)
        architecture = _ARCHITECTURES.get(known.machine, known.machine)
        return System(known.sysname.lower(), release[0] if release else "0", architecture)

    def file_version(self, file: Path) -> str | None:
        return version_of(file)

    def log_folder(self) -> Path:
        profile = Path(self._environment.get(PROFILE_VARIABLE, ""))
        return (profile if profile.is_absolute() else _home()) / "AppData" / "Local"

    def replace_at_restart(self, source: Path, target: Path | None) -> None:  # noqa: ARG002
        raise OSError(errno.EOPNOTSUPP, "this system renames nothing at its start", str(source))

    def forget_at_restart(self, source: Path) -> None:
        """Nothing was told, so that there is nothing to take back."""


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")  # an account without a name and without $HOME

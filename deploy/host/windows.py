"""Windows: known folders, the product's registry keys, and what leads to services, registry, programs."""

from __future__ import annotations

import re
import winreg
from collections.abc import Mapping
from pathlib import Path

from deploy.config.identifiers import NAMES
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
from deploy.host.knownfolders import KnownFolder, is_administrator, known_folder
from deploy.host.processes import Processes
from deploy.host.registry import Registry
from deploy.host.services import ServiceManager
from deploy.host.winregistry import WindowsRegistry
from deploy.machine import RegistryDriver, Services
from deploy.transport.contract import Proxies

PRODUCT = Path("Mitel", "MiCC Enterprise")
STATE = "State"
PROFILE_VARIABLE = "USERPROFILE"
PARAMETERS = "SOFTWARE\\Mitel\\SeC\\Common\\Parameters"  # in the 32-bit view; regedit shows Wow6432Node
_SHOWN_PARAMETERS = "HKLM\\SOFTWARE\\Wow6432Node\\Mitel\\SeC\\Common\\Parameters"
_VARIABLE = re.compile(r"%([^%]*)%")
_VARIABLES = {
    "windir": KnownFolder.WINDOWS,
    "systemroot": KnownFolder.WINDOWS,
    "programdata": KnownFolder.PROGRAM_DATA,
    "allusersprofile": KnownFolder.PROGRAM_DATA,
    "programfiles": KnownFolder.PROGRAM_FILES,
    "programfiles(x86)": KnownFolder.PROGRAM_FILES_X86,
    "commonprogramfiles": KnownFolder.COMMON_FILES,
    "commonprogramfiles(x86)": KnownFolder.COMMON_FILES_X86,
}
_FOLDERS = {
    "EricssonShareDir": (KnownFolder.COMMON_FILES_X86, "EricssonShare\\"),
    "NextCCShareDir": (KnownFolder.COMMON_FILES_X86, "EricssonShare\\NextCCShare\\"),
    "WindowsDir": (KnownFolder.WINDOWS, ""),
    "System32Dir": (KnownFolder.SYSTEM, ""),
}


class WindowsHost:
    """A computer with Windows; `environment` is read for `MICCE_*`, `USERPROFILE` and the proxies only."""

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
        return (Candidate(_below(KnownFolder.PROGRAM_DATA) / name, Place.SITE),)

    def identifiers(self) -> Mapping[str, Found]:
        found: dict[str, Found] = {}
        for name, (folder, below) in _FOLDERS.items():
            path = known_folder(folder)
            if path is not None:
                found[name] = Found(f"{path}\\{below}", "known folder")
        return found | _registered()

    def state_folder(self) -> Path:
        return _below(KnownFolder.PROGRAM_DATA if is_administrator() else KnownFolder.LOCAL_APP_DATA) / STATE

    def make_executable(self, program: Path) -> None:
        program.stat()

    def start(self, program: Path, args: str, *, folder: Path, hidden: bool, timeout: float | None = None) -> int:
        from deploy.host.winstart import run_program

        return run_program(program, args, folder=folder, hidden=hidden, timeout=timeout)

    def readable_by_others(self, file: Path) -> bool:  # noqa: ARG002
        """Access control lists are not judged."""
        return False

    def any_length(self, folder: Path) -> Path:
        text = str(folder)
        if text.startswith("\\\\?\\"):
            return folder
        return Path(f"\\\\?\\UNC{text[1:]}" if text.startswith("\\\\") else f"\\\\?\\{text}")

    def allow_many_files(self) -> None:
        # Windows has no such limit for sockets.
        return

    def opens_unc_paths(self) -> bool:
        return True

    def proxies_from_environment(self) -> Proxies:
        return proxies_in(self._environment)

    def services(self, settings: Services, state: Path) -> ServiceManager:  # noqa: ARG002
        from deploy.host.scm import WindowsServices

        return WindowsServices()

    def registry(self, driver: RegistryDriver, state: Path) -> Registry:  # noqa: ARG002
        return WindowsRegistry()

    def processes(self) -> Processes:
        from deploy.host.winprocesses import WindowsProcesses

        return WindowsProcesses()

    def is_elevated(self) -> bool:
        return is_administrator()

    def account(self) -> str:
        from deploy.host.winsystem import account_name

        return account_name()

    def system(self) -> System:
        from deploy.host.winsystem import operating_system

        return operating_system()

    def file_version(self, file: Path) -> str | None:
        return version_of(file)

    def log_folder(self) -> Path:
        profile = self._environment.get(PROFILE_VARIABLE)
        if profile and Path(profile).is_absolute():
            return Path(profile, "AppData", "Local")
        return _known(KnownFolder.LOCAL_APP_DATA)

    def replace_at_restart(self, source: Path, target: Path | None) -> None:
        from deploy.host.winrestart import replace_at_restart

        replace_at_restart(source, target)

    def forget_at_restart(self, source: Path) -> None:
        from deploy.host.winrestart import forget_at_restart

        forget_at_restart(source)


def _below(folder: KnownFolder) -> Path:
    return _known(folder) / PRODUCT


def _known(folder: KnownFolder) -> Path:
    path = known_folder(folder)
    if path is None:
        raise FileNotFoundError(f"this Windows has no folder {folder.name}")
    return Path(path)


def _registered() -> dict[str, Found]:
    """The identifiers the product's own keys hold; what cannot be read is not known."""
    found: dict[str, Found] = {}
    for name in NAMES:
        text = _registry_text(name)
        if text:
            found[name] = Found(text, f"{_SHOWN_PARAMETERS}\\{name}")
    return found


def _registry_text(name: str) -> str | None:
    access = winreg.KEY_READ | winreg.KEY_WOW64_32KEY
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, PARAMETERS, 0, access) as key:
            value, kind = winreg.QueryValueEx(key, name)
    except OSError:
        return None
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        return None
    text = value.strip("\0 ")
    return _expanded(text) if kind == winreg.REG_EXPAND_SZ else text


def _expanded(text: str) -> str | None:
    """Known folders instead of `%variables%`, which any user could set; None if another is named."""
    expanded = _VARIABLE.sub(_folder_of, text)
    return None if "%" in expanded else expanded


def _folder_of(variable: re.Match[str]) -> str:
    folder = _VARIABLES.get(variable[1].lower())
    return (known_folder(folder) if folder is not None else None) or variable[0]

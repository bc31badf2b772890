"""Linux and other POSIX systems: no registry and no known folders, so the Windows layout is documented here."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from deploy.config.command import split_arguments
from deploy.config.identifiers import IDENTIFIERS, Kind
from deploy.host.contract import MACHINE_FILE, MACHINE_VARIABLE, Candidate, Found, Place
from deploy.host.environment import proxies_in
from deploy.host.process import output_for_programs, wait_for
from deploy.transport.contract import Proxies

PRODUCT = "micce"
SITE_CONFIG = Path("/etc", PRODUCT)
SITE_STATE = Path("/var/lib", PRODUCT)
DEFAULT_LAYOUT = "default Windows layout"
_SIGNAL_CODES = 128


class PosixHost:
    """A computer without Windows; `environment` is read for `MICCE_MACHINE` and the proxies only."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def machine_files(self) -> tuple[Candidate, ...]:
        named = self._environment.get(MACHINE_VARIABLE)
        if named:
            return (Candidate(Path(named), Place.NAMED),)
        return (
            Candidate(SITE_CONFIG / MACHINE_FILE, Place.SITE),
            Candidate(platformdirs.user_config_path(PRODUCT) / MACHINE_FILE, Place.USER),
        )

    def identifiers(self) -> Mapping[str, Found]:
        folders = (identifier for identifier in IDENTIFIERS if identifier.kind is Kind.FOLDER)
        return {folder.name: Found(folder.example, DEFAULT_LAYOUT) for folder in folders}

    def state_folder(self) -> Path:
        return SITE_STATE if os.geteuid() == 0 else platformdirs.user_state_path(PRODUCT)

    def make_executable(self, program: Path) -> None:
        if not os.access(program, os.X_OK):
            program.chmod(0o755)

    def start(self, program: Path, args: str, *, folder: Path, hidden: bool) -> int:  # noqa: ARG002
        output = output_for_programs()
        process = subprocess.Popen(
            [program.absolute(), *split_arguments(args)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        with process:
            code = wait_for(process)
        return code if code >= 0 else _SIGNAL_CODES - code

    def readable_by_others(self, file: Path) -> bool:
        try:
            return bool(file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
        except OSError:
            return False

    def any_length(self, folder: Path) -> Path:
        return folder

    def opens_unc_paths(self) -> bool:
        return False

    def proxies_from_environment(self) -> Proxies:
        return proxies_in(self._environment)

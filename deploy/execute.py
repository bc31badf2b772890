"""The command of a Setup.config: which program it is, and what its exit code means (manual: `<execute>`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploy.config.model import Execute
from deploy.errors import ConfigError, ExecuteError, Problem, error
from deploy.host.contract import Host
from deploy.inventory import local_path, look
from deploy.relpath import RelPath

SUCCESS = 0
RESTART_NEEDED = (3010, 1641)  # ERROR_SUCCESS_REBOOT_REQUIRED, ERROR_SUCCESS_REBOOT_INITIATED
_ABSOLUTE = re.compile(r"(?i)(?:[a-z]:)?[\\/]")


@dataclass(frozen=True, slots=True)
class Program:
    """A command made ready: `placed` says that this installation brought the file."""

    path: Path
    args: str
    hidden: bool
    placed: bool


@dataclass(frozen=True, slots=True)
class Executed:
    """How the program ended; `restart_needed` for 3010 and 1641, which are success too."""

    program: Path
    exit_code: int

    @property
    def restart_needed(self) -> bool:
        return self.exit_code in RESTART_NEEDED


def program_of(execute: Execute, base: Path, outputs: Iterable[RelPath]) -> Program:
    """Find the program among the files to be placed, in the base folder, or at its absolute path.

    Raises `ConfigError` (command-missing, unsafe-path) before anything is changed.
    """
    command = execute.command.strip().strip('"')
    if _ABSOLUTE.match(command):
        path = Path(command if re.match(r"(?i)[a-z]:|\\\\", command) else command.replace("\\", "/"))
        if not path.is_file():
            raise ConfigError(_missing(execute, str(path)))
        return Program(path, execute.args, execute.hidden, placed=False)
    wanted = RelPath.parse(command)
    for output in outputs:
        if output.key == wanted.key:
            return Program(Path(local_path(base, output)), execute.args, execute.hidden, placed=True)
    if look(base, wanted) is None:
        raise ConfigError(_missing(execute, command))
    return Program(Path(local_path(base, wanted)), execute.args, execute.hidden, placed=False)


def run(program: Program, host: Host) -> Executed:
    """Start the program in its own folder and wait; raises `ExecuteError` unless it ends well."""
    if program.placed:
        host.make_executable(program.path)
    try:
        code = host.start(program.path, program.args, folder=program.path.parent, hidden=program.hidden)
    except OSError as wrong:
        hint = "check that the file is a program for this system and that nothing blocks it"
        raise ExecuteError(error("command-not-started", f"{program.path}: {wrong.strerror or wrong}", hint)) from wrong
    if code != SUCCESS and code not in RESTART_NEEDED:
        hint = "the files are in place; look into the program's own log, then run the same command again"
        raise ExecuteError(error("command-failed", f"{program.path} ended with exit code {code}", hint))
    return Executed(program.path, code)


def _missing(execute: Execute, shown: str) -> Problem:
    return error(
        "command-missing",
        f"the command {shown} is neither among the files nor on this machine",
        "add a <file> that brings it, or correct command",
        line=execute.line,
    )

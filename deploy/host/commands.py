"""Services driven by the commands of machine.toml, for machines without systemd."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from deploy.errors import TargetError, error, quoted
from deploy.host import procfs
from deploy.host.posixprocesses import PosixProcesses
from deploy.host.posixtool import Deadline, Ran, ask, tell
from deploy.host.processes import Process
from deploy.host.services import ServiceState, ServiceStatus, StartType
from deploy.machine import NAME_PLACE, START_TYPE_PLACE, Services

POLL_SECONDS = 0.1
ANSWER_SECONDS = 30.0
# Exit codes of `status` (Linux Standard Base, "Init Script Actions").
RUNNING, STOPPED, UNKNOWN = 0, 3, 4
# What Windows takes as the name of a service, and nothing that a program could take for an option.
_NAME = re.compile(r"(?!-)[^/\\\x00-\x1f\x7f]{1,256}")
_HINT = "run this command by hand, and see [services] in machine.toml"


@dataclass(frozen=True, slots=True)
class _Told:
    """What a status command wrote beside its exit code, all of it optional."""

    start_type: StartType | None = None
    dependents: tuple[str, ...] = ()
    process: int | None = None


class CommandServices:
    """Runs a command for each question and each change, and looks at `status` until it is so."""

    def __init__(self, commands: Services) -> None:
        self._commands = commands

    def status(self, name: str) -> ServiceStatus | None:
        if not _NAME.fullmatch(name):
            return None
        try:
            ran = ask(_filled(self._commands.status, name), ANSWER_SECONDS)
        except OSError as wrong:
            _unstartable(wrong, self._commands.status[0])
        if ran.code == UNKNOWN:
            return None
        if ran.code not in (RUNNING, STOPPED):
            code = f"within {ANSWER_SECONDS:g} seconds" if ran.code is None else f"but exit code {ran.code}"
            reason = f": {quoted(ran.said)}" if ran.said else ""
            _failed(f"the status command gave no answer about the service {quoted(name)} {code}{reason}", _HINT)
        told = _read(ran, name)
        state = ServiceState.RUNNING if ran.code == RUNNING else ServiceState.STOPPED
        return ServiceStatus(name, state, told.start_type, told.dependents, told.process)

    def stop(self, name: str, timeout: float) -> None:
        deadline = Deadline(timeout)
        before = self._known(name)
        if before.state is ServiceState.STOPPED:
            return
        process = _process(before.process)
        code = self._do(self._commands.stop, name, deadline)
        while self._known(name).state is not ServiceState.STOPPED:
            if code:
                raise _not_stopped(name, f"the stop command ended with exit code {code}", _HINT)
            if not deadline.pause(POLL_SECONDS):
                said = f"it is still running after {timeout:g} seconds"
                raise _not_stopped(name, said, "stop it by hand and try again")
        if process is not None and PosixProcesses().wait([process], deadline.left):
            said = f"its process {process.pid} still runs after {timeout:g} seconds"
            raise _not_stopped(name, said, "end this process and try again")

    def start(self, name: str, timeout: float) -> None:
        deadline = Deadline(timeout)
        if self._known(name).state is ServiceState.RUNNING:
            return
        code = self._do(self._commands.start, name, deadline)
        while self._known(name).state is not ServiceState.RUNNING:
            if code:
                raise _not_started(name, f"the start command ended with exit code {code}", _HINT)
            if not deadline.pause(POLL_SECONDS):
                raise _not_started(name, f"it does not run after {timeout:g} seconds", "see its log for why")

    def set_start_type(self, name: str, start_type: StartType) -> None:
        before = self._known(name)
        command = self._commands.start_type
        if not command or before.start_type is None:
            said = f"the service {name} has no start type that could be changed"
            _failed(said, "add start_type to [services] in machine.toml, and let status tell it")
        deadline = Deadline(ANSWER_SECONDS)
        code = self._do(command, name, deadline, start_type)
        after = self._known(name).start_type
        if after is not start_type:
            ended = "took too long" if code is None else f"ended with exit code {code}"
            said = f"the service {name} is {after} instead of {start_type}: the start_type command {ended}"
            _failed(said, _HINT)

    def _known(self, name: str) -> ServiceStatus:
        found = self.status(name)
        if found is None:
            said = f"there is no service {quoted(name)} on this machine"
            raise TargetError(error("no-such-service", said, "the status command of machine.toml does not know it"))
        return found

    def _do(
        self, command: Sequence[str], name: str, deadline: Deadline, start_type: StartType | None = None
    ) -> int | None:
        try:
            return tell(_filled(command, name, start_type), deadline.left)
        except OSError as wrong:
            _unstartable(wrong, command[0])


def _filled(command: Sequence[str], name: str, start_type: StartType | None = None) -> list[str]:
    """Every argument with its places filled in, each once, so that no name can bring a place of its own."""
    filled = []
    for part in command:
        pieces = (piece.replace(START_TYPE_PLACE, start_type or START_TYPE_PLACE) for piece in part.split(NAME_PLACE))
        filled.append(name.join(pieces))
    return filled


def _read(ran: Ran, name: str) -> _Told:
    """The JSON object of a status command; none where it wrote something for people, or nothing."""
    text = ran.output.decode("utf-8", "replace").strip()
    if not text.startswith("{"):
        return _Told()
    try:
        return _told(json.loads(text))
    except (ValueError, RecursionError) as wrong:
        _failed(f"what the status command says of the service {name} cannot be read: {wrong}", _HINT)


def _told(said: dict[str, Any]) -> _Told:
    start_type = said.get("start_type")
    dependents = said.get("dependents") or []
    process = said.get("process")
    if not isinstance(dependents, list) or not all(isinstance(one, str) for one in dependents):
        raise ValueError("dependents is no list of names")
    if process is not None and (not isinstance(process, int) or isinstance(process, bool) or process < 1):
        raise ValueError("process is no process id")
    return _Told(None if start_type is None else StartType(start_type), tuple(dependents), process)


def _process(pid: int | None) -> Process | None:
    stat = None if pid is None else procfs.stat_of(pid)
    return None if stat is None or pid is None else Process(pid, stat.comm, stat.started)


def _unstartable(wrong: OSError, program: str) -> NoReturn:
    said = f"{program} cannot be started: {wrong.strerror or wrong}"
    hint = "correct its path below [services] in machine.toml"
    raise TargetError(error("services-unavailable", said, hint)) from wrong


def _failed(said: str, hint: str) -> NoReturn:
    raise TargetError(error("service-failed", said, hint))


def _not_stopped(name: str, said: str, hint: str) -> TargetError:
    return TargetError(error("service-not-stopped", f"the service {name} does not stop: {said}", hint))


def _not_started(name: str, said: str, hint: str) -> TargetError:
    return TargetError(error("service-not-started", f"the service {name} does not start: {said}", hint))

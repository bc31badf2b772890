"""Services under systemd, driven through systemctl(1)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import TargetError, error, quoted
from deploy.host.dependents import stop_order
from deploy.host.posixtool import Deadline, Ran, ask
from deploy.host.services import ServiceState, ServiceStatus, StartType

# Not searched on PATH: what runs as root comes from the system's own folders.
PLACES = (Path("/usr/bin/systemctl"), Path("/bin/systemctl"), Path("/run/current-system/sw/bin/systemctl"))
POLL_SECONDS = 0.1
ANSWER_SECONDS = 30.0
SETTLE_SECONDS = 1.0  # what a service of type simple gets to fail in, for it counts as running before its first line
SUFFIX = ".service"
_TYPES = (
    SUFFIX,
    ".socket",
    ".timer",
    ".path",
    ".target",
    ".mount",
    ".automount",
    ".swap",
    ".device",
    ".slice",
    ".scope",
)
_NAME = re.compile(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,254}")
_STATES = {
    "active": ServiceState.RUNNING,
    "reloading": ServiceState.RUNNING,
    "refreshing": ServiceState.RUNNING,
    "activating": ServiceState.STARTING,
    "deactivating": ServiceState.STOPPING,
}
# Others (static, indirect, generated, linked, and all that ends with a restart) cannot be brought back as they were.
_START_TYPES = {"enabled": StartType.AUTOMATIC, "disabled": StartType.MANUAL, "masked": StartType.DISABLED}
# Whoever is stopped with a unit, in the order in which they are stopped: first those that need it, then what starts it.
_USERS = ("RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "UpheldBy")
_STARTERS = "TriggeredBy"
_ASKED = (
    "Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "FragmentPath", "MainPID", "Type", "Result",
    "Triggers", *_USERS, _STARTERS,
)  # fmt: skip
_UNAVAILABLE = re.compile(
    r"(?i)not been booted with systemd|failed to connect to (?:system|user|session)? ?(?:scope )?bus"
)
_FORBIDDEN = re.compile(r"(?i)access denied|authentication required|permission denied|operation not permitted")
_AT_ONCE = frozenset({"simple", "exec", "idle"})


@dataclass(frozen=True, slots=True)
class _Unit:
    """What `systemctl show` says of one unit."""

    name: str
    load: str = ""
    active: str = ""
    sub: str = ""
    file_state: str = ""
    fragment: str = ""
    process: int | None = None
    type: str = ""
    result: str = ""
    triggers: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    starters: tuple[str, ...] = ()

    @property
    def state(self) -> ServiceState:
        return _STATES.get(self.active, ServiceState.STOPPED)

    @property
    def exists(self) -> bool:
        return self.load != "not-found" or self.state is not ServiceState.STOPPED


class SystemdServices:
    """The units of the system, or of an account's own manager where its `runtime` folder is given ($XDG_RUNTIME_DIR).

    A name without a type is that of a service.

    What is stopped with a unit counts as its dependent: units that require it, are bound to it, a part of
    it, and the sockets, timers and paths that would start it again. They are called by their whole names,
    services without `.service`.
    """

    def __init__(self, program: Path | None = None, *, runtime: Path | None = None) -> None:
        self._program = program
        self._scope = () if runtime is None else ("--user",)
        self._environment = {"LC_ALL": "C", "PATH": os.defpath}
        if runtime is not None:
            self._environment["XDG_RUNTIME_DIR"] = str(runtime)

    def status(self, name: str) -> ServiceStatus | None:
        unit = self._unit(name)
        if unit is None:
            return None
        return ServiceStatus(
            name=_short(unit.name),
            state=unit.state,
            start_type=_start_type(unit),
            dependents=self._dependents(unit),
            process=unit.process,
        )

    def stop(self, name: str, timeout: float) -> None:
        deadline = Deadline(timeout)
        if self._known(name).state is ServiceState.STOPPED:
            return
        ran = self._run(("stop", "--", _whole(name)), deadline.left)
        _refuse_forbidden(ran, name, "stopped")
        while (unit := self._known(name)).state is not ServiceState.STOPPED:
            if ran.code:
                raise _not_stopped(name, _reason(ran, unit), f"see: journalctl -u {_whole(name)}")
            if not deadline.pause(POLL_SECONDS):
                process = "" if unit.process is None else f", or end its process {unit.process}"
                said = f"it is still {unit.state} after {timeout:g} seconds"
                raise _not_stopped(name, said, f"stop it by hand{process}, and try again")

    def start(self, name: str, timeout: float) -> None:
        deadline = Deadline(timeout)
        unit = self._known(name)
        if unit.state is ServiceState.RUNNING:
            return
        if unit.load == "masked":
            raise _not_started(name, "it is disabled (masked)", "give it another start type than disabled")
        busy = self._served(unit)
        if busy:
            # A socket does not listen beside its service: this starts it again, with the socket.
            _refuse_forbidden(self._run(("stop", "--", *busy), deadline.left), name, "started")
        # Several changes in a row must not count as a service that fails again and again.
        self._run(("reset-failed", "--", _whole(name)), ANSWER_SECONDS)
        ran = self._run(("start", "--", _whole(name), *busy), deadline.left)
        _refuse_forbidden(ran, name, "started")
        self._until_running(name, ran, deadline)

    def set_start_type(self, name: str, start_type: StartType) -> None:
        unit = self._known(name)
        before = _start_type(unit)
        if before is None:
            said = f"the service {name} is {unit.file_state or 'no unit file'}: no start type that could be changed"
            raise TargetError(error("service-failed", said, "see systemctl(1), is-enabled; leave its start type alone"))
        if start_type is StartType.DELAYED:
            said = f"the service {name} cannot be given a delayed start, which systemd does not have"
            raise TargetError(error("service-failed", said, "use automatic"))
        if start_type is before:
            return
        commands = {StartType.AUTOMATIC: "enable", StartType.MANUAL: "disable", StartType.DISABLED: "mask"}
        wanted = [commands[start_type]] if before is not StartType.DISABLED else ["unmask", commands[start_type]]
        for command in wanted:
            ran = self._run((command, "--", _whole(name)), ANSWER_SECONDS)
            _refuse_forbidden(ran, name, "given another start type")
            if ran.code != 0:
                said = f"the service {name} cannot be given the start type {start_type}: {_shown(ran)}"
                raise TargetError(error("service-failed", said, f"try it by hand: systemctl {command} {_whole(name)}"))

    def _until_running(self, name: str, ran: Ran, deadline: Deadline) -> None:
        """Wait until it runs, and for one that counts as running from the start, a little longer."""
        hint = f"see: journalctl -u {_whole(name)}"
        settled: Deadline | None = None
        while True:
            unit = self._known(name)
            if unit.state is ServiceState.STOPPED or unit.sub == "auto-restart" or ran.code:
                raise _not_started(name, _reason(ran, unit), hint)
            if unit.state is ServiceState.RUNNING:
                settled = settled or Deadline(SETTLE_SECONDS if unit.type in _AT_ONCE else 0)
                if not settled.pause(POLL_SECONDS):
                    return
            elif not deadline.pause(POLL_SECONDS):
                raise _not_started(name, f"it is still {unit.state} after {deadline.seconds:g} seconds", hint)

    def _served(self, unit: _Unit) -> tuple[str, ...]:
        """The services that a socket starts and that run."""
        if not unit.name.endswith(".socket") or not unit.triggers:
            return ()
        return tuple(one.name for one in self._units(unit.triggers) if one.state is not ServiceState.STOPPED)

    def _dependents(self, unit: _Unit) -> tuple[str, ...]:
        needs: dict[str, list[str]] = {}
        known = {unit.name}
        waiting = [unit]
        while waiting:
            for one in waiting:
                for user in (*one.users, *one.starters):
                    needs.setdefault(user, []).append(one.name)
            # What starts a unit has to come after those that need it, whoever was met first.
            new = [name for name in needs if name not in known]
            known.update(new)
            waiting = list(self._units(new)) if new else []
        starters = [name for name in needs if not name.endswith((SUFFIX, ".target"))]
        ordered = {name: needs[name] for name in (*(name for name in needs if name not in starters), *starters)}
        return tuple(_short(name) for name in stop_order(unit.name, ordered))

    def _known(self, name: str) -> _Unit:
        unit = self._unit(name)
        if unit is None:
            said = f"there is no service {quoted(name)} on this machine"
            raise TargetError(error("no-such-service", said, "see: systemctl list-unit-files"))
        return unit

    def _unit(self, name: str) -> _Unit | None:
        if not _NAME.fullmatch(name):
            return None
        unit = next(iter(self._units([_whole(name)])), None)
        return unit if unit is not None and unit.exists else None

    def _units(self, names: Sequence[str]) -> Iterator[_Unit]:
        asked = [part for name in _ASKED for part in ("-p", name)]
        ran = self._run(("show", *asked, "--", *names), ANSWER_SECONDS)
        if ran.code != 0:
            said = f"systemctl says nothing about {quoted(' '.join(names))}: {_shown(ran)}"
            raise TargetError(error("service-failed", said, "try it by hand: systemctl show"))
        for block in ran.output.decode("utf-8", "surrogateescape").split("\n\n"):
            if block.strip():
                yield _read(block)

    def _run(self, command: Sequence[str], timeout: float) -> Ran:
        program = self._program or next((place for place in PLACES if place.exists()), None)
        if program is None:
            raise _unavailable("there is no systemctl on this machine")
        told = (str(program), *self._scope, "--no-ask-password", "--no-pager", *command)
        try:
            ran = ask(told, timeout, self._environment)
        except OSError as wrong:
            raise _unavailable(f"{program} cannot be started: {wrong.strerror}") from wrong
        if ran.code and _UNAVAILABLE.search(ran.errors.decode("utf-8", "replace")):
            raise _unavailable(ran.errors.decode("utf-8", "replace").splitlines()[0])
        return ran


def _read(block: str) -> _Unit:
    said = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
    process = 0
    with suppress(ValueError):
        process = int(said.get("MainPID", "0"))
    return _Unit(
        name=said.get("Id", ""),
        load=said.get("LoadState", ""),
        active=said.get("ActiveState", ""),
        sub=said.get("SubState", ""),
        file_state=said.get("UnitFileState", ""),
        fragment=said.get("FragmentPath", ""),
        process=process or None,
        type=said.get("Type", ""),
        result=said.get("Result", ""),
        triggers=tuple(said.get("Triggers", "").split()),
        users=tuple(dict.fromkeys(one for name in _USERS for one in said.get(name, "").split())),
        starters=tuple(said.get(_STARTERS, "").split()),
    )


def _start_type(unit: _Unit) -> StartType | None:
    """None also for a unit file that was linked to its place: disabling it would remove the link."""
    if unit.file_state == "enabled" and unit.fragment and os.path.islink(unit.fragment):
        return None
    return _START_TYPES.get(unit.file_state)


def _whole(name: str) -> str:
    return name if name.endswith(_TYPES) else name + SUFFIX


def _short(name: str) -> str:
    return name.removesuffix(SUFFIX)


def _shown(ran: Ran) -> str:
    if ran.code is None:
        return "it did not answer in time"
    return quoted(ran.said) if ran.said else f"exit code {ran.code}"


def _reason(ran: Ran, unit: _Unit) -> str:
    """Why a unit is not as it should be: its own result, else what systemctl said."""
    if unit.result not in ("", "success"):
        return f"its result is {unit.result}"
    return _shown(ran) if ran.code else "it ended again"


def _refuse_forbidden(ran: Ran, name: str, what: str) -> None:
    if ran.code and _FORBIDDEN.search(ran.errors.decode("utf-8", "replace")):
        said = f"the service {name} cannot be {what} by this account"
        raise TargetError(error("no-permission", said, "run this as root"))


def _unavailable(said: str) -> TargetError:
    hint = 'run this where systemd runs, or set driver = "commands" below [services] in machine.toml'
    return TargetError(error("services-unavailable", f"systemd does not answer: {said}", hint))


def _not_stopped(name: str, said: str, hint: str) -> TargetError:
    return TargetError(error("service-not-stopped", f"the service {name} does not stop: {said}", hint))


def _not_started(name: str, said: str, hint: str) -> TargetError:
    return TargetError(error("service-not-started", f"the service {name} does not start: {said}", hint))

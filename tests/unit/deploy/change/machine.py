"""A machine in memory with strict services, a registry, programs and commands, and two roots of real files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from deploy.change.means import Means
from deploy.change.model import (
    Change,
    Command,
    CommandLine,
    DeleteKey,
    FileChange,
    InUse,
    MakeKey,
    Moment,
    ProcessChange,
    RegistryStep,
    ServiceChange,
    SetValue,
)
from deploy.change.recovery import Outcome, recover_machine
from deploy.change.steps import Create, Delete, Replace
from deploy.change.transaction import carry_out
from deploy.change.work import WORK
from deploy.digest import sha256_of_bytes
from deploy.errors import TargetError, error
from deploy.host.contract import Host
from deploy.host.processes import Process
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from deploy.host.services import ServiceState, ServiceStatus, StartType
from deploy.relpath import RelPath

KEY = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel")
MADE = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\New\Deep")
GOES = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\Goes")
OLD_VALUE, NEW_VALUE = RegistryValue(ValueType.DWORD, 1), RegistryValue(ValueType.STRING, "new")
OLD = {"a/bin/router.exe": b"old router", "a/bin/gone.dll": b"goes", "b/shared.dll": b"old shared"}
NEW = {"a/bin/router.exe": b"new router", "a/new/deep.txt": b"brought", "b/shared.dll": b"new shared"}


@dataclass
class Service:
    """One service; `stuck` ones do not stop, `broken` ones do not start."""

    state: ServiceState = ServiceState.RUNNING
    start_type: StartType | None = StartType.AUTOMATIC
    needs: tuple[str, ...] = ()
    stuck: bool = False
    broken: bool = False


@dataclass
class Services:
    """As strict as that of Windows; `unfit` says why nothing may be started now."""

    all: dict[str, Service]
    unfit: Callable[[], str]
    calls: list[str] = field(default_factory=list)
    refuse: Callable[[str], bool] = lambda _: False

    def status(self, name: str) -> ServiceStatus | None:
        found = next((one for one in self.all if one.lower() == name.lower()), None)
        if found is None:
            return None
        one = self.all[found]
        return ServiceStatus(found, one.state, one.start_type, tuple(self._dependents(found)))

    def stop(self, name: str, timeout: float) -> None:
        self._called(f"stop {name}")
        running = [one for one in self._dependents(name) if self.all[one].state is not ServiceState.STOPPED]
        if self.all[name].stuck or running:
            raise TargetError(error("service-not-stopped", f"{name} did not stop {running}"))
        self.all[name].state = ServiceState.STOPPED

    def start(self, name: str, timeout: float) -> None:
        self._called(f"start {name}")
        one = self.all[name]
        missing = [need for need in one.needs if self.all[need].state is not ServiceState.RUNNING]
        if one.broken or missing or one.start_type is StartType.DISABLED:
            raise TargetError(error("service-not-started", f"{name} did not start {missing}"))
        assert self.unfit() == ""
        one.state = ServiceState.RUNNING

    def set_start_type(self, name: str, start_type: StartType) -> None:
        self._called(f"set {name} {start_type}")
        self.all[name].start_type = start_type

    def now(self) -> dict[str, tuple[ServiceState, StartType | None]]:
        return {name: (one.state, one.start_type) for name, one in self.all.items()}

    def _called(self, said: str) -> None:
        self.calls.append(said)
        if self.refuse(said):
            raise TargetError(error("service-failed", f"{said} was refused"))

    def _dependents(self, name: str) -> list[str]:
        found: list[str] = []
        for one, service in self.all.items():
            if name in service.needs:
                found += [far for far in (*self._dependents(one), one) if far not in found]
        return found


@dataclass
class Registry:
    """Keys with their values, by the names as written."""

    keys: dict[RegistryKey, dict[str, RegistryValue]] = field(default_factory=dict)
    refuse: Callable[[str], bool] = lambda _: False

    def value(self, key: RegistryKey, name: str) -> RegistryValue | None:
        return self.keys.get(key, {}).get(name)

    def has_key(self, key: RegistryKey) -> bool:
        return not key.path or key in self.keys

    def subkeys(self, key: RegistryKey) -> tuple[str, ...]:
        above = f"{key.path}\\"
        return tuple(
            one.path.removeprefix(above)
            for one in self.keys
            if one.hive is key.hive and one.view is key.view and one.path.rpartition("\\")[0] == key.path
        )

    def value_names(self, key: RegistryKey) -> tuple[str, ...]:
        return tuple(self.keys.get(key, {}))

    def set_value(self, key: RegistryKey, name: str, value: RegistryValue) -> None:
        self._called(f"set {name}")
        self.keys[key][name] = value

    def delete_value(self, key: RegistryKey, name: str) -> None:
        self._called(f"delete {name}")
        self.keys.get(key, {}).pop(name, None)

    def make_key(self, key: RegistryKey) -> None:
        above = key.path.rpartition("\\")[0]
        self._called(f"make {key.path}")
        assert not above or RegistryKey(key.hive, above, key.view) in self.keys
        self.keys.setdefault(key, {})

    def delete_key(self, key: RegistryKey) -> None:
        self._called(f"remove {key.path}")
        assert self.subkeys(key) == ()
        self.keys.pop(key, None)

    def copy(self) -> dict[RegistryKey, dict[str, RegistryValue]]:
        return {key: dict(values) for key, values in self.keys.items()}

    def _called(self, said: str) -> None:
        if self.refuse(said):
            raise TargetError(error("registry-failed", f"{said} was refused"))


@dataclass
class Processes:
    """Programs that run; what is in `deaf` does not end when it is asked, `eternal` not even when it is killed."""

    running: list[Process] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)
    eternal: set[str] = field(default_factory=set)
    held: dict[str, tuple[Process, ...]] = field(default_factory=dict)

    def named(self, name: str) -> tuple[Process, ...]:
        return tuple(one for one in self.running if one.name == name)

    def holders(self, path: Path) -> tuple[Process, ...]:
        return self.held.get(path.name, ())

    def close(self, process: Process) -> None:
        if process.name not in self.deaf | self.eternal:
            self.running.remove(process)

    def kill(self, process: Process) -> None:
        if process.name not in self.eternal:
            self.running.remove(process)

    def wait(self, processes: Sequence[Process], timeout: float) -> tuple[Process, ...]:
        return tuple(one for one in processes if one in self.running)


@dataclass
class FakeHost:
    """Starts commands by the name of their program: `effects` holds those that took effect."""

    effects: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    raises: dict[str, OSError] = field(default_factory=dict)
    at_restart: dict[str, str] | None = None
    name: str = "admin"

    def account(self) -> str:
        return self.name

    def start(self, program: Path, args: str, *, folder: Path, hidden: bool, timeout: float | None = None) -> int:
        verb, _, name = args.partition(" ")
        self.ran.append(args)
        if args in self.raises:
            raise self.raises[args]
        if args in self.codes:
            return self.codes[args]
        if verb == "do":
            self.effects.append(name)
        elif name in self.effects:
            self.effects.remove(name)
        return 0

    def replace_at_restart(self, source: Path, target: Path | None) -> None:
        if self.at_restart is None:
            raise OSError(1, "not here")
        self.at_restart[str(source)] = "" if target is None else str(target)

    def forget_at_restart(self, source: Path) -> None:
        if self.at_restart is not None:
            self.at_restart.pop(str(source), None)


class Machine:
    """Two roots, a home, and a change that touches everything; `folder` is empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, data in OLD.items():
            self.write(name, data)
        (folder / "state").mkdir()
        (folder / "tool").write_bytes(b"")
        self.host = FakeHost()
        self.services = Services(
            {
                "Router": Service(),
                "Agent": Service(start_type=StartType.DELAYED, needs=("Router",)),
                "Report": Service(ServiceState.STOPPED, needs=("Agent",)),
                "Watch": Service(ServiceState.STOPPED, StartType.MANUAL),
                "Other": Service(),
            },
            self.unfit,
        )
        self.registry = Registry({RegistryKey(Hive.HKLM, "SOFTWARE"): {}, KEY: {"x": OLD_VALUE}, GOES: {"": OLD_VALUE}})
        self.processes = Processes([Process(7, "Agent.exe", 1)])
        self.means = Means(cast("Host", self.host), self.services, self.registry, self.processes)
        self.home = folder / "state" / "change"
        self.before = self.all_but_files()

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def staged(self, root: str, data: bytes) -> str:
        return str(self.write(f"{root}/.stage/{sha256_of_bytes(data)[:8]}", data))

    def change(self, *more: Command, in_use: InUse = InUse.RETRY) -> Change:
        return Change(
            (str(self.folder / "a"), str(self.folder / "b")),
            (
                FileChange(Delete(RelPath.parse("bin/gone.dll"), sha256_of_bytes(b"goes")), 0, in_use),
                self.replace("a", "bin/router.exe", b"new router", in_use),
                FileChange(self._create("a", "new/deep.txt", b"brought"), 0, in_use),
                self.replace("b", "shared.dll", b"new shared", in_use),
            ),
            self.registry_steps(),
            (ServiceChange("ROUTER"), ServiceChange("Watch", stop=False)),
            (ProcessChange("Agent.exe"),),
            (
                self.command("prepare", Moment.BEFORE, undo=True),
                self.command("convert", Moment.AFTER_FILES, undo=True),
                self.command("index", Moment.AFTER),
                *more,
            ),
        )

    @staticmethod
    def registry_steps() -> tuple[RegistryStep, ...]:
        return (SetValue(KEY, "x", NEW_VALUE), SetValue(MADE, "y", NEW_VALUE), MakeKey(MADE), DeleteKey(GOES))

    def replace(self, root: str, name: str, data: bytes, in_use: InUse = InUse.RETRY) -> FileChange:
        old = sha256_of_bytes((self.folder / root / name).read_bytes())
        step = Replace(RelPath.parse(name), self.staged(root, data), old, sha256_of_bytes(data), len(data), None)
        return FileChange(step, "ab".index(root), in_use)

    def _create(self, root: str, name: str, data: bytes) -> Create:
        return Create(RelPath.parse(name), self.staged(root, data), sha256_of_bytes(data), len(data), None)

    def command(self, name: str, moment: Moment, *, undo: bool = False, optional: bool = False) -> Command:
        def line(verb: str) -> CommandLine:
            return CommandLine(str(self.folder / "tool"), f"{verb} {name}", str(self.folder), True, 60)

        again = not undo and moment is not Moment.LAST
        return Command(
            name, line("do"), moment, undo=line("undo") if undo else None, idempotent=again, optional=optional
        )

    def files(self) -> dict[str, bytes]:
        found = {}
        for root in "ab":
            for path in (self.folder / root).rglob("*"):
                name = path.relative_to(self.folder).as_posix()
                if path.is_file() and f"{root}/.stage" not in name:
                    found[name] = path.read_bytes()
        return found

    def programs(self) -> dict[str, bytes]:
        return {name: data for name, data in self.files().items() if WORK not in name and ".micce-restart" not in name}

    def unfit(self) -> str:
        """Why no service may be started now."""
        files, convert = self.programs(), "convert" in self.host.effects
        whole = (files == OLD and not convert) or (files == NEW and convert)
        return "" if whole else f"{sorted(files)}, convert {convert}"

    def all_but_files(self) -> tuple[object, ...]:
        """Services, registry, and what commands did that has a way back: all but `index`."""
        return self.services.now(), self.registry.copy(), sorted(set(self.host.effects) - {"index"})

    def state(self) -> str:
        """`old`, `new`, or what is there."""
        if self.home.exists():
            return f"left over: {sorted(path.name for path in self.home.iterdir())}"
        if self.files() == OLD and self.all_but_files() == self.before:
            return "old"
        services = {**self.before[0], "Watch": (ServiceState.RUNNING, StartType.MANUAL)}  # type: ignore[dict-item]
        software = RegistryKey(Hive.HKLM, "SOFTWARE")
        between = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\New")
        registry = {software: {}, KEY: {"x": NEW_VALUE}, between: {}, MADE: {"y": NEW_VALUE}}
        effects = {"convert", "index", "prepare"}
        found = self.all_but_files()
        if self.files() == NEW and found[:2] == (services, registry) and effects <= set(self.host.effects):
            return "new"
        return f"mixed: {self.files()} {found}"


class StoppedError(BaseException):
    """The world stood still long enough."""


def no_pause(_: float) -> None:
    """Nobody waits."""


def done(machine: Machine, change: Change | None = None, **options: object) -> list[str]:
    """Carry out; returns the codes of warnings."""
    made = carry_out(change or machine.change(), machine.home, machine.means, pause=no_pause, **options)  # type: ignore[arg-type]
    return [one.code for one in made.warnings]


def refused(machine: Machine, change: Change | None = None, **options: object) -> list[str]:
    with pytest.raises(TargetError) as caught:
        done(machine, change, **options)
    return [one.code for one in caught.value.problems]


def recovered(machine: Machine, **options: object) -> tuple[Outcome, list[str]]:
    found = recover_machine(machine.home, machine.means, pause=no_pause, **options)  # type: ignore[arg-type]
    return found.outcome, [one.code for one in found.warnings]

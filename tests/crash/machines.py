"""A machine that is about to be changed as a hotfix changes one, and what may be left of it after a fault.

    BASE/install, BASE/share    two roots of programs
    BASE/state/hotfixes         a third one, of records
    BASE/state/change           the home of the change
    APART/services, /effects    what the services and the commands keep for themselves

Calls below BASE are the product's and can be hit; what lies in APART is the rest of the machine.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.change.means import Means
from deploy.change.model import Change, Command, CommandLine, FileChange, Moment
from deploy.change.steps import Create, Delete, MakeFolder, Replace, Step
from deploy.change.work import WORK
from deploy.digest import sha256_of_bytes
from deploy.host.current import current
from deploy.host.registry import Registry, RegistryKey
from deploy.machine import RegistryDriver
from deploy.relpath import RelPath
from tests.crash import machine_parts as parts
from tests.crash.service_files import ServiceFiles

STAGING = ".staging"
OLD_TIME, NEW_TIME = 1_500_000_000, 1_600_000_000
TEMPORARY = re.compile(r"\.registry\.json\.[0-9a-f]+\.tmp")
COMMANDS = {"prepare": Moment.BEFORE, "convert": Moment.AFTER_FILES, "index": Moment.AFTER}
"""The commands of the change; `index` can be run again, the others can be undone."""


@dataclass(frozen=True)
class MachineScene:
    """One machine in `folder`; `last` adds a command that cannot be undone, `elsewhere` is where APART is."""

    folder: Path
    last: bool = False
    elsewhere: Path | None = None

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def apart(self) -> Path:
        return self.elsewhere or self.folder / "apart"

    @property
    def state_folder(self) -> Path:
        return self.base / "state"

    @property
    def home(self) -> Path:
        return self.state_folder / "change"

    @property
    def roots(self) -> tuple[Path, ...]:
        return tuple(self.base / name for name in parts.ROOTS)

    @property
    def services(self) -> ServiceFiles:
        return ServiceFiles(self.apart / "services", self.unfit)

    @property
    def registry(self) -> Registry:
        return current().registry(RegistryDriver.FILE, self.state_folder)

    def means(self) -> Means:
        """The real host and registry, services that outlive the process."""
        host = current()
        return Means(host, self.services, self.registry, host.processes())

    def set_up(self) -> None:
        """The old machine, and everything new staged."""
        for folder in (self.folder, self.apart):
            shutil.rmtree(folder, ignore_errors=True)
        for root, files in zip(self.roots, parts.OLD_FILES, strict=True):
            for name, data in files.items():
                _write(root / name, data, OLD_TIME, 0o444 if name in parts.READ_ONLY else 0o644)
        registry = self.registry
        for key, name, value in parts.OLD_REGISTRY:
            make_keys(registry, key)
            registry.set_value(key, name, value)
        for service, start_type, needs, runs, _ in parts.SERVICES:
            self.services.add(service, start_type, needs, running=runs)
        (self.apart / "effects").mkdir(parents=True)
        tool = self.apart / "tool.sh"
        tool.write_text(parts.TOOL)
        tool.chmod(0o755)
        self.stage()

    def stage(self) -> None:
        """Everything new in the staging folder of its root."""
        for root, number, _, data in self._changed():
            _write(self.roots[root] / STAGING / str(number), data, NEW_TIME - 5, 0o644)

    def change(self) -> Change:
        """What makes the new machine of the old one."""
        gone = [
            FileChange(Delete(RelPath.parse(name), None), root)
            for root, files in enumerate(parts.OLD_FILES)
            for name in files
            if name not in parts.NEW_FILES[root]
        ]
        hollow = FileChange(MakeFolder(RelPath.parse(parts.EMPTY_FOLDER)), 0)
        return Change(
            tuple(str(root.resolve()) for root in self.roots),
            (hollow, *gone, *self._file_changes()),
            parts.REGISTRY_STEPS,
            parts.SERVICE_CHANGES,
            (),
            self._commands(),
        )

    def state(self) -> str:
        """`old`, `new`, or what every part is, where they differ or something is left over."""
        found = self.state_but_services()
        services = self._services()
        return found if services == found or found not in ("old", "new") else f"{found}, but services {services}"

    def state_but_services(self) -> str:
        """As `state`, of everything that is not a service."""
        found = {
            "files": self._files(range(len(parts.ROOTS))),
            "registry": self._registry(),
            "commands": self._effects(("prepare", "convert")),
        }
        if left := self._left_over():
            return f"left over: {left}"
        if len(set(found.values())) > 1:
            return f"mixed: {found}"
        if found["files"] == "new" and self._effect("index") != "done":
            return "new, but the last command did not run"
        return found["files"]

    def unfit(self) -> str:
        """Why no service may run now: what of programs and settings is neither all old nor all new; "" for nothing."""
        files, registry = self._files((0, 1), whole=False), self._registry()
        convert = self._effects(("convert",))
        if files == registry == convert and files in ("old", "new"):
            return ""
        return f"files {files}, registry {registry}, command {convert}"

    def wrong_now(self) -> str:
        """What must not be at any moment, "" for nothing: services that run over something mixed, now or earlier."""
        if violations := self.services.violations:
            return violations[0]
        running = {name for name, (runs, _) in self.services.now().items() if runs} & parts.STOPPED_MEANWHILE
        reason = self.unfit() if running else ""
        return f"{sorted(running)} run over {reason}" if reason else ""

    def wrong_after_a_restart(self, state: str, *, decided: bool = False) -> str:
        """As the service part of `state`, where the system was started anew meanwhile: it may run what is automatic.

        `decided`: there was nothing left to do for the change when the system started.
        """
        for name, start_type, _, before, after in parts.SERVICES:
            runs, kind = self.services.now()[name]
            wanted = before if state == "old" else after
            wanted = wanted and not (decided and kind == "manual")
            if kind != start_type or (wanted and not runs) or (runs and not wanted and kind == "manual"):
                return f"{name}: runs {runs}, {kind}"
        return ""

    def tell(self, what: str) -> None:
        """Tell the tool what to do otherwise, see `machine_parts.TOOL`."""
        (self.apart / "effects" / what).touch()

    def ran(self) -> list[str]:
        """What the commands were told to do, in order."""
        log = self.apart / "effects" / "log"
        return log.read_text().splitlines() if log.exists() else []

    def _changed(self) -> Iterator[tuple[int, int, str, bytes]]:
        number = 0
        for root, files in enumerate(parts.NEW_FILES):
            for name, data in files.items():
                if data != parts.OLD_FILES[root].get(name):
                    number += 1
                    yield root, number, name, data

    def _file_changes(self) -> Iterator[FileChange]:
        # The catalogue comes last: who reads it finds what it names.
        for root, number, name, data in sorted(self._changed(), key=lambda one: one[2] == "catalogue.json"):
            before = parts.OLD_FILES[root].get(name)
            staged = str(self.roots[root].resolve() / STAGING / str(number))
            digest, target = sha256_of_bytes(data), RelPath.parse(name)
            step: Step = Create(target, staged, digest, len(data), NEW_TIME)
            if before is not None:
                old = sha256_of_bytes(before) if number % 2 else None
                step = Replace(target, staged, old, digest, len(data), NEW_TIME)
            yield FileChange(step, root)

    def _commands(self) -> tuple[Command, ...]:
        made = [
            Command(name, self._line("do", name), moment, undo=self._line("undo", name), idempotent=False)
            if name != "index"
            else Command(name, self._line("do", name), moment, idempotent=True)
            for name, moment in COMMANDS.items()
        ]
        if self.last:
            made.append(Command("last", self._line("do", "last"), Moment.LAST))
        return tuple(made)

    def _line(self, verb: str, name: str) -> CommandLine:
        return CommandLine(str(self.apart / "tool.sh"), f"{verb} {name}", str(self.apart), True, 60)

    def _files(self, roots: range | tuple[int, ...], *, whole: bool = True) -> str:
        found = [_leaves(self.roots[root]) for root in roots]
        for name, wanted, time in (("old", parts.OLD_FILES, OLD_TIME), ("new", parts.NEW_FILES, NEW_TIME)):
            contents = [{path: data for path, (data, _, _) in leaves.items()} for leaves in found]
            if contents != [wanted[root] for root in roots]:
                continue
            return (self._details(name, found, time) or name) if whole else name
        return "mixed"

    def _details(self, state: str, found: list[dict[str, tuple[bytes, int, int]]], time: int) -> str:
        """What besides the bytes is wrong: times, modes, folders."""
        for root, leaves in enumerate(found):
            for path, (data, mtime, mode) in leaves.items():
                kept = data == parts.OLD_FILES[root].get(path)
                right = 0o444 if kept and path in parts.READ_ONLY else 0o644
                if (mtime, mode) != ((OLD_TIME if kept else time) * 10**9, right):
                    return f"{state}, but {path} has time {mtime} and mode {mode:o}"
            made = {parts.EMPTY_FOLDER} if root == 0 and state == "new" else set()
            wanted = made | {parent for path in leaves for parent in _parents(path)}
            if wanted != (folders := _folders(self.roots[root])):
                return f"{state}, but folders {sorted(folders ^ wanted)}"
        return ""

    def _registry(self) -> str:
        found = values_below(self.registry, parts.REGISTRY_TOP)
        for state, rows, keys in (("old", parts.OLD_REGISTRY, ()), ("new", parts.NEW_REGISTRY, parts.NEW_KEYS)):
            wanted: parts.Values = {(key.path, name): value for key, name, value in rows}
            named = {key.path for key in keys} | {key.path for key, _, _ in rows}
            if found[0] == wanted and found[1] == named | {above for path in named for above in _above(path)}:
                return state
        return "mixed"

    def _effects(self, names: tuple[str, ...]) -> str:
        found = {self._effect(name) for name in names}
        return {frozenset({""}): "old", frozenset({"done"}): "new"}.get(frozenset(found), "mixed")

    def _effect(self, name: str) -> str:
        path = self.apart / "effects" / name
        return path.read_text() or "nothing" if path.exists() else ""

    def _services(self) -> str:
        found = self.services.now()
        if found == {name: (before, kind) for name, kind, _, before, _ in parts.SERVICES}:
            return "old"
        if found == {name: (after, kind) for name, kind, _, _, after in parts.SERVICES}:
            return "new"
        return f"mixed {found}"

    def _left_over(self) -> list[str]:
        """What nobody needs any more; staged files are their owner's."""
        works = [str(root / WORK) for root in self.roots if os.path.lexists(root / WORK)]
        left = set(os.listdir(self.state_folder)) - {"hotfixes", "registry.json", "registry.lock"}
        # One that a kill in the middle of a write of the registry left; the next write removes it.
        kept = [name for name in left if TEMPORARY.fullmatch(name)][:1]
        return [*works, *sorted(left - set(kept))]


def make_keys(registry: Registry, key: RegistryKey) -> None:
    """A key and every one above it."""
    for above in (*reversed(list(_above(key.path, ""))), key.path):
        registry.make_key(RegistryKey(key.hive, above, key.view))


def values_below(registry: Registry, top: RegistryKey) -> tuple[parts.Values, set[str]]:
    """Every value below a key, and the path of every key below it."""
    values: parts.Values = {}
    keys: set[str] = set()
    todo = [top]
    while todo:
        key = todo.pop()
        todo += [RegistryKey(key.hive, f"{key.path}\\{name}", key.view) for name in registry.subkeys(key)]
        if key != top:
            keys.add(key.path)
        for name in registry.value_names(key):
            value = registry.value(key, name)
            assert value is not None
            values[key.path, name] = value
    return values, keys


def _above(path: str, top: str = parts.REGISTRY_TOP.path) -> Iterator[str]:
    """The paths above one, the nearest first, down from below `top`."""
    while "\\" in path and (path := path.rpartition("\\")[0]) != top:
        yield path


def _write(path: Path, data: bytes, time: int, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    os.utime(path, (time, time))


def _walk(root: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for here, inner, names in os.walk(root):
        inner[:] = [name for name in inner if name not in (STAGING, WORK)]
        yield here, inner, names


def _leaves(root: Path) -> dict[str, tuple[bytes, int, int]]:
    """Content, mtime in nanoseconds and permission bits of every file."""
    found: dict[str, tuple[bytes, int, int]] = {}
    for here, _, names in _walk(root):
        for name in names:
            path = Path(here, name)
            status = path.lstat()
            key = path.relative_to(root).as_posix()
            found[key] = (path.read_bytes(), status.st_mtime_ns, status.st_mode & 0o7777)
    return found


def _folders(root: Path) -> set[str]:
    return {os.path.relpath(os.path.join(here, name), root) for here, inner, _ in _walk(root) for name in inner}


def _parents(path: str) -> set[str]:
    names = path.split("/")
    return {"/".join(names[:count]) for count in range(1, len(names))}

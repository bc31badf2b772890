"""A machine with an installation, and hotfixes for it: their plans are made by hand, what they change is real.

BASE/install, BASE/share    two roots of programs
BASE/state                  the state folder
BASE/packages/ID-REVISION   the packages
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from deploy.change.means import Means
from deploy.change.model import (
    Command,
    CommandLine,
    DeleteValue,
    Moment,
    ProcessChange,
    RegistryStep,
    ServiceChange,
    SetValue,
)
from deploy.config.identifiers import Identifiers
from deploy.digest import Sha256, sha256_of_bytes
from deploy.host.fake import FakeHost, Started
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from deploy.host.registrytree import Entry
from deploy.host.services import ServiceState, StartType
from deploy.machine import Machine
from deploy.relpath import RelPath
from hotfix import layout
from hotfix.copying import original_of
from hotfix.history import installed
from hotfix.install import Applied, apply
from hotfix.installed import Original, document_of, parse_record
from hotfix.model import (
    CommandEntry,
    ConfigFileEntry,
    DeleteEntry,
    Edit,
    EditKind,
    FileEntry,
    Manifest,
    Reboot,
    When,
)
from hotfix.planned import (
    FileAction,
    Plan,
    PlannedCommand,
    PlannedFile,
    PlannedProcess,
    PlannedRegistry,
    Verdict,
)
from hotfix.removalplan import prepare_uninstall
from hotfix.target import Target
from hotfix.uninstall import Removed, uninstall
from hotfix.xmledit import edited

KEY = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\SeC")
TOOL = "tools/convert.exe"
_LASTING = frozenset({"state/installations", "state/hotfixes"})  # the first start makes them
_NOW = 1_700_000_000 * 10**9  # what is written by itself has a later time
SOURCE_TIME = 1_600_000_000


def text(data: str) -> RegistryValue:
    """A value of type string."""
    return RegistryValue(ValueType.STRING, data)


def set_edit(value: str, at: str = "/c/a") -> Edit:
    """Sets the attribute `v` of an element."""
    return Edit(EditKind.SET, at, "v", value)


@dataclass(frozen=True)
class World:
    """A whole machine, to be compared with another."""

    tree: dict[str, tuple[bytes | None, int, int]]
    registry: tuple[Entry, ...]
    services: tuple[tuple[str, ServiceState, StartType | None], ...]
    effects: frozenset[str]


@dataclass(frozen=True)
class Fix:
    """A hotfix: by `root/path` the bytes a file gets, None to delete it, or the edits of an XML file."""

    id: str = "HF001"
    revision: int = 1
    files: Mapping[str, bytes | tuple[Edit, ...] | None] = field(default_factory=dict)
    values: Mapping[str, RegistryValue | None] = field(default_factory=dict)
    steps: tuple[RegistryStep, ...] = ()
    services: tuple[ServiceChange, ...] = ()
    processes: tuple[ProcessChange, ...] = ()
    commands: tuple[Command, ...] = ()
    entries: tuple[CommandEntry, ...] = ()
    replaces: tuple[str, ...] = ()
    unkept: frozenset[str] = frozenset()
    allow_uninstall: bool = True
    publishes: bool = False
    reboot: Reboot = Reboot.IF_NEEDED


class Bench:
    """One machine below a folder."""

    def __init__(self, folder: Path, host: FakeHost | None = None) -> None:
        self.folder = folder.resolve()
        self.host = host or FakeHost(self.folder / "state")
        means = Means(self.host, self.host.manager, self.host.settings, self.host.programs)
        identifiers = Identifiers().with_values({"InstallDir": str(self.folder / "install")}, "test")
        self.target = Target(Machine(), identifiers, self.folder / "state", means)
        self.roots = tuple(str(self.folder / name) for name in ("install", "share"))
        self.effects: set[str] = set()
        self.host.ending = self._run
        for root in self.roots:
            os.makedirs(root, exist_ok=True)

    def write(self, name: str, data: bytes, *, mode: int = 0o644, time: int = 1_500_000_000) -> Path:
        """A file of the installation, as `root/path`."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(mode)
        os.utime(path, (time, time))
        return path

    def plan(self, fix: Fix) -> Plan:
        """What applying it here would do, as the planner says it; the package is written."""
        folder = self.folder / "packages" / f"{fix.id}-{fix.revision}"
        config = self._package(fix, folder)
        own = next((one for one in installed(self.target.hotfixes) if one.is_hotfix(fix.id)), None)
        return Plan(
            manifest=self._manifest(fix, config),
            folder=str(folder),
            digest=sha256_of_bytes(config.read_bytes()),
            verdict=Verdict.READY,
            reinstall=own is not None and own.revision == fix.revision,
            replaces=fix.replaces,
            roots=self.roots,
            files=tuple(self._file(fix, name) for name in fix.files),
            registry=tuple(self._registry(fix)),
            service_changes=fix.services,
            processes=tuple(
                PlannedProcess(one, len(self.host.programs.named(one.name)), False) for one in fix.processes
            ),
            commands=tuple(PlannedCommand(one, one.undo is not None or one.idempotent) for one in fix.commands),
            reboot=fix.reboot,
            publishes=fix.publishes,
        )

    def apply(self, fix: Fix) -> Applied:
        """Plan and apply."""
        return apply(self.plan(fix), self.target, pause=_no_pause)

    def uninstall(self, id: str, *, force: bool = False) -> Removed:
        """Plan and carry out a removal."""
        return uninstall(prepare_uninstall(id, self.target, force=force), self.target, pause=_no_pause)

    def command(
        self, name: str, moment: Moment = Moment.AFTER_FILES, *, undo: bool = True, of: tuple[str, int] = ("HF001", 1)
    ) -> Command:
        """A command of the package, as the planner has it."""
        program = str(self.folder / "state" / "hotfixes" / str(layout.package(*of)) / TOOL)
        line = CommandLine(program, f"{'do' if undo else 'run'} {name}", str(Path(program).parent), True, 60)
        back = CommandLine(program, f"undo {name}", str(Path(program).parent), True, 60) if undo else None
        return Command(name, line, moment, undo=back, idempotent=not undo and moment is not Moment.LAST)

    def tree(self, *parts: str) -> dict[str, tuple[bytes | None, int, int]]:
        """Every file below these folders, or below all, with mode and mtime; folders have None."""
        found: dict[str, tuple[bytes | None, int, int]] = {}
        for part in parts or ("install", "share", "state"):
            for path in sorted((self.folder / part).rglob("*")):
                status = path.lstat()
                name = path.relative_to(self.folder).as_posix()
                if name in _LASTING:
                    continue
                if path.is_dir():
                    found[name] = (None, status.st_mode & 0o7777, 0)
                elif path.suffix != ".lock":
                    found[name] = (path.read_bytes(), status.st_mode & 0o7777, status.st_mtime_ns)
        return found

    def ran(self) -> list[str]:
        """The arguments of the programs that were started, in order."""
        return [one.args for one in self.host.started]

    def world(self) -> World:
        """Everything a hotfix may change, and everything it keeps; records without their times."""
        tree = self.tree()
        for name in [name for name in tree if name.endswith("record.json")]:
            content, mode, _ = tree[name]
            assert content is not None
            record = parse_record(content)
            files = tuple(replace(file, before=_timeless(file.before)) for file in record.files)
            record = replace(record, installed_at=datetime(2023, 7, 14, tzinfo=UTC), files=files)
            tree[name] = (document_of(record), mode, 0)
        tree = {name: (data, mode, time if time < _NOW else 0) for name, (data, mode, time) in tree.items()}
        return World(
            tree,
            tuple(self.host.settings.tree.entries()),
            tuple((one.name, one.state, one.start_type) for one in self.host.manager.services),
            frozenset(self.effects),
        )

    def _run(self, started: Started) -> int:
        """A program: `do NAME` has an effect, `undo NAME` takes it back, `run NAME` has none, `fail NAME` fails."""
        verb, _, name = started.args.partition(" ")
        if verb == "fail":
            return 7
        if verb == "do":
            self.effects.add(name)
        if verb == "undo":
            self.effects.discard(name)
        return 0

    def _package(self, fix: Fix, folder: Path) -> Path:
        for number, (name, content) in enumerate(fix.files.items()):
            if isinstance(content, bytes):
                self.write(f"{folder.relative_to(self.folder)}/{number}.bin", content, time=SOURCE_TIME + number)
                assert self.folder / name
        if fix.commands or fix.entries:
            self.write(f"{folder.relative_to(self.folder)}/{TOOL}", b"tool", mode=0o755)
        numbers = (number for number, content in enumerate(fix.files.values()) if isinstance(content, bytes))
        entries = "".join(f'<file include="{number}.bin" outputFolder="$(InstallDir)x"/>' for number in numbers)
        hotfix = f'<hotfix id="{fix.id}" revision="{fix.revision}"/>'
        command = f'<execute command="{TOOL}" idempotent="true"/>' if fix.commands or fix.entries else ""
        parts = f"{hotfix}<files>{entries}</files><commands>{command}</commands>"
        said = f"<configuration>{parts}</configuration>\n"
        return self.write(f"{folder.relative_to(self.folder)}/{fix.id}.config", said.encode())

    def _manifest(self, fix: Fix, config: Path) -> Manifest:
        entry = CommandEntry(TOOL, idempotent=True)
        numbers = (number for number, content in enumerate(fix.files.values()) if isinstance(content, bytes))
        deleted = [name for name, content in fix.files.items() if content is None]
        return Manifest(
            source=str(config),
            id=fix.id,
            revision=fix.revision,
            name=f"{fix.id} of the bench",
            allow_uninstall=fix.allow_uninstall,
            files=tuple(FileEntry(f"{number}.bin", "x") for number in numbers),
            deletes=tuple(DeleteEntry(name, When(line=100 + number)) for number, name in enumerate(deleted)),
            commands=(*((entry,) if fix.commands else ()), *fix.entries),
        )

    def _file(self, fix: Fix, name: str) -> PlannedFile:
        content = fix.files[name]
        path = self.folder / name
        found = original_of(str(path))
        before = None if found is None else found.sha256
        edits: tuple[ConfigFileEntry, ...] = ()
        if isinstance(content, tuple):
            edits = (ConfigFileEntry(str(path), content),)
            content = edited(path.read_bytes(), edits[0])
        after: Sha256 | None = None if content is None else sha256_of_bytes(content)
        root = next(number for number, one in enumerate(self.roots) if Path(one) in path.parents)
        return PlannedFile(
            action=_action(before, after, bool(edits)),
            root=root,
            target=RelPath(path.relative_to(self.roots[root]).parts),
            path=str(path),
            before=before,
            after=after,
            size=0 if content is None else len(content),
            source=None if edits or content is None else RelPath((f"{list(fix.files).index(name)}.bin",)),
            content=content if edits else None,
            backup=name not in fix.unkept,
            edits=edits,
            line=None if content is not None else 100 + [n for n, c in fix.files.items() if c is None].index(name),
        )

    def _registry(self, fix: Fix) -> list[PlannedRegistry]:
        planned = []
        for name, value in fix.values.items():
            before = self.host.settings.value(KEY, name)
            step = DeleteValue(KEY, name) if value is None else SetValue(KEY, name, value)
            planned.append(PlannedRegistry(step, before, value))
        return [*planned, *(PlannedRegistry(step, None, None) for step in fix.steps)]


def _action(before: Sha256 | None, after: Sha256 | None, edits: bool) -> FileAction:
    if before == after:
        return FileAction.KEEP
    if after is None:
        return FileAction.DELETE
    return FileAction.CREATE if before is None else FileAction.EDIT if edits else FileAction.REPLACE


def _timeless(before: Original | None) -> Original | None:
    """An original that was made by an edit has the time of that."""
    return before if before is None or before.mtime_ns < _NOW else replace(before, mtime_ns=0)


def _no_pause(_: float) -> None:
    """Nobody waits in a test."""

"""The change of a hotfix on its way: what is staged where, which steps it makes, and that it is tidied up after."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.change.course import Checkpoint, pass_by
from deploy.change.files import Pause
from deploy.change.model import (
    Change,
    Command,
    Done,
    FileChange,
    InUse,
    ProcessChange,
    RegistryStep,
    ServiceChange,
)
from deploy.change.steps import Create, Delete, Put, Replace, Step
from deploy.change.transaction import carry_out
from deploy.change.work import BALLAST
from deploy.digest import Sha256, sha256_of_bytes
from deploy.disk import disk_full, free_space, target_error
from deploy.errors import Problem, error
from deploy.host.contract import Host
from deploy.host.registry import Hive
from deploy.inventory import local_path
from deploy.relpath import fold
from hotfix import layout
from hotfix.copying import Count, uncounted
from hotfix.events import Tell, ignore
from hotfix.installed import Installed, Original, document_of
from hotfix.recovery import tidy
from hotfix.roots import Roots, plain
from hotfix.staging import Note, Staging, remove_staging, write_note
from hotfix.target import Target
from hotfix.unchanged import refuse

_MARGIN = 16 * BALLAST
"""Bytes that journal, records and folders may take besides."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a change is carried out: who is told, how waiting is done, where tests stop the world."""

    tell: Tell = ignore
    pause: Pause = time.sleep
    checkpoint: Checkpoint = pass_by


@dataclass(frozen=True, slots=True)
class Machinery:
    """The parts of a change besides its files."""

    registry: tuple[RegistryStep, ...] = ()
    services: tuple[ServiceChange, ...] = ()
    processes: tuple[ProcessChange, ...] = ()
    commands: tuple[Command, ...] = ()


def elevation_problems(machinery: Machinery, host: Host) -> tuple[Problem, ...]:
    """Why this account cannot do that: on Windows services and the machine's registry are an administrator's."""
    needs = bool(machinery.services) or any(step.key.hive is not Hive.HKCU for step in machinery.registry)
    if not needs or host.system().name != "windows" or host.is_elevated():
        return ()
    said = f"{host.account()} may not stop services or change the registry of the machine"
    return (error("not-elevated", said, "start it as administrator"),)


class Carrying:
    """One change of the files `paths` and of records; methods raise `TargetError`.

    `folders` are where its roots may be; what is below none of them gets a root of its own. `others`
    are files that it may change besides, for readers elsewhere.
    """

    def __init__(
        self,
        target: Target,
        folders: Sequence[str],
        paths: Sequence[str],
        manner: Manner,
        others: Sequence[str] = (),
    ) -> None:
        self._target = target
        self._manner = manner
        self._roots = Roots.around((str(target.hotfixes), *folders), (*paths, *others))
        placed = {path: self._roots.place(path) for path in paths}
        longest = (*placed.values(), *(self._roots.place(path) for path in others))
        self._usable = self._roots.of_any_length(target.means.host, longest)
        self._staging = Staging(self._usable)
        self._steps: list[FileChange] = []
        self.warnings: tuple[Problem, ...] = ()
        self._paths = tuple(paths)
        self._usable_paths = {
            fold(path): local_path(Path(self._usable[at.root]), at.target) for path, at in placed.items()
        }

    @property
    def roots(self) -> tuple[str, ...]:
        """The roots of the change."""
        return self._roots.folders

    @property
    def paths(self) -> Mapping[str, str]:
        """Under which name each of the files can be opened, by its folded path."""
        return self._usable_paths

    def missing_folders(self) -> tuple[str, ...]:
        """The folders above the files that are not there yet, by their whole paths."""
        missing: dict[str, None] = {}
        for path in self._paths:
            folder = os.path.dirname(path)
            while folder not in missing and not os.path.isdir(folder):
                missing[folder] = None
                folder = os.path.dirname(folder)
        return tuple(missing)

    def refuse_without_room(self, needed: Mapping[str, int]) -> None:
        """Refuse where a volume has less room than these bytes below these folders (disk-full)."""
        volumes: dict[int, tuple[str, int]] = {}
        for folder, size in needed.items():
            try:
                volume = os.stat(folder).st_dev
            except OSError as wrong:
                raise target_error(wrong, folder) from wrong
            at, before = volumes.get(volume, (folder, _MARGIN))
            volumes[volume] = at, before + size
        problems: list[Problem] = []
        for folder, size in volumes.values():
            free = free_space(folder)
            if free is not None and free < size:
                problems += disk_full(folder, size).problems
        refuse(problems)

    @contextmanager
    def begun(self, note: Note) -> Iterator[None]:
        """Whatever is staged inside is removed at the end, by this run or by the next start."""
        write_note(self._target.hotfixes, Note(self.roots, note.id, note.revision, note.folders))
        self._manner.checkpoint("noted")
        try:
            self._clear()
            yield
        finally:
            self.warnings = tidy(self._target)
        self._manner.checkpoint("tidied")

    def change_file(
        self,
        path: str,
        before: Sha256 | None,
        after: Original | None,
        source: str | bytes = b"",
        in_use: InUse = InUse.RETRY,
        count: Count = uncounted,
    ) -> None:
        """Stage what a file is to become, from a file or bytes, and note the step."""
        at = self._roots.place(path)
        if after is None:
            if before is not None:
                self._add(at.root, Delete(at.target, before), in_use)
            return
        if isinstance(source, bytes):
            staged = self._staging.bytes(at.root, source, after.mode, after.owner)
        else:
            staged = self._staging.file(at.root, source, after, count)
        step: Step
        if before is None:
            step = Create(at.target, staged, after.sha256, after.size, None)
        else:
            step = Replace(at.target, staged, before, after.sha256, after.size, None)
        self._add(at.root, step, in_use)

    def put_file(self, path: str, source: str | bytes, content: Original) -> None:
        """Stage a file that is to be there, whether one is there or not."""
        at = self._roots.place(path)
        if isinstance(source, bytes):
            staged = self._staging.bytes(at.root, source, content.mode)
        else:
            staged = self._staging.file(at.root, source, content)
        self._add(at.root, Put(at.target, staged, content.sha256, content.size, None))

    def write_record(self, one: Installed) -> None:
        """Stage the record of a hotfix that is to be there afterwards."""
        data = document_of(one)
        at = self._roots.place(local_path(self._target.hotfixes, layout.record(one.id, one.revision)))
        staged = self._staging.bytes(at.root, data)
        self._add(at.root, Put(at.target, staged, sha256_of_bytes(data), len(data), None))

    def remove_record(self, one: Installed) -> None:
        """The record of a hotfix that is not to be there afterwards."""
        at = self._roots.place(local_path(self._target.hotfixes, layout.record(one.id, one.revision)))
        self._add(at.root, Delete(at.target, None))

    def out(self, machinery: Machinery) -> Done:
        """Carry out the change with everything staged, all of it or nothing."""
        self._manner.checkpoint("staged")
        change = Change(
            self._usable,
            tuple(self._steps),
            machinery.registry,
            machinery.services,
            machinery.processes,
            machinery.commands,
        )
        done = carry_out(
            change,
            self._target.home,
            self._target.means,
            tell=self._manner.tell,
            reread=True,
            pause=self._manner.pause,
            checkpoint=self._manner.checkpoint,
        )
        self._manner.checkpoint("carried-out")
        return replace(done, waiting=tuple(plain(path) for path in done.waiting))

    def _add(self, root: int, step: Step, in_use: InUse = InUse.RETRY) -> None:
        self._steps.append(FileChange(step, root, in_use))

    def _clear(self) -> None:
        for root in self._usable:
            try:
                remove_staging(root)
            except OSError as wrong:
                raise target_error(wrong, root) from wrong

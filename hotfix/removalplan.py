"""What removing a hotfix means on this machine now: every file, value, service and command, or why not."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from deploy.change.means import Means
from deploy.change.model import Restart, ServiceChange
from deploy.digest import Sha256
from deploy.errors import Problem, TargetError, error, warning
from deploy.host.services import ServiceState
from deploy.relpath import fold
from hotfix.copying import original_of
from hotfix.history import find, installed, restart_pending
from hotfix.installed import Installed, InstalledFile, Original
from hotfix.originals import Originals
from hotfix.planned import (
    FileAction,
    PlannedCommand,
    PlannedFile,
    PlannedProcess,
    PlannedService,
    Verdict,
)
from hotfix.registryeffects import drifted, steps_back
from hotfix.removal import UninstallPlan
from hotfix.roots import Placed, Roots, below
from hotfix.target import Target

_FORCE = "bring back what the hotfix left there, or remove it with force: then it is what it was before"


def prepare_uninstall(id: str, target: Target, *, force: bool = False) -> UninstallPlan:
    """Plan the removal of an installed hotfix; nothing is changed.

    Refused, with every reason: not-removable (the hotfix says that it stays), later-hotfixes (others
    lie over it), restart-pending (files of it wait for a restart), changed-since (files or values are
    neither as it left them nor as they were), original-missing, command-missing. `force` overrides the
    last three: what others changed is replaced, what cannot be brought back stays, what cannot be run
    is not. Raises `TargetError`: not-installed, record-damaged, record-newer, cannot-read.
    """
    history = installed(target.hotfixes)
    own = find(history, id)
    if own is None:
        hint = "installed are: " + (", ".join(one.id for one in history) or "none")
        raise TargetError(error("not-installed", f"{id} is not installed", hint))
    return _Planning(own, history, target, force).plan()


class _Planning:
    """Gathers what a removal does, and every problem."""

    def __init__(self, own: Installed, history: Sequence[Installed], target: Target, force: bool) -> None:
        self._own = own
        self._history = history
        self._target = target
        self._force = force
        self._originals = Originals(target.means.host.any_length(target.hotfixes))
        self._reasons: list[Problem] = []
        self._warnings: list[Problem] = []
        self._left: list[InstalledFile] = []

    def plan(self) -> UninstallPlan:
        """The plan; every reason against it."""
        own, means = self._own, self._target.means
        self._may_go()
        roots = Roots.around(own.roots, [file.path for file in own.files])
        files = self._files(roots)
        if not self._force:
            self._reasons += drifted(own.values, means.registry)
        services = self._services()
        commands = self._commands()
        verdict = Verdict.REFUSED if self._reasons else Verdict.READY
        plan = UninstallPlan(own, verdict, self._force, tuple(self._reasons), tuple(self._warnings))
        if self._reasons:
            return plan
        return replace(
            plan,
            restores=tuple(one.id for one in self._history if one.superseded_by and own.is_hotfix(one.superseded_by)),
            roots=roots.folders,
            files=files,
            left=tuple(self._left),
            registry=steps_back(own.keys, own.values, means.registry),
            services=tuple(_planned(services, means)),
            service_changes=services,
            processes=tuple(PlannedProcess(one, len(means.processes.named(one.name)), False) for one in own.processes),
            commands=commands,
        )

    def _may_go(self) -> None:
        own = self._own
        if not own.allow_uninstall:
            said = f"{own.label} was made to stay: its originals were not kept"
            self._reasons.append(error("not-removable", said, "apply a later hotfix instead"))
        later = [one.label for one in reversed(self._history) if one.sequence > own.sequence]
        if later:
            said = f"{', '.join(later)} {'was' if len(later) == 1 else 'were'} installed after {own.label}"
            self._reasons.append(error("later-hotfixes", said, "uninstall what came later first, in that order"))
        self._reasons += restart_pending([own], None)
        for label in own.not_undone:
            said = f"the command {label} was run when it was installed, and nothing takes it back"
            hint = "see what it did, and take that back by hand where it matters"
            self._warnings.append(warning("not-undone", said, hint))
        if own.published:
            said = f"clients are still offered {own.label}"
            hint = f"to stop that as well: micce-deploy hotfixes withdraw {own.id}"
            self._warnings.append(warning("still-published", said, hint))

    def _files(self, roots: Roots) -> tuple[PlannedFile, ...]:
        placed = [roots.place(file.path) for file in self._own.files]
        usable = roots.of_any_length(self._target.means.host, placed)
        return tuple(
            self._file(file, at, below(usable[at.root], at.target))
            for file, at in zip(self._own.files, placed, strict=True)
        )

    def _file(self, file: InstalledFile, at: Placed, path: str) -> PlannedFile:
        found = original_of(path)
        now = None if found is None else found.sha256
        action, reason = self._action(file, found)
        after, size = now, 0
        if action is not FileAction.KEEP:
            after, size = (None, 0) if file.before is None else (file.before.sha256, file.before.size)
        return PlannedFile(action, at.root, at.target, file.path, now, after, size, in_use=file.in_use, reason=reason)

    def _action(self, file: InstalledFile, found: Original | None) -> tuple[FileAction, str]:
        """What happens to a file, and why it is kept."""
        now = None if found is None else found.sha256
        before = None if file.before is None else file.before.sha256
        if found is None and file.before is None:
            return FileAction.KEEP, "it is not there, as before"
        if found is not None and file.before is not None and _looks_as(found, file.before):
            return FileAction.KEEP, "it is as it was before"
        if file.before is not None and not self._is_there(file, file.before):
            self._left.append(replace(file, after=now))
            return FileAction.KEEP, "its original is not kept"
        if now not in (file.after, before):
            self._changed(file, now)
        if before is None:
            return FileAction.DELETE, ""
        return (FileAction.CREATE if now is None else FileAction.REPLACE), ""

    def _changed(self, file: InstalledFile, now: Sha256 | None) -> None:
        """Refuse a file that somebody else changed, or say that it is replaced even so."""
        become = "was removed" if now is None else "has appeared again" if file.after is None else "was changed"
        said = f"{file.path} {become} since {self._own.label} was installed"
        if not self._force:
            self._reasons.append(error("changed-since", said, _FORCE, file=file.path))
        else:
            hint = "its content of now is replaced, as was asked for"
            self._warnings.append(warning("changed-since", said, hint, file=file.path))

    def _is_there(self, file: InstalledFile, before: Original) -> bool:
        """Whether the original can come back; says so where it cannot."""
        if not file.kept:
            said = f"{file.path} stays as {self._own.label} made it: the hotfix says that its original is not kept"
            self._warnings.append(warning("original-not-kept", said, "replace it by hand where it matters"))
            return False
        if self._originals.is_intact(before):
            return True
        said = f"what {file.path} held before {self._own.label} is not kept any more, or damaged"
        if self._force:
            self._warnings.append(warning("original-missing", said, "it stays as it is", file=file.path))
        else:
            hint = f"bring {self._originals.path(before.sha256)} back from a backup; with force the file stays as it is"
            self._reasons.append(error("original-missing", said, hint, file=file.path))
        return False

    def _services(self) -> tuple[ServiceChange, ...]:
        """The services to stop, as at the installation: those that ran run again, and none is only started."""
        changes = []
        for one in self._own.services:
            if not one.stop:
                continue
            if self._target.means.services.status(one.name) is None:
                said = f"there is no service {one.name} any more"
                self._warnings.append(warning("no-such-service", said, "nothing to do: it is not stopped"))
                continue
            again = Restart.NEVER if one.restart is Restart.NEVER else Restart.IF_WAS_RUNNING
            changes.append(replace(one, restart=again))
        return tuple(changes)

    def _commands(self) -> tuple[PlannedCommand, ...]:
        found = []
        for one in self._own.commands:
            if os.path.isfile(one.line.program):
                found.append(PlannedCommand(one, one.undo is not None or one.idempotent))
                continue
            said = f"the program of {one.label} is gone: {one.line.program}"
            if self._force:
                self._warnings.append(warning("command-missing", said, "it is not run", file=one.line.program))
            else:
                hint = "bring it back from a backup; with force it is not run"
                self._reasons.append(error("command-missing", said, hint, file=one.line.program))
        return tuple(found)


def _looks_as(found: Original, before: Original) -> bool:
    """Whether a file is what it was, its permission bits and time included."""
    return (found.sha256, found.mode, found.mtime_ns) == (before.sha256, before.mode, before.mtime_ns)


def _planned(changes: Iterable[ServiceChange], means: Means) -> Iterator[PlannedService]:
    """Which services stop and start again, dependents before what they need."""
    seen: set[str] = set()
    for change in changes:
        status = means.services.status(change.name)
        if status is None:
            continue
        dependents = status.dependents if change.dependents else ()
        for name in (*dependents, status.name):
            found = means.services.status(name)
            if found is None or fold(name) in seen:
                continue
            seen.add(fold(name))
            runs = found.state is ServiceState.RUNNING
            starts = runs and change.restart is not Restart.NEVER
            yield PlannedService(found.name, found.state, runs, starts, "" if name == status.name else status.name)

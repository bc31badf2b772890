"""Apply a plan: verify that it still holds, copy and stage everything, then change the machine wholly or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from deploy.change.course import Checkpoint, pass_by
from deploy.change.files import Pause
from deploy.change.model import Command, CommandEnded, Doing, Done
from deploy.change.recovery import Recovery
from deploy.errors import Problem, Severity, TargetError
from deploy.inventory import local_path
from deploy.relpath import fold
from hotfix import layout
from hotfix.carrying import Carrying, Machinery, Manner, elevation_problems
from hotfix.copying import uncounted
from hotfix.events import Counter, Tell, ignore
from hotfix.fileeffects import FileEffects
from hotfix.history import find, installed, note_waiting, restart_pending
from hotfix.installed import Installed, Original
from hotfix.locking import alone
from hotfix.model import Reboot
from hotfix.originals import Originals
from hotfix.packages import PackageCopy, copy_package, relocated, wanted_files
from hotfix.planned import FileAction, Plan, Verdict
from hotfix.proof import idle_services, unlike_files
from hotfix.publishing import publish, published_paths
from hotfix.recording import Effects, Records, after_applying
from hotfix.recovery import recover_alone
from hotfix.registryeffects import RegistryEffects, effects_of, unlike_after, unlike_plan
from hotfix.removalcommands import not_undone, redoing, removal_commands
from hotfix.staging import Note
from hotfix.target import Target
from hotfix.unchanged import files_now, history_problems, refuse


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying came to: `applied` false where the hotfix does not concern this machine, for these `reasons`.

    `superseded` are the ids of installed hotfixes that it made obsolete, `waiting` the absolute paths of
    files that get their content at the next restart. `recovered` says what was done before anything else.
    """

    id: str
    revision: int
    applied: bool
    reasons: tuple[Problem, ...] = ()
    reinstalled: bool = False
    superseded: tuple[str, ...] = ()
    commands: tuple[CommandEnded, ...] = ()
    waiting: tuple[str, ...] = ()
    restart_needed: bool = False
    published: bool = False
    recovered: Recovery | None = None
    warnings: tuple[Problem, ...] = ()


def apply(
    plan: Plan,
    target: Target,
    tell: Tell = ignore,
    *,
    pause: Pause = time.sleep,
    checkpoint: Checkpoint = pass_by,
) -> Applied:
    """Carry out a plan; the machine is wholly changed then, and was looked at once more.

    A change that was broken off before is recovered first. A plan that does not concern this machine
    changes nothing and is success. Raises `TargetError` with every reason: those of a refused plan;
    changed (the machine or the package is not as it was planned for), lower-revision, not-elevated,
    disk-full, busy, cannot-read, cannot-write, and what the transaction says, everything then being as
    it was; not-kept, registry-not-kept or service-not-started where the look afterwards finds something
    else than was put there.
    """
    manifest = plan.manifest
    if plan.verdict is Verdict.NOT_APPLICABLE:
        return Applied(manifest.id, manifest.revision, False, plan.reasons, warnings=plan.warnings)
    if plan.verdict is Verdict.REFUSED:
        raise TargetError(plan.reasons)
    with alone(target, plan.roots):
        recovered = recover_alone(target, tell=tell, pause=pause)
        return _Application(plan, target, Manner(tell, pause, checkpoint), recovered).applied()


class _Application:
    """One plan on its way, under the locks."""

    def __init__(self, plan: Plan, target: Target, manner: Manner, recovered: Recovery) -> None:
        self._plan = plan
        self._target = target
        self._manner = manner
        self._recovered = recovered
        self._history = installed(target.hotfixes)
        self._before = find(self._history, plan.manifest.id)
        self._changing = tuple(file for file in plan.files if file.action is not FileAction.KEEP)
        self._wanted = wanted_files(plan, target)
        published = published_paths(plan, target, self._wanted)
        self._carrying = Carrying(target, plan.roots, [file.path for file in plan.files], manner, published)
        self._originals = Originals(target.means.host.any_length(target.hotfixes))

    def applied(self) -> Applied:
        """All of it, looked at once more; or an error and nothing of it."""
        plan, registry, paths = self._plan, self._target.means.registry, self._carrying.paths
        self._manner.tell(Doing("verify", plan.manifest.source))
        found = files_now(plan.files, paths, uncounted)
        refuse(
            (
                *history_problems(plan, self._history),
                *restart_pending(self._history, [file.path for file in self._changing]),
                *elevation_problems(self._machinery(()), self._target.means.host),
                *found.problems,
                *unlike_plan(plan.registry, registry),
            )
        )
        changes = effects_of((one.step for one in plan.registry), registry)
        counter = self._room(found.files)
        with self._carrying.begun(Note()):
            package = self._packaged(counter)
            commands = self._commands(package)
            files = FileEffects(plan, found.files, paths, package, self._originals)
            records = after_applying(self._history, self._new(package, commands), self._effects(files, changes))
            self._keep(files, records, counter)
            self._stage(files, records, counter)
            publish(plan, self._target, package, self._carrying, self._manner.tell)
            done = self._carrying.out(self._machinery((*commands, *redoing(self._before, commands))))
            noted = note_waiting(self._target.hotfixes, records.own, done.waiting)
        refuse(
            (
                *unlike_files(plan.files, paths, done),
                *unlike_after(changes, registry),
                *idle_services(plan.services, self._target.means.services),
            )
        )
        return self._result(done, noted)

    def _room(self, found: Mapping[str, Original | None]) -> Counter:
        """Refuse where a volume has too little room; returns what counts the bytes on their way."""
        here = str(self._target.hotfixes)
        needed = {here: sum(one.size for one in self._wanted)}
        for file in self._changing:
            before, root = found[fold(file.path)], self._plan.roots[file.root]
            needed[root] = needed.get(root, 0) + (0 if file.after is None else file.size)
            needed[here] += before.size if before is not None and file.backup else 0
        self._carrying.refuse_without_room(needed)
        return Counter(self._manner.tell, sum(needed.values()))

    def _packaged(self, counter: Counter) -> PackageCopy:
        self._manner.tell(Doing("copy-package", self._plan.manifest.id))
        package = copy_package(self._plan, self._wanted, self._target, counter)
        self._manner.checkpoint("packaged")
        return package

    def _commands(self, package: PackageCopy) -> tuple[Command, ...]:
        """The commands of the plan, run from the verified copy."""
        planned = layout.package(self._plan.manifest.id, self._plan.manifest.revision)
        places = (self._plan.folder, local_path(self._target.hotfixes, planned))
        return tuple(
            relocated(relocated(one.command, places[0], package.folder), places[1], package.folder)
            for one in self._plan.commands
        )

    def _new(self, package: PackageCopy, commands: tuple[Command, ...]) -> Installed:
        """The record as far as this time says it."""
        plan, manifest = self._plan, self._plan.manifest
        return Installed(
            id=manifest.id,
            revision=manifest.revision,
            name=manifest.name,
            classification=manifest.classification,
            description=manifest.description,
            release_date=manifest.release_date,
            info_url=manifest.info_url,
            installed_at=datetime.now(UTC),
            installed_by=self._target.means.host.account(),
            digest=plan.digest,
            package=package.name,
            config=os.path.basename(manifest.source),
            allow_uninstall=manifest.allow_uninstall,
            published=plan.publishes,
            reboot=plan.reboot,
            supersedes=plan.replaces,
            roots=plan.roots,
            services=plan.service_changes,
            processes=tuple(one.change for one in plan.processes),
            commands=removal_commands(manifest, commands, package),
            not_undone=not_undone(commands),
        )

    def _effects(self, files: FileEffects, changes: RegistryEffects) -> Effects:
        kept = self._plan.manifest.allow_uninstall and (self._before is None or self._before.allow_uninstall)
        return Effects(files.all(kept=kept), changes.keys, changes.values, self._carrying.missing_folders())

    def _keep(self, files: FileEffects, records: Records, counter: Counter) -> None:
        for one in self._changing:
            self._manner.tell(Doing("keep-original", one.path))
        files.keep(files.unkept((records.own, *records.others), self._history), counter)
        self._manner.checkpoint("kept")

    def _stage(self, files: FileEffects, records: Records, counter: Counter) -> None:
        for file in self._changing:
            self._manner.tell(Doing("stage-file", file.path))
            source, after = files.source(file), files.content(file)
            self._carrying.change_file(file.path, file.before, after, source, file.in_use, counter)
        for record in (*records.others, records.own):
            self._carrying.write_record(record)
        if records.dropped is not None:
            self._carrying.remove_record(records.dropped)

    def _machinery(self, commands: tuple[Command, ...]) -> Machinery:
        plan = self._plan
        return Machinery(
            tuple(one.step for one in plan.registry),
            plan.service_changes,
            tuple(one.change for one in plan.processes),
            commands,
        )

    def _lost(self) -> Iterator[Problem]:
        """Originals that are gone: nothing can be done about it now, and the hotfix is applied."""
        for one in self._originals.missing(installed(self._target.hotfixes)):
            yield replace(one, severity=Severity.WARNING)

    def _result(self, done: Done, noted: tuple[Problem, ...]) -> Applied:
        plan = self._plan
        needed = done.restart_needed or bool(done.waiting)
        return Applied(
            id=plan.manifest.id,
            revision=plan.manifest.revision,
            applied=True,
            reinstalled=plan.reinstall,
            superseded=plan.replaces,
            commands=done.commands,
            waiting=done.waiting,
            restart_needed=plan.reboot is Reboot.ALWAYS or (plan.reboot is Reboot.IF_NEEDED and needed),
            published=plan.publishes,
            recovered=self._recovered,
            warnings=(
                *plan.warnings,
                *self._recovered.warnings,
                *done.warnings,
                *noted,
                *(
                    replace(one, severity=Severity.WARNING)
                    for one in self._originals.missing(installed(self._target.hotfixes))
                ),
                *self._carrying.warnings,
            ),
        )

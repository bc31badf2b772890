"""Remove a hotfix: bring back every original, value and superseded hotfix, wholly or not at all."""

from __future__ import annotations

import time
from dataclasses import dataclass

from deploy.change.course import Checkpoint, pass_by
from deploy.change.files import Pause
from deploy.change.model import CommandEnded, Doing
from deploy.change.recovery import Recovery
from deploy.errors import Problem, TargetError, error
from deploy.relpath import fold
from hotfix.carrying import Carrying, Machinery, Manner, elevation_problems
from hotfix.copying import uncounted
from hotfix.events import Counter, Tell, ignore
from hotfix.history import installed
from hotfix.installed import Installed
from hotfix.locking import alone
from hotfix.model import Reboot
from hotfix.originals import Originals
from hotfix.planned import FileAction, Verdict
from hotfix.proof import idle_services, unlike_files
from hotfix.recording import after_removing
from hotfix.recovery import recover_alone
from hotfix.registryeffects import unlike_steps
from hotfix.removal import UninstallPlan
from hotfix.removalplan import prepare_uninstall
from hotfix.staging import Note
from hotfix.target import Target
from hotfix.unchanged import AGAIN, files_now, refuse


@dataclass(frozen=True, slots=True)
class Removed:
    """What a removal came to.

    `restores` are the ids of superseded hotfixes that count again, `waiting` the absolute paths of files
    that get their content at the next restart. `recovered` says what was done before anything else.
    """

    id: str
    revision: int
    restores: tuple[str, ...] = ()
    commands: tuple[CommandEnded, ...] = ()
    waiting: tuple[str, ...] = ()
    restart_needed: bool = False
    recovered: Recovery | None = None
    warnings: tuple[Problem, ...] = ()


def uninstall(
    plan: UninstallPlan,
    target: Target,
    tell: Tell = ignore,
    *,
    pause: Pause = time.sleep,
    checkpoint: Checkpoint = pass_by,
) -> Removed:
    """Carry out a removal; files, values and services were looked at once more then.

    Raises `TargetError` with every reason: those of a refused plan; changed where the plan does not hold
    any more; not-elevated, disk-full, busy, cannot-read, cannot-write, and what the transaction says,
    everything then being as it was; not-kept, registry-not-kept or service-not-started where the look
    finds something else.
    """
    if plan.verdict is not Verdict.READY:
        raise TargetError(plan.reasons)
    with alone(target, plan.roots):
        recovered = recover_alone(target, tell=tell, pause=pause)
        return _Removal(plan, target, Manner(tell, pause, checkpoint), recovered).removed()


class _Removal:
    """One removal on its way, under the locks."""

    def __init__(self, plan: UninstallPlan, target: Target, manner: Manner, recovered: Recovery) -> None:
        self._plan = plan
        self._own = plan.installed
        self._target = target
        self._manner = manner
        self._recovered = recovered
        self._history = installed(target.hotfixes)
        self._changing = tuple(file for file in plan.files if file.action is not FileAction.KEEP)
        self._carrying = Carrying(target, plan.roots, [file.path for file in plan.files], manner)
        self._originals = Originals(target.means.host.any_length(target.hotfixes))

    def removed(self) -> Removed:
        """All of it, looked at once more; or an error and nothing of it."""
        plan, own, means, paths = self._plan, self._own, self._target.means, self._carrying.paths
        self._manner.tell(Doing("verify", own.label))
        self._refuse_changed()
        counter = self._room()
        with self._carrying.begun(Note(id=own.id, revision=own.revision, folders=own.folders)):
            self._stage(counter)
            done = self._carrying.out(self._machinery())
        refuse(
            (
                *unlike_files(plan.files, paths, done),
                *unlike_steps(plan.registry, means.registry),
                *idle_services(plan.services, means.services),
            )
        )
        needed = done.restart_needed or bool(done.waiting)
        return Removed(
            id=own.id,
            revision=own.revision,
            restores=plan.restores,
            commands=done.commands,
            waiting=done.waiting,
            restart_needed=own.reboot is Reboot.ALWAYS or (own.reboot is Reboot.IF_NEEDED and needed),
            recovered=self._recovered,
            warnings=(*plan.warnings, *self._recovered.warnings, *done.warnings, *self._carrying.warnings),
        )

    def _refuse_changed(self) -> None:
        """Refuse what does not hold any more since the plan was made."""
        again = prepare_uninstall(self._own.id, self._target, force=self._plan.forced)
        problems = [*elevation_problems(self._machinery(), self._target.means.host), *again.reasons]
        if not again.reasons and again.installed != self._own:
            problems.append(error("changed", f"{self._own.id} was applied again since the plan was made", AGAIN))
        elif not again.reasons and again.registry != self._plan.registry:
            problems.append(error("changed", "registry values have changed since the plan was made", AGAIN))
        refuse((*problems, *files_now(self._plan.files, self._carrying.paths, uncounted).problems))

    def _room(self) -> Counter:
        needed: dict[str, int] = {str(self._target.hotfixes): 0}
        for file in self._changing:
            root = self._plan.roots[file.root]
            needed[root] = needed.get(root, 0) + file.size
        self._carrying.refuse_without_room(needed)
        return Counter(self._manner.tell, sum(needed.values()))

    def _stage(self, counter: Counter) -> None:
        records = {file.key: file for file in self._own.files}
        for file in self._changing:
            self._manner.tell(Doing("stage-file", file.path))
            original = records[fold(file.path)].before
            source = b"" if original is None else self._originals.path(original.sha256)
            self._carrying.change_file(file.path, file.before, original, source, file.in_use, counter)
        for record in self._others():
            self._carrying.write_record(record)
        self._carrying.remove_record(self._own)

    def _others(self) -> tuple[Installed, ...]:
        return after_removing(self._history, self._own, self._plan.left)

    def _machinery(self) -> Machinery:
        plan = self._plan
        return Machinery(
            tuple(one.step for one in plan.registry),
            plan.service_changes,
            tuple(one.change for one in plan.processes),
            tuple(one.command for one in plan.commands),
        )

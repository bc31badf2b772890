"""What stands in the way of hotfixes on this machine, and what to do about each thing (`micce-hotfix doctor`)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from deploy.change.records import Phase, Standing
from deploy.change.recovery import unfinished_machine
from deploy.disk import free_space, readable_size
from deploy.errors import MicceError, Problem, error, warning
from deploy.host.services import ServiceState
from deploy.relpath import fold
from hotfix import layout
from hotfix.copying import original_of
from hotfix.history import read_history, restart_pending
from hotfix.installed import Installed
from hotfix.originals import Originals
from hotfix.staging import Note, read_note
from hotfix.target import Target

LITTLE_SPACE = 64 << 20
"""Bytes below which a volume is said to be nearly full."""
_RECOVER = "run `micce-hotfix recover`"


@dataclass(frozen=True, slots=True)
class Volume:
    """A folder that hotfixes need room in: free bytes, None where nobody says."""

    path: str
    free: int | None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found; `problems` are in the order in which they should be dealt with, each says how.

    `unfinished` is the change that was broken off, None for none; `left` what a start that was killed has
    to tidy up. `installed` are the records that can be read.
    """

    account: str
    elevated: bool
    volumes: tuple[Volume, ...]
    installed: tuple[Installed, ...]
    unfinished: Standing | None
    left: Note | None
    problems: tuple[Problem, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing stands in the way."""
        return not any(problem.is_error for problem in self.problems)


def diagnose(target: Target) -> Diagnosis:
    """Look at everything hotfixes depend on; nothing is changed and nothing raised but `OSError` of a lost disk.

    Kept originals are read, so this takes as long as reading them.
    """
    problems: list[Problem] = []
    standing = _standing(target, problems)
    note = _note(target, problems)
    history = read_history(target.hotfixes)
    problems += history.problems
    if standing is not None:
        problems += _services_left(standing, target)
    problems += _originals(target, history.records)
    problems += _packages(history.records)
    problems += _changed(history.records)
    problems += restart_pending(history.records, None)
    host = target.means.host
    if not host.is_elevated():
        said = f"{host.account()} is no administrator: services and folders of the product may be out of reach"
        problems.append(warning("not-elevated", said, "start hotfixes as administrator"))
    volumes = tuple(_volumes(target, history.records))
    problems += _room(volumes)
    return Diagnosis(host.account(), host.is_elevated(), volumes, history.records, standing, note, tuple(problems))


def _standing(target: Target, problems: list[Problem]) -> Standing | None:
    if not os.path.lexists(target.home):
        return None
    try:
        now = unfinished_machine(target.home)
    except MicceError as wrong:
        problems += wrong.problems
        return None
    if now is None:
        said = "a change was prepared and never begun; nothing was touched"
        problems.append(warning("change-unfinished", said, _RECOVER, file=str(target.home)))
        return None
    said = _said(now.phase)
    if now.failures:
        said += f"; {len(now.failures)} attempts to undo it failed, the last one because: {now.failures[-1]}"
    hint = f"remove what stands in the way, then {_RECOVER} --insist" if now.failures else _RECOVER
    if now.phase in (Phase.COMMITTED, Phase.ROLLED_BACK, Phase.UNDONE):
        problems.append(warning("change-unfinished", said, hint, file=str(target.home)))
    else:
        problems.append(error("change-unfinished", said, hint, file=str(target.home)))
    return now


def _said(phase: Phase) -> str:
    match phase:
        case Phase.COMMITTED:
            return "a change is made and decided, and was not cleaned up after"
        case Phase.ROLLED_BACK | Phase.UNDONE:
            return "a change was undone, and was not cleaned up after"
        case Phase.NOT_BEGUN | Phase.BEGUN:
            return "a change was broken off before any file changed"
        case Phase.BACKED:
            return "a change was broken off in the middle: files of the product may be mixed"


def _note(target: Target, problems: list[Problem]) -> Note | None:
    try:
        note = read_note(target.hotfixes)
    except MicceError as wrong:
        problems += wrong.problems
        return None
    if note is not None:
        places = [root for root in note.roots if os.path.lexists(os.path.join(root, layout.STAGING))]
        where = f" in {', '.join(places)}" if places else ""
        said = f"an earlier start left staged files or packages{where}"
        problems.append(warning("staging-left", said, f"nothing to do: the next start removes it; or {_RECOVER}"))
    return note


def _services_left(standing: Standing, target: Target) -> Iterator[Problem]:
    """Services that the change stopped or set to manual and that still are."""
    if not standing.stopping:
        return
    for op in standing.services:
        try:
            status = target.means.services.status(op.name)
        except MicceError as wrong:
            yield from wrong.problems
            return
        if status is None:
            continue
        if op.was_running and status.state is ServiceState.STOPPED:
            said = f"the service {op.name} ran before the change that was broken off, and is stopped"
            yield error("service-left-stopped", said, f"{_RECOVER}: it is started when the files are whole again")
        if op.made_manual and status.start_type is not None and status.start_type != op.start_type:
            said = f"the service {op.name} is set to {status.start_type} and was {op.start_type}"
            yield warning("start-type-not-restored", said, f"{_RECOVER}: it is set back")


def _originals(target: Target, records: Iterable[Installed]) -> Iterator[Problem]:
    originals = Originals(target.means.host.any_length(target.hotfixes))
    for one in records:
        for file in one.files:
            if file.before is None or not file.kept:
                continue
            try:
                intact = originals.is_intact(file.before)
            except MicceError as wrong:
                yield from wrong.problems
                continue
            if not intact:
                said = f"what {file.path} held before {one.label} is not kept any more, or damaged"
                place = originals.path(file.before.sha256)
                hint = f"bring {place} back from a backup; {one.id} cannot be uninstalled without"
                yield error("original-missing", said, hint, file=file.path)


def _packages(records: Iterable[Installed]) -> Iterator[Problem]:
    for one in records:
        for command in one.commands:
            if not os.path.isfile(command.line.program):
                said = f"the program of {command.label}, which removing {one.id} needs, is gone"
                hint = f"apply {one.label} again: that brings it back"
                yield error("command-missing", said, hint, file=command.line.program)


def _changed(records: Sequence[Installed]) -> Iterator[Problem]:
    """Files that are not what the last hotfix that changed them left."""
    last = {file.key: (one, file) for one in records for file in one.files}
    for one, file in last.values():
        try:
            now = original_of(file.path)
        except MicceError as wrong:
            yield from wrong.problems
            continue
        waits = fold(file.path) in {fold(path) for path in one.waiting}
        if (None if now is None else now.sha256) != file.after and not waits:
            said = f"{file.path} {'was changed' if now else 'was removed'} since {one.label} was installed"
            hint = f"if nobody meant to, apply {one.label} again"
            yield warning("changed-since", said, hint, file=file.path)


def _volumes(target: Target, records: Iterable[Installed]) -> Iterator[Volume]:
    folders = {str(target.state): None, **dict.fromkeys(root for one in records for root in one.roots)}
    for folder in folders:
        yield Volume(folder, free_space(folder))


def _room(volumes: Iterable[Volume]) -> Iterator[Problem]:
    for one in volumes:
        if one.free is not None and one.free < LITTLE_SPACE:
            said = f"only {readable_size(one.free)} are free at {one.path}"
            yield warning("little-space", said, "make room: a hotfix needs it for copies of what it replaces")

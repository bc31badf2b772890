"""Look at everything a change touches, before anything is changed, and refuse what cannot go well.

Raises `TargetError` with all problems of one kind at once, `ValueError` for a change that contradicts itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from deploy import inventory
from deploy.change import aside, files, programs, registry_ops, services
from deploy.change.course import Course
from deploy.change.model import Change, Command, FileChange, InUse, Moment
from deploy.change.ops import Kind, Op
from deploy.change.placing import Planned
from deploy.change.records import Begin, can_be_undone
from deploy.change.service_ops import ServiceOp
from deploy.change.steps import Create, Delete, MakeFolder, Put, Replace, Step, with_folders
from deploy.change.work import Place, Root
from deploy.errors import MicceError, Problem, TargetError, error

AGAIN = "run the same command again"


def planned_files(place: Place, changes: Sequence[FileChange], reread: bool) -> list[Planned]:
    """The ops in the order they are taken in: folders of all roots, files as given, deletions."""
    try:
        return _planned_files(place, changes, reread)
    except OSError as wrong:
        raise files.refused(wrong, wrong.filename or place.home) from wrong


def _planned_files(place: Place, changes: Sequence[FileChange], reread: bool) -> list[Planned]:
    wanted = _with_folders(place, changes)
    problems: list[Problem] = []
    for number, root in enumerate(place.roots):
        targets = (one.step.target for one in wanted if one.root == number and not isinstance(one.step, MakeFolder))
        problems += inventory.obstacles(root.base, targets)
    planned = []
    for one in [] if problems else wanted:
        target = place.roots[one.root].target(one.step.target)
        found = files.look(target)
        problem = _unlike(one.step, target, found)
        if problem is None and reread:
            problem = _other_digest(one.step, target)
        if problem is not None:
            problems.append(problem)
            continue
        planned.append(_planned_one(place, one, target, found, reread))
    if problems:
        raise TargetError(problems)
    return planned


def _with_folders(place: Place, changes: Sequence[FileChange]) -> list[FileChange]:
    made: list[FileChange] = []
    for number, root in enumerate(place.roots):
        own = [change.step for change in changes if change.root == number]
        steps = with_folders(own, lambda folder, root=root: os.path.isdir(root.target(folder)))  # type: ignore[misc]
        made += [FileChange(step, number) for step in steps if isinstance(step, MakeFolder)]
    rest = [change for change in changes if not isinstance(change.step, MakeFolder)]
    return [*made, *sorted(rest, key=lambda change: isinstance(change.step, Delete))]


def _planned_one(place: Place, change: FileChange, target: str, found: os.stat_result | None, reread: bool) -> Planned:
    step, root, in_use = change.step, change.root, change.in_use
    if isinstance(step, MakeFolder):
        return Planned(Op(Kind.FOLDER, step.target, None, None, None, root, in_use), target)
    known = step.old if isinstance(step, (Replace, Delete)) else None
    before = None if found is None else files.before_of(found, known)
    if isinstance(step, Delete):
        return Planned(Op(Kind.DELETE, step.target, None, None, before, root, in_use), target)
    kind = Kind.CREATE if before is None else Kind.REPLACE
    op = Op(kind, step.target, place.roots[root].below(step.staged), step.new, before, root, in_use)
    return Planned(op, target, step.staged, _readied(step, reread))


def _unlike(step: Step, target: str, found: os.stat_result | None) -> Problem | None:
    """How what is there differs from what the step was made for."""
    if found is not None and not stat.S_ISREG(found.st_mode):
        return error("in-the-way", f"{target} is not a regular file", "move it away", file=target)
    if isinstance(step, Put) or (found is None) == isinstance(step, (Create, MakeFolder)):
        return None
    said = f"{target} {'is gone' if found is None else 'has appeared'} since the change was planned"
    return error("changed", said, AGAIN, file=target)


def _other_digest(step: Step, target: str) -> Problem | None:
    if not isinstance(step, (Replace, Delete)) or step.old is None or files.digest_of(target) == step.old:
        return None
    return error("changed", f"{target} was changed since the change was planned", AGAIN, file=target)


def _readied(step: Create | Replace | Put, reread: bool) -> tuple[int, int]:
    """Prove a staged file and give it its time; returns its size and mtime in nanoseconds."""
    if step.modified is not None:
        os.utime(step.staged, (step.modified, step.modified))
    found = os.lstat(step.staged)
    if not stat.S_ISREG(found.st_mode) or found.st_size != step.size:
        said = f"{step.staged} is not the file of {step.size} bytes that was staged"
        raise TargetError(error("changed", said, AGAIN, file=step.staged))
    if reread and files.digest_of(step.staged) != step.new:
        said = f"{step.staged} does not have the digest it was staged with"
        raise TargetError(error("digest-mismatch", said, AGAIN, file=step.staged))
    return found.st_size, found.st_mtime_ns


def see_sense(change: Change, has_means: bool) -> None:
    """Refuse, with `ValueError`, a change that nobody should have made."""
    beyond = change.registry or change.services or change.processes or change.commands
    if beyond and not has_means:
        raise ValueError("services, registry, programs and commands need the means of a machine")
    for command in change.commands:
        if command.moment not in (Moment.LAST, Moment.ROLLBACK) and not can_be_undone(command):
            raise ValueError(f"{command.label} can neither be undone nor run again, and does not come last")
    if any(not 0 <= one.root < len(change.roots) for one in change.files):
        raise ValueError("a file is in no root")
    for root in change.roots:
        if not os.path.isabs(root):
            raise ValueError(f"the root {root} is not absolute")
    if len({os.path.normcase(root) for root in change.roots}) < len(change.roots):
        raise ValueError("one root is there twice")
    if any(not step.key.path for step in change.registry):
        raise ValueError("a step in the registry names no key")


def begun_with(place: Place, change: Change, plan: Sequence[Planned], course: Course) -> Begin:
    """What the journal of a change of a machine begins with; every problem of this machine is found before it does."""
    means = course.machine
    problems: list[Problem] = []
    ops = tuple(one.op for one in plan)
    problems += _missing_commands(change.commands, plan)
    problems += _unwritable(place, plan)
    for number, root in enumerate(place.roots):
        problems += _still_waiting(root, [op for op in ops if op.root == number])
    found: tuple[ServiceOp, ...] = ()
    in_registry: tuple[registry_ops.RegistryOp, ...] = ()
    try:
        found = services.planned(change.services, means.services) if change.services else ()
    except MicceError as wrong:
        problems += wrong.problems
    try:
        in_registry = registry_ops.primitive(change.registry, means.registry)
    except MicceError as wrong:
        problems += wrong.problems
    try:
        programs.refuse_running(change.processes, course)
    except MicceError as wrong:
        problems += wrong.problems
    if problems:
        raise TargetError(problems)
    return Begin(ops, change.roots, in_registry, found, change.commands, means.host.account())


def _missing_commands(commands: Iterable[Command], plan: Sequence[Planned]) -> Iterable[Problem]:
    brought = {os.path.normcase(one.target) for one in plan if one.staged is not None}
    for command in commands:
        for line in (command.line, command.undo):
            if line is None or os.path.normcase(line.program) in brought or Path(line.program).is_file():
                continue
            said = f"{command.label}: there is no {line.program}, and the change does not bring it"
            yield error("command-missing", said, "correct the command, or bring the program", file=line.program)


def _unwritable(place: Place, plan: Sequence[Planned]) -> Iterable[Problem]:
    """Folders in which this account may not rename, as far as that can be told by asking."""
    roots = {os.fspath(place.roots[one.op.root].base) for one in plan}
    for folder in sorted({os.path.dirname(one.target) for one in plan} | roots):
        if os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK):
            said = f"{folder} may not be changed by this account"
            yield error("cannot-write", said, "run it as an administrator, or let the account write there", file=folder)


def _still_waiting(root: Root, ops: Sequence[Op]) -> Iterable[Problem]:
    aside.sweep(root)
    try:
        return aside.still_waiting(root, ops)
    except OSError as wrong:
        return files.refused(wrong, root.base).problems


def files_of(steps: Iterable[Step]) -> list[FileChange]:
    """The steps of an installation: one root, and the patience installations have."""
    return [FileChange(step, 0, InUse.RETRY) for step in steps]

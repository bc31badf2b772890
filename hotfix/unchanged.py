"""Whether a plan still holds: between the preview and its carrying out the machine may have changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from deploy.errors import Problem, TargetError, error
from deploy.relpath import fold
from hotfix.copying import Count, original_of
from hotfix.history import find
from hotfix.installed import Installed, Original
from hotfix.planned import Plan, PlannedFile

AGAIN = "look at the plan again, then run the same command"
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Found:
    """The files of a plan as they are now, by their folded paths."""

    files: Mapping[str, Original | None]
    problems: tuple[Problem, ...]


def files_now(planned: Iterable[PlannedFile], paths: Mapping[str, str], count: Count) -> Found:
    """Read every file of a plan again; `paths` says under which name each can be opened.

    Raises `TargetError` for what cannot be read.
    """
    found: dict[str, Original | None] = {}
    problems = []
    for file in planned:
        key = fold(file.path)
        now = found[key] = original_of(paths[key], count)
        if (None if now is None else now.sha256) != file.before:
            said = f"{file.path} {_became(file, now)} since the change was planned"
            problems.append(error("changed", said, AGAIN, file=file.path, line=file.line))
    return Found(found, tuple(problems))


def history_problems(plan: Plan, history: Sequence[Installed]) -> tuple[Problem, ...]:
    """How what is installed differs from what the plan was made for."""
    manifest = plan.manifest
    own = find(tuple(history), manifest.id)
    problems = []
    if (own is not None and own.revision == manifest.revision) != plan.reinstall:
        said = f"{manifest.id} was {'removed' if plan.reinstall else 'installed'} since the plan was made"
        problems.append(error("changed", said, AGAIN))
    elif own is not None and own.revision > manifest.revision:
        said = f"{own.label} is installed, and revision {manifest.revision} is lower"
        problems.append(error("lower-revision", said, "uninstall it first, if the lower one is really wanted"))
    gone = (id for id in plan.replaces if find(tuple(history), id) is None)
    return (*problems, *(error("changed", f"{id} was removed since the plan was made", AGAIN) for id in gone))


def refuse(problems: Iterable[Problem]) -> None:
    """Raise `TargetError` with the first of these problems, where there is one."""
    found = tuple(problems)
    if found:
        raise TargetError(found[:SHOWN])


def _became(file: PlannedFile, now: Original | None) -> str:
    if now is None:
        return "was removed"
    return "has appeared" if file.before is None else "was changed"

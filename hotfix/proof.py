"""Success is said after a look: every file read again, every registry value, every service that has to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deploy.change.model import Done
from deploy.digest import Sha256
from deploy.errors import Problem, error
from deploy.host.services import ServiceManager, ServiceState
from deploy.relpath import fold
from hotfix.copying import original_of
from hotfix.planned import PlannedFile, PlannedService


def unlike_files(files: Iterable[PlannedFile], paths: Mapping[str, str], done: Done) -> tuple[Problem, ...]:
    """Files that do not hold what they should now; those that wait for a restart do not yet.

    Raises `TargetError` for what cannot be read.
    """
    waiting = {fold(path) for path in done.waiting}
    hint = "look for what changes it (a virus scanner, another installer, the service itself)"
    problems = []
    for file in files:
        if fold(file.path) in waiting or fold(paths[fold(file.path)]) in waiting:
            continue
        now = _digest(paths[fold(file.path)])
        if now != file.after:
            said = f"{file.path} was put in place and is {'gone' if now is None else 'changed'}"
            problems.append(error("not-kept", said, hint, file=file.path, line=file.line))
    return tuple(problems)


def idle_services(services: Iterable[PlannedService], manager: ServiceManager) -> tuple[Problem, ...]:
    """Services that had to be started and do not run."""
    problems = []
    for one in services:
        status = manager.status(one.name) if one.starts else None
        if status is not None and status.state is not ServiceState.RUNNING:
            said = f"{one.name} was started and is {status.state} now"
            hint = "look into its log and that of the system, then start it"
            problems.append(error("service-not-started", said, hint, line=one.line))
    return tuple(problems)


def _digest(path: str) -> Sha256 | None:
    now = original_of(path)
    return None if now is None else now.sha256

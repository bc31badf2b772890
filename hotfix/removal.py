"""What removing a hotfix would do: one value, made before anything changes.

Pure. The lists are those of a `Plan`, so that what shows one shows the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.change.model import ServiceChange
from deploy.errors import Problem
from hotfix.installed import Installed, InstalledFile
from hotfix.planned import (
    PlannedCommand,
    PlannedFile,
    PlannedProcess,
    PlannedRegistry,
    PlannedService,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class UninstallPlan:
    """The removal of `installed`; `verdict` is ready or refused, and `reasons` says why it is refused.

    A file with the action `replace`, `create` or `delete` becomes what it was before the hotfix;
    `before` and `after` are of the removal. `left` are the files that stay as the hotfix made them,
    because their originals are not kept. `restores` are the ids of superseded hotfixes that count again.
    With `forced` what others changed since is replaced too.
    """

    installed: Installed
    verdict: Verdict
    forced: bool = False
    reasons: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    restores: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    files: tuple[PlannedFile, ...] = ()
    left: tuple[InstalledFile, ...] = ()
    registry: tuple[PlannedRegistry, ...] = ()
    services: tuple[PlannedService, ...] = ()
    service_changes: tuple[ServiceChange, ...] = ()
    processes: tuple[PlannedProcess, ...] = ()
    commands: tuple[PlannedCommand, ...] = ()

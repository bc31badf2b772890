"""What applying a hotfix here would do: one value, made before anything changes, for preview, dry run and apply.

Pure values; `hotfix.plan` makes them. Paths are absolute and in this machine's own form.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from deploy.change.model import Command, InUse, ProcessChange, RegistryStep, ServiceChange
from deploy.digest import Sha256
from deploy.errors import Problem
from deploy.host.registry import RegistryValue
from deploy.host.services import ServiceState
from deploy.relpath import RelPath
from hotfix.model import ConfigFileEntry, Manifest, Reboot


class Verdict(enum.StrEnum):
    """What applying would come to: work to do, nothing that concerns this machine, or a refusal."""

    READY = "ready"
    NOT_APPLICABLE = "notApplicable"
    REFUSED = "refused"


class FileAction(enum.StrEnum):
    """What happens to a file. `KEEP`: it stays, because it is right already or `overwrite` says so."""

    CREATE = "create"
    REPLACE = "replace"
    EDIT = "edit"
    DELETE = "delete"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file, `target` below `Plan.roots[root]`: digests before and after, None where there is no file.

    `path` is the whole path. `source` is that of the new file below the folder of the package, and
    `content` the bytes instead where they were made here (`EDIT`); both None where neither is needed.
    `edits` are the entries that made `content`, in order: what lies over this hotfix is edited the same way.
    `size` is in bytes, afterwards. `reason` says in words why it is kept, "" else. `backup` false: its
    original is not kept for a removal of the hotfix.
    """

    action: FileAction
    root: int
    target: RelPath
    path: str
    before: Sha256 | None
    after: Sha256 | None
    size: int
    source: RelPath | None = None
    content: bytes | None = None
    in_use: InUse = InUse.RETRY
    backup: bool = True
    reason: str = ""
    line: int | None = None
    edits: tuple[ConfigFileEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedRegistry:
    """One key or value (`name` None for a key): what is there before and after; None where nothing is."""

    step: RegistryStep
    before: RegistryValue | None
    after: RegistryValue | None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedService:
    """A service that will be stopped or started, as it was found; `because` names what it depends on, "" for none."""

    name: str
    state: ServiceState
    stops: bool
    starts: bool
    because: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedProcess:
    """Programs that must end: how many of them run now; `asks` where a person is to be asked to close them first."""

    change: ProcessChange
    running: int
    asks: bool
    line: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedCommand:
    """A command; `reversible` says that undoing the change undoes it, or that running it again does no harm."""

    command: Command
    reversible: bool
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about one hotfix on this machine.

    `manifest` has its identifiers replaced. `folder` is where its files are read from, `digest` that of
    the `*.config`. With `REFUSED` and `NOT_APPLICABLE` the lists are empty and `reasons` says why, with
    errors and with warnings. `reinstall`: this very revision is installed. `replaces`: ids of installed
    hotfixes that it supersedes. `roots` are absolute, resolved, existing folders, each wholly on one
    volume as far as files change there, none inside another of its volume; `space` is what is needed in
    each, in bytes.
    """

    manifest: Manifest
    folder: str
    digest: Sha256
    verdict: Verdict
    reasons: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    reinstall: bool = False
    replaces: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    files: tuple[PlannedFile, ...] = ()
    registry: tuple[PlannedRegistry, ...] = ()
    services: tuple[PlannedService, ...] = ()
    service_changes: tuple[ServiceChange, ...] = ()
    processes: tuple[PlannedProcess, ...] = ()
    commands: tuple[PlannedCommand, ...] = ()
    reboot: Reboot = Reboot.IF_NEEDED
    space: tuple[int, ...] = ()
    publishes: bool = False

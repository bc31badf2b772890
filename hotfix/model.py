"""The values a hotfix manifest holds; each element as written, or with its identifiers replaced.

The format is this project's own, for no sample of the original is public; docs/reference/hotfix-config.md.
Paths are texts as written. `line` is the element's 1-based line.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from deploy.change.model import InUse, Restart
from deploy.digest import Sha256
from deploy.errors import Problem
from deploy.host.registry import RegistryKey, RegistryValue
from deploy.machine import Role
from deploy.relpath import RelPath


class OnError(enum.StrEnum):
    """What an action that fails does to the whole: undo everything, or go on."""

    ROLLBACK = "rollback"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class When:
    """What every action has: `roles` empty for all, `condition` the path of `exists(path)`, "" for always.

    `negated` for `!exists(path)`.
    """

    roles: frozenset[Role] = frozenset()
    condition: str = ""
    negated: bool = False
    on_error: OnError = OnError.ROLLBACK
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Versions:
    """A closed range of versions of 1 to 4 numbers, each bound "" where there is none."""

    minimum: str = ""
    maximum: str = ""


@dataclass(frozen=True, slots=True)
class RequiredHotfix:
    """`<requires><hotfix>`: this id (any case), at least this revision."""

    id: str
    min_revision: int = 1
    when: When = When()


@dataclass(frozen=True, slots=True)
class RequiredProduct:
    """`<requires><product>`."""

    versions: Versions
    when: When = When()


@dataclass(frozen=True, slots=True)
class RequiredFile:
    """`<requires><file>`: whether it is there, its file version, its digest ("" for any)."""

    path: str
    exists: bool = True
    versions: Versions = Versions()
    sha256: str = ""
    when: When = When()


@dataclass(frozen=True, slots=True)
class RequiredRegistry:
    """`<requires><registry>`: whether a key (`name` None) or value is there, and what it equals (None for any)."""

    key: RegistryKey
    name: str | None = None
    exists: bool = True
    equals: RegistryValue | None = None
    when: When = When()


@dataclass(frozen=True, slots=True)
class RequiredSystem:
    """`<requires><os>`: version range and architecture ("" for any, else x86, x64 or arm64)."""

    versions: Versions = Versions()
    architecture: str = ""
    when: When = When()


@dataclass(frozen=True, slots=True)
class RequiredSpace:
    """`<requires><diskSpace>`: free megabytes (2**20 bytes) on the volume of a path."""

    path: str
    megabytes: int
    when: When = When()


Requirement = RequiredHotfix | RequiredProduct | RequiredFile | RequiredRegistry | RequiredSystem | RequiredSpace


class ServiceAction(enum.StrEnum):
    """What happens to a service: stopped while files change; the same, and started even so; only started afterwards."""

    STOP = "stop"
    RESTART = "restart"
    START = "start"


@dataclass(frozen=True, slots=True)
class Service:
    """`<service>`; `timeout` in seconds."""

    name: str
    action: ServiceAction = ServiceAction.STOP
    restart: Restart = Restart.IF_WAS_RUNNING
    dependents: bool = True
    timeout: int = 120
    when: When = When()


class ProcessAction(enum.StrEnum):
    """What happens to a running program; `PROMPT` asks the person and is `CLOSE` where nobody is asked."""

    PROMPT = "prompt"
    CLOSE = "close"
    KILL = "kill"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """`<process>`; `timeout` in seconds."""

    name: str
    action: ProcessAction = ProcessAction.PROMPT
    timeout: int = 60
    when: When = When()


class Overwrite(enum.StrEnum):
    """Whether a file that is there is replaced. `NEWER`: the new file version is higher, or neither has one and
    the contents differ; `NEVER`: only where none is; `ONLY_IF_EXISTS`: only where one is."""

    ALWAYS = "always"
    NEWER = "newer"
    NEVER = "never"
    ONLY_IF_EXISTS = "onlyIfExists"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """`<file>`: `include` is below the folder of the manifest. `size` is in bytes, None where not said."""

    include: str
    output_folder: str
    exclude: str = ""
    sub_dirs: bool = False
    output_name: str = ""
    overwrite: Overwrite = Overwrite.ALWAYS
    version: str = ""
    sha256: str = ""
    size: int | None = None
    in_use: InUse = InUse.RETRY
    backup: bool = True
    when: When = When()


@dataclass(frozen=True, slots=True)
class DeleteEntry:
    """`<delete>`."""

    path: str
    when: When = When()


class EditKind(enum.StrEnum):
    """What an edit of an XML file does."""

    SET = "set"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Edit:
    """One `<set>`, `<add>` or `<remove>`.

    `SET` gives the `attribute` ("" for the text) of every element `xpath` finds the `value`. `ADD`
    appends `fragment` (the XML of the child elements of `<add>`) to every element found. `REMOVE`
    removes every element found, or its `attribute` where named. `namespaces` are the prefixes that
    `xpath` may use, each with its address.
    """

    kind: EditKind
    xpath: str
    attribute: str = ""
    value: str = ""
    fragment: str = ""
    line: int | None = None
    namespaces: tuple[tuple[str, str], ...] = ()


class IfMissing(enum.StrEnum):
    """What happens where the file, or what an XPath looks for, is missing."""

    ERROR = "error"
    SKIP = "skip"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class ConfigFileEntry:
    """`<configFile>`: edits of one XML file, in order."""

    path: str
    edits: tuple[Edit, ...]
    if_missing: IfMissing = IfMissing.ERROR
    when: When = When()


class RegistryAction(enum.StrEnum):
    """What happens to a key or value; `SET` for values, `CREATE` for keys, `DELETE` for both."""

    SET = "set"
    CREATE = "create"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """`<value>` or (`name` None) `<key>`; `value` where one is set."""

    key: RegistryKey
    action: RegistryAction
    name: str | None = None
    value: RegistryValue | None = None
    when: When = When()


class CommandPhase(enum.StrEnum):
    """`phase`: a `Moment` of the change, or the removal of the hotfix."""

    BEFORE = "before"
    AFTER_FILES = "afterFiles"
    AFTER = "after"
    ROLLBACK = "rollback"
    UNINSTALL = "uninstall"


class ExitResult(enum.StrEnum):
    """What an exit code means. `ALREADY_INSTALLED` is success too."""

    SUCCESS = "success"
    FAILURE = "failure"
    ALREADY_INSTALLED = "alreadyInstalled"


@dataclass(frozen=True, slots=True)
class ExitCode:
    """`<exitCode>`: 0 to 2**32 - 1; `reboot` says that a restart is needed."""

    value: int
    result: ExitResult
    reboot: bool = False


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """`<execute>`: `command` is absolute or relative to the folder of the manifest.

    `undo` is a command line of the same kind (program and arguments), "" for none. `timeout` in seconds.
    """

    command: str
    args: str = ""
    hidden: bool = False
    phase: CommandPhase = CommandPhase.AFTER
    timeout: int = 1800
    undo: str = ""
    idempotent: bool = False
    exit_codes: tuple[ExitCode, ...] = ()
    when: When = When()


class Unsupported(enum.StrEnum):
    """Elements of such manifests that this installer cannot carry out: where one applies, the hotfix is refused."""

    REGISTRATIONS = "registrations"
    SQL = "sql"
    TRANSFORM = "transform"


@dataclass(frozen=True, slots=True)
class UnsupportedEntry:
    """One such element, named as people would look for it; `sources` are the files of the package it names."""

    what: Unsupported
    subject: str
    when: When = When()
    sources: tuple[str, ...] = ()


class Reboot(enum.StrEnum):
    """`<reboot behavior>`: never told of, told of where a step needs it, always told of."""

    NEVER = "never"
    IF_NEEDED = "ifNeeded"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Content:
    """`<content>`: a file of the package, as building it found it; `size` in bytes."""

    path: RelPath
    sha256: Sha256
    size: int
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole `*.config`. `source` is its path for messages; `id` is safe as a folder name and compared folded.

    `min_installer_version` is "" for any; `release_date` and `info_url` are shown only. `contents`
    are all files of the package (besides the `*.config`) with their digests, None before it was built.
    """

    source: str
    id: str
    revision: int = 1
    name: str = ""
    description: str = ""
    classification: str = "Hotfix"
    release_date: str = ""
    info_url: str = ""
    min_installer_version: str = ""
    allow_uninstall: bool = True
    schema_version: str = "1.0"
    requires: tuple[Requirement, ...] = ()
    supersedes: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    processes: tuple[ProcessEntry, ...] = ()
    files: tuple[FileEntry, ...] = ()
    deletes: tuple[DeleteEntry, ...] = ()
    config_files: tuple[ConfigFileEntry, ...] = ()
    registry: tuple[RegistryEntry, ...] = ()
    commands: tuple[CommandEntry, ...] = ()
    unsupported: tuple[UnsupportedEntry, ...] = ()
    reboot: Reboot = Reboot.IF_NEEDED
    contents: tuple[Content, ...] | None = None


@dataclass(frozen=True, slots=True)
class ParsedManifest:
    """What reading a document gave: every problem, and the manifest when there is no error."""

    manifest: Manifest | None
    problems: tuple[Problem, ...] = ()

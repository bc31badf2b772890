"""What was found out about a machine and a package for a plan, as values: the answers to `hotfix.questions`.

Pure. Asking again, and anything else that takes the machine, is `hotfix.facts`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from deploy.digest import Sha256
from deploy.errors import Problem
from deploy.host.registry import Hive, RegistryKey, RegistryValue, View
from deploy.host.services import ServiceStatus
from deploy.machine import Role
from deploy.relpath import RelPath, fold
from hotfix.installed import Installed
from hotfix.places import POSIX, native

KeyName = tuple[Hive, View, str]
ValueName = tuple[KeyName, str]


class Kind(enum.StrEnum):
    """What lies at a path."""

    NOTHING = "nothing"
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, there or not, with its links resolved.

    `existing` is the nearest folder that is there: itself, or one above; "" where there is none, as on
    a drive that is missing. `volume` tells volumes apart, `writable` says of `existing` whether this account may
    change what is in it, as far as that can be told by asking. `blocked` is what stands where a
    folder has to be, "" for nothing.
    """

    path: str
    existing: str
    volume: int | None
    writable: bool = True
    blocked: str = ""

    @property
    def is_there(self) -> bool:
        return self.path == self.existing


NO_FOLDER = Folder("", "", None, writable=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """A path that was looked at, spelled as it is there, its folder resolved.

    `volume` is that of the folder it is, or is in. What was not asked for is empty, as is what is not
    there: `sha256`, `version` ("" also for none) and `content`. `problems` says why something that is
    there could not be read.
    """

    path: str
    folder: Folder
    kind: Kind = Kind.NOTHING
    exists: bool = False
    size: int = 0
    sha256: Sha256 | None = None
    version: str = ""
    content: bytes | None = None
    volume: int | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def key(self) -> str:
        """The path as it is compared."""
        return fold(self.path)


NOWHERE = Seen("", NO_FOLDER)
"""A path that cannot be one of this machine."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the package as it was read; `declared` is the digest that the manifest says, if it does."""

    path: RelPath
    size: int
    sha256: Sha256
    declared: Sha256 | None = None
    version: str = ""
    content: bytes | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """An installed hotfix: its record, and the ids that its manifest supersedes and excludes."""

    record: Installed
    supersedes: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()

    def makes_obsolete(self, id: str) -> bool:
        """Whether it supersedes the hotfix of this id."""
        return any(fold(one) == fold(id) for one in (*self.supersedes, *self.record.supersedes))


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a plan is made from besides the manifest.

    `separator` is that of paths here. `store` is the folder of installed hotfixes, `store_folder` the
    same as it was found. `roots` are the folders of identifiers that are there, `repository` that of `InstallDir`.
    `free` says for each volume how many bytes this account may still write, None where nobody says.
    `services` are by the names that were asked for and by the machine's, with all that need them.
    `processes` says how many run of each name. `problems` stop the plan whatever it would be, as do
    those of `service_problems` and `registry_problems` where their subject is concerned.
    """

    separator: str = POSIX
    system: str = "linux"
    system_version: str = ""
    architecture: str = ""
    elevated: bool = True
    services_need_elevation: bool = False
    account: str = ""
    roles: frozenset[Role] = frozenset()
    product_version: str = ""
    installer_version: str = ""
    store: str = ""
    store_folder: Folder = NO_FOLDER
    roots: tuple[Folder, ...] = ()
    repository: Folder | None = None
    free: Mapping[int, int | None] = field(default_factory=dict)
    paths: Mapping[str, Seen] = field(default_factory=dict)
    package: tuple[Part, ...] = ()
    services: Mapping[str, ServiceStatus | None] = field(default_factory=dict)
    service_problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    processes: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[KeyName, bool] = field(default_factory=dict)
    values: Mapping[ValueName, RegistryValue | None] = field(default_factory=dict)
    registry_problems: Mapping[KeyName | ValueName, tuple[Problem, ...]] = field(default_factory=dict)
    history: tuple[Known, ...] = ()
    problems: tuple[Problem, ...] = ()

    def look(self, path: str) -> Seen:
        """What was found at a path of the manifest."""
        place = native(path, self.separator)
        return NOWHERE if place is None else self.paths[place]

    def installed(self, id: str) -> Known | None:
        """The installed hotfix of this id, in any case."""
        return next((one for one in self.history if one.record.is_hotfix(id)), None)

    def value(self, key: RegistryKey, name: str) -> RegistryValue | None:
        """A registry value; None for none."""
        return self.values.get(value_name(key, name))

    def has_key(self, key: RegistryKey) -> bool:
        """Whether a registry key is there."""
        return self.keys.get(key_name(key), False)


def key_name(key: RegistryKey) -> KeyName:
    """A registry key as it is compared."""
    return key.hive, key.view, fold(key.path)


def value_name(key: RegistryKey, name: str) -> ValueName:
    """A registry value as it is compared."""
    return key_name(key), fold(name)


def at_line(problems: tuple[Problem, ...], source: str, line: int | None) -> tuple[Problem, ...]:
    """Problems of the machine with the place in the manifest that led to them."""
    return tuple(replace(one, file=source, line=line) for one in problems)

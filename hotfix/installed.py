"""What is known of an installed hotfix: the record that is written with it, as a value and as a document.

Pure. Several installed hotfixes may have changed one file, value or key. Each holds what it found
below (`before`) and what it made of it (`after`), in the order of their `sequence` numbers; see
`hotfix.layers`.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from deploy.change.model import Command, InUse, ProcessChange, ServiceChange
from deploy.digest import Sha256, sha256_of_bytes
from deploy.host.registry import RegistryKey, RegistryValue
from deploy.jsonlines import json_line
from deploy.relpath import fold
from hotfix.jsonvalues import decoded, encoded
from hotfix.model import Reboot

FORMAT = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_DIGEST = Sha256("0" * 64)


class NewerFormatError(ValueError):
    """A record that a later version of this program wrote."""


class State(enum.StrEnum):
    """Whether an installed hotfix counts, or another that is installed made it obsolete."""

    INSTALLED = "installed"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Original:
    """A file as it was: size in bytes, mtime in nanoseconds, permission bits, user and group id (POSIX)."""

    sha256: Sha256
    size: int
    mtime_ns: int
    mode: int
    owner: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """A file the hotfix changed, by its whole path: what was there before and its digest since; None for no file.

    With `kept` the bytes of `before` are kept, so that they can come back. `in_use` is what happens
    where somebody uses it then.
    """

    path: str
    before: Original | None
    after: Sha256 | None
    kept: bool = True
    in_use: InUse = InUse.RETRY

    @property
    def key(self) -> str:
        """The path as it is compared."""
        return fold(self.path)


@dataclass(frozen=True, slots=True)
class InstalledKey:
    """A registry key that was made or removed: whether it was there before and since."""

    key: RegistryKey
    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class InstalledValue:
    """A registry value that was set or removed: what was there before and since; None for no value."""

    key: RegistryKey
    name: str
    before: RegistryValue | None
    after: RegistryValue | None


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed hotfix.

    `sequence` orders the installations: a reinstallation and a higher revision keep the number of the
    first, so that removing in reverse order brings back what was there. `installed_at` (UTC) and
    `installed_by` are of the last time it was applied. `digest` is that of its `*.config`, `config`
    the path of that below `package`, which is the name of a folder beside the record. `roots`,
    `folders` (those it made) and the paths of `files` are absolute. `services` and `processes` are
    stopped and ended for its removal as they were for its installation; `commands` are those of its
    removal, `not_undone` the names of commands that nothing takes back. `supersedes` names the
    installed hotfixes that it made obsolete.

    `superseded_by` (an id) and `waiting` (absolute paths of files that get their content at the next
    restart) are found out when it is read.
    """

    id: str
    revision: int
    sequence: int = 1
    name: str = ""
    classification: str = ""
    description: str = ""
    release_date: str = ""
    info_url: str = ""
    installed_at: datetime = _EPOCH
    installed_by: str = ""
    digest: Sha256 = _NO_DIGEST
    package: str = ""
    config: str = ""
    allow_uninstall: bool = True
    published: bool = False
    reboot: Reboot = Reboot.IF_NEEDED
    supersedes: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    files: tuple[InstalledFile, ...] = ()
    keys: tuple[InstalledKey, ...] = ()
    values: tuple[InstalledValue, ...] = ()
    services: tuple[ServiceChange, ...] = ()
    processes: tuple[ProcessChange, ...] = ()
    commands: tuple[Command, ...] = ()
    not_undone: tuple[str, ...] = ()
    superseded_by: str = ""
    waiting: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """Whether it counts."""
        return State.SUPERSEDED if self.superseded_by else State.INSTALLED

    @property
    def restart_pending(self) -> bool:
        """Whether files of it get their content at the next restart only."""
        return bool(self.waiting)

    @property
    def label(self) -> str:
        """What it is called in messages: id and revision."""
        return f"{self.id} revision {self.revision}"

    def is_hotfix(self, id: str) -> bool:
        """Whether it is the hotfix of this id, in any case."""
        return fold(self.id) == fold(id)


def in_order(records: Iterable[Installed]) -> tuple[Installed, ...]:
    """The records in the order they were installed in, each with what made it obsolete."""
    ordered = sorted(records, key=lambda one: one.sequence)
    by = {fold(id): one.id for one in ordered for id in one.supersedes if not one.is_hotfix(id)}
    return tuple(replace(one, superseded_by=by.get(fold(one.id), "")) for one in ordered)


def document_of(one: Installed) -> bytes:
    """The record as a file: JSON in UTF-8, with the digest of what it says.

    Raises `ValueError` for one that could not be read again: it is better found now.
    """
    stored = replace(one, superseded_by="", waiting=())
    content = encoded(stored)
    document = {"format": FORMAT, "sha256": sha256_of_bytes(json_line(content)), "record": content}
    data = json.dumps(document, indent=1).encode("ascii") + b"\n"
    if parse_record(data) != stored:
        raise ValueError(f"the record of {one.label} would not come back as it is written")
    return data


def parse_record(data: bytes) -> Installed:
    """Read what `document_of` wrote.

    Raises `ValueError` that says what is wrong, `NewerFormatError` where it is only too new.
    """
    try:
        document = json.loads(data)
    except RecursionError as wrong:
        raise ValueError("it is nested too deeply") from wrong
    match document:
        case {"format": int(version)} if version > FORMAT:
            raise NewerFormatError(f"it is of format {version}, this program knows up to {FORMAT}")
        case {"format": 1, "sha256": str(sha256), "record": content, **rest} if not rest:
            if sha256_of_bytes(json_line(content)) != sha256:
                raise ValueError("its checksum is wrong")
            return decoded(Installed, content)
        case _:
            raise ValueError("it is no record of a hotfix")

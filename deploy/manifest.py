"""The manifest a client installs from: what a server resolved of a Setup.config, file by file. Pure.

A published tree is immutable contents and one small manifest for each customer, so that any static
host can serve it:

    customers/<id>/manifest.json     <id> in lower case
    packs/<ab>/<sha256>              many small files, one after another, without anything between them
    objects/<ab>/<sha256>            one large file

`<ab>` are the first two digits of the digest. A file lies in a pack at an offset, or is an object of
its own. What only the client can see, such as a share of the customer, stays an entry that the client
resolves itself; texts of such entries and of `execute` are as the Setup.config has them, identifiers
included. Entries keep their order, for a later one overwrites an earlier one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deploy.config.model import Execute, FileEntry
from deploy.digest import Sha256
from deploy.relpath import RelPath

MANIFEST = "manifest.json"
CUSTOMERS = "customers"
PACKS = "packs"
OBJECTS = "objects"


@dataclass(frozen=True, slots=True)
class InPack:
    """Where a file lies: `offset` in bytes from the start of the pack with this digest."""

    pack: Sha256
    offset: int


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file to have. `output` is below the base download folder, `size` in bytes, `modified` in POSIX seconds.

    `place` is None for an object of its own.
    """

    output: RelPath
    size: int
    sha256: Sha256
    modified: int
    place: InPack | None = None


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """A `<file>` entry the server resolved: its 1-based number and line, and its files, sorted by folded path."""

    number: int
    line: int | None
    files: tuple[ManifestFile, ...]


@dataclass(frozen=True, slots=True)
class ClientEntry:
    """A `<file>` entry that is left to the client, as written (`entry.number` and `entry.line` too)."""

    entry: FileEntry


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that files of the manifest lie in; `size` in bytes."""

    sha256: Sha256
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything a client needs to install what a customer was published.

    `customer` is the CustomerID as its folder is spelled; `release` is shown to people; `published`
    is UTC to the second; `identifiers` are those of the server's four that it is sure of, as sorted
    pairs of name and value.
    """

    customer: str
    customer_name: str
    tenant_id: int
    release: str
    published: datetime
    execute: Execute | None
    entries: tuple[ServerEntry | ClientEntry, ...]
    packs: tuple[Pack, ...] = ()
    identifiers: tuple[tuple[str, str], ...] = ()

    @property
    def files(self) -> int:
        """How many files the server resolved; one that a later entry overwrites counts twice."""
        return sum(len(one.files) for one in self.entries if isinstance(one, ServerEntry))

    @property
    def size(self) -> int:
        """Bytes of those files."""
        return sum(file.size for one in self.entries if isinstance(one, ServerEntry) for file in one.files)


def address_of(digest: Sha256, kind: str) -> str:
    """Where contents lie below the published tree, with forward slashes; `kind` is `PACKS` or `OBJECTS`."""
    return f"{kind}/{digest[:2]}/{digest}"

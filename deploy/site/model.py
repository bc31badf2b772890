"""The values of the server: its settings, its customers, what is published for them.

What the parts of the server need of each other stands here, as values and as two Protocols; nothing
here has effects or knows the web framework.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from deploy.config.model import SetupConfig
from deploy.errors import Problem
from deploy.manifest import Manifest
from deploy.relpath import segment_problem

APPLICATION_ROOT = "MiCCEInstallation"
DEFAULT_CUSTOMER = "Default"
CLIENT_INI = "ClientSetup.ini"
VIEWS = ("Index.html.j2", "Index.cshtml")
"""Names of a custom view, the first that is there counts; compared in any case, as every name in a customer folder."""

LONGEST_ID = 64
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._ -]*")


def id_problem(text: str) -> str | None:
    """Why a text is no safe CustomerID, None if it is one (specification: Repository on disk)."""
    if len(text) > LONGEST_ID:
        return f"it is longer than {LONGEST_ID} characters"
    if not _ID.fullmatch(text):
        return "only letters, digits, '.', '_', '-' and blanks may be in it, and no '.' or blank may come first"
    return segment_problem(text)


@dataclass(frozen=True, slots=True)
class Share:
    """A folder that is served below the application root under a name, such as NextCCClient."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Lockout:
    """After `attempts` wrong passwords an account is locked for `minutes`."""

    attempts: int = 5
    minutes: int = 15


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What server.toml and the command line say, every path absolute.

    `root` is the repository (`WebDeployment`), `published` the published tree, `state` a folder only
    the server's account may read (accounts, secrets). `uri` is what clients reach the server under,
    without a slash at the end, None when it is not known; `broker` the BrokerServer. `release` is
    shown instead of what the client's program says of itself. `programs` holds the client's installers
    that pages offer, `hotfixes` the catalogue. `ingest` are starts of addresses (`\\\\SERVER\\Share`)
    of foreign sources that would otherwise be left to the clients. `trusted_proxies` are addresses
    whose X-Forwarded-For and -Proto are believed. `quiet` is how many seconds a watched folder must
    not change before it is published.
    """

    root: Path
    published: Path
    state: Path
    shares: tuple[Share, ...] = ()
    uri: str | None = None
    broker: str | None = None
    release: str | None = None
    programs: Path | None = None
    hotfixes: Path | None = None
    ingest: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8080
    tls_cert: Path | None = None
    tls_key: Path | None = None
    https_only: bool = False
    trusted_proxies: tuple[str, ...] = ()
    watch: bool = False
    quiet: float = 5.0
    workers: int = 1
    lockout: Lockout = Lockout()
    session_minutes: int = 30


@dataclass(frozen=True, slots=True)
class Customer:
    """One folder of the repository. `id` is as the folder is spelled.

    `config` is None when the customer is broken; `problems` are those of the folder and of its
    Setup.config, warnings too. `client_ini` and `view` are paths of those files where they are.
    """

    id: str
    folder: Path
    config: SetupConfig | None
    problems: tuple[Problem, ...] = ()
    client_ini: Path | None = None
    view: Path | None = None

    @property
    def is_broken(self) -> bool:
        return self.config is None

    @property
    def name(self) -> str:
        """What people see: the customerName, else the CustomerID (manual: customerName)."""
        return self.id if self.config is None else self.config.customer_name or self.id


@dataclass(frozen=True, slots=True)
class Release:
    """What is published for one customer.

    `manifest` is the file, `etag` a strong one with its quotes, `size` in bytes of the manifest;
    `files` and `total` count what the server resolved, `parts` maps the first folder below the base
    (Solidus, ScriptManager, "" for the base itself) to its bytes, `client_entries` counts what is
    left to the client.
    """

    customer: str
    customer_name: str
    tenant_id: int
    release: str
    published: datetime
    manifest: Path
    etag: str
    size: int
    files: int
    total: int
    client_entries: int = 0
    parts: Mapping[str, int] = field(default_factory=dict)


class CustomerDirectory(Protocol):
    """The customers of a repository, read again when their folders change."""

    def all(self) -> tuple[Customer, ...]:
        """Every customer with a safe id, broken ones too, by folded id."""
        ...

    def find(self, id: str) -> Customer | None:
        """The customer with this id in any case; None if there is none or the id is not safe."""
        ...

    def refused(self) -> tuple[Problem, ...]:
        """A problem for each folder that is not served because of its name."""
        ...


class Publication(Protocol):
    """The published tree as its readers see it."""

    def release(self, customer: str) -> Release | None:
        """What is published for a customer, its id in any case; None before the first publication."""
        ...

    def manifest(self, customer: str) -> Manifest | None:
        """The whole manifest, read anew each time."""
        ...

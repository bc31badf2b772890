"""The page a customer's users install from: everything there is to say on it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from deploy.config import clientini
from deploy.config.clientini import Feature
from deploy.digest import Sha256, sha256_of
from deploy.disk import readable_size
from deploy.site.install_script import COMMAND, Shell, script_name
from deploy.site.model import APPLICATION_ROOT, DEFAULT_CUSTOMER, Customer, Release
from deploy.site.programs import Program, System, Visitor
from deploy.site.view_context import ViewContext

LARGEST_INI = 1024 * 1024
FEATURE_NAMES: Mapping[Feature, str] = {
    Feature.AGENT: "Agent",
    Feature.CONFIGURATION_MANAGER: "Configuration Manager",
    Feature.INFORMATION_MANAGER: "Information Manager",
    Feature.REPORT_MANAGER: "Report Manager",
    Feature.SCRIPT_MANAGER: "Script Manager",
    Feature.DATABASE_MAINTENANCE_UTILITY: "Database Maintenance Utility",
    Feature.TENANT_CLIENT_CONFIGURATION: "Tenant Client Configuration",
}
"""What people call the features, in the order of the file."""

_SHELLS = {System.WINDOWS: Shell.CMD, System.LINUX: Shell.POSIX, System.MAC: Shell.POSIX}
# What a shell might read in an address. Names of hosts may be of any letters.
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9:/\[\]%._~\-\x80-\U0010ffff]")
_NEEDS_QUOTES = re.compile(r"[^A-Za-z0-9:/%._~-]")


@dataclass(frozen=True, slots=True)
class Offer:
    """What the button gives: its words, the file, what to do with it; `size` in bytes, None for a script."""

    label: str
    name: str
    address: str
    step: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The manifest as the page lists it; `sha256` is of the file as it is sent."""

    address: str
    size: int
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Contents:
    """What a release brings. `parts` are folders with their sizes in bytes, the base folder as ""."""

    release: str
    published: datetime
    parts: Sequence[tuple[str, int]]
    files: int
    total: int
    client_entries: int
    manifest: Listing | None


@dataclass(frozen=True, slots=True)
class DownloadPage:
    """Everything the template shows; `contents` is None before the first publication."""

    name: str
    contents: Contents | None
    features: Sequence[str]
    primary: Offer
    handheld: bool
    command: str
    programs: Sequence[Program]
    setup_address: str


def page_of(
    customer: Customer,
    release: Release | None,
    programs: Sequence[Program],
    visitor: System | Visitor,
    origin: str,
) -> DownloadPage:
    """The page for a visitor; `origin` is scheme, host and port of this server."""
    return DownloadPage(
        name=customer.name,
        contents=None if release is None else contents_of(release),
        features=features_of(customer),
        primary=primary_offer(customer, programs, visitor),
        handheld=visitor is Visitor.HANDHELD,
        command=command_for(customer, page_address(origin, customer)),
        programs=programs,
        setup_address=page_address("", customer, "ClientSetup"),
    )


def primary_offer(customer: Customer, programs: Sequence[Program], visitor: System | Visitor) -> Offer:
    """The program for the visitor's system, else one for any system, else a script that runs the command.

    A visitor whose computer is not known is taken for one with Windows, as the client's users have.
    """
    system = visitor if isinstance(visitor, System) else System.WINDOWS
    for wanted in (system, System.ANY):
        for one in programs:
            if one.system is wanted:
                said = f"Download for {wanted.value}"
                return Offer(said, one.name, one.address, one.step, one.size)
    shell = _SHELLS.get(system, Shell.CMD)
    said = f"Install on {system.value}"
    step = "Open the file when it is there." if shell is Shell.CMD else "Run it in a terminal: sh {}"
    name = script_name(customer.id, shell)
    return Offer(said, name, f"{_path('install', customer.id)}?script={shell.value}", step.format(name))


def command_for(customer: Customer, address: str) -> str:
    """The command line that installs what the page offers; cmd, PowerShell and sh read it the same."""
    return f"{COMMAND} install {_quoted(address)} --to {_quoted(customer.id)}"


def context_of(customer: Customer, release: Release | None, origin: str) -> ViewContext:
    """What a custom view is given."""
    config = customer.config
    return ViewContext(
        customer_name=customer.name,
        customer_id=customer.id,
        tenant_id="" if config is None else str(config.tenant_id),
        install_url=page_address(origin, customer),
        client_setup_url=page_address(origin, customer, "ClientSetup"),
        release="" if release is None else release.release,
        files="0" if release is None else str(release.files),
        total_size=readable_size(0 if release is None else release.total),
    )


def page_address(origin: str, customer: Customer, page: str = "install") -> str:
    """The address of a customer's page, the default tenant's without an id; it can stand in a script or a command."""
    plain = _NOT_PLAIN.sub(lambda found: quote(found[0], safe=""), origin)
    is_default = customer.id.casefold() == DEFAULT_CUSTOMER.casefold()
    return plain + (f"/{APPLICATION_ROOT}/{page}" if is_default else _path(page, customer.id))


def contents_of(release: Release) -> Contents:
    """What the page says of a release."""
    digest = _manifest_digest(release.manifest, release.etag)
    address = _path("manifest", release.customer)
    return Contents(
        release=release.release,
        published=release.published,
        parts=sorted(release.parts.items(), key=lambda part: part[0].casefold()),
        files=release.files,
        total=release.total,
        client_entries=release.client_entries,
        manifest=None if digest is None else Listing(address, release.size, digest),
    )


def features_of(customer: Customer) -> tuple[str, ...]:
    """What a ClientSetup.ini in the customer's folder installs, in words for people; nothing where it is unsound."""
    if customer.client_ini is None:
        return ()
    try:
        with customer.client_ini.open("rb") as file:
            data = file.read(LARGEST_INI + 1)
    except OSError:
        return ()
    setup = clientini.read(data, customer.client_ini.name).setup
    return () if setup is None else tuple(FEATURE_NAMES[one] for one in Feature if one in setup.features)


def _manifest_digest(manifest: Path, etag: str) -> Sha256 | None:
    try:
        return _digest(manifest, etag)
    except OSError:
        return None  # it is being replaced, or the tree was moved: the page goes without


@lru_cache(maxsize=1024)
def _digest(manifest: Path, _etag: str) -> Sha256:
    with manifest.open("rb", buffering=0) as file:
        return sha256_of(file)


def _path(page: str, id: str) -> str:
    return f"/{APPLICATION_ROOT}/{page}/{quote(id)}"


def _quoted(text: str) -> str:
    return f'"{text}"' if _NEEDS_QUOTES.search(text) else text

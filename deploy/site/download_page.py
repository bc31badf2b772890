"""The page a customer's users install from: what there is to say, and the script that does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from deploy.config import clientini
from deploy.disk import readable_size
from deploy.site.model import APPLICATION_ROOT, DEFAULT_CUSTOMER, Customer, Release
from deploy.site.programs import Program, System
from deploy.site.view_context import ViewContext

LARGEST_INI = 1024 * 1024
SCRIPTS = {System.WINDOWS: "windows", System.LINUX: "linux", System.MAC: "linux"}


@dataclass(frozen=True, slots=True)
class Offer:
    """Something to download: what the button says, the file's name, its address and size in bytes (0 if small)."""

    label: str
    name: str
    address: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class DownloadPage:
    """Everything the template shows."""

    name: str
    release: str
    published: bool
    primary: Offer | None
    others: Sequence[Offer]
    command: str
    features: Sequence[str]
    parts: Sequence[tuple[str, int]]
    files: int
    total: int
    client_entries: int
    checksums: Sequence[tuple[str, str]]
    setup_address: str


def page_of(
    customer: Customer, release: Release | None, programs: Sequence[Program], system: System | None, address: str
) -> DownloadPage:
    """The page for a visitor with this system; `address` is the page's own, whole."""
    fitting = [one for one in programs if one.system is system] or [one for one in programs if one.system is System.ANY]
    offers = [Offer(one.label, one.name, one.address, one.size) for one in (*fitting, *programs)]
    offers = list({one.name: one for one in offers}.values())
    if not fitting:
        offers.insert(0, _script_offer(customer, system or System.WINDOWS))
    etag = [] if release is None else [("manifest.json", release.etag.strip('"'))]
    return DownloadPage(
        name=customer.name,
        release="" if release is None else release.release,
        published=release is not None,
        primary=offers[0],
        others=offers[1:],
        command=command_for(customer, address),
        features=features_of(customer),
        parts=[] if release is None else sorted(release.parts.items()),
        files=0 if release is None else release.files,
        total=0 if release is None else release.total,
        client_entries=0 if release is None else release.client_entries,
        checksums=[*((one.name, one.sha256) for one in programs), *etag],
        setup_address=f"/{APPLICATION_ROOT}/ClientSetup/{quote(customer.id)}",
    )


def command_for(customer: Customer, address: str) -> str:
    """The command line that does what the page does."""
    folder = f'"{customer.id}"' if " " in customer.id else customer.id
    return f"micce-deploy install {address} --to {folder}"


def context_of(customer: Customer, release: Release | None, address: str) -> ViewContext:
    """What a custom view is given."""
    config = customer.config
    return ViewContext(
        customer_name=customer.name,
        customer_id=customer.id,
        tenant_id="" if config is None else str(config.tenant_id),
        install_url=address,
        client_setup_url=address.replace("/install/", "/ClientSetup/", 1),
        release="" if release is None else release.release,
        files="0" if release is None else str(release.files),
        total_size=readable_size(0 if release is None else release.total),
    )


def page_address(origin: str, customer: Customer, page: str = "install") -> str:
    """The whole address of a customer's page."""
    address = f"{origin}/{APPLICATION_ROOT}/{page}"
    return address if customer.id.casefold() == DEFAULT_CUSTOMER.casefold() else f"{address}/{quote(customer.id)}"


def features_of(customer: Customer) -> tuple[str, ...]:
    """The features that a ClientSetup.ini in the customer's folder asks for; none where it says nothing sound."""
    if customer.client_ini is None:
        return ()
    try:
        with customer.client_ini.open("rb") as file:
            data = file.read(LARGEST_INI + 1)
    except OSError:
        return ()
    setup = clientini.read(data, customer.client_ini.name).setup
    return () if setup is None else tuple(one.value for one in clientini.Feature if one in setup.features)


def script(customer: Customer, address: str, system: System) -> tuple[str, bytes]:
    """A small script that runs the command, and its name.

    `address` holds nothing a shell reads: it is a checked origin and percent sequences; an id has letters,
    digits, `.`, `_`, `-` and blanks only.
    """
    name = f"install-{customer.id.replace(' ', '-')}"
    if system is System.WINDOWS:
        lines = [
            "@echo off",
            "where micce-deploy >nul 2>nul && goto install",
            "echo micce-deploy is not on this computer: ask your administrator for it.",
            "pause",
            "exit /b 1",
            ":install",
            f'micce-deploy install "{address.replace("%", "%%")}" --to "%ProgramData%\\MiCCE\\{customer.id}"',
            "pause",
        ]
        return f"{name}.cmd", "".join(f"{line}\r\n" for line in lines).encode("ascii")
    lines = [
        "#!/bin/sh",
        "command -v micce-deploy >/dev/null || { echo 'micce-deploy is not on this computer.' >&2; exit 1; }",
        f"exec micce-deploy install '{address}' --to \"$HOME/micce/{customer.id}\"",
    ]
    return f"{name}.sh", "".join(f"{line}\n" for line in lines).encode("ascii")


def _script_offer(customer: Customer, system: System) -> Offer:
    kind = SCRIPTS.get(system, "windows")
    name = "a small script that runs the command below"
    address = f"/{APPLICATION_ROOT}/install/{quote(customer.id)}?script={kind}"
    return Offer(f"Install on {system.value}", name, address)

"""`micce-deploy publish`: resolves what customers are to have, and publishes it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli import JsonOption, reporting
from deploy.errors import MicceError, TargetError, UsageError, error
from deploy.host.current import current
from deploy.machine_file import gather_machine, transport_settings
from deploy.progress import progress
from deploy.rendering import write_json, write_problems

if TYPE_CHECKING:
    from deploy.site.customers import Customers
    from deploy.site.model import Customer

EPILOG = "Example: micce-deploy publish acmecorp --to s3://bucket/clients"

CustomersArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CUSTOMER]...", help="CustomerIDs, in any case; every customer if not given."),
]
RootOption = Annotated[
    Path | None,
    typer.Option("--root", metavar="DIR", help="The repository; server.toml or ./WebDeployment if not given."),
]
SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="server.toml; MICCE_SERVER or the system's folder if not given."),
]
ToOption = Annotated[
    str,
    typer.Option("--to", metavar="URL", help="Copy what is published there too, as s3://bucket/folder or file:///dir."),
]
VerifyOption = Annotated[
    bool, typer.Option("--verify", help="Read everything published again, and repair from the sources what is damaged.")
]


def publish_command(
    customers: CustomersArgument = None,
    root: RootOption = None,
    settings_file: SettingsOption = None,
    to: ToOption = "",
    verify: VerifyOption = False,
    as_json: JsonOption = False,
) -> None:
    """Publish what the Setup.config of each customer means now. Exit code 1 where a customer could not be."""
    from deploy.publish_rendering import publish_json, telling, write_published
    from deploy.site.customers import Customers
    from deploy.site.customers_folder import no_repository
    from deploy.site.publish import Means, publish
    from deploy.site.server_file import find_settings

    with reporting(as_json):
        host = current()
        found = find_settings(host, settings_file, root=root)
        settings = found.usable()
        write_problems(found.warnings)
        if not settings.root.is_dir():
            raise TargetError(no_repository(settings.root))
        directory = Customers(settings.root, found.identifiers)
        wanted = _wanted(directory, settings.root, customers or [])
        write_problems(() if customers else directory.refused())
        target = None
        if to:
            if find_spec("fsspec") is None:
                hint = 'install the extra "server": py -m pip install "micce-deployment[server]"'
                raise UsageError(error("missing-package", "copying elsewhere needs the package fsspec", hint))
            from deploy.site.remote import open_target, push

            target = open_target(to)
        means = Means(transport=transport_settings(gather_machine(host), host))
        with progress(as_json=False) as shown:
            tell = telling(shown)
            result = publish(settings, wanted, tell, complete=not customers, verify=verify, means=means)
            try:
                copied = None if target is None else push(settings.published, target, tell)
            except MicceError:
                if not as_json:
                    write_published(result, None)
                raise
        if as_json:
            write_json(publish_json(result, copied))
        else:
            write_published(result, copied)
        if not result.ok or (copied is not None and copied.problems):
            raise typer.Exit(1)


def _wanted(directory: Customers, root: Path, ids: list[str]) -> tuple[Customer, ...]:
    """The customers that are named, each once, or all; raises `TargetError` for all that are unknown."""
    from deploy.site.customers_change import unknown_customer

    if not ids:
        return directory.all()
    wanted: dict[str, Customer] = {}
    wrong: list[MicceError] = []
    for id_ in ids:
        customer = directory.find(id_)
        if customer is None:
            wrong.append(unknown_customer(root, id_))
        else:
            wanted[customer.id] = customer
    if wrong:
        raise TargetError([problem for one in wrong for problem in one.problems])
    return tuple(wanted.values())

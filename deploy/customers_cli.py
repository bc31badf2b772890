"""`micce-deploy customers`: the customers of the server's repository."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli import JsonOption, reporting
from deploy.errors import TargetError
from deploy.host.current import current
from deploy.rendering import write_json, write_problems

if TYPE_CHECKING:
    from deploy.site.model import Customer, ServerSettings

app = typer.Typer(
    name="customers",
    help="List, add, look at and remove the customers of a server.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The CustomerID: the name of the folder, in any case.")]
RootOption = Annotated[
    Path | None,
    typer.Option("--root", metavar="DIR", help="The repository; server.toml or ./WebDeployment if not given."),
]
SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="server.toml; MICCE_SERVER or the system's folder if not given."),
]


@app.command("list", epilog="Example: micce-deploy customers list --root WebDeployment --json")
def list_command(root: RootOption = None, settings_file: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Show every customer and whether its files are good, and every folder that is not served."""
    with reporting(as_json):
        settings = _settings(root, settings_file)
        from deploy.customers_rendering import repository_json, write_customers
        from deploy.site.repository_check import check_repository

        checked = check_repository(settings.root)
        if as_json:
            write_json(repository_json(checked, settings))
        else:
            write_customers(checked)


@app.command("add", epilog='Example: micce-deploy customers add acmecorp --name "ACME Corporation" --tenant-id 1')
def add_command(
    id: IdArgument,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What people see: the customerName.")],
    tenant_id: Annotated[
        int, typer.Option("--tenant-id", metavar="N", help="The tenant, from the page Defined Tenants; -1 is Default.")
    ],
    root: RootOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the folder of a new customer, with the Setup.config of Default changed to its name and tenant."""
    with reporting(as_json):
        settings = _settings(root, settings_file)
        from deploy.customers_rendering import customer_json, write_added
        from deploy.site.customers_change import add
        from deploy.site.repository_check import check_customer

        checked = check_customer(add(settings.root, id, name, tenant_id))
        if as_json:
            write_json(customer_json(checked, settings))
        else:
            write_added(checked, settings)


@app.command("show", epilog="Example: micce-deploy customers show acmecorp")
def show_command(
    id: IdArgument, root: RootOption = None, settings_file: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Show a customer: its Setup.config with every problem, its ClientSetup.ini, its view, its addresses."""
    with reporting(as_json):
        settings = _settings(root, settings_file)
        from deploy.customers_rendering import customer_json, write_customer
        from deploy.site.repository_check import check_customer

        checked = check_customer(_customer(settings, id))
        if as_json:
            write_json(customer_json(checked, settings))
        else:
            write_customer(checked, settings)


@app.command("remove", epilog="Example: micce-deploy customers remove acmecorp")
def remove_command(
    id: IdArgument, root: RootOption = None, settings_file: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Take a customer out of the repository; its folder is kept aside, and can be brought back."""
    with reporting(as_json):
        settings = _settings(root, settings_file)
        from deploy.customers_rendering import removed_json, write_removed
        from deploy.site.customers_change import remove

        removed = remove(settings.root, id)
        if as_json:
            write_json(removed_json(removed))
        else:
            write_removed(removed)


def _settings(root: Path | None, settings_file: Path | None) -> ServerSettings:
    """The server's settings, their warnings told; raises `MicceError`, cannot-read where there is no repository."""
    from deploy.site.customers_folder import no_repository
    from deploy.site.server_file import find_settings

    found = find_settings(current(), settings_file, root=root)
    settings = found.usable()
    write_problems(found.warnings)
    if not settings.root.is_dir():
        raise TargetError(no_repository(settings.root))
    return settings


def _customer(settings: ServerSettings, id: str) -> Customer:
    from deploy.site.customers import Customers
    from deploy.site.customers_change import unknown_customer

    found = Customers(settings.root).find(id)
    if found is None:
        raise unknown_customer(settings.root, id)
    return found

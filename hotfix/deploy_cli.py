"""`micce-deploy` as a whole: its own commands, and `hotfixes`, which needs what stands above `deploy`."""

from __future__ import annotations

from functools import cache

import typer

from deploy import accounts_cli, clientsetup_cli, customers_cli, publish_cli, site_cli
from deploy.cli import app
from hotfix import repository_cli


@cache
def program() -> typer.Typer:
    """Every command of `micce-deploy`."""
    app.add_typer(accounts_cli.app, name="accounts")
    app.command("clientsetup", epilog=clientsetup_cli.EPILOG)(clientsetup_cli.clientsetup_command)
    app.add_typer(customers_cli.app, name="customers")
    app.command("publish", epilog=publish_cli.EPILOG)(publish_cli.publish_command)
    app.command("serve", epilog=site_cli.EPILOG)(site_cli.serve_command)
    app.add_typer(repository_cli.app, name="hotfixes")
    return app


def main() -> None:
    """The console script."""
    program()()

"""`micce-deploy` as a whole: its own commands, and `hotfixes`, which needs what stands above `deploy`."""

from __future__ import annotations

from functools import cache

import typer

from deploy import clientsetup_cli
from deploy.cli import app
from hotfix import repository_cli


@cache
def program() -> typer.Typer:
    """Every command of `micce-deploy`."""
    app.command("clientsetup", epilog=clientsetup_cli.EPILOG)(clientsetup_cli.clientsetup_command)
    app.add_typer(repository_cli.app, name="hotfixes")
    return app


def main() -> None:
    """The console script."""
    program()()

"""`micce-deploy accounts`: who may sign in to the pages of the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy import password_input
from deploy.cli import JsonOption, reporting
from deploy.errors import TargetError, error
from deploy.host.current import current
from deploy.rendering import write_json, write_problems
from deploy.site.server_file import find_settings

if TYPE_CHECKING:
    from deploy.site.accounts import Account, Accounts

OWN_ROOM = "deploy"

app = typer.Typer(
    name="accounts",
    help="Add, list, unlock and remove the accounts of administrators of the server.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name of an account, in any case.")]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")
]
SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="server.toml; MICCE_SERVER or the system's folder if not given."),
]


@app.command("list", epilog="Example: micce-deploy accounts list --json")
def list_command(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Show every account, when it was used last, and whether it is locked."""
    from deploy.accounts_rendering import accounts_json, write_accounts

    with reporting(as_json):
        accounts = _accounts(settings)
        found = accounts.all()
        if as_json:
            write_json(accounts_json(found, accounts.problems()))
        else:
            write_accounts(found, accounts.problems())


@app.command("add", epilog="Example: micce-deploy accounts add ada")
def add_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the administrator signs in with.")],
    password_stdin: StdinOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an account; its password is asked for."""
    with reporting(as_json):
        accounts = _accounts(settings)
        if not password_stdin:
            # Whoever chose a name that cannot be should learn it before typing a password twice.
            accounts.vet(name)
        account = accounts.add(name, _password(from_stdin=password_stdin))
        _say(account, "may sign in now", as_json=as_json)


@app.command("remove", epilog="Example: micce-deploy accounts remove ada")
def remove_command(name: NameArgument, settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Remove an account; whoever is signed in with it is signed out."""
    with reporting(as_json):
        account = _accounts(settings).remove(name)
        _say(account, "is removed, and its sessions have ended", as_json=as_json)


@app.command("unlock", epilog="Example: micce-deploy accounts unlock ada")
def unlock_command(name: NameArgument, settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Forget failed attempts, so that an account that is locked can be used at once."""
    with reporting(as_json):
        accounts = _accounts(settings)
        done = "was not locked" if accounts.unlock(name).locked_until is None else "is unlocked"
        _say(accounts.find(name), done, as_json=as_json)


@app.command("password", epilog="Example: micce-deploy accounts password ada")
def password_command(
    name: NameArgument,
    password_stdin: StdinOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an account another password, which is asked for; unlocks it and ends its sessions."""
    with reporting(as_json):
        accounts = _accounts(settings)
        accounts.find(name)
        accounts.set_password(name, _password(from_stdin=password_stdin))
        _say(accounts.find(name), "has its new password, and its sessions have ended", as_json=as_json)


def _accounts(settings_file: Path | None) -> Accounts:
    try:
        from deploy.site.accounts import Accounts
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] == OWN_ROOM:
            raise
        hint = 'install it: pip install "micce-deployment[server]"'
        said = f"the part for servers is not installed: {missing.name} is missing"
        raise TargetError(error("server-not-installed", said, hint)) from None
    found = find_settings(current(), settings_file)
    settings = found.usable()
    write_problems(found.warnings)
    return Accounts(settings.state, settings.lockout)


def _say(account: Account, done: str, *, as_json: bool) -> None:
    from deploy.accounts_rendering import account_json, write_done

    if as_json:
        write_json(account_json(account))
    else:
        write_done(account, done)


def _password(*, from_stdin: bool) -> str:
    """A new password; raises `UsageError` (needs-answer, bad-password)."""
    return password_input.from_stdin() if from_stdin else password_input.typed("New password")

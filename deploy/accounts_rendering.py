"""How accounts of administrators look: JSON for programs, plain lines for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from deploy.errors import Problem
from deploy.rendering import Json, problem_json, write_problems

if TYPE_CHECKING:
    from deploy.site.accounts import Account


def accounts_json(accounts: Iterable[Account], warnings: Iterable[Problem]) -> Json:
    """The document of `micce-deploy accounts list --json`."""
    return {
        "accounts": [account_json(one) for one in accounts],
        "warnings": [problem_json(one) for one in warnings],
    }


def account_json(account: Account) -> Json:
    """One account; times are UTC as `2023-07-14T09:00:00Z`, or null."""
    return {
        "name": account.name,
        "created": _time(account.created),
        "passwordChanged": _time(account.changed),
        "signedIn": None if account.signed_in is None else _time(account.signed_in),
        "lockedUntil": None if account.locked_until is None else _time(account.locked_until),
    }


def write_accounts(accounts: tuple[Account, ...], warnings: Iterable[Problem]) -> None:
    """A line an account, by name."""
    write_problems(warnings)
    width = max((len(one.name) for one in accounts), default=0)
    for one in accounts:
        signed_in = "never signed in" if one.signed_in is None else f"signed in {_time(one.signed_in)}"
        locked = "" if one.locked_until is None else f"  locked until {_time(one.locked_until)}"
        sys.stdout.write(f"{one.name:<{width}}  {signed_in:<30}  password of {_time(one.changed)}{locked}\n")
    number = len(accounts)
    sys.stdout.write(f"{number or 'no'} {'account' if number == 1 else 'accounts'}\n")


def write_done(account: Account, done: str) -> None:
    """The outcome of a command that changed one account."""
    sys.stdout.write(f"{account.name}: {done}\n")


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")

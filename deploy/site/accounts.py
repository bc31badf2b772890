"""Accounts of administrators: who may sign in to the pages of the server.

Whether a name has an account shows in nothing that a stranger can see: not in a message, not in the time
it takes, not in what locks it.
"""

from __future__ import annotations

import logging
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.errors import Problem, TargetError, UsageError, error, quoted
from deploy.site.accounts_file import AccountsFile, DamagedError
from deploy.site.attempts import Attempt, Attempts, Kind
from deploy.site.model import Lockout
from deploy.site.passwords import Passwords, account_key, password_problem

LONGEST_NAME = 64
_NAME = re.compile(r"[^\W_](?:[\w.@ -]*[\w])?")
_STAMP_SIZE = 16
_COLUMNS = "key, name, hash, stamp, created, changed, signed_in"
_LATEST = 253_402_300_799  # the last second of the year 9999
_LOGGER = logging.getLogger("micce.site")


@dataclass(frozen=True, slots=True)
class Account:
    """One account as people see it; times are UTC. `locked_until` is None unless it is locked now."""

    name: str
    created: datetime
    changed: datetime
    signed_in: datetime | None
    locked_until: datetime | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whose password was right. `stamp` changes with the password: sessions of an older one end."""

    name: str
    key: str
    stamp: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Name or password are wrong; or nobody may try until `locked_until` (UTC), whatever the password is."""

    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    name: str
    hash: str
    stamp: bytes
    created: int
    changed: int
    signed_in: int | None


class Accounts:
    """The accounts in a folder; every method may raise `TargetError` as `AccountsFile.change`."""

    def __init__(
        self,
        folder: Path,
        lockout: Lockout | None = None,
        *,
        passwords: Passwords | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.file = AccountsFile(folder)
        self.clock = clock
        self._passwords = Passwords() if passwords is None else passwords
        self._attempts = Attempts(Lockout() if lockout is None else lockout)

    def all(self) -> tuple[Account, ...]:
        """Every account, by name."""
        now = self._now()

        def work(connection: sqlite3.Connection) -> tuple[Account, ...]:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM accounts ORDER BY key").fetchall()  # noqa: S608
            return tuple(self._seen(connection, _row(one), now) for one in rows)

        return self.file.read(work)

    def find(self, name: str) -> Account:
        """The account of this name, in any case; raises `TargetError` (no-such-account)."""
        now = self._now()
        return self.file.read(lambda connection: self._seen(connection, _existing(connection, name), now))

    def is_empty(self) -> bool:
        """Whether there is no account yet."""
        return self.file.read(lambda connection: connection.execute("SELECT 1 FROM accounts").fetchone() is None)

    def problems(self) -> tuple[Problem, ...]:
        """What became of the file, such as a damaged one that was set aside."""
        return self.file.problems()

    def vet(self, name: str) -> None:
        """Whether a name can be that of a new account; raises as `add`."""
        problem = _name_problem(name)
        if problem is not None:
            raise UsageError(problem)
        self.file.read(lambda connection: _refuse_known(connection, name))

    def add(self, name: str, password: str) -> Account:
        """A new account; raises `UsageError` (bad-account-name, weak-password), `TargetError` (account-exists)."""
        problems = [one for one in (_name_problem(name), password_problem(name, password)) if one is not None]
        if problems:
            raise UsageError(problems)
        now = self._now()
        row = _Row(account_key(name), name, self._passwords.hash(password), _stamp(), now, now, None)

        def work(connection: sqlite3.Connection) -> Account:
            _refuse_known(connection, name)
            values = (row.key, row.name, row.hash, row.stamp, row.created, row.changed, row.signed_in)
            connection.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            self._attempts.unlock(connection, row.key)
            return self._seen(connection, row, now)

        return self.file.change(work)

    def remove(self, name: str) -> Account:
        """Remove an account and end its sessions; returns what it was. Raises `TargetError` (no-such-account)."""
        now = self._now()

        def work(connection: sqlite3.Connection) -> Account:
            row = _existing(connection, name)
            seen = self._seen(connection, row, now)
            connection.execute("DELETE FROM accounts WHERE key = ?", (row.key,))
            connection.execute("DELETE FROM sessions WHERE account = ?", (row.key,))
            return seen

        return self.file.change(work)

    def unlock(self, name: str) -> Account:
        """Forget failed attempts: those of the account and those of all addresses; returns what it was before.

        Raises `TargetError` (no-such-account).
        """
        now = self._now()

        def work(connection: sqlite3.Connection) -> Account:
            row = _existing(connection, name)
            seen = self._seen(connection, row, now)
            self._attempts.unlock(connection, row.key)
            return seen

        return self.file.change(work)

    def set_password(self, name: str, password: str) -> SignedIn:
        """Give an account another password, end its sessions and unlock it.

        Raises `UsageError` (weak-password), `TargetError` (no-such-account).
        """
        self.file.read(lambda connection: _existing(connection, name))
        problem = password_problem(name, password)
        if problem is not None:
            raise UsageError(problem)
        hashed, now, stamp = self._passwords.hash(password), self._now(), _stamp()

        def work(connection: sqlite3.Connection) -> SignedIn:
            row = _existing(connection, name)
            values = (hashed, stamp, now, row.key)
            connection.execute("UPDATE accounts SET hash = ?, stamp = ?, changed = ? WHERE key = ?", values)
            connection.execute("DELETE FROM sessions WHERE account = ?", (row.key,))
            self._attempts.unlock(connection, row.key)
            return SignedIn(row.name, row.key, stamp)

        return self.file.change(work)

    def sign_in(self, name: str, password: str, address: str) -> SignedIn | Refused:
        """Whether this is the password of an account, said by somebody at a network address."""
        return self._attempt(Attempt(account_key(name), address), password)

    def change_password(self, name: str, old: str, new: str, address: str) -> SignedIn | Refused:
        """Give the account of who is signed in another password and end its sessions.

        Raises `UsageError` (weak-password), before the old one is looked at.
        """
        problem = password_problem(name, new)
        if problem is not None:
            raise UsageError(problem)
        outcome = self._attempt(Attempt(account_key(name), address, Kind.CHANGE), old)
        return outcome if isinstance(outcome, Refused) else self.set_password(name, new)

    def _attempt(self, attempt: Attempt, password: str) -> SignedIn | Refused:
        now = self._now()

        def admit(connection: sqlite3.Connection) -> tuple[int | None, _Row | None]:
            return self._attempts.admit(connection, attempt, now), _find(connection, attempt.account)

        locked_until, row = self.file.change(admit)
        whose = "an unknown account" if row is None else f"account {quoted(row.name)}"
        if locked_until is not None:
            _LOGGER.log(logging.WARNING, "refused %s from %s: locked", whose, quoted(attempt.address))
            return Refused(_time(locked_until))
        matched = self._passwords.matches(None if row is None else row.hash, password)
        outcome = self._succeed(attempt, row, password, now) if matched and row is not None else None
        if outcome is None:
            _LOGGER.log(logging.WARNING, "refused %s from %s: wrong name or password", whose, quoted(attempt.address))
            return Refused()
        _LOGGER.log(logging.INFO, "admitted %s from %s", whose, quoted(attempt.address))
        return outcome

    def _succeed(self, attempt: Attempt, row: _Row, password: str, now: int) -> SignedIn | None:
        """Note that the password was right; None where the account was changed or removed meanwhile."""
        hashed = self._passwords.hash(password) if self._passwords.is_outdated(row.hash) else row.hash

        def work(connection: sqlite3.Connection) -> SignedIn | None:
            found = _find(connection, row.key)
            if found is None or found.stamp != row.stamp:
                return None
            values = (hashed, now, row.key)
            connection.execute("UPDATE accounts SET hash = ?, signed_in = ? WHERE key = ?", values)
            self._attempts.forgive(connection, attempt)
            return SignedIn(found.name, found.key, found.stamp)

        return self.file.change(work)

    def _seen(self, connection: sqlite3.Connection, row: _Row, now: int) -> Account:
        until = self._attempts.locked_until(connection, row.key, now)
        return Account(
            row.name,
            _time(row.created),
            _time(row.changed),
            None if row.signed_in is None else _time(row.signed_in),
            None if until is None else _time(until),
        )

    def _now(self) -> int:
        return int(self.clock())


def _name_problem(name: str) -> Problem | None:
    """Why a text is no name for an account (bad-account-name)."""
    if len(name) <= LONGEST_NAME and _NAME.fullmatch(name):
        return None
    hint = f"at most {LONGEST_NAME} letters and digits; '.', '_', '-', '@' and blanks may stand between them"
    return error("bad-account-name", f"{quoted(name)} cannot be the name of an account", hint)


def _find(connection: sqlite3.Connection, key: str) -> _Row | None:
    found = connection.execute(f"SELECT {_COLUMNS} FROM accounts WHERE key = ?", (key,)).fetchone()  # noqa: S608
    return None if found is None else _row(found)


def _existing(connection: sqlite3.Connection, name: str) -> _Row:
    found = _find(connection, account_key(name))
    if found is None:
        said = f"there is no account {quoted(name)}"
        raise TargetError(error("no-such-account", said, "see which there are: micce-deploy accounts list"))
    return found


def _refuse_known(connection: sqlite3.Connection, name: str) -> None:
    known = _find(connection, account_key(name))
    if known is not None:
        hint = f"choose another name, or change its password: micce-deploy accounts password {known.name}"
        raise TargetError(error("account-exists", f"there is an account {quoted(known.name)}", hint))


def _row(found: tuple[object, ...]) -> _Row:
    """A row with the types this program wrote; raises `DamagedError` for others."""
    match found:
        case (
            str(key), str(name), str(hash), bytes(stamp), int(created), int(changed), (int() | None) as signed_in
        ) if all(0 <= one <= _LATEST for one in (created, changed, signed_in or 0)):  # fmt: skip
            return _Row(key, name, hash, stamp, created, changed, signed_in)
    raise DamagedError("an account with values of other types")


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0), _LATEST), UTC)


def _stamp() -> bytes:
    return secrets.token_bytes(_STAMP_SIZE)

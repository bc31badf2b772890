"""Failed attempts to sign in, and whom they lock out: accounts soon, addresses later.

An attempt is counted before the password is looked at and taken back when it was right, so many at once get
no further than one after another. Names are counted whether they have an account or not. What was typed as
a name may be a password: only a keyed digest of it is kept.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import ipaddress
import sqlite3
from dataclasses import dataclass

from deploy.site.accounts_file import DamagedError
from deploy.site.model import Lockout

ADDRESS_FACTOR = 4
"""How many times the attempts of an account an address may fail, over all accounts."""

MOST = 10_000
"""Rows kept; beyond, those with the fewest attempts go first, so a flood of names frees nobody."""

_IPV6_NETWORK = 64


class Kind(enum.StrEnum):
    """What attempts are counted for. Changing a password is apart: strangers cannot lock it."""

    ACCOUNT = "account"
    CHANGE = "change"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody at `address` says a password for the account with this key."""

    account: str
    address: str
    kind: Kind = Kind.ACCOUNT


@dataclass(frozen=True, slots=True)
class Attempts:
    """The rules; each method works within a transaction of the caller. Times are POSIX seconds."""

    lockout: Lockout

    def admit(self, connection: sqlite3.Connection, attempt: Attempt, now: int) -> int | None:
        """Count an attempt; where it is not allowed, until when not.

        An attempt that is not allowed is not counted: nobody stays locked out longer by knocking.
        """
        # Where the clock was ahead for a while nobody is locked out longer than usual.
        connection.execute("UPDATE failures SET last = ? WHERE last > ?", (now, now))
        connection.execute("DELETE FROM failures WHERE last <= ?", (now - self._seconds,))
        limited = [
            (kind, subject, most, *_state(connection, kind, subject))
            for kind, subject, most in (
                (attempt.kind, _subject(connection, attempt.account), self._most),
                (Kind.ADDRESS, _subject(connection, network(attempt.address)), self._most * ADDRESS_FACTOR),
            )
        ]
        locked = [last + self._seconds for _, _, most, count, last in limited if count >= most]
        if locked:
            return max(locked)
        for kind, subject, _, count, _ in limited:
            connection.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)", (kind, subject, count + 1, now))
        _bound(connection)
        return None

    def forgive(self, connection: sqlite3.Connection, attempt: Attempt) -> None:
        """The attempt was right: the account has none any more, the address one less."""
        self._forget(connection, attempt.kind, attempt.account)
        subject = _subject(connection, network(attempt.address))
        connection.execute(
            "UPDATE failures SET count = count - 1 WHERE kind = ? AND subject = ? AND count > 0",
            (Kind.ADDRESS, subject),
        )

    def unlock(self, connection: sqlite3.Connection, account: str) -> None:
        """The account has no failed attempts any more, and neither has any address."""
        self._forget(connection, Kind.ACCOUNT, account)
        self._forget(connection, Kind.CHANGE, account)
        connection.execute("DELETE FROM failures WHERE kind = ?", (Kind.ADDRESS,))

    def locked_until(self, connection: sqlite3.Connection, account: str, now: int) -> int | None:
        """Until when nobody can sign in to an account, None when they can."""
        count, last = _state(connection, Kind.ACCOUNT, _subject(connection, account))
        until = min(last, now) + self._seconds
        return until if count >= self._most and until > now else None

    @staticmethod
    def _forget(connection: sqlite3.Connection, kind: Kind, account: str) -> None:
        subject = _subject(connection, account)
        connection.execute("DELETE FROM failures WHERE kind = ? AND subject = ?", (kind, subject))

    @property
    def _most(self) -> int:
        return max(self.lockout.attempts, 1)

    @property
    def _seconds(self) -> int:
        return max(self.lockout.minutes, 1) * 60


def network(address: str) -> str:
    """What of an address is counted: IPv4 whole, IPv6 the network of 64 bits that one customer of a provider has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found), _IPV6_NETWORK), strict=False))


def _subject(connection: sqlite3.Connection, text: str) -> bytes:
    """What attempts are kept under: a digest with the secret of this file."""
    row = connection.execute("SELECT value FROM secret").fetchone()
    if row is None or not isinstance(row[0], bytes):
        raise DamagedError("no secret")
    return hmac.digest(row[0], text.encode("utf-8", "replace"), hashlib.sha256)


def _state(connection: sqlite3.Connection, kind: Kind, subject: bytes) -> tuple[int, int]:
    """How many attempts, and when the last one was."""
    row = connection.execute(
        "SELECT count, last FROM failures WHERE kind = ? AND subject = ?", (kind, subject)
    ).fetchone()
    if row is None:
        return 0, 0
    if not all(isinstance(value, int) for value in row):
        raise DamagedError("attempts that are no numbers")
    return int(row[0]), int(row[1])


def _bound(connection: sqlite3.Connection) -> None:
    (rows,) = connection.execute("SELECT count(*) FROM failures").fetchone()
    if rows > MOST:
        connection.execute(
            "DELETE FROM failures WHERE (kind, subject) IN"
            " (SELECT kind, subject FROM failures ORDER BY count, last LIMIT ?)",
            (rows - MOST,),
        )

"""Sessions of administrators who signed in: kept on the server, in the file of the accounts.

A session is known by 256 random bits that only the browser holds; the file holds their digest. It ends by
signing out, after a time without a request, after twelve hours, and with the password it was begun with.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
from dataclasses import dataclass, field

from deploy.site.accounts import Accounts, SignedIn
from deploy.site.accounts_file import DamagedError

LONGEST_SECONDS = 12 * 3600
_ID_SIZE = 32
_ID = re.compile(r"[A-Za-z0-9_-]{43}")
_AHEAD_SECONDS = 300  # how far a clock may have been put back
_NOTED_SECONDS = 60  # a use is noted once a minute at most, for noting it writes to the disk


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. `id` is what the browser holds, a secret."""

    id: str = field(repr=False)
    account: str


def new_id() -> str:
    """A random id: 256 bits in 43 characters that a cookie can hold."""
    return secrets.token_urlsafe(_ID_SIZE)


def is_id(text: str) -> bool:
    """Whether a text can be an id."""
    return _ID.fullmatch(text) is not None


class Sessions:
    """The sessions beside the accounts; `minutes` is how long one lasts without a request.

    Methods raise `TargetError` as `AccountsFile.change`.
    """

    def __init__(self, accounts: Accounts, minutes: int) -> None:
        self._accounts = accounts
        self._idle = max(minutes, 1) * 60

    def begin(self, who: SignedIn) -> Session:
        """A session with a new id, for whose password was right just now."""
        session = Session(new_id(), who.name)
        now = self._now()

        def work(connection: sqlite3.Connection) -> Session:
            ended = (now - LONGEST_SECONDS, now - self._idle, now + _AHEAD_SECONDS)
            connection.execute("DELETE FROM sessions WHERE created <= ? OR used <= ? OR created > ?", ended)
            values = (_digest(session.id), who.key, who.stamp, now, now)
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", values)
            return session

        return self._accounts.file.change(work)

    def find(self, id: str) -> Session | None:
        """The session with this id, used once more; None when there is none, or it has ended."""
        if not is_id(id):
            return None
        now, digest = self._now(), _digest(id)

        def look(connection: sqlite3.Connection) -> tuple[object, ...] | None:
            # A session of an account that was removed, or whose password was changed, is none.
            found: tuple[object, ...] | None = connection.execute(
                "SELECT accounts.name, sessions.created, sessions.used FROM sessions JOIN accounts"
                " ON accounts.key = sessions.account AND accounts.stamp = sessions.stamp WHERE sessions.id = ?",
                (digest,),
            ).fetchone()
            if found is not None and not _is_sound(found):
                raise DamagedError("a session with values of other types")
            return found

        match self._accounts.file.read(look):
            case (str(name), int(created), int(used)) if self._lasts(created, used, now):
                if now - used >= min(_NOTED_SECONDS, self._idle // 2):
                    self._accounts.file.change(lambda connection: _note(connection, digest, now))
                return Session(id, name)
        return None

    def end(self, id: str) -> None:
        """There is no such session any more."""
        digest = _digest(id)
        self._accounts.file.change(lambda connection: _forget(connection, digest))

    def _lasts(self, created: int, used: int, now: int) -> bool:
        # One from the future was begun while the clock was wrong.
        latest = now + _AHEAD_SECONDS
        return created <= latest and now < created + LONGEST_SECONDS and used <= latest and now < used + self._idle

    def _now(self) -> int:
        return int(self._accounts.clock())


def _is_sound(row: tuple[object, ...]) -> bool:
    name, created, used = row
    return isinstance(name, str) and isinstance(created, int) and isinstance(used, int)


def _note(connection: sqlite3.Connection, digest: bytes, now: int) -> None:
    connection.execute("UPDATE sessions SET used = ? WHERE id = ?", (now, digest))


def _forget(connection: sqlite3.Connection, digest: bytes) -> None:
    connection.execute("DELETE FROM sessions WHERE id = ?", (digest,))


def _digest(id: str) -> bytes:
    return hashlib.sha256(id.encode("ascii", "replace")).digest()

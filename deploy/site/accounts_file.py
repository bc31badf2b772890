"""The file of the accounts: one SQLite database that several server processes and the command line share.

Every piece of work opens the file, runs in one transaction and closes it again, so nothing is held over a
fork or a restart, and a process that is killed leaves the state before or after. The file is made whole
and then renamed into place: an empty one is a damaged one. A damaged file is never used and never lost:
it is set aside under a name that says so, and an empty one takes its place.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from filelock import FileLock, Timeout

from deploy.atomic import OWNER_ONLY, fsync_folder
from deploy.disk import disk_full, target_error
from deploy.errors import Problem, TargetError, error, warning
from deploy.lock import PRIVATE

NAME = "accounts.sqlite3"
VERSION = 1
PATIENCE = 10.0
"""Seconds to wait for another process that is writing."""

_ASIDE = ".damaged-"
_JOURNAL = "-journal"
_LOCK = f"{NAME}.lock"
_TEMPORARY = f".{NAME}."
_ATTEMPTS = 3
_LOGGER = logging.getLogger("micce.site")

_SCHEMA = (
    "CREATE TABLE accounts (key TEXT PRIMARY KEY, name TEXT, hash TEXT, stamp BLOB, created INTEGER,"
    " changed INTEGER, signed_in INTEGER) WITHOUT ROWID",
    "CREATE TABLE failures (kind TEXT, subject BLOB, count INTEGER, last INTEGER, PRIMARY KEY (kind, subject))"
    " WITHOUT ROWID",
    "CREATE TABLE secret (value BLOB)",
    "CREATE TABLE sessions (id BLOB PRIMARY KEY, account TEXT, stamp BLOB, created INTEGER, used INTEGER)"
    " WITHOUT ROWID",
)
_SECRET_SIZE = 32
_HEADER_SIZE = 100
_VERSIONS_AT = 18  # of who may write and read it: https://www.sqlite.org/fileformat.html
# Result codes: https://www.sqlite.org/rescode.html
_DAMAGED = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_TOOBIG,
    }
)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]


class DamagedError(Exception):
    """What was read cannot have been written by this program."""


class AccountsFile:
    """The database in a folder; made on first use, for this account alone."""

    def __init__(self, folder: Path) -> None:
        self.path = folder.absolute() / NAME

    def change(self, work: Work[Result]) -> Result:
        """Run work that writes, alone; what it did is durable when this returns, or did not happen.

        `work` may be run again and must do nothing but read and write the database. Raises `TargetError`:
        cannot-write, cannot-read, disk-full, busy, newer-accounts.
        """
        return self._run(work, "BEGIN IMMEDIATE")

    def read(self, work: Work[Result]) -> Result:
        """Run work that only reads, all of it in one state; raises as `change`."""
        return self._run(work, "BEGIN")

    def set_aside(self) -> tuple[Path, ...]:
        """Every damaged file that was set aside and still lies there, the oldest first."""
        with suppress(OSError):
            found = self.path.parent.glob(f"{NAME}{_ASIDE}*")
            return tuple(sorted(one for one in found if not one.name.endswith(_JOURNAL)))
        return ()

    def problems(self) -> tuple[Problem, ...]:
        """A warning (accounts-damaged) for each file that was set aside."""
        hint = "add the accounts again with micce-deploy accounts add, or restore a backup; then remove that file"
        return tuple(
            warning("accounts-damaged", f"the accounts were damaged and set aside as {one.name}", hint, file=str(one))
            for one in self.set_aside()
        )

    def _run(self, work: Work[Result], begin: str) -> Result:
        for _ in range(_ATTEMPTS):
            identity = None
            try:
                identity = self._prepared()
                self._check_header()
                with closing(self._connect()) as connection:
                    return _in_transaction(connection, work, begin)
            except (DamagedError, UnicodeDecodeError):
                # SQLite's message can hold what it found, which need not be a text.
                self._put_aside(identity)
            except sqlite3.Error as wrong:
                if _base_code(wrong) not in _DAMAGED:
                    raise _refused(wrong, self.path) from wrong
                self._put_aside(identity)
            except OSError as wrong:
                raise target_error(wrong, wrong.filename or self.path) from wrong
        hint = "see whether the disk is well, and whether anything else writes there"
        said = f"{self.path} is damaged again and again"
        raise TargetError(error("accounts-damaged", said, hint, file=str(self.path)))

    def _prepared(self) -> tuple[int, int]:
        """What the file is known by, after it was made where it was missing; only its owner may read it."""
        with suppress(FileNotFoundError):
            return self._identity()
        self.path.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        with self._alone():
            if not self.path.exists():
                self._make()
        return self._identity()

    def _identity(self) -> tuple[int, int]:
        found = os.stat(self.path, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            hint = "move it away, or name another folder with state in server.toml"
            raise TargetError(error("cannot-write", f"{self.path} is not a file", hint, file=str(self.path)))
        if found.st_mode & 0o777 & ~OWNER_ONLY:
            os.chmod(self.path, OWNER_ONLY)
        return found.st_dev, found.st_ino

    def _check_header(self) -> None:
        """With an unknown version in its header a file would be read, and be said to be write-protected."""
        with self.path.open("rb") as file:
            header = file.read(_HEADER_SIZE)
        if len(header) < _HEADER_SIZE or not set(header[_VERSIONS_AT : _VERSIONS_AT + 2]) <= {1, 2}:
            raise DamagedError("the header of another file")

    def _make(self) -> None:
        # A journal without its file would be played into the new one.
        self._rename_journal(_stamp())
        for left in self.path.parent.glob(f"{_TEMPORARY}*"):
            left.unlink()
        temporary = self.path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
        try:
            with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(_SECRET_SIZE),))
                connection.execute(f"PRAGMA user_version={VERSION}")
                connection.execute("COMMIT")
            _give_to_owner(temporary)
            os.replace(temporary, self.path)
        except (OSError, sqlite3.Error):
            with suppress(OSError):
                temporary.unlink()
            raise
        fsync_folder(self.path.parent)

    def _connect(self) -> sqlite3.Connection:
        # A file that was removed meanwhile must not come back empty: mode=rw (https://www.sqlite.org/uri.html).
        place = self.path.as_posix()
        address = f"file://{'' if place.startswith('/') else '/'}{quote(place, safe='/:')}?mode=rw"
        connection = sqlite3.connect(address, uri=True, timeout=PATIENCE, isolation_level=None)
        connection.text_factory = _text
        return connection

    def _put_aside(self, identity: tuple[int, int] | None) -> None:
        """Rename the damaged file, unless another process did so before."""
        try:
            with self._alone():
                if identity is None or not self.path.exists() or self._identity() != identity:
                    return
                stamp = _stamp()
                self._rename_journal(stamp)
                aside = self.path.with_name(f"{NAME}{_ASIDE}{stamp}")
                os.replace(self.path, aside)
                fsync_folder(self.path.parent)
        except OSError as wrong:
            raise target_error(wrong, wrong.filename or self.path) from wrong
        _LOGGER.log(
            logging.ERROR,
            "%s was damaged and is set aside as %s; nobody can sign in until accounts are added",
            NAME,
            aside,
        )

    def _rename_journal(self, stamp: str) -> None:
        with suppress(FileNotFoundError):
            os.replace(f"{self.path}{_JOURNAL}", f"{self.path}{_ASIDE}{stamp}{_JOURNAL}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While no other process makes this file or sets it aside; raises `TargetError` (busy), `OSError`."""
        lock = FileLock(self.path.with_name(_LOCK), timeout=PATIENCE, mode=OWNER_ONLY)
        try:
            lock.acquire()
        except Timeout as taken:
            raise _busy(self.path) from taken
        try:
            _give_to_owner(Path(lock.lock_file))
            yield
        finally:
            lock.release()


def _in_transaction(connection: sqlite3.Connection, work: Work[Result], begin: str) -> Result:
    _begin(connection, begin)
    try:
        result = work(connection)
    except BaseException:
        # What SQLite could not carry out it has undone already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return result


def _begin(connection: sqlite3.Connection, begin: str) -> None:
    """Begin a transaction in a file of ours; raises `DamagedError`, `TargetError` (newer-accounts)."""
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA secure_delete=ON")
        # EXTRA makes the removal of the journal durable too, and with it the commit.
        connection.execute("PRAGMA synchronous=EXTRA")
        connection.execute(begin)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        found = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    except sqlite3.Error as wrong:
        # "unsupported file format" and "malformed database schema" come as a general error.
        if _base_code(wrong) == sqlite3.SQLITE_ERROR:
            raise DamagedError(str(wrong)) from wrong
        raise
    if version > VERSION:
        said = "the accounts were written by a later version of this program"
        raise TargetError(error("newer-accounts", said, "use that version, or a later one"))
    if version != VERSION or found != [(statement,) for statement in _SCHEMA]:
        raise DamagedError("other tables than this program makes")


def _give_to_owner(path: Path) -> None:
    """Where root makes a file, let it belong to whom its folder belongs to: the account the server runs under."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    folder, found = os.stat(path.parent), os.stat(path, follow_symlinks=False)
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == 0 != folder.st_uid:
        os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)  # type: ignore[attr-defined, unused-ignore]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _base_code(wrong: sqlite3.Error) -> int:
    """The primary result code; an error of the module itself has none."""
    return int(getattr(wrong, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _refused(wrong: sqlite3.Error, path: Path) -> TargetError:
    code = _base_code(wrong)
    if code in _BUSY:
        return _busy(path)
    if code == sqlite3.SQLITE_FULL:
        return disk_full(path, None)
    hint = "see to it that this account may write there and that the disk is in order"
    return TargetError(error("cannot-write", f"{path}: {wrong}", hint, file=str(path)))


def _busy(path: Path) -> TargetError:
    hint = "try again in a moment; see which process holds the file if that goes on"
    return TargetError(error("busy", f"{path} is held by another process", hint, file=str(path)))


def _stamp() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"

"""SMB 2 and 3 shares off Windows, on smbprotocol.

The connection is made here: signing is required unless the user is a guest, times are bounded, and
nothing is shared between instances (but for DFS referrals, which smbclient remembers for the whole
process). Opening and listing is smbclient's, which follows DFS referrals (MS-DFSC) to where a share
really is, with the same user and port.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import socket
import struct
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

import smbclient
from cryptography.exceptions import InvalidTag
from smbprotocol.connection import Connection
from smbprotocol.exceptions import (
    SMBAuthenticationError,
    SMBConnectionClosed,
    SMBException,
    SMBOSError,
    SMBResponseException,
)
from smbprotocol.file_info import FileAttributes
from smbprotocol.reparse_point import ReparseTags
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

from deploy.errors import SourceError, error
from deploy.transport.contract import (
    Body,
    Entry,
    Listing,
    RefusedName,
    Resume,
    SmbServer,
    TransportSettings,
    Unchanged,
    Validators,
)
from deploy.transport.deadline import Deadline
from deploy.transport.location import Location
from deploy.transport.smb_status import failure, refusal
from deploy.transport.validity import provably_same, start_of

GUEST = "Guest"
LINK_TO_FOLDER = "it is a link to a folder, and links to folders are not followed"
_BATCH = 1000
_ENTRY_BYTES = 104  # FILE_ID_FULL_DIR_INFORMATION without the name (MS-FSCC 2.4.22)
_PRECISION = 1e-6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHARED = "rwd"
_NO_TIME = 1601  # the year of FILETIME 0: a server that does not answer the question

# What smbprotocol's parsing raises for an answer that is not SMB.
_UNPARSABLE = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    NotImplementedError,
    struct.error,
    InvalidTag,
)

# After these a connection is not worth keeping: the session may be gone or out of step.
_SPOILED = ("unreachable", "timed-out", "cut-off", "bad-answer")

_Answer = TypeVar("_Answer")


class SmbTransport:
    """One share for one user; keeps its connection between calls."""

    def __init__(self, origin: Location, settings: TransportSettings) -> None:
        self._server = _server(origin, settings)
        self._share = origin.anchor
        self._settings = settings
        self._connections: dict[str, Any] = {}
        _quiet("smbprotocol", "smbclient")

    def list(self, folder: Location) -> Listing:
        def names(guard: Deadline) -> Listing:
            entries: list[Entry] = []
            refused: list[RefusedName] = []
            size = 0
            with smbclient.scandir(self._path(folder), **self._session()) as found:
                while batch := tuple(itertools.islice(found, _BATCH)):
                    guard.renew()
                    size += sum(_ENTRY_BYTES + 2 * len(one.name) for one in batch)
                    if size > self._settings.listing_cap:
                        said = f"{folder} holds over {len(entries)} names"
                        raise SourceError(error("listing-too-large", said, "name a smaller folder"))
                    for one in batch:
                        entry = self._entry(folder, one)
                        if isinstance(entry, Entry):
                            entries.append(entry)
                        else:
                            refused.append(entry)
            return Listing(folder, tuple(entries), tuple(refused))

        return self._ask(folder, names)

    def stat(self, file: Location) -> Validators:
        return self._ask(file, lambda _: self._stat(file))

    def open(
        self, file: Location, *, resume: Resume | None = None, unless: Validators | None = None
    ) -> Body | Unchanged:
        def start(_: Deadline) -> Body | Unchanged:
            handle = smbclient.open_file(
                self._path(file), mode="rb", buffering=0, share_access=_SHARED, **self._session()
            )
            validators = _validators(handle.fd.end_of_file, handle.fd.last_write_time)
            if unless is not None and provably_same(unless, validators):
                handle.close()
                return Unchanged(validators)
            return SmbBody(self, file, handle, validators, start_of(resume, validators))

        return self._ask(file, start)

    def close(self) -> None:
        """Drop the connection; the server ends what belongs to it."""
        self.drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def bounded(self, location: Location, seconds: float, *, reading: bool = False) -> Iterator[Deadline]:
        """End what the block does after `seconds` by dropping the connections; raises `SourceError` only."""
        guard = Deadline(self.drop, seconds)
        try:
            yield guard
        except (SMBException, OSError, *_UNPARSABLE) as wrong:
            told = failure("timed-out", location) if guard.expired else _translated(wrong, location, reading=reading)
            if told.code in _SPOILED:
                self.drop()
            raise told from wrong
        finally:
            guard.cancel()

    def drop(self) -> None:
        """Close every connection at once; safe from another thread."""
        for name in tuple(self._connections):
            connection = self._connections.pop(name, None)
            if connection is not None and connection.transport is not None:
                with contextlib.suppress(OSError):
                    connection.transport.close()

    @property
    def stall_window(self) -> float:
        """How long one read may take, in seconds."""
        return self._settings.stall_window

    def _ask(self, location: Location, work: Callable[[Deadline], _Answer]) -> _Answer:
        """Do one thing; a kept connection that the server has dropped meanwhile is replaced once."""
        kept = self._connected()
        try:
            return self._working(location, work)
        except SourceError as wrong:
            if not kept or wrong.code == "timed-out" or self._connected():
                raise
        return self._working(location, work)

    def _working(self, location: Location, work: Callable[[Deadline], _Answer]) -> _Answer:
        if not self._connected():
            self.drop()
            try:
                with self.bounded(location, self._settings.connect_timeout + self._settings.answer_timeout):
                    self._connect(location)
            except SourceError:
                self.drop()
                raise
        with self.bounded(location, self._settings.answer_timeout) as guard:
            return work(guard)

    def _connected(self) -> bool:
        connection = self._connections.get(self._key)
        return connection is not None and bool(connection.transport.connected) and bool(connection.session_table)

    def _connect(self, location: Location) -> None:
        """Connect, log in, and connect to the share (MS-SMB2 3.2.4.2).

        A guest has no key to sign with, so for guests alone neither signing nor the check of the
        negotiation is asked for.
        """
        guest = self._server.username is None
        connection = Connection(uuid.uuid4(), self._server.host, self._server.port, require_signing=not guest)
        self._connections[self._key] = connection
        try:
            connection.connect(timeout=self._settings.connect_timeout)
        except ValueError as wrong:
            raise _unconnected(wrong, location) from wrong
        except SMBException as wrong:
            if "timeout" not in str(wrong):  # smbprotocol has no type of its own for it
                raise
            raise failure("timed-out", location) from wrong
        session = Session(
            connection, self._user, self._server.password or "", require_encryption=False, auth_protocol="negotiate"
        )
        try:
            session.connect()
        except SMBResponseException:
            raise
        except SMBException as wrong:
            if session.session_id is None:
                said = "the server does not know the user and would only take it for a guest"
                raise failure("access-denied", location, said) from wrong
            raise
        tree = TreeConnect(session, rf"\\{self._server.host}\{self._share}")
        tree.connect(require_secure_negotiate=not guest)

    @property
    def _key(self) -> str:
        return f"{self._server.host.lower()}:{self._server.port}"

    @property
    def _user(self) -> str:
        return self._server.username or GUEST

    def _session(self) -> dict[str, Any]:
        """What smbclient needs to find the connection made here, or to make another for a DFS referral."""
        return {
            "username": self._user,
            "password": self._server.password,
            "port": self._server.port,
            "connection_timeout": self._settings.connect_timeout,
            "connection_cache": self._connections,
            "require_signing": self._server.username is not None,
        }

    def _path(self, location: Location) -> str:
        for name in location.segments:
            if name in (".", "..") or any(letter in name for letter in "\\/\0"):
                raise failure("not-found", location, "no share holds such a name")
        return "\\".join(["", "", self._server.host, self._share, *location.segments])

    def _stat(self, file: Location) -> Validators:
        status = smbclient.stat(self._path(file), **self._session())
        if status.st_file_attributes & FileAttributes.FILE_ATTRIBUTE_DIRECTORY:
            raise failure("not-found", file, "it is a folder, not a file")
        modified = _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)
        return _validators(status.st_size, modified)

    def _entry(self, folder: Location, found: Any) -> Entry | RefusedName:
        info = found.smb_info
        name = str(info.file_name)
        if any(letter in name for letter in "\\/\0"):
            return RefusedName(name, "it holds a separator")
        is_folder = bool(info.file_attributes & FileAttributes.FILE_ATTRIBUTE_DIRECTORY)
        tag = info.ea_size if info.file_attributes & FileAttributes.FILE_ATTRIBUTE_REPARSE_POINT else 0
        link = tag in (ReparseTags.IO_REPARSE_TAG_SYMLINK, ReparseTags.IO_REPARSE_TAG_MOUNT_POINT)
        if is_folder:
            return RefusedName(name, LINK_TO_FOLDER) if link else Entry(name, folder=True)
        if not link:
            return Entry(name, folder=False, validators=_validators(info.end_of_file, info.last_write_time))
        try:
            return Entry(name, folder=False, validators=self._stat(folder.child(name)))
        except (SMBException, SourceError):
            return RefusedName(name, "it is a link that leads to no file")


class SmbBody:
    """The bytes of one open file.

    The stall rule is kept read by read: SMB sends what one request asked for as a whole. Requests begin
    small and grow while answers come quickly.
    """

    FIRST_READ = 64 * 1024

    def __init__(
        self, transport: SmbTransport, file: Location, handle: Any, validators: Validators, offset: int
    ) -> None:
        self._transport = transport
        self._file = file
        self._handle = handle
        self._validators = validators
        self._offset = self._position = offset
        self._handle.seek(offset)
        self._ask = self.FIRST_READ
        self._ended = False

    @property
    def offset(self) -> int:
        return self._offset

    @property
    def validators(self) -> Validators:
        return self._validators

    def readinto(self, buffer: memoryview) -> int:
        if self._ended or not len(buffer):
            return 0
        if self._handle is None:
            raise failure("cut-off", self._file)
        with self._transport.bounded(self._file, self._transport.stall_window, reading=True):
            count = int(self._handle.readinto(buffer[: self._ask]))
            if not count:
                self._finish()
        self._position += count
        self._ask *= 2
        return count

    def close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is None or handle.closed:
            return
        with contextlib.suppress(SourceError), self._transport.bounded(self._file, self._transport.stall_window):
            handle.close()

    def _finish(self) -> None:
        """Close with the attributes asked back: what they are now must be what they were."""
        self._handle.fd.close(get_attributes=True)
        now = _validators(self._handle.fd.end_of_file, self._handle.fd.last_write_time)
        told = self._handle.fd.last_write_time.year > _NO_TIME
        if self._position != self._validators.size or (told and now != self._validators):
            raise failure("changed", self._file)
        self._ended, self._handle = True, None


def _server(origin: Location, settings: TransportSettings) -> SmbServer:
    """Host, port and user: what the address says, then what the settings say of its host."""
    known = next((one for one in settings.smb_servers if one.host.lower() == origin.host.lower()), None)
    port = origin.port if origin.port is not None else known.port if known is not None else origin.effective_port
    if origin.credentials is not None:
        return SmbServer(origin.host, origin.credentials.username, origin.credentials.password, port)
    if known is not None:
        return SmbServer(origin.host, known.username, known.password, port)
    return SmbServer(origin.host, port=port)


def _validators(size: int, modified: datetime) -> Validators:
    moment = modified if modified.tzinfo is not None else modified.replace(tzinfo=UTC)
    return Validators(size=int(size), modified=(moment - _EPOCH) / timedelta(seconds=1), precision=_PRECISION)


def _quiet(*names: str) -> None:
    """Without a handler of its own a library's errors would go to the user's terminal, tracebacks and all."""
    for name in names:
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def _unconnected(wrong: ValueError, location: Location) -> SourceError:
    cause = wrong.__cause__
    if isinstance(cause, TimeoutError):
        return failure("timed-out", location, "no connection in time")
    if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
        return failure("unreachable", location, f"no such host: {cause.strerror}", lasting=True)
    if isinstance(cause, OSError):
        return failure("unreachable", location, cause.strerror or str(cause))
    return failure("bad-answer", location)


def _translated(wrong: BaseException, location: Location, *, reading: bool) -> SourceError:
    if isinstance(wrong, SMBResponseException):
        return refusal(int(wrong.status), location)
    if isinstance(wrong, SMBOSError):
        return refusal(int(wrong.ntstatus), location)
    if isinstance(wrong, SMBAuthenticationError):
        return failure("access-denied", location, "user and password could not be proved to the server")
    if isinstance(wrong, TimeoutError):
        return failure("timed-out", location)
    if isinstance(wrong, (SMBConnectionClosed, OSError)):
        return failure("cut-off" if reading else "unreachable", location, "the connection was closed")
    return failure("bad-answer", location)

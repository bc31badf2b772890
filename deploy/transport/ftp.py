"""FTP, plain and over TLS: `ftp`, `ftps` (implicit on port 990, else explicit) and `ftpes` (explicit)."""

from __future__ import annotations

import contextlib
import ftplib
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from deploy.errors import SourceError
from deploy.transport.contract import (
    Body,
    Entry,
    Listing,
    RefusedName,
    Resume,
    TransportSettings,
    Unchanged,
    Validators,
)
from deploy.transport.ftp_listing import Kind, Row, UnreadableRowError, parse_facts, parse_list, parse_mlsd, parse_time
from deploy.transport.ftp_replies import failure, refusal, translated
from deploy.transport.ftp_session import FtpSession, tls_context, wire
from deploy.transport.location import Location
from deploy.transport.pace import Pace
from deploy.transport.validity import provably_same, start_of

MOST_LINKS = 1000
_UNSENDABLE = re.compile("[\r\n\0]")
_NO_FILES = re.compile(r"(?i)no (?:such )?files(?! or)")
_CANNOT_OPEN = re.compile(r"(?i)failed to open directory")
_CHUNK = 64 * 1024
# A listing may take the time of a control exchange and a second more for each so many bytes.
_LISTING_RATE = 64 * 1024

_Answer = TypeVar("_Answer")


class FtpTransport:
    """One server and user. Keeps a control connection between calls; a body not read to its end costs it."""

    def __init__(self, origin: Location, settings: TransportSettings) -> None:
        self._origin = origin
        self._settings = settings
        self._context = tls_context(origin, settings)
        self._idle: FtpSession | None = None
        self._lent: set[FtpSession] = set()

    def list(self, folder: Location) -> Listing:
        return self._ask(folder, lambda session: _Folder(session, self._settings, folder).listing())

    def stat(self, file: Location) -> Validators:
        seen = self._ask(file, lambda session: _look(session, file))
        if seen.size is not None or seen.modified is not None:
            return seen
        return _listed(self.list(file.parent), file)

    def open(
        self, file: Location, *, resume: Resume | None = None, unless: Validators | None = None
    ) -> Body | Unchanged:
        def start(session: FtpSession) -> Body | Unchanged:
            validators = _look(session, file)
            if unless is not None and provably_same(unless, validators):
                return Unchanged(validators)
            offset = start_of(resume, validators)
            if offset and offset == validators.size:
                return FtpBody(file, validators, offset, None)
            data, offset = session.transfer(f"RETR {_path(session, file)}", offset)
            self._idle = None
            self._lent.add(session)
            return FtpBody(file, validators, offset, _Stream(session, data, _pace(self._settings), self._take_back))

        return self._ask(file, start)

    def close(self) -> None:
        for session in self._lent:
            session.close()
        self._lent.clear()
        if self._idle is not None:
            self._idle.leave()
            self._idle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, location: Location, work: Callable[[FtpSession], _Answer]) -> _Answer:
        """Do one thing with a connection; a kept one that the server has dropped meanwhile is replaced once."""
        _check(location)
        kept = self._idle is not None
        try:
            return self._working(location, work)
        except SourceError as wrong:
            if not kept or self._idle is not None or wrong.code != "unreachable":
                raise
        return self._working(location, work)

    def _working(self, location: Location, work: Callable[[FtpSession], _Answer]) -> _Answer:
        session = self._idle
        if session is None:
            session = self._idle = FtpSession(self._origin, self._settings, self._context)
        try:
            with translated(location):
                if session.fresh:
                    session.connect()
                return work(session)
        finally:
            if session is self._idle and session.broken:
                session.close()
                self._idle = None

    def _take_back(self, session: FtpSession) -> None:
        if session.broken or self._idle is not None or session not in self._lent:
            session.leave()
        else:
            self._idle = session
        self._lent.discard(session)


@dataclass(frozen=True, slots=True)
class _Stream:
    """The connections a body has for itself, and who takes the session back."""

    session: FtpSession
    data: socket.socket
    pace: Pace
    done: Callable[[FtpSession], None]


class FtpBody:
    """A file on its way. It has the control connection for itself until it is read to the end or closed."""

    def __init__(self, file: Location, validators: Validators, offset: int, stream: _Stream | None) -> None:
        self._file = file
        self._validators = validators
        self._offset = self._position = offset
        self._stream = stream
        self._ended = stream is None

    @property
    def offset(self) -> int:
        return self._offset

    @property
    def validators(self) -> Validators:
        return self._validators

    def readinto(self, buffer: memoryview) -> int:
        if self._ended or not len(buffer):
            return 0
        if self._stream is None:
            raise failure("cut-off", self._file, "closed before its end")
        try:
            with translated(self._file, reading=True):
                count = receive(self._stream.data, buffer, self._stream.pace)
            self._position += count
            self._check(ended=not count)
            if not count:
                self._finish(self._stream)
        except SourceError:
            self._abandon()
            raise
        return count

    def close(self) -> None:
        """Stop here; only a body that was read to its last byte leaves its connection usable."""
        if self._stream is not None and self._position == self._validators.size:
            with contextlib.suppress(SourceError):
                self.readinto(memoryview(bytearray(1)))
        self._abandon()

    def _check(self, *, ended: bool) -> None:
        size = self._validators.size
        if size is None:
            return
        if self._position > size:
            raise failure("changed", self._file, f"longer than its {size} bytes")
        if ended and self._position < size:
            raise failure("cut-off", self._file, f"ended after {self._position} of {size} bytes")

    def _finish(self, stream: _Stream) -> None:
        stream.data.close()
        with translated(self._file, reading=True):
            stream.session.finish()
        self._stream, self._ended = None, True
        stream.done(stream.session)

    def _abandon(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.data.close()
            stream.session.close()
            stream.done(stream.session)


class _Folder:
    """One listing under way."""

    def __init__(self, session: FtpSession, settings: TransportSettings, folder: Location) -> None:
        self._session = session
        self._settings = settings
        self._folder = folder

    def listing(self) -> Listing:
        self._session.command(f"CWD {_path(self._session, self._folder)}")
        try:
            rows = self._rows()
        except UnreadableRowError as wrong:
            raise failure("not-listable", self._folder, f"a row cannot be read: '{wrong.row}'") from wrong
        links = sum(row.kind is Kind.LINK for row in rows)
        shown = [self._shown(row, probe=links <= MOST_LINKS) for row in rows]
        entries = tuple(one for one in shown if isinstance(one, Entry))
        return Listing(self._folder, entries, tuple(one for one in shown if isinstance(one, RefusedName)))

    def _rows(self) -> tuple[Row, ...]:
        if self._session.supports("MLST"):
            data = self._received("MLSD")
            if data is not None:
                return parse_mlsd(data)
        data = self._received("LIST")
        if data is None:
            raise failure("not-listable", self._folder, "the server knows neither MLSD nor LIST")
        return parse_list(data, time.time())

    def _received(self, command: str) -> bytes | None:
        """What a listing command sends; None where the server does not implement it."""
        try:
            data, _ = self._session.transfer(command)
        except ftplib.error_perm as wrong:
            if str(wrong)[:3] in ("500", "501", "502", "504"):
                return None
            if _NO_FILES.search(str(wrong)):
                return b""
            raise refusal(self._folder, str(wrong), listing=True) from wrong
        received = bytearray()
        began = time.monotonic()
        with translated(self._folder, reading=True):
            with data:
                for chunk in _chunks(data, self._settings):
                    received += chunk
                    if len(received) > self._settings.listing_cap:
                        raise failure("listing-too-large", self._folder, f"over {len(received)} bytes of names")
                    if time.monotonic() - began > self._settings.answer_timeout + len(received) / _LISTING_RATE:
                        raise TimeoutError
            reply = self._session.finish()
        if _CANNOT_OPEN.search(reply):
            raise failure("not-listable", self._folder, "the server may not read the folder")
        return bytes(received)

    def _shown(self, row: Row, *, probe: bool) -> Entry | RefusedName:
        if "/" in row.name or _UNSENDABLE.search(row.name):
            return RefusedName(row.name, "it holds a separator or a line break")
        match row.kind:
            case Kind.FOLDER:
                return Entry(row.name, folder=True)
            case Kind.FILE:
                return Entry(row.name, folder=False, validators=row.validators)
            case Kind.LINK if probe:
                return self._linked(row.name)
            case Kind.LINK:
                return RefusedName(row.name, f"it is one of over {MOST_LINKS} links")
        return RefusedName(row.name, "it is neither a file nor a folder")

    def _linked(self, name: str) -> Entry | RefusedName:
        """A link is what the server sends under its name; what it can tell no size of is no file."""
        file = self._folder.child(name)
        try:
            with translated(file):
                return Entry(name, folder=False, validators=_measured(self._session, file))
        except SourceError as wrong:
            if wrong.transient:
                raise
        return RefusedName(name, "it is a link to a folder or to nothing, and links to folders are not followed")


def receive(data: socket.socket, buffer: memoryview, pace: Pace) -> int:
    """Read some bytes, 0 at the end; raises `TimeoutError` when they come at less than the least rate."""
    while True:
        data.settimeout(pace.patience)
        began = time.monotonic()
        try:
            count = data.recv_into(buffer)
        except TimeoutError:
            if not pace.record(time.monotonic() - began, 0):
                raise
            continue
        if not pace.record(time.monotonic() - began, count):
            raise TimeoutError
        return count


def _chunks(data: socket.socket, settings: TransportSettings) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(_CHUNK))
    pace = _pace(settings)
    while count := receive(data, buffer, pace):
        yield buffer[:count]


def _pace(settings: TransportSettings) -> Pace:
    return Pace(settings.stall_window, settings.least_rate)


def _look(session: FtpSession, file: Location) -> Validators:
    """Size and time by MLST where the server has it, else by SIZE and MDTM."""
    if session.features is not None and "MLST" in session.features:
        reply = session.command(f"MLST {_path(session, file)}")
        lines = reply.encode("latin-1").decode("utf-8", "surrogateescape").split("\n")
        row = parse_facts(lines[1].lstrip(" ")) if len(lines) > 2 else None
        if row is None or row.kind is Kind.FOLDER:
            raise failure("not-found", file, "it is a folder, not a file", hint="add *.* to take the files in it")
        if row.validators.size is not None:
            return row.validators
    return _measured(session, file)


def _measured(session: FtpSession, file: Location) -> Validators:
    path = _path(session, file)
    reply = session.known(f"SIZE {path}") if session.supports("SIZE") else None
    size = reply[4:].strip() if reply is not None else ""
    if re.fullmatch("[0-9]{1,19}", size) is None:
        return Validators(modified=_changed_at(session.known(f"MDTM {path}") if session.supports("MDTM") else None))
    modified = session.optional(f"MDTM {path}") if session.supports("MDTM") else None
    return Validators(size=int(size), modified=_changed_at(modified))


def _listed(listing: Listing, file: Location) -> Validators:
    """What the listing of its folder says of a file, for servers that answer no question about one."""
    for entry in listing.entries:
        if entry.name == file.name and not entry.folder:
            return entry.validators
    raise failure("not-found", file, "the folder holds no such file")


def _changed_at(reply: str | None) -> float | None:
    return None if reply is None else parse_time(reply[4:])


def _path(session: FtpSession, location: Location) -> str:
    """The path below the user's folder as Latin-1 text: RFC 1738 section 3.2.2 reads addresses so."""
    return session.home + "/".join(map(wire, location.segments))


def _check(location: Location) -> None:
    """A line break in a name would end the command and begin another."""
    credentials = location.credentials
    said = (*location.segments, *((credentials.username, credentials.password) if credentials else ()))
    if any(map(_UNSENDABLE.search, said)):
        raise failure(
            "unsafe-name",
            location,
            "a name, user or password with a line break cannot be sent over FTP",
            hint="rename it on the server",
        )

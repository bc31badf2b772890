# ruff: noqa: S321 - that FTP is not secret is why ftps and ftpes exist
"""One control connection to an FTP server: TLS, login, commands, data connections.

RFC 959, 2228, 2428 (EPSV), 2640 (UTF-8 names), 3659 (SIZE, MDTM, MLST), 4217 (TLS). Replies are read
here and not by ftplib's buffered file, so that a whole exchange has one deadline and a bound in bytes.
Commands and replies are Latin-1 text: each character is one byte on the wire.
"""

from __future__ import annotations

import contextlib
import ftplib
import re
import socket
import ssl
import time
from collections.abc import Iterator
from typing import TextIO, cast

import truststore

from deploy.errors import SourceError, error
from deploy.transport.contract import TransportSettings
from deploy.transport.location import DEFAULT_PORTS, Credentials, Location, Scheme

REPLY_CAP = 1024 * 1024
_REPLY = re.compile(r"[1-5][0-9]{2}(?:[ -]|\r?\n)")
_NOT_IMPLEMENTED = ("500", "501", "502", "503", "504")


class ControlLines:
    """Lines from the control connection, standing in for the file that ftplib reads."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._buffer = bytearray()
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """Give the next exchange this long and `REPLY_CAP` bytes."""
        self._deadline = time.monotonic() + seconds
        self._left = REPLY_CAP
        self._first = True
        self._connection.settimeout(seconds)

    @property
    def empty(self) -> bool:
        return not self._buffer

    def readline(self, limit: int) -> str:
        """One line with its end, or `limit` bytes of it, or "" at the end of the connection."""
        while (end := self._buffer.find(b"\n") + 1) == 0 and len(self._buffer) < limit:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no whole answer in time")
            self._connection.settimeout(left)
            data = self._connection.recv(8192)
            self._left -= len(data)
            if self._left < 0:
                raise ftplib.error_proto("an answer without end")
            if not data:
                return ""
            self._buffer += data
        end = min(end or limit, limit)
        line = self._buffer[:end].decode("latin-1")
        del self._buffer[:end]
        if self._first and _REPLY.match(line) is None:
            raise ftplib.error_proto(f"no FTP reply: {line}")
        self._first = False
        return line

    def close(self) -> None:
        """The socket is closed by its owner."""


class FtpSession:
    """A logged-in control connection; raises ftplib's errors, `OSError` and `EOFError` (see `ftp_replies`).

    `broken` says that the connection is out of step with the server and good for nothing more.
    `home` is the folder the user lands in, with a last slash.
    """

    def __init__(self, origin: Location, settings: TransportSettings, context: ssl.SSLContext | None) -> None:
        self._origin = origin
        self._settings = settings
        self._context = context
        self._ftp = ftplib.FTP(encoding="latin-1")
        self.broken = True
        self.features: frozenset[str] | None = None
        self.home = "/"

    @property
    def fresh(self) -> bool:
        """Whether `connect` has not been called yet."""
        return self._ftp.sock is None

    def connect(self) -> None:
        """Connect, secure the connection where the scheme asks for it, and log in; closed if that fails."""
        address = (self._origin.host, self._origin.effective_port)
        connection = socket.create_connection(address, timeout=self._settings.connect_timeout)
        try:
            self._enter(connection)
        except BaseException:
            self.close()
            raise

    def _enter(self, connection: socket.socket) -> None:
        self._ftp.host = self._origin.host
        self._ftp.af = connection.family
        self._attach(connection)
        implicit = is_implicit(self._origin)
        if implicit:
            self._attach(self._secured(connection, None))
        with _entering():
            self._ftp.welcome = self._ftp.getresp()
        if self._ftp.welcome[0] != "2":
            raise ftplib.error_reply(self._ftp.welcome)
        if self._context is not None and not implicit:
            self._upgrade()
        self._log_in()

    def command(self, text: str) -> str:
        """Send one command and return its reply; a reply of class 4 or 5 raises."""
        self.broken = True
        self._lines.allow(self._settings.answer_timeout)
        try:
            reply = self._ftp.sendcmd(text)
        except (ftplib.error_temp, ftplib.error_perm) as wrong:
            self.broken = str(wrong).startswith("421")
            raise
        self.broken = False
        return reply

    def supports(self, command: str) -> bool:
        """Whether FEAT names the command; True where the server does not know FEAT."""
        return self.features is None or command in self.features

    def known(self, text: str) -> str | None:
        """The reply, or None where the server does not implement the command."""
        try:
            return self.command(text)
        except ftplib.error_perm as wrong:
            if str(wrong)[:3] not in _NOT_IMPLEMENTED:
                raise
            return None

    def optional(self, text: str) -> str | None:
        """The reply, or None where the server refuses for whatever reason."""
        try:
            return self.command(text)
        except (ftplib.error_perm, ftplib.error_temp):
            if self.broken:
                raise
            return None

    def transfer(self, command: str, offset: int = 0) -> tuple[socket.socket, int]:
        """Open a data connection for a command, at `offset` if the server can, and say at which offset it is.

        The session is `broken` until `finish`.
        """
        connection = self._data_connection()
        try:
            if offset and not self._restarts(offset):
                offset = 0
            reply = self.command(command)
            if reply[0] == "2":  # some servers confirm the data connection first
                self._lines.allow(self._settings.answer_timeout)
                reply = self._ftp.getresp()
            if reply[0] != "1":
                raise ftplib.error_reply(reply)
            self.broken = True
            if self._context is not None:
                connection.settimeout(self._settings.answer_timeout)
                connection = self._secured(connection, self._control.session)
        except BaseException:
            connection.close()
            raise
        return connection, offset

    def finish(self) -> str:
        """Read the reply that ends a transfer; anything but success raises."""
        self._lines.allow(self._settings.answer_timeout)
        try:
            reply = self._ftp.voidresp()
        except (ftplib.error_temp, ftplib.error_perm) as wrong:
            self.broken = str(wrong).startswith("421")
            raise
        self.broken = False
        return reply

    def leave(self) -> None:
        """Say goodbye without waiting for an answer, and close."""
        if not self.broken:
            with contextlib.suppress(OSError):
                self._ftp.putcmd("QUIT")
        self.close()

    def close(self) -> None:
        """Close at once."""
        self.broken = True
        with contextlib.suppress(OSError):
            self._ftp.close()

    @property
    def _control(self) -> ssl.SSLSocket:
        assert isinstance(self._ftp.sock, ssl.SSLSocket)
        return self._ftp.sock

    def _attach(self, connection: socket.socket) -> None:
        self._ftp.sock = connection
        self._lines = ControlLines(connection, self._settings.answer_timeout)
        self._ftp.file = cast(TextIO, self._lines)

    def _secured(self, connection: socket.socket, session: ssl.SSLSession | None) -> ssl.SSLSocket:
        assert self._context is not None
        return self._context.wrap_socket(connection, server_hostname=self._origin.host, session=session)

    def _upgrade(self) -> None:
        self.command("AUTH TLS")
        if not self._lines.empty:  # what came in clear text before the handshake must not count as said under it
            raise ftplib.error_proto("more than one answer to AUTH TLS")
        plain = self._ftp.sock
        assert plain is not None
        plain.settimeout(self._settings.answer_timeout)
        self._attach(self._secured(plain, None))

    def _log_in(self) -> None:
        credentials = self._origin.credentials or Credentials("anonymous", "anonymous@")
        self.broken = True
        self._lines.allow(self._settings.answer_timeout)
        with _entering():
            self._ftp.login(wire(credentials.username), wire(credentials.password))
        self.broken = False
        if self._context is not None:
            self.command("PBSZ 0")
            self.command("PROT P")
        self.features = _features(self.optional("FEAT"))
        if self.features is not None and "UTF8" in self.features:
            self.optional("OPTS UTF8 ON")
        self.command("TYPE I")
        home = self.optional("PWD")
        self.home = (ftplib.parse257(home) if home is not None else "").rstrip("/") + "/"

    def _data_connection(self) -> socket.socket:
        """Connect to the port the server names, always at the address of the control connection.

        An address in a PASV reply is not believed: behind NAT it is wrong, and it may be someone else's.
        """
        assert self._ftp.sock is not None
        peer = self._ftp.sock.getpeername()
        reply = self.known("PASV") if self._ftp.af == socket.AF_INET else None
        port = ftplib.parse227(reply)[1] if reply is not None else ftplib.parse229(self.command("EPSV"), peer)[1]
        return socket.create_connection((peer[0], port), timeout=self._settings.connect_timeout)

    def _restarts(self, offset: int) -> bool:
        return self.optional(f"REST {offset}") is not None


@contextlib.contextmanager
def _entering() -> Iterator[None]:
    """Whatever refusal meets a user at the door, it means 530: not logged in."""
    try:
        yield
    except ftplib.error_perm as wrong:
        raise ftplib.error_perm(f"530{str(wrong)[3:]}") from wrong


def wire(name: str) -> str:
    """A wire-true name or a user's text as Latin-1 text: the UTF-8 bytes, one character each."""
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def is_implicit(origin: Location) -> bool:
    """Whether TLS begins with the connection: `ftps` on its own port (RFC 4217 section 6 calls it obsolete)."""
    return origin.scheme is Scheme.FTPS and origin.effective_port == DEFAULT_PORTS[Scheme.FTPS]


def tls_context(origin: Location, settings: TransportSettings) -> ssl.SSLContext | None:
    """What certificates are checked against: the system's, or `settings.ca_file`; None for plain FTP."""
    if origin.scheme is Scheme.FTP:
        return None
    if settings.ca_file is None:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as wrong:
        raise SourceError(
            error(
                "certificate-refused",
                f"{origin}: no certificate authority can be read from {settings.ca_file}: {wrong.strerror}",
                "name a PEM file in the settings",
            )
        ) from wrong


def _features(reply: str | None) -> frozenset[str] | None:
    if reply is None:
        return None
    return frozenset(line.split()[0].upper() for line in reply.splitlines()[1:-1] if line.strip())

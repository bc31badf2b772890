"""HTTP/1.1 over a socket of its own: the quick way for direct connections (RFC 9112).

The head of an answer is read and parsed by llhttp; a body with a length is then received straight into
the caller's buffer. A request costs two system calls beside its waiting, a large body no copy.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from deploy.errors import SourceError
from deploy.transport.carrier import Endpoint, Request, failure
from deploy.transport.connect import connected, tls_context
from deploy.transport.contract import TransportSettings
from deploy.transport.location import Location, Scheme
from deploy.transport.pace import Pace

if TYPE_CHECKING:
    from ssl import SSLContext

_BUFFER = 64 * 1024
_LONGEST_OVERHEAD = 256 * 1024
_BLANK_LINE = b"\r\n\r\n"
_NO_BODY = (204, 304)
# How much later than its deadline an operation may end, to spare setting every one anew. Seconds.
_TOLERANCE = 0.1


class Wire:
    """One kept-alive connection to `endpoint`; `standing` fields go with every request.

    For methods that may be sent twice (GET, HEAD, PROPFIND): a kept connection that the server has closed
    before any byte of an answer is replaced once, unseen. A head may be 64 KiB long. An answer not wholly
    read costs the connection.
    """

    def __init__(self, endpoint: Endpoint, standing: Sequence[tuple[str, str]], settings: TransportSettings) -> None:
        self._endpoint = endpoint
        self._settings = settings
        fields = (("Host", endpoint.authority), *standing)
        self._standing = " HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
        self._context: SSLContext | None = None
        self._socket: socket.socket | None = None
        self._timeout = 0.0
        self._current: WireAnswer | None = None
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._start = self._stop = 0

    def send(self, request: Request) -> WireAnswer:
        """Send a request and read the head of the answer.

        Raises `SourceError` (unreachable, timed-out, cut-off, bad-answer, certificate-refused).
        """
        if self._current is not None:
            self.close()
        try:
            return self._exchange(request)
        except _NothingCameError as wrong:
            self.close()
            said = "the server closed the connection without an answer"
            raise failure("unreachable", request.location, said) from wrong
        except BaseException:
            # Also when interrupted: half an exchange must not be taken for the next one's.
            self.close()
            raise

    def close(self) -> None:
        """Give up the connection; the next request makes another."""
        self._current = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def receive(self, answer: WireAnswer, into: memoryview, seconds: float) -> int:
        """Bytes of a body: those buffered, else those that come within `seconds`; 0 at the end of the connection.

        Raises `TimeoutError` and `SourceError` (cut-off).
        """
        connection = self._socket
        if connection is None or not self.holds(answer):
            raise failure("cut-off", answer.location, "the connection was given up before the end of the file")
        count = min(self._stop - self._start, len(into))
        if count:
            into[:count] = self._view[self._start : self._start + count]
            self._start += count
            return count
        self._limit(connection, seconds)
        try:
            return connection.recv_into(into)
        except TimeoutError:
            raise
        except OSError as wrong:
            said = f"the connection broke before the end of the file ({wrong.strerror or wrong})"
            raise failure("cut-off", answer.location, said) from wrong

    def holds(self, answer: WireAnswer) -> bool:
        """Whether the answer's body can still be read."""
        return answer is self._current

    def leave(self, answer: WireAnswer, *, reusable: bool) -> None:
        """The answer is done with: wholly read from a connection that can be used again, or not."""
        if not self.holds(answer):
            return
        self._current = None
        if not reusable or self._start != self._stop:
            self.close()

    def _exchange(self, request: Request) -> WireAnswer:
        if self._socket is not None:
            try:
                return self._asked(self._socket, request)
            except _NothingCameError:
                self.close()
        if self._context is None and self._endpoint.scheme is Scheme.HTTPS:
            self._context = tls_context(request.location, self._settings.ca_file)
        deadline = min(time.monotonic() + self._settings.connect_timeout, request.deadline)
        self._socket = connected(self._endpoint, request.location, self._context, deadline)
        self._timeout = 0.0
        return self._asked(self._socket, request)

    def _asked(self, connection: socket.socket, request: Request) -> WireAnswer:
        extra = "".join([f"{name}: {value}\r\n" for name, value in request.fields])
        message = f"{request.method} {request.target}{self._standing}{extra}\r\n".encode("latin-1") + request.content
        try:
            self._limit(connection, request.deadline - time.monotonic())
            self._send(connection, message)
            head = self._read_head(connection, request)
        except TimeoutError as wrong:
            raise failure("timed-out", request.location, "no whole answer in time") from wrong
        answer = self._current = WireAnswer(self, request, head, self._settings)
        if not answer.left:
            answer.finish()
        return answer

    def _send(self, connection: socket.socket, message: bytes) -> None:
        try:
            connection.sendall(message)
        except TimeoutError:
            raise
        except OSError as wrong:
            raise _NothingCameError from wrong

    def _read_head(self, connection: socket.socket, request: Request) -> _Head:
        """Receive the head of the final answer; what came behind it stays buffered."""
        buffer, view = self._buffer, self._view
        head = _Head()
        fed = filled = 0
        while filled < _BUFFER:
            filled += self._receive_head(connection, request, view[filled:], started=filled > 0)
            while fed < filled:
                end = buffer.find(_BLANK_LINE, max(fed - 3, 0), filled)
                stop = end + 4 if end >= 0 else filled
                head.feed(view[fed:stop], request.location)
                fed = stop
                if not head.complete:
                    continue
                if end < 0:
                    raise failure("bad-answer", request.location, "the head of the answer has no blank line at its end")
                if head.status == 101:
                    raise failure("bad-answer", request.location, "the server changes the protocol unasked")
                if head.status >= 200:
                    self._start, self._stop = fed, filled
                    return head
                head = _Head()
        raise failure("bad-answer", request.location, f"the head of the answer is over {_BUFFER} bytes")

    def _receive_head(self, connection: socket.socket, request: Request, into: memoryview, *, started: bool) -> int:
        self._limit(connection, request.deadline - time.monotonic())
        try:
            count = connection.recv_into(into)
        except TimeoutError:
            raise
        except OSError as wrong:
            if not started:
                raise _NothingCameError from wrong
            raise failure("cut-off", request.location, "the connection broke within the head of the answer") from wrong
        if count:
            return count
        if not started:
            raise _NothingCameError
        raise failure("cut-off", request.location, "the answer ends within its head")

    def _limit(self, connection: socket.socket, seconds: float) -> None:
        """Let the next operation wait so long; raises `TimeoutError` if there is no time left."""
        if seconds <= 0:
            raise TimeoutError
        if not seconds <= self._timeout <= seconds + _TOLERANCE:
            connection.settimeout(seconds)
            self._timeout = seconds


class WireAnswer:
    """An answer on a `Wire`; see `deploy.transport.carrier.Answer`."""

    proxied = False
    __slots__ = ("_chunks", "_pace", "_reusable", "_wire", "fields", "left", "location", "status")

    def __init__(self, wire: Wire, request: Request, head: _Head, settings: TransportSettings) -> None:
        self._wire = wire
        self._reusable = head.keeps_alive
        self._pace = Pace(settings.stall_window, settings.least_rate)
        self._chunks: _Chunks | None = None
        self.location = request.location
        self.status = head.status
        self.fields = head.fields
        self.left = 0
        if request.method == "HEAD" or head.status in _NO_BODY:
            return
        if b"transfer-encoding" in head.fields:
            self._chunks, self.left = _Chunks(head), 1
        else:
            self.left = int(head.fields.get(b"content-length", b"0"))

    def readinto(self, buffer: memoryview, deadline: float | None = None) -> int:
        """Fill up to `len(buffer)` bytes; raises `SourceError` (cut-off, timed-out, bad-answer)."""
        if not self.left or not len(buffer):
            return 0
        if self._chunks is not None:
            return self._read_chunks(self._chunks, buffer, deadline)
        count = self._receive(buffer if len(buffer) <= self.left else buffer[: self.left], deadline)
        if not count:
            raise self._failed("cut-off", f"the connection was closed {self.left} bytes before the end of the file")
        self.left -= count
        if not self.left:
            self.finish()
        return count

    def close(self) -> None:
        """Give the connection up if the body is not wholly read; to read on is an error then."""
        if self.left:
            self._wire.leave(self, reusable=False)

    def finish(self) -> None:
        """The body is wholly read."""
        self.left = 0
        self._wire.leave(self, reusable=self._reusable and not (self._chunks and self._chunks.overrun))

    def _read_chunks(self, chunks: _Chunks, buffer: memoryview, deadline: float | None) -> int:
        if not self._wire.holds(self):
            raise self._failed("cut-off", "the connection was given up before the end of the file")
        while not chunks.ready:
            if not self._receive(chunks.raw, deadline, chunks):
                raise self._failed("cut-off", "the connection was closed before the last chunk")
        count = chunks.take(buffer)
        if chunks.spent:
            self.finish()
        return count

    def _receive(self, into: memoryview, deadline: float | None, chunks: _Chunks | None = None) -> int:
        """At least one byte, or 0 at the end of the connection, within the deadline and the stall rule.

        Of chunks only what they hold counts for the rate.
        """
        pace = self._pace
        while True:
            began = time.monotonic()
            seconds = pace.patience if deadline is None else min(pace.patience, deadline - began)
            try:
                count = self._wire.receive(self, into, seconds)
                content = count if chunks is None else chunks.feed(count, self.location)
            except TimeoutError:
                count, content = -1, 0
            except SourceError:
                self.close()
                raise
            now = time.monotonic()
            if not pace.record(now - began, content) or (deadline is not None and now >= deadline):
                raise self._failed("timed-out", "the server stopped sending, or sends too slowly")
            if count >= 0:
                return count

    def _failed(self, code: str, said: str) -> SourceError:
        self.close()
        return failure(code, self.location, said)


class _Head:
    """llhttp's callbacks for one answer; for a chunked one, the pieces of its body too."""

    __slots__ = ("_parser", "complete", "ended", "fields", "keeps_alive", "overrun", "pieces", "status")

    def __init__(self) -> None:
        self.status = 0
        self.fields: dict[bytes, bytes] = {}
        self.pieces: list[bytes] = []
        self.complete = self.ended = self.overrun = self.keeps_alive = False
        self._parser = HttpResponseParser(self)

    def feed(self, data: memoryview, location: Location) -> None:
        """Parse more; raises `SourceError` (bad-answer). What follows the end of the message is only noted."""
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as wrong:
            if not self.ended:
                raise failure("bad-answer", location, f"this is not HTTP/1.1: {wrong}") from wrong
            self.overrun = True

    def on_message_begin(self) -> None:
        self.overrun = self.overrun or self.ended

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.complete:
            return
        name = name.lower()
        known = self.fields.get(name)
        self.fields[name] = value if known is None else known + b", " + value

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        self.complete = True
        self.status = self._parser.get_status_code()
        self.keeps_alive = self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        if not self.overrun:
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        self.ended = True


class _Chunks:
    """A chunked body on its way through the parser."""

    __slots__ = ("_content", "_head", "_overhead", "raw")

    def __init__(self, head: _Head) -> None:
        self._head = head
        self._content = memoryview(b"")
        self._overhead = 0
        self.raw = memoryview(bytearray(_BUFFER))

    @property
    def ready(self) -> bool:
        """Whether there is content to take, or certainly none to come."""
        return self._head.ended or bool(len(self._content))

    @property
    def spent(self) -> bool:
        return self._head.ended and not len(self._content)

    @property
    def overrun(self) -> bool:
        return self._head.overrun

    def feed(self, count: int, location: Location) -> int:
        """Parse the first `count` bytes of `raw`; how many bytes they held. Raises `SourceError` (bad-answer)."""
        self._head.feed(self.raw[:count], location)
        pieces = self._head.pieces
        self._content = memoryview(b"".join(pieces))
        self._overhead = 0 if pieces else self._overhead + count
        pieces.clear()
        if self._overhead > _LONGEST_OVERHEAD:
            raise failure("bad-answer", location, "chunks without content, and no end")
        return len(self._content)

    def take(self, buffer: memoryview) -> int:
        """Move as much as the buffer holds."""
        count = min(len(buffer), len(self._content))
        buffer[:count] = self._content[:count]
        self._content = self._content[count:]
        return count


class _NothingCameError(Exception):
    """The connection ended before any byte of an answer."""

"""HTTP by httpx: through proxies, in the clear and tunnelled. The only file that imports it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import httpx

from deploy.errors import SourceError
from deploy.transport.carrier import Endpoint, Request, failure
from deploy.transport.connect import tls_context
from deploy.transport.contract import TransportSettings
from deploy.transport.deadline import Deadline
from deploy.transport.location import Location, Scheme
from deploy.transport.pace import Pace

_Kind = TypeVar("_Kind", bound=Exception)
_PROXY_HINT = "check the proxy's address in the settings: http://user:password@host:port"


class HttpxCarrier:
    """One kept connection to `endpoint` through `proxy`, an http or https URL with credentials if need be."""

    def __init__(
        self, endpoint: Endpoint, standing: Sequence[tuple[str, str]], settings: TransportSettings, proxy: str
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._proxy = proxy
        self._standing = [("Host", endpoint.authority), *standing]
        self._client: httpx.Client | None = None
        self._answer: HttpxAnswer | None = None
        self._socket: socket.socket | None = None
        self._deadline: Deadline | None = None

    def send(self, request: Request) -> HttpxAnswer:
        """Send any request; raises `SourceError` as the wire does, and access-denied for a proxy that refuses."""
        settings = self._settings
        if self._answer is not None:
            # There is one connection, and a body not wholly read would keep it.
            self._answer.close()
        client = self._client = self._client or self._made(request.location)
        # This dictionary is read anew for the head and for the body.
        patience = {
            "connect": settings.connect_timeout,
            "read": settings.answer_timeout,
            "write": settings.answer_timeout,
            "pool": settings.connect_timeout,
        }
        deadline = self._deadline = Deadline(self.shut, max(request.deadline - time.monotonic(), 0.001))
        try:
            with translated(request.location, deadline, body=False):
                url = httpx.URL(
                    scheme=self._endpoint.scheme.value,
                    host=self._endpoint.host,
                    port=self._endpoint.port,
                    raw_path=request.target.encode("ascii"),
                )
                client.cookies.clear()
                message = client.build_request(
                    request.method,
                    url,
                    headers=[*self._standing, *request.fields],
                    content=request.content or None,
                    extensions={"timeout": patience, "trace": self._trace},
                )
                response = client.send(message, stream=True, auth=None)
        finally:
            deadline.cancel()
        patience["read"] = settings.stall_window
        self._answer = HttpxAnswer(response, request.location, settings, self)
        return self._answer

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def shut(self) -> None:
        """End what the connection waits for; its owner sees it closed."""
        if self._socket is not None:
            # Not SSLSocket's: that would take the TLS state away from under the thread that reads.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _trace(self, event: str, details: Mapping[str, object]) -> None:
        """httpcore's events: remember the socket of the connection it makes, which TLS replaces by another."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = details["return_value"]
            found = stream.get_extra_info("socket") if hasattr(stream, "get_extra_info") else None
            self._socket = found if isinstance(found, socket.socket) else None
            if self._deadline is not None and self._deadline.expired:
                self.shut()

    def _made(self, location: Location) -> httpx.Client:
        secure = self._endpoint.scheme is Scheme.HTTPS or self._proxy.lower().startswith("https:")
        context = tls_context(location, self._settings.ca_file) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            proxy = httpx.Proxy(self._proxy, ssl_context=_for_proxy(self._proxy, context))
            return httpx.Client(
                verify=context,
                proxy=proxy,
                trust_env=False,
                follow_redirects=False,
                limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            )
        except (httpx.InvalidURL, ValueError, ImportError) as wrong:
            raise failure(
                "unreachable", location, "the proxy's address is none", hint=_PROXY_HINT, lasting=True
            ) from wrong


class HttpxAnswer:
    """An answer by httpx; see `deploy.transport.carrier.Answer`."""

    proxied = True

    def __init__(
        self, response: httpx.Response, location: Location, settings: TransportSettings, carrier: HttpxCarrier
    ) -> None:
        self._response = response
        self._location = location
        self._carrier = carrier
        self._pace = Pace(settings.stall_window, settings.least_rate)
        self._pieces: Iterator[bytes] = response.iter_raw()
        self._piece = memoryview(b"")
        self._ended = False
        self.status = response.status_code
        self.fields: dict[bytes, bytes] = {}
        for name, value in response.headers.raw:
            key = name.lower()
            known = self.fields.get(key)
            self.fields[key] = value if known is None else known + b", " + value

        if response.request.method == "HEAD" or self.status in (204, 304):
            # There is nothing to come, but only when it is read to its end is the connection kept.
            self._ended = self._next(None) is None

    def readinto(self, buffer: memoryview, deadline: float | None = None) -> int:
        """Fill up to `len(buffer)` bytes; raises `SourceError` (cut-off, timed-out, bad-answer)."""
        if self._response.is_closed and not self._ended:
            raise failure("cut-off", self._location, "the connection was given up before the end of the file")
        while not len(self._piece):
            piece = self._next(deadline)
            if piece is None:
                self._ended = True
                return 0
            self._piece = memoryview(piece)
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count

    def close(self) -> None:
        with contextlib.suppress(httpx.HTTPError, OSError):
            self._response.close()

    def _next(self, deadline: float | None) -> bytes | None:
        began = time.monotonic()
        watch = None if deadline is None else Deadline(self._carrier.shut, max(deadline - began, 0.001))
        try:
            with translated(self._location, watch, body=True):
                piece = next(self._pieces, None)
        except SourceError:
            self.close()
            raise
        finally:
            if watch is not None:
                watch.cancel()
        if piece is not None and not self._pace.record(time.monotonic() - began, len(piece)):
            self.close()
            raise failure("timed-out", self._location, "the server sends too slowly")
        return piece


def _for_proxy(proxy: str, context: ssl.SSLContext) -> ssl.SSLContext | None:
    return context if proxy.lower().startswith("https:") else None


@contextlib.contextmanager
def translated(location: Location, deadline: Deadline | None, *, body: bool) -> Iterator[None]:
    """Turn what httpx raises into `SourceError`; a deadline that expired explains everything."""
    try:
        yield
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as wrong:
        if (deadline is not None and deadline.expired) or isinstance(wrong, (httpx.TimeoutException, TimeoutError)):
            raise failure("timed-out", location, "no whole answer in time") from wrong
        raise _explained(location, wrong, body=body) from wrong
    if deadline is not None and deadline.expired:
        raise failure("timed-out", location, "no whole answer in time")


def _explained(location: Location, wrong: Exception, *, body: bool) -> SourceError:
    """What an exception means; messages of httpx are not passed on where they could hold an address."""
    certificate = _cause(wrong, ssl.SSLCertVerificationError)
    if certificate is not None:
        return failure("certificate-refused", location, certificate.verify_message)
    if isinstance(wrong, httpx.ProxyError):
        status = str(wrong)[:3]
        if status == "407":
            return failure("access-denied", location, "the proxy wants credentials (status 407)", hint=_PROXY_HINT)
        return failure("unreachable", location, f"the proxy does not connect ({status})", hint=_PROXY_HINT)
    if isinstance(wrong, (httpx.RemoteProtocolError, httpx.DecodingError)):
        text = str(wrong)
        if body and "closed connection" in text:
            return failure("cut-off", location, "the connection was closed before the end of the file")
        if "disconnected without" in text:
            return failure("unreachable", location, "the server closed the connection without an answer")
        return failure("bad-answer", location, f"this is not HTTP/1.1: {text[:200]}")
    if body:
        return failure("cut-off", location, "the connection broke before the end of the file")
    tls = _cause(wrong, ssl.SSLError)
    if tls is not None and not isinstance(tls, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return failure("bad-answer", location, f"no TLS connection: {tls.reason or tls}")
    system = _cause(wrong, OSError)
    lasting = isinstance(system, socket.gaierror) and system.errno != socket.EAI_AGAIN
    said = f"no connection to the proxy ({(system and system.strerror) or 'it was closed'})"
    return failure("unreachable", location, said, hint=_PROXY_HINT, lasting=lasting)


def _cause(wrong: BaseException | None, kind: type[_Kind]) -> _Kind | None:
    """The first of a kind among an exception and what it came from."""
    while wrong is not None:
        if isinstance(wrong, kind):
            return wrong
        wrong = wrong.__cause__ or wrong.__context__
    return None

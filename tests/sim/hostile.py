"""A web server that does what it is told and nothing else: cuts, stalls, lies. It records every request."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.servers.certificates import Certificates

PATIENCE = 30.0
_ONE_CHUNK = b"%x\r\n%s\r\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came: `target` is what stands in the request line, `fields` have lower-case names."""

    method: str
    target: str
    fields: dict[str, str]
    head: bytes
    body: bytes = b""


class Line:
    """The server's end of one connection; what the other end does to it is of no interest here."""

    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        self.connection = connection
        self.stopping = stopping
        self.open = True

    def send(self, data: bytes) -> bool:
        """Send it all; False if nobody takes it."""
        try:
            self.connection.sendall(data)
        except OSError:
            self.open = False
        return self.open

    def drip(self, data: bytes, interval: float, *, size: int = 1) -> None:
        """Send a few bytes at a time until the other end goes away or the server stops."""
        for at in range(0, len(data), size):
            if not self.send(data[at : at + size]) or self.stopping.wait(interval):
                return

    def secure(self, certificates: Certificates) -> None:
        """Speak TLS from here on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate, certificates.key)
        self.connection = context.wrap_socket(self.connection, server_side=True)

    def finish(self) -> None:
        """Say no more: FIN, over TLS without a word of goodbye."""
        self.open = False
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.connection, socket.SHUT_WR)

    def reset(self) -> None:
        """Break off: RST, once what was sent is on its way."""
        self.open = False
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def silence(self) -> None:
        """Neither send nor close until the other end goes away or the server stops."""
        with contextlib.suppress(OSError):
            self.connection.settimeout(0.05)
            while not self.stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    if not self.connection.recv(4096):
                        break
        self.open = False


Script = Callable[[Asked, Line], None]


@dataclass(slots=True)
class Hostile:
    """A running server. `requests` are all that came so far, `connections` how many were accepted."""

    port: int
    scheme: str = "http"
    requests: list[Asked] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


def answer(
    body: bytes = b"",
    *fields: str,
    status: str = "200 OK",
    framing: str = "length",
    chunk: int = 100,
    version: str = "HTTP/1.1",
) -> bytes:
    """A whole answer; `framing` is length, chunked, close or none (which adds no field and no body)."""
    head = [f"{version} {status}", *fields]
    if framing == "length":
        head.append(f"Content-Length: {len(body)}")
    elif framing == "chunked":
        head.append("Transfer-Encoding: chunked")
        pieces = [body[at : at + chunk] for at in range(0, len(body), chunk)]
        body = b"".join(_ONE_CHUNK % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    elif framing == "close":
        head.append("Connection: close")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + (b"" if framing == "none" else body)


def always(*answers: bytes) -> Script:
    """Give these answers in turn, the last one ever after, to HEAD only their heads; connections are kept."""
    left = list(answers)

    def script(asked: Asked, line: Line) -> None:
        data = left.pop(0) if len(left) > 1 else left[0]
        line.send(data[: data.index(b"\r\n\r\n") + 4] if asked.method == "HEAD" else data)

    return script


def cut(data: bytes, at: int, *, reset: bool = False) -> Script:
    """Send the first `at` bytes, then FIN or RST."""

    def script(asked: Asked, line: Line) -> None:
        line.send(data[:at])
        if reset:
            line.reset()
        else:
            line.finish()

    return script


def by_path(scripts: dict[str, Script]) -> Script:
    """A script for each path; any other is a 404."""

    def script(asked: Asked, line: Line) -> None:
        path = asked.target.partition("?")[0]
        chosen = scripts.get(path, always(answer(b"none", status="404 Not Found")))
        chosen(asked, line)

    return script


def tunnel(script: Script, certificates: Certificates) -> Script:
    """A proxy that answers CONNECT by being the TLS server behind it itself."""

    def proxy(asked: Asked, line: Line) -> None:
        if asked.method == "CONNECT":
            line.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            line.secure(certificates)
        else:
            script(asked, line)

    return proxy


@contextmanager
def hostile(script: Script, tls: Certificates | None = None) -> Iterator[Hostile]:
    """Serve by a script on a loopback port until the block ends."""
    stopping = threading.Event()
    lock = threading.Lock()
    lines: list[Line] = []
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        server = Hostile(listener.getsockname()[1], "https" if tls else "http")

        def serve(line: Line) -> None:
            with contextlib.suppress(OSError):
                line.connection.settimeout(PATIENCE)
                if tls is not None:
                    line.secure(tls)
                rest = b""
                while line.open and not stopping.is_set():
                    asked, rest = _read(line.connection, rest)
                    if asked is None:
                        break
                    with lock:
                        server.requests.append(asked)
                    script(asked, line)
            with contextlib.suppress(OSError):
                line.connection.close()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while not stopping.is_set():
                    connection, _ = listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    line = Line(connection, stopping)
                    thread = threading.Thread(target=serve, args=(line,), daemon=True)
                    with lock:
                        server.connections += 1
                        lines.append(line)
                        threads.append(thread)
                    thread.start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            stopping.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            accepting.join(PATIENCE)
            for line in lines:
                with contextlib.suppress(OSError):
                    line.connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(PATIENCE)


def _read(connection: socket.socket, data: bytes) -> tuple[Asked | None, bytes]:
    """The next request and what came behind it; None at the end of the connection."""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None, b""
        data += more
    head, _, data = data.partition(b"\r\n\r\n")
    first, *rows = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    fields = {name.strip().lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
    length = int(fields.get("content-length", "0"))
    while len(data) < length:
        data += connection.recv(65536)
    return Asked(method, target, fields, head, data[:length]), data[length:]

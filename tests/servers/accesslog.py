"""What a real web server says it was asked: its access log, taken apart."""

from __future__ import annotations

import itertools
import re
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

WAIT_SECONDS = 20.0
MARKER = "/.access-log-marker-"
_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})|\\(.)")
_PLAIN = {"t": "\t", "n": "\n", "r": "\r"}


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One line: `path` is the request target as sent, `sent` the body bytes the server wrote.

    Headers that were not sent are "". `authorization` is the whole header value.
    """

    method: str
    path: str
    status: int
    sent: int
    range: str = ""
    if_range: str = ""
    if_none_match: str = ""
    if_modified_since: str = ""
    accept_encoding: str = ""
    host: str = ""
    authorization: str = ""
    depth: str = ""
    proxy_authorization: str = ""


FIELDS = (
    "range",
    "if_range",
    "if_none_match",
    "if_modified_since",
    "accept_encoding",
    "host",
    "authorization",
    "depth",
    "proxy_authorization",
)


@dataclass(frozen=True, slots=True)
class WebServer:
    """A running server: `url` has no last slash, `docroot` is what it serves."""

    url: str
    port: int
    docroot: Path
    log: Path
    tls: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def requests(self, at_least: int = 0) -> list[LoggedRequest]:
        """Every finished request so far, in the server's order.

        A marker request is sent first and its line awaited, so that lines still on their way are in.
        """
        marker = f"{MARKER}{next(self._numbers)}"
        self._send_marker(marker)
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            lines = parse(self.log)
            asked = [line for line in lines if not line.path.startswith(MARKER)]
            if any(line.path == marker for line in lines) and len(asked) >= at_least:
                return asked
            time.sleep(0.005)
        raise AssertionError(f"no line for {marker} in {self.log}, or fewer than {at_least} others")

    def forget(self) -> None:
        """Empty the log, so that what follows is counted from nothing."""
        self.requests()
        with self.log.open("r+b") as log:
            log.truncate(0)

    def _send_marker(self, path: str) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS) as plain:
            connection = _trusting(plain) if self.tls else plain
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: marker\r\nConnection: close\r\n\r\n".encode())
            while connection.recv(65536):
                pass


def parse(log: Path) -> list[LoggedRequest]:
    """Read tab-separated lines: method, target, status, bytes, then `FIELDS`; `\\xHH` and `\\c` escapes."""
    if not log.exists():
        return []
    text = log.read_bytes().decode("utf-8", "surrogateescape")
    return [_line(line) for line in text.split("\n")[:-1] if line.count("\t") == 3 + len(FIELDS)]


def _line(line: str) -> LoggedRequest:
    method, path, status, sent, *headers = (_unescaped(part) for part in line.split("\t"))
    values = {name: "" if value == "-" else value for name, value in zip(FIELDS, headers, strict=True)}
    return LoggedRequest(method, path, int(status), 0 if sent == "-" else int(sent), **values)


def _unescaped(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else _PLAIN.get(match[2], match[2])

    return _ESCAPE.sub(plain, text)


def _trusting(plain: socket.socket) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname="localhost")

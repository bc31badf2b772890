"""What carries HTTP requests: one request out, one answer in. What they mean is `deploy.transport.web`'s.

Carriers raise `SourceError` only, made by `failure` below so that every message reads alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from deploy.errors import SourceError, error
from deploy.transport.location import DEFAULT_PORTS, Location, Scheme

_HINTS = {
    "unreachable": "check the server's name and port, the network, and that the server runs",
    "timed-out": "check the network and the server's load",
    "cut-off": "try again; if it is always so, the server or a proxy on the way is broken",
    "bad-answer": "check that this is a web server and that the address has the right port and http:// or https://",
    "certificate-refused": "check the server's name and this computer's date, or name its certificate authority "
    "in the settings",
}
_TRANSIENT = ("unreachable", "timed-out", "cut-off")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a connection leads: `host` as it goes on the wire (ASCII; an IPv6 address without brackets)."""

    scheme: Scheme
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The Host field: without the port if it is the scheme's own, without an IPv6 zone (RFC 6874)."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `target` is an ASCII path with its query; `location` is for messages only.

    `fields` are sent besides the carrier's standing ones; `content` needs its own Content-Length among
    them. `deadline` (`time.monotonic` seconds) is when the whole head of the answer must be here.
    """

    location: Location
    method: str
    target: str
    deadline: float
    fields: tuple[tuple[str, str], ...] = ()
    content: bytes = b""


class Answer(Protocol):
    """The head of an answer that came, and its body as far as it is read.

    `fields` has names in lower case; fields sent twice are joined with a comma (RFC 9110 section 5.2).
    """

    @property
    def status(self) -> int: ...

    @property
    def fields(self) -> Mapping[bytes, bytes]: ...

    @property
    def proxied(self) -> bool:
        """Whether it came through a proxy, and so perhaps from it."""
        ...

    def readinto(self, buffer: memoryview, deadline: float | None = None) -> int:
        """Fill up to `len(buffer)` bytes; 0 only at the proven end of the body (else cut-off).

        Without a deadline the stall rule of the settings bounds the wait.
        """
        ...

    def close(self) -> None:
        """Give the connection back if the body is wholly read, else give it up."""
        ...


class Carrier(Protocol):
    """A connection to one endpoint, made when first needed and kept. One answer is open at a time."""

    def send(self, request: Request) -> Answer: ...

    def close(self) -> None: ...


def failure(code: str, location: Location, said: str, *, hint: str | None = None, lasting: bool = False) -> SourceError:
    """A `SourceError` about a location with the hint that goes with its code; `lasting` ones are not transient."""
    hint = hint if hint is not None else _HINTS.get(code, "")
    return SourceError(error(code, f"{location}: {said}", hint), transient=code in _TRANSIENT and not lasting)

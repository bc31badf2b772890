"""A WebTransport and the scripted server it asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.errors import SourceError
from deploy.transport.contract import Body, Resume, TransportSettings, Unchanged, Validators
from deploy.transport.location import Location, Scheme
from deploy.transport.web import WebTransport
from tests.sim.hostile import Hostile, Script, hostile

QUICK = TransportSettings(connect_timeout=10, answer_timeout=1.5, stall_window=1.5)
CALM = TransportSettings()


def root_of(server: Hostile) -> Location:
    return Location(Scheme.HTTP, "127.0.0.1", server.port)


@contextmanager
def asking(script: Script, settings: TransportSettings = CALM) -> Iterator[tuple[WebTransport, Location, Hostile]]:
    """The transport, the server's root and the server."""
    with hostile(script) as server, WebTransport(root_of(server), settings) as transport:
        yield transport, root_of(server), server


def opened(
    transport: WebTransport, file: Location, resume: Resume | None = None, unless: Validators | None = None
) -> Body:
    body = transport.open(file, resume=resume, unless=unless)
    assert not isinstance(body, Unchanged)
    return body


def drained(body: Body, size: int = 8192) -> bytes:
    view, whole = memoryview(bytearray(size)), bytearray()
    while count := body.readinto(view):
        whole += view[:count]
    return bytes(whole)


def refusal(script: Script, settings: TransportSettings = QUICK) -> SourceError:
    """The error that opening and reading one file ends with."""
    with asking(script, settings) as (transport, root, _):
        try:
            drained(opened(transport, root.child("file")))
        except SourceError as wrong:
            return wrong
    raise AssertionError("the file was read as if nothing were wrong")

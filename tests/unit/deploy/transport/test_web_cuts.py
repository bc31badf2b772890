"""A response cut at any byte is never taken for a whole one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import Proxies, TransportSettings
from deploy.transport.location import Location, Scheme
from deploy.transport.web import WebTransport
from tests.sim.hostile import Asked, Line, answer, cut, hostile
from tests.unit.deploy.transport.asking_web import CALM, drained, opened

BODY = bytes(range(250)) + b"\r\n0\r\n\r\n" + bytes(range(250))
ENDS = ("FIN", "RST")
# In the ordinary run every so many bytes, all of them in the deep one.
STRIDE = 10


def whole(framing: str) -> bytes:
    return answer(BODY, 'ETag: "tag"', framing=framing, chunk=97)


def cuts(framing: str, stride: int) -> Iterator[int]:
    """Where to cut: never behind the last byte, for there nothing is missing, but where the end is no proof."""
    length = len(whole(framing)) + (1 if framing == "close" else 0)
    return iter(sorted({*range(0, length, stride), *range(max(0, length - 8), length)}))


def accepted(framing: str, end: str, stride: int, settings: TransportSettings) -> tuple[list[int], int]:
    """The cuts that were read as a whole file, and how many were made."""
    taken, made = [], 0
    at = 0

    def script(asked: Asked, line: Line) -> None:
        cut(whole(framing), at, reset=end == "RST")(asked, line)

    with hostile(script) as server:
        root = Location(Scheme.HTTP, "127.0.0.1", server.port)
        if settings.proxies.http is not None:
            settings = TransportSettings(proxies=Proxies(http=server.url))
        with WebTransport(root, settings) as transport:
            for at in cuts(framing, stride):
                made += 1
                with contextlib.suppress(SourceError):
                    drained(opened(transport, root.child("file")), 64)
                    taken.append(at)
        assert len(server.requests) == made
    return taken, made


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
class TestCuts:
    def test_at_some_bytes(self, framing: str, end: str) -> None:
        taken, made = accepted(framing, end, STRIDE, CALM)
        assert taken == []
        assert made >= 50

    @pytest.mark.deep
    def test_at_every_byte(self, framing: str, end: str) -> None:
        taken, made = accepted(framing, end, 1, CALM)
        assert taken == []
        assert made >= 500

    def test_by_a_proxy(self, framing: str, end: str) -> None:
        taken, made = accepted(framing, end, 31, TransportSettings(proxies=Proxies(http="http://the-server-itself")))
        assert taken == []
        assert made >= 18

    @pytest.mark.deep
    def test_by_a_proxy_at_every_byte(self, framing: str, end: str) -> None:
        taken, made = accepted(framing, end, 1, TransportSettings(proxies=Proxies(http="http://the-server-itself")))
        assert taken == []
        assert made >= 500


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("end", ENDS)
def test_uncut_it_is_read(framing: str, end: str) -> None:
    """What the cuts are compared with; a reset behind the last byte may be noticed or not."""

    def script(asked: Asked, line: Line) -> None:
        line.send(whole(framing))
        if end == "FIN":
            line.finish()

    with hostile(script) as server:
        root = Location(Scheme.HTTP, "127.0.0.1", server.port)
        with WebTransport(root, CALM) as transport:
            assert drained(opened(transport, root.child("file")), 64) == BODY

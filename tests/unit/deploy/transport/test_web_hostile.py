"""Servers that stall, drip, lie about sizes and never end: every exchange ends in time and in little memory."""

from __future__ import annotations

import gzip
import time
import tracemalloc

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import Proxies, TransportSettings
from deploy.transport.location import Location, Scheme
from deploy.transport.web import WebTransport
from tests.servers.certificates import Certificates, issue
from tests.sim.hostile import Asked, Line, Script, always, answer, cut, hostile, tunnel
from tests.unit.deploy.transport.asking_web import QUICK, asking, drained, opened

# Far beyond the deadlines asked for, far below what a slow machine would take for nothing.
SOON = 20.0
MIB = 1024 * 1024


def ends(script: Script, ask: str, *, proxied: bool = False, settings: TransportSettings = QUICK) -> SourceError:
    """The error an exchange ends with, soon."""
    with hostile(script) as server:
        root = Location(Scheme.HTTP, "127.0.0.1", server.port)
        if proxied:
            settings = TransportSettings(5, 0.6, 0.6, proxies=Proxies(http=server.url))
        with WebTransport(root, settings) as transport:
            began = time.monotonic()
            with pytest.raises(SourceError) as wrong:
                asked(transport, ask, root.child("file"))
            assert time.monotonic() - began < SOON
    return wrong.value


def asked(transport: WebTransport, ask: str, at: Location) -> None:
    if ask == "open":
        drained(opened(transport, at))
    else:
        getattr(transport, ask)(at)


def silent(_: Asked, line: Line) -> None:
    line.silence()


def slow_head(asked: Asked, line: Line) -> None:
    line.drip(answer(b"", *(f"X-{number}: y" for number in range(500))), 0.05)


def endless_interim(asked: Asked, line: Line) -> None:
    while line.open and not line.stopping.wait(0.02):
        line.send(b"HTTP/1.1 102 Processing\r\n\r\n")


def stalled_body(asked: Asked, line: Line) -> None:
    line.send(answer(b"x" * 5000)[:-10])
    line.silence()


def dripping_body(asked: Asked, line: Line) -> None:
    line.send(answer(b"x" * 5000, "Content-Type: text/html")[:-5000])
    line.drip(b"x" * 5000, 0.05)


def dripping_chunks(asked: Asked, line: Line) -> None:
    line.send(answer(framing="chunked")[:-5])
    line.drip(b"1\r\nx\r\n" * 5000, 0.05, size=6)


def flood(data: bytes, head: bytes = b"") -> Script:
    """The same over and over, as fast as it is taken."""

    def script(asked: Asked, line: Line) -> None:
        line.send(head)
        while line.open and not line.stopping.is_set():
            line.send(data)

    return script


@pytest.mark.parametrize("proxied", [False, True])
class TestSlow:
    @pytest.mark.parametrize("ask", ["open", "stat", "list"])
    @pytest.mark.parametrize("script", [silent, slow_head, endless_interim])
    def test_heads(self, script: Script, ask: str, proxied: bool) -> None:
        wrong = ends(script, ask, proxied=proxied)
        assert wrong.code == "timed-out"
        assert wrong.transient

    @pytest.mark.parametrize("script", [stalled_body, dripping_body, dripping_chunks])
    def test_bodies(self, script: Script, proxied: bool) -> None:
        wrong = ends(script, "open", proxied=proxied)
        assert wrong.code == "timed-out"
        assert wrong.transient

    def test_listings(self, proxied: bool) -> None:
        assert ends(dripping_body, "list", proxied=proxied).code == "timed-out"

    def test_a_second_answer_on_a_kept_connection(self, proxied: bool) -> None:
        def script(asked: Asked, line: Line) -> None:
            if len(server.requests) == 1:
                line.send(answer(b"x"))
            else:
                slow_head(asked, line)

        with hostile(script) as server:
            root = Location(Scheme.HTTP, "127.0.0.1", server.port)
            proxies = Proxies(http=server.url) if proxied else Proxies()
            with WebTransport(root, TransportSettings(5, 0.6, 0.6, proxies=proxies)) as transport:
                assert drained(opened(transport, root.child("file"))) == b"x"
                with pytest.raises(SourceError) as wrong:
                    transport.open(root.child("file"))
        assert wrong.value.code == "timed-out"
        assert len(server.requests) == 2


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("proxied", [False, True])
class TestSlowOverTls:
    @pytest.mark.parametrize("script", [silent, slow_head, stalled_body, dripping_body, dripping_chunks])
    def test_every_exchange_ends(self, script: Script, certificates: Certificates, proxied: bool) -> None:
        with hostile(tunnel(script, certificates), None if proxied else certificates) as server:
            root = Location(Scheme.HTTPS, "127.0.0.1", server.port)
            proxies = Proxies(https=server.url) if proxied else Proxies()
            settings = TransportSettings(10, 2.0, 2.0, proxies=proxies, ca_file=str(certificates.ca_file))
            with WebTransport(root, settings) as transport:
                began = time.monotonic()
                with pytest.raises(SourceError) as wrong:
                    asked(transport, "open", root.child("file"))
                assert time.monotonic() - began < SOON
        assert wrong.value.code == "timed-out"
        assert [one.method for one in server.requests] == (["CONNECT", "GET"] if proxied else ["GET"])

    @pytest.mark.parametrize("reset", [False, True])
    def test_a_cut_without_goodbye(self, certificates: Certificates, proxied: bool, reset: bool) -> None:
        whole = answer(b"x" * 5000)
        for at in (0, 10, len(whole) - 5000, len(whole) - 1):
            with hostile(
                tunnel(cut(whole, at, reset=reset), certificates), None if proxied else certificates
            ) as server:
                root = Location(Scheme.HTTPS, "127.0.0.1", server.port)
                proxies = Proxies(https=server.url) if proxied else Proxies()
                settings = TransportSettings(proxies=proxies, ca_file=str(certificates.ca_file))
                with WebTransport(root, settings) as transport, pytest.raises(SourceError) as wrong:
                    asked(transport, "open", root.child("file"))
            assert wrong.value.code in ("cut-off", "unreachable", "bad-answer")


class TestPatience:
    def test_a_slow_head_within_the_deadline(self) -> None:
        def script(asked: Asked, line: Line) -> None:
            line.drip(answer(b"x"), 0.002)

        with asking(script, TransportSettings(answer_timeout=SOON)) as (transport, root, _):
            assert drained(opened(transport, root.child("file"))) == b"x"

    def test_a_body_slower_than_the_deadline_of_its_head(self) -> None:
        def script(asked: Asked, line: Line) -> None:
            line.drip(answer(b"x" * 2000), 0.05, size=64)

        settings = TransportSettings(answer_timeout=1.0, stall_window=2.0, least_rate=64)
        with asking(script, settings) as (transport, root, _):
            assert drained(opened(transport, root.child("file"))) == b"x" * 2000

    def test_what_the_reader_does_between_reads_is_not_counted(self) -> None:
        with asking(always(answer(b"x" * 3_000_000)), QUICK) as (transport, root, _):
            body, view = opened(transport, root.child("file")), memoryview(bytearray(1_000_000))
            read = body.readinto(view)
            time.sleep(QUICK.stall_window * 1.5)
            while count := body.readinto(view):
                read += count
        assert read == 3_000_000


class TestEndless:
    def test_a_listing_is_given_up_at_its_cap(self) -> None:
        settings = TransportSettings(listing_cap=4 * MIB)
        head = answer(framing="chunked").replace(b"\r\n\r\n0\r\n\r\n", b"\r\nContent-Type: text/html\r\n\r\n")
        row = b'<a href="%s">x</a>\r\n' % (b"n" * 1000)
        rows = b"%x\r\n%s\r\n" % (len(row) * 50, row * 50)
        tracemalloc.start()
        try:
            wrong = ends(flood(rows, head), "list", settings=settings)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert wrong.code == "listing-too-large"
        assert peak < 64 * MIB

    def test_an_announced_size_over_the_cap_is_not_read(self) -> None:
        def script(asked: Asked, line: Line) -> None:
            line.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 99999999999\r\n\r\n")
            line.silence()

        assert ends(script, "list").code == "listing-too-large"

    def test_a_body_is_read_as_far_as_its_reader_wants(self) -> None:
        with asking(flood(b"10000\r\n" + b"x" * 65536 + b"\r\n", answer(framing="chunked")[:-5])) as (
            transport,
            root,
            _,
        ):
            body, view = opened(transport, root.child("file")), memoryview(bytearray(MIB))
            tracemalloc.start()
            try:
                read = 0
                while read < 100 * MIB:
                    read += body.readinto(view)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            body.close()
        assert peak < 8 * MIB

    def test_a_gzip_bomb_is_not_opened(self) -> None:
        bomb = gzip.compress(b"0" * 50 * MIB)
        tracemalloc.start()
        try:
            for ask in ("open", "list"):
                wrong = ends(always(answer(bomb, "Content-Encoding: gzip", "Content-Type: text/html")), ask)
                assert wrong.code == "bad-answer"
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 32 * MIB

    @pytest.mark.parametrize("proxied", [False, True])
    @pytest.mark.parametrize("ask", ["open", "stat", "list"])
    def test_a_head_without_end(self, ask: str, proxied: bool) -> None:
        wrong = ends(flood(b"X: y\r\n" * 1000, b"HTTP/1.1 200 OK\r\n"), ask, proxied=proxied)
        assert wrong.code == "bad-answer"

    @pytest.mark.parametrize("proxied", [False, True])
    def test_a_long_error_page_is_not_read_to_its_end(self, proxied: bool) -> None:
        page = flood(b"x" * 65536, b"HTTP/1.1 404 Not Found\r\nContent-Length: 99999999999\r\n\r\n")
        assert ends(page, "open", proxied=proxied).code == "not-found"

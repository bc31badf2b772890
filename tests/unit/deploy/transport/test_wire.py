"""The connection: what is sent, how it is kept, what breaks it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import TransportSettings
from deploy.transport.location import Credentials, Location, Scheme
from deploy.transport.web import WebTransport
from tests.servers.process import free_port
from tests.sim.hostile import Asked, Line, always, answer, by_path, hostile
from tests.unit.deploy.transport.asking_web import CALM, QUICK, asking, drained, opened, refusal, root_of

DATA = bytes(range(256)) * 2000


class TestRequests:
    def test_one_get_and_its_fields(self) -> None:
        with asking(always(answer(b"x"))) as (transport, root, server):
            assert drained(opened(transport, root.child("a b").child("ü%#?+&.txt"))) == b"x"
        (asked,) = server.requests
        assert asked.method == "GET"
        assert asked.target == "/a%20b/%C3%BC%25%23%3F+&.txt"
        assert asked.fields["host"] == f"127.0.0.1:{server.port}"
        assert asked.fields["accept-encoding"] == "identity"
        assert asked.fields["user-agent"].startswith("micce-deploy/")
        assert "authorization" not in asked.fields
        assert "range" not in asked.fields

    def test_credentials_go_as_basic_in_utf_8(self) -> None:
        with hostile(always(answer(b"x"))) as server:
            root = Location(Scheme.HTTP, "127.0.0.1", server.port, credentials=Credentials("Jörg", "a:b@c"))
            with WebTransport(root, CALM) as transport:
                drained(opened(transport, root.child("file")))
        assert server.requests[0].fields["authorization"] == "Basic SsO2cmc6YTpiQGM="

    def test_names_that_are_not_utf_8_are_asked_for_byte_by_byte(self) -> None:
        with asking(always(answer(b"x"))) as (transport, root, server):
            drained(opened(transport, root.child("caf\udce9")))
        assert server.requests[0].target == "/caf%E9"


class TestBodies:
    @pytest.mark.parametrize("size", [0, 1, 2, 100, 65_300, 65_536, 70_000, len(DATA)])
    @pytest.mark.parametrize("buffer", [1024, 65_536, 1 << 20])
    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_arrive_whole(self, size: int, buffer: int, framing: str) -> None:
        with asking(always(answer(DATA[:size], framing=framing, chunk=777))) as (transport, root, server):
            for _ in range(2):
                body = opened(transport, root.child("file"))
                assert body.validators.size == (size if framing == "length" else None)
                assert drained(body, buffer) == DATA[:size]
                assert body.readinto(memoryview(bytearray(10))) == 0
        assert server.connections == 1

    def test_a_length_is_never_exceeded(self) -> None:
        longer = answer(b"12345") + b"surplus"
        with asking(always(longer)) as (transport, root, server):
            assert drained(opened(transport, root.child("file"))) == b"12345"
            assert drained(opened(transport, root.child("file"))) == b"12345"
        assert server.connections == 2

    @pytest.mark.parametrize("surplus", [b"surplus", answer(b"second answer"), b"HTT", b"\0"])
    def test_what_follows_the_last_chunk_is_no_part_of_the_body(self, surplus: bytes) -> None:
        longer = answer(b"12345", framing="chunked") + surplus
        with asking(always(longer)) as (transport, root, server):
            assert drained(opened(transport, root.child("file"))) == b"12345"
            assert drained(opened(transport, root.child("file"))) == b"12345"
        assert server.connections == 2

    def test_chunks_with_extensions_and_trailers(self) -> None:
        body = b'5;name=value\r\n12345\r\n0\r\nETag: "late"\r\nX: y\r\n\r\n'
        with asking(always(answer(framing="chunked")[:-5] + body)) as (transport, root, server):
            opened_body = opened(transport, root.child("file"))
            assert drained(opened_body) == b"12345"
            assert opened_body.validators.etag is None
            assert drained(opened(transport, root.child("file"))) == b"12345"
        assert server.connections == 1

    def test_one_byte_at_a_time(self) -> None:
        def script(asked: Asked, line: Line) -> None:
            line.drip(answer(b"slowly but surely", framing="chunked", chunk=5), 0)

        with asking(script) as (transport, root, _):
            assert drained(opened(transport, root.child("file"))) == b"slowly but surely"

    def test_http_1_0_with_a_length(self) -> None:
        def script(asked: Asked, line: Line) -> None:
            line.send(answer(b"old", version="HTTP/1.0"))
            line.finish()

        with asking(script) as (transport, root, server):
            for _ in range(2):
                assert drained(opened(transport, root.child("file"))) == b"old"
        assert server.connections == 2

    def test_interim_answers_are_skipped(self) -> None:
        interim = (
            b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nETag: "early"\r\nContent-Length: 99\r\n\r\n'
        )
        with asking(always(interim + answer(b"final"))) as (transport, root, server):
            body = opened(transport, root.child("file"))
            assert body.validators.etag is None
            assert drained(body) == b"final"
            assert drained(opened(transport, root.child("file"))) == b"final"
        assert server.connections == 1


class TestKeeping:
    def test_an_unread_body_costs_the_connection_and_nothing_else(self) -> None:
        with asking(always(answer(DATA))) as (transport, root, server):
            first = opened(transport, root.child("file"))
            assert first.readinto(memoryview(bytearray(10))) == 10
            assert drained(opened(transport, root.child("file"))) == DATA
            with pytest.raises(SourceError) as wrong:
                first.readinto(memoryview(bytearray(10)))
            assert wrong.value.code == "cut-off"
            first.close()
            assert drained(opened(transport, root.child("file"))) == DATA
        assert server.connections == 2

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_reading_after_close_is_an_error(self, framing: str) -> None:
        with asking(always(answer(DATA, framing=framing))) as (transport, root, _):
            body = opened(transport, root.child("file"))
            body.readinto(memoryview(bytearray(10)))
            body.close()
            with pytest.raises(SourceError) as wrong:
                body.readinto(memoryview(bytearray(10)))
            assert wrong.value.code == "cut-off"

    @pytest.mark.parametrize("reset", [False, True])
    def test_a_connection_closed_meanwhile_is_replaced_unseen(self, reset: bool) -> None:
        def script(asked: Asked, line: Line) -> None:
            line.send(answer(b"x"))
            if reset:
                line.reset()
            else:
                line.finish()

        with asking(script) as (transport, root, server):
            for _ in range(3):
                assert drained(opened(transport, root.child("file"))) == b"x"
        assert server.connections == 3
        assert len(server.requests) == 3

    def test_a_kept_connection_that_answers_nothing_is_tried_anew_once(self) -> None:
        def script(asked: Asked, line: Line) -> None:
            if len(server.requests) == 1:
                line.send(answer(b"x"))
            else:
                line.finish()

        with asking(script) as (transport, root, server):
            assert drained(opened(transport, root.child("file"))) == b"x"
            with pytest.raises(SourceError) as wrong:
                transport.open(root.child("file"))
            assert wrong.value.code == "unreachable"
            assert wrong.value.transient
        assert len(server.requests) == 3
        assert server.connections == 2

    def test_half_an_answer_is_not_asked_for_again(self) -> None:
        def script(asked: Asked, line: Line) -> None:
            if len(server.requests) == 1:
                line.send(answer(b"x"))
            else:
                line.send(b"HTTP/1.1 200")
                line.finish()

        with asking(script) as (transport, root, server):
            drained(opened(transport, root.child("file")))
            with pytest.raises(SourceError) as wrong:
                transport.open(root.child("file"))
        assert wrong.value.code == "cut-off"
        assert len(server.requests) == 2

    def test_short_error_pages_keep_the_connection(self) -> None:
        with asking(by_path({"/file": always(answer(b"x"))})) as (transport, root, server):
            for _ in range(5):
                with pytest.raises(SourceError):
                    transport.open(root.child("absent"))
                assert drained(opened(transport, root.child("file"))) == b"x"
        assert server.connections == 1

    def test_connection_close_is_obeyed(self) -> None:
        with asking(always(answer(b"x", "Connection: close"))) as (transport, root, server):
            for _ in range(2):
                assert drained(opened(transport, root.child("file"))) == b"x"
        assert server.connections == 2


class TestBrokenHeads:
    @pytest.mark.parametrize(
        "head",
        [
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"garbage\r\n\r\n",
            b"HTTP/1.1 abc OK\r\n\r\n",
            b"HTTP/3.7 200 OK\r\nContent-Length: 1\r\n\r\nx",
            b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nxy",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nxy",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\nxy",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999999\r\n\r\nxy",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nxy",
            b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 2\r\n\r\nxy",
            b"HTTP/1.1 200 OK\r\n: no name\r\nContent-Length: 2\r\n\r\nxy",
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000,
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
            b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n12\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345678\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nxy",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 400_000,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + b"A: b\r\n" * 100_000,
        ],
    )
    def test_are_bad_answers(self, head: bytes) -> None:
        wrong = refusal(always(head), CALM)
        assert wrong.code == "bad-answer"
        assert not wrong.transient

    @pytest.mark.parametrize("data", [b"", b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r"])
    def test_heads_cut_short(self, data: bytes) -> None:
        def script(asked: Asked, line: Line) -> None:
            line.send(data)
            line.finish()

        wrong = refusal(script)
        assert wrong.code == ("cut-off" if data else "unreachable")
        assert wrong.transient


class TestConnecting:
    def test_nobody_listens(self) -> None:
        root = Location(Scheme.HTTP, "127.0.0.1", free_port())
        with WebTransport(root, QUICK) as transport, pytest.raises(SourceError) as wrong:
            transport.open(root.child("file"))
        assert wrong.value.code == "unreachable"
        assert wrong.value.transient

    @pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "ü" * 70, "\x01", "-" * 64 + ".invalid"])
    def test_a_name_that_is_not_known(self, host: str) -> None:
        root = Location(Scheme.HTTP, host)
        with WebTransport(root, QUICK) as transport, pytest.raises(SourceError) as wrong:
            transport.stat(root.child("file"))
        assert wrong.value.code == "unreachable"

    def test_a_listener_that_accepts_nothing_more(self) -> None:
        def script(asked: Asked, line: Line) -> None:
            line.silence()

        assert refusal(script).code == "timed-out"

    def test_localhost_is_tried_at_every_address(self) -> None:
        with hostile(always(answer(b"x"))) as server:
            root = Location(Scheme.HTTP, "localhost", server.port)
            with WebTransport(root, CALM) as transport:
                assert drained(opened(transport, root.child("file"))) == b"x"
        assert server.requests[0].fields["host"] == f"localhost:{server.port}"


def test_plain_http_imports_neither_tls_nor_parsers_of_pages() -> None:
    heavy = ["httpx", "httpcore", "lxml", "lxml.etree", "ssl", "truststore", "idna", "encodings.idna", "email", "typer"]
    with hostile(always(answer(b"x"))) as server:
        program = (
            "import sys\n"
            "from deploy.transport.location import parse_location\n"
            "from deploy.transport.contract import TransportSettings\n"
            "from deploy.transport.registry import open_transport\n"
            f"at = parse_location('{root_of(server).child('file')}')\n"
            "with open_transport(at, TransportSettings()) as transport:\n"
            "    body = transport.open(at)\n"
            "    assert body.readinto(memoryview(bytearray(9))) == 1\n"
            "    transport.stat(at)\n"
            f"print(*(set({heavy!r}) & set(sys.modules)))\n"
        )
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == ""


def test_a_transport_can_be_closed_before_and_twice() -> None:
    transport = WebTransport(Location(Scheme.HTTP, "127.0.0.1", 1), TransportSettings())
    transport.close()
    transport.close()

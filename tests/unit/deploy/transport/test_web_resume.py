"""Going on where a read stopped: only if the file is provably the one begun."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import Resume, TransportSettings, Validators
from deploy.transport.httpdate import format_http_date
from deploy.transport.location import Location, Scheme
from deploy.transport.web import WebTransport
from tests.servers.accesslog import WebServer
from tests.servers.nginx import nginx
from tests.sim.hostile import always, answer
from tests.unit.deploy.transport.asking_web import asking, drained, opened

DATA = bytes(range(256)) * 4
BIG = os.urandom(1_000_000)
THEN = 1_700_000_000.0
HELD = Validators(len(DATA), '"tag"', THEN)
REST = Resume(1000, HELD)
PART = f"Content-Range: bytes 1000-{len(DATA) - 1}/{len(DATA)}"


def partial(body: bytes, *fields: str, framing: str = "length") -> bytes:
    return answer(body, *fields, status="206 Partial Content", framing=framing)


@contextmanager
def serving(tmp: Path, extra: str) -> Iterator[tuple[WebServer, WebTransport, Location]]:
    """nginx with one big, old file."""
    (tmp / "doc").mkdir()
    (tmp / "doc" / "file").write_bytes(BIG)
    os.utime(tmp / "doc" / "file", (THEN, THEN))
    with nginx(tmp / "doc", tmp / "server", extra=extra) as server:
        root = Location(Scheme.HTTP, "127.0.0.1", server.port)
        with WebTransport(root, TransportSettings()) as transport:
            yield server, transport, root.child("file")


class TestParts:
    def test_the_rest(self) -> None:
        with asking(always(partial(DATA[1000:], PART, 'ETag: "tag"'))) as (transport, root, server):
            body = opened(transport, root.child("file"), REST)
            assert body.offset == 1000
            assert body.validators.size == len(DATA)
            assert drained(body) == DATA[1000:]
        (asked,) = server.requests
        assert asked.fields["range"] == "bytes=1000-"
        assert asked.fields["if-range"] == '"tag"'

    def test_by_date(self) -> None:
        held = Validators(len(DATA), None, THEN)
        with asking(always(partial(DATA[1000:], PART))) as (transport, root, server):
            assert drained(opened(transport, root.child("file"), Resume(1000, held))) == DATA[1000:]
        assert server.requests[0].fields["if-range"] == format_http_date(THEN)

    def test_the_whole_file_instead(self) -> None:
        with asking(always(answer(DATA, 'ETag: "new"'))) as (transport, root, server):
            body = opened(transport, root.child("file"), REST)
            assert body.offset == 0
            assert body.validators.etag == '"new"'
            assert drained(body) == DATA
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "wrong",
        [
            partial(DATA[999:], f"Content-Range: bytes 999-{len(DATA) - 1}/{len(DATA)}"),
            partial(DATA[1001:], f"Content-Range: bytes 1001-{len(DATA) - 1}/{len(DATA)}"),
            partial(DATA[1000:-1], f"Content-Range: bytes 1000-{len(DATA) - 2}/{len(DATA)}"),
            partial(DATA[1000:], f"Content-Range: bytes 1000-{len(DATA) - 1}/*"),
            partial(DATA[1000:], f"Content-Range: bytes 1000-{len(DATA) - 1}/{len(DATA) + 1}"),
            partial(DATA[1000:], "Content-Range: bytes */1024"),
            partial(DATA[1000:], "Content-Range: garbled"),
            partial(DATA[1000:]),
            partial(DATA[1000:-1], PART),
            partial(DATA[1000:], PART, framing="chunked"),
            partial(DATA[1000:], PART, framing="close"),
            partial(DATA[1000:], PART, 'ETag: "other"'),
            partial(DATA[1000:], PART, "Content-Encoding: gzip"),
            partial(b"--x\r\n\r\n--x--", PART, "Content-Type: multipart/byteranges; boundary=x"),
            answer(b"", status="416 Range Not Satisfiable"),
            answer(b"gone", f"Content-Range: bytes */{len(DATA)}", status="416 Range Not Satisfiable"),
        ],
    )
    def test_a_wrong_part_is_given_up_for_the_whole(self, wrong: bytes) -> None:
        with asking(always(wrong, answer(DATA))) as (transport, root, server):
            body = opened(transport, root.child("file"), REST)
            assert body.offset == 0
            assert drained(body) == DATA
        assert [asked.method for asked in server.requests] == ["GET", "GET"]
        assert not {"range", "if-range"} & server.requests[1].fields.keys()

    def test_a_part_nobody_asked_for_ends_it(self) -> None:
        with asking(always(partial(DATA[:10], "Content-Range: bytes 0-9/1024"))) as (transport, root, server):
            with pytest.raises(SourceError) as wrong:
                transport.open(root.child("file"), resume=REST)
            assert wrong.value.code == "bad-answer"
        assert len(server.requests) == 2

    def test_a_redirected_part(self) -> None:
        move = answer(b"", "Location: /there", status="302 Found")
        with asking(always(move, partial(DATA[1000:], PART))) as (transport, root, server):
            assert opened(transport, root.child("file"), REST).offset == 1000
        assert server.requests[1].target == "/there"
        assert server.requests[1].fields["if-range"] == '"tag"'


class TestWholeAlready:
    HEAD = answer(b"", 'ETag: "tag"', f"Content-Length: {len(DATA)}", framing="none")
    BEYOND = answer(b"", f"Content-Range: bytes */{len(DATA)}", status="416 Range Not Satisfiable")

    def test_is_made_sure_of(self) -> None:
        with asking(always(self.BEYOND, self.HEAD)) as (transport, root, server):
            body = opened(transport, root.child("file"), Resume(len(DATA), HELD))
            assert body.offset == body.validators.size == len(DATA)
            assert drained(body) == b""
            body.close()
        assert [asked.method for asked in server.requests] == ["GET", "HEAD"]

    def test_and_begun_anew_if_not_sure(self) -> None:
        other = answer(b"", 'ETag: "other"', f"Content-Length: {len(DATA)}", framing="none")
        with asking(always(self.BEYOND, other, answer(DATA))) as (transport, root, _):
            body = opened(transport, root.child("file"), Resume(len(DATA), HELD))
            assert body.offset == 0
            assert drained(body) == DATA


class TestNginx:
    @pytest.mark.parametrize("extra", ["", "etag off;"])
    def test_only_what_is_missing_is_sent(self, tmp_path: Path, extra: str) -> None:
        with serving(tmp_path, extra) as (server, transport, file):
            told = transport.stat(file)
            assert (told.strong_etag is None) is bool(extra)
            server.forget()
            for offset in (1, 500_000, 999_999):
                body = opened(transport, file, Resume(offset, told))
                assert body.offset == offset
                assert drained(body) == BIG[offset:]
            assert [(asked.status, asked.sent) for asked in server.requests(3)] == [
                (206, len(BIG) - offset) for offset in (1, 500_000, 999_999)
            ]
            assert drained(opened(transport, file, Resume(len(BIG), told))) == b""

    @pytest.mark.parametrize("extra", ["", "etag off;"])
    def test_a_file_replaced_meanwhile_begins_anew(self, tmp_path: Path, extra: str) -> None:
        with serving(tmp_path, extra) as (_, transport, file):
            told = transport.stat(file)
            (tmp_path / "doc" / "file").write_bytes(BIG[::-1])
            os.utime(tmp_path / "doc" / "file", (THEN - 10, THEN - 10))
            body = opened(transport, file, Resume(500_000, told))
            assert body.offset == 0
            assert drained(body) == BIG[::-1]

    def test_a_file_just_written_is_not_trusted_by_its_date(self, tmp_path: Path) -> None:
        with serving(tmp_path, "etag off;") as (server, transport, file):
            os.utime(tmp_path / "doc" / "file")
            told = transport.stat(file)
            server.forget()
            assert opened(transport, file, Resume(500_000, told)).offset == 0
            assert server.requests(1)[0].range == ""

"""Folders over HTTP: index pages, WebDAV, and what to say when there is neither."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import TransportSettings, Validators
from deploy.transport.location import Credentials, Location, Scheme
from deploy.transport.web import WebTransport
from tests.servers.apache import FANCY, PLAIN, apache, basic_auth, dav
from tests.servers.nginx import nginx
from tests.sim.hostile import Asked, Line, Script, always, answer, by_path
from tests.unit.deploy.transport.asking_web import CALM, asking, drained, opened

HTML = "Content-Type: text/html"
INDEX = (
    b"<html>\r\n<head><title>Index of /dir/</title></head>\r\n<body>\r\n<h1>Index of /dir/</h1><hr><pre>"
    b'<a href="../">../</a>\r\n<a href="sub/">sub/</a>              14-Nov-2023 22:13                   -\r\n'
    b'<a href="a%20b.txt">a b.txt</a>              14-Nov-2023 22:13                   5\r\n'
    b"</pre><hr></body>\r\n</html>\r\n"
)
MULTISTATUS = (
    b'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:"><D:response><D:href>/dir/</D:href></D:response><D:response>'
    b"<D:href>/dir/x.txt</D:href><D:propstat><D:prop><D:getcontentlength>3</D:getcontentlength></D:prop>"
    b"<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>"
)
NO_DAV = answer(b"", status="405 Method Not Allowed")


def by_method(**scripts: bytes) -> Script:
    def script(asked: Asked, line: Line) -> None:
        line.send(scripts.get(asked.method, NO_DAV))

    return script


def listed(script: Script) -> tuple[list[str], list[str]]:
    """The names listed and the methods asked by."""
    with asking(script) as (transport, root, server):
        names = [entry.name for entry in transport.list(root.child("dir")).entries]
    assert {asked.target for asked in server.requests} == {"/dir/"}
    return names, [asked.method for asked in server.requests]


def refused(script: Script) -> SourceError:
    with asking(script) as (transport, root, _), pytest.raises(SourceError) as wrong:
        transport.list(root.child("dir"))
    return wrong.value


class TestIndexPages:
    def test_one_request(self) -> None:
        assert listed(always(answer(INDEX, HTML))) == (["sub", "a b.txt"], ["GET"])

    @pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "TEXT/HTML", "application/xhtml+xml"])
    def test_kinds(self, kind: str) -> None:
        assert listed(always(answer(INDEX, f"Content-Type: {kind}")))[0] == ["sub", "a b.txt"]

    def test_without_a_kind(self) -> None:
        assert listed(always(answer(INDEX)))[0] == ["sub", "a b.txt"]

    def test_in_chunks(self) -> None:
        assert listed(always(answer(INDEX, HTML, framing="chunked")))[0] == ["sub", "a b.txt"]

    def test_the_root(self) -> None:
        with asking(always(answer(INDEX, HTML))) as (transport, root, server):
            assert transport.list(root).folder == root
        assert server.requests[0].target == "/"

    def test_a_page_cut_short_is_no_listing(self) -> None:
        wrong = refused(by_method(GET=answer(INDEX, HTML, framing="close"), PROPFIND=NO_DAV))
        assert wrong.code == "cut-off"

    def test_a_folder_that_has_moved_is_listed_where_it_is(self) -> None:
        move = answer(b"", "Location: /new%20place/dir/", status="301 Moved")
        with asking(by_path({"/dir/": always(move), "/new%20place/dir/": always(answer(INDEX, HTML))})) as (
            transport,
            root,
            _,
        ):
            listing = transport.list(root.child("dir"))
        assert listing.folder == root.with_segments(("new place", "dir"))
        assert [entry.name for entry in listing.entries] == ["sub", "a b.txt"]


class TestWebDav:
    @pytest.mark.parametrize(
        "page",
        [
            answer(b"no", status="403 Forbidden"),
            answer(b"no", status="405 Method Not Allowed"),
            answer(b"no", status="501 Not Implemented"),
            answer(b"<html><title>Welcome</title></html>", HTML),
            answer(b"\x7fELF", "Content-Type: application/octet-stream"),
            answer(b"", status="204 No Content", framing="none"),
        ],
    )
    def test_is_asked_where_there_is_no_index(self, page: bytes) -> None:
        found = answer(MULTISTATUS, "Content-Type: application/xml", status="207 Multi-Status")
        with asking(by_method(GET=page, PROPFIND=found)) as (transport, root, server):
            listing = transport.list(root.child("dir"))
        assert [(entry.name, entry.validators) for entry in listing.entries] == [("x.txt", Validators(3))]
        get, propfind = server.requests
        assert (get.method, propfind.method, propfind.target) == ("GET", "PROPFIND", "/dir/")
        assert propfind.fields["depth"] == "1"
        assert propfind.body.startswith(b"<?xml")
        assert b"allprop" not in propfind.body

    def test_a_garbled_answer(self) -> None:
        garbled = answer(MULTISTATUS[:-10], status="207 Multi-Status")
        assert refused(by_method(GET=answer(b"", status="403 No"), PROPFIND=garbled)).code == "bad-answer"


class TestRefused:
    @pytest.mark.parametrize(
        ("status", "propfind", "code"),
        [
            ("200 OK", "405 Method Not Allowed", "not-listable"),
            ("200 OK", "501 Not Implemented", "not-listable"),
            ("200 OK", "200 OK", "not-listable"),
            ("200 OK", "403 Forbidden", "not-listable"),
            ("200 OK", "404 Not Found", "not-listable"),
            ("403 Forbidden", "405 Method Not Allowed", "not-listable"),
            ("403 Forbidden", "403 Forbidden", "access-denied"),
            ("403 Forbidden", "401 Unauthorized", "access-denied"),
        ],
    )
    def test_neither_index_nor_webdav(self, status: str, propfind: str, code: str) -> None:
        page = answer(b"<html><title>Welcome</title><a href='x.txt'>x</a></html>", HTML, status=status)
        wrong = refused(by_method(GET=page, PROPFIND=answer(b"", status=propfind)))
        assert wrong.code == code
        assert not wrong.transient
        assert wrong.problems[0].hint

    @pytest.mark.parametrize(
        ("status", "code"),
        [("404 Not Found", "not-found"), ("410 Gone", "not-found"), ("401 No", "access-denied"), ("503 Busy", "busy")],
    )
    def test_without_asking_twice(self, status: str, code: str) -> None:
        with asking(always(answer(b"", status=status))) as (transport, root, server):
            with pytest.raises(SourceError) as wrong:
                transport.list(root.child("dir"))
            assert wrong.value.code == code
        assert len(server.requests) == 1

    def test_a_server_that_breaks_off_at_propfind(self) -> None:
        def script(asked: Asked, line: Line) -> None:
            if asked.method == "GET":
                line.send(answer(b"", status="403 Forbidden"))
            else:
                line.send(b"what?\r\n\r\n")
                line.finish()

        assert refused(script).code == "not-listable"

    def test_a_large_file_in_place_of_a_folder_is_not_read(self) -> None:
        def script(asked: Asked, line: Line) -> None:
            if asked.method == "GET":
                line.send(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 99999999999\r\n\r\n")
                line.silence()
            else:
                line.send(NO_DAV)

        assert refused(script).code == "not-listable"


class TestServers:
    def test_nginx_without_autoindex(self, tmp_path: Path) -> None:
        (tmp_path / "doc" / "dir").mkdir(parents=True)
        with nginx(tmp_path / "doc", tmp_path / "server", extra="autoindex off;") as server:
            root = Location(Scheme.HTTP, "127.0.0.1", server.port)
            with WebTransport(root, CALM) as transport, pytest.raises(SourceError) as wrong:
                transport.list(root.child("dir"))
            assert [(asked.method, asked.status) for asked in server.requests(2)] == [("GET", 403), ("PROPFIND", 405)]
        assert wrong.value.code == "not-listable"

    def test_a_page_of_its_own_in_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "doc" / "dir").mkdir(parents=True)
        (tmp_path / "doc" / "dir" / "index.html").write_text(
            "<html><title>Welcome</title><ul><li><a href='x'>x</a></ul>"
        )
        with nginx(tmp_path / "doc", tmp_path / "server") as server:
            root = Location(Scheme.HTTP, "127.0.0.1", server.port)
            with WebTransport(root, CALM) as transport, pytest.raises(SourceError) as wrong:
                transport.list(root.child("dir"))
        assert wrong.value.code == "not-listable"

    def test_apache_with_webdav(self, tmp_path: Path) -> None:
        (tmp_path / "doc" / "dir" / "sub").mkdir(parents=True)
        (tmp_path / "doc" / "dir" / "f&.txt").write_bytes(b"12345")
        os.utime(tmp_path / "doc" / "dir" / "f&.txt", (1_700_000_000, 1_700_000_000))
        with apache(tmp_path / "doc", tmp_path / "server", index=PLAIN, extra=dav(tmp_path / "doc")) as server:
            root = Location(Scheme.HTTP, "127.0.0.1", server.port)
            with WebTransport(root, CALM) as transport:
                found = {entry.name: entry for entry in transport.list(root.child("dir")).entries}
                held = found["f&.txt"].validators
                assert transport.stat(root.child("dir").child("f&.txt")) == held
            assert [asked.method for asked in server.requests(3)] == ["GET", "PROPFIND", "HEAD"]
            assert server.requests()[1].depth == "1"
        assert found["sub"].folder
        assert (held.size, held.modified, held.precision) == (5, 1_700_000_000.0, 1.0)
        assert held.strong_etag is not None

    def test_apache_behind_a_password(self, tmp_path: Path) -> None:
        (tmp_path / "doc").mkdir()
        (tmp_path / "doc" / "x.txt").write_bytes(b"1")
        closed = basic_auth(tmp_path / "doc", tmp_path / "server", "Jörg", "p:w@%41")
        with apache(tmp_path / "doc", tmp_path / "server", index=FANCY, extra=closed) as server:
            right = Location(Scheme.HTTP, "127.0.0.1", server.port, credentials=Credentials("Jörg", "p:w@%41"))
            with WebTransport(right, TransportSettings()) as transport:
                assert [entry.name for entry in transport.list(right).entries] == ["x.txt"]
                assert drained(opened(transport, right.child("x.txt"))) == b"1"
            for other in (None, Credentials("Jörg", "canary-pass")):
                wrong_one = Location(Scheme.HTTP, "127.0.0.1", server.port, credentials=other)
                with WebTransport(wrong_one, TransportSettings()) as transport:
                    for ask in (transport.list, transport.stat, transport.open):
                        with pytest.raises(SourceError) as wrong:
                            ask(wrong_one.child("x.txt"))
                        assert wrong.value.code == "access-denied"
                        assert "canary" not in str(wrong.value)

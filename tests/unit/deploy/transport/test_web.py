"""One file over HTTP: what is asked, what is followed, what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import TransportSettings, Unchanged, Validators
from deploy.transport.httpdate import format_http_date
from deploy.transport.location import Credentials, Location, Scheme
from deploy.transport.web import MOST_REDIRECTS, WebBody, WebTransport
from tests.servers.certificates import issue
from tests.servers.nginx import nginx
from tests.sim.hostile import Script, always, answer, by_path, hostile
from tests.unit.deploy.transport.asking_web import CALM, asking, drained, opened, refusal

THEN = 1_700_000_000.0
NOW = f"Date: {format_http_date(THEN + 3600)}"
CHANGED = f"Last-Modified: {format_http_date(THEN)}"
HELD = Validators(4, '"tag"', THEN)
DATED = Validators(4, None, THEN)


def moved(to: str, status: str = "302 Found") -> Script:
    return always(answer(b"moved", f"Location: {to}", status=status))


class TestStat:
    def test_a_head_tells(self) -> None:
        with asking(always(answer(b"", CHANGED, NOW, 'ETag: "tag"', "Content-Length: 4", framing="none"))) as (
            transport,
            root,
            server,
        ):
            assert transport.stat(root.child("file")) == HELD
            assert transport.stat(root.child("file")) == HELD
        assert [asked.method for asked in server.requests] == ["HEAD", "HEAD"]
        assert server.connections == 1

    @pytest.mark.parametrize("status", ["405 Method Not Allowed", "501 Not Implemented"])
    def test_a_server_without_head_is_asked_by_get(self, status: str) -> None:
        refused = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
        with asking(always(refused, answer(b"four", CHANGED, NOW, 'ETag: "tag"'))) as (transport, root, server):
            assert transport.stat(root.child("file")) == HELD
        assert [asked.method for asked in server.requests] == ["HEAD", "GET"]

    def test_a_length_left_out_is_asked_for_by_get(self) -> None:
        with asking(always(answer(framing="none"), answer(b""))) as (transport, root, server):
            assert transport.stat(root.child("file")) == Validators(0)
        assert [asked.method for asked in server.requests] == ["HEAD", "GET"]

    def test_the_size_of_an_encoded_body_is_not_the_file_s(self) -> None:
        head = answer(b"", "Content-Encoding: gzip", "Content-Length: 4", framing="none")
        with asking(always(head)) as (transport, root, _):
            assert transport.stat(root.child("file")).size is None


class TestRefused:
    @pytest.mark.parametrize(
        ("status", "code", "transient"),
        [
            ("404 Not Found", "not-found", False),
            ("410 Gone", "not-found", False),
            ("401 Unauthorized", "access-denied", False),
            ("403 Forbidden", "access-denied", False),
            ("407 Proxy Authentication Required", "access-denied", False),
            ("408 Request Timeout", "busy", True),
            ("429 Too Many Requests", "busy", True),
            ("500 Internal Server Error", "busy", True),
            ("502 Bad Gateway", "busy", True),
            ("503 Service Unavailable", "busy", True),
            ("504 Gateway Timeout", "busy", True),
            ("204 No Content", "bad-answer", False),
            ("206 Partial Content", "bad-answer", False),
            ("304 Not Modified", "bad-answer", False),
            ("300 Multiple Choices", "bad-answer", False),
            ("416 Range Not Satisfiable", "bad-answer", False),
            ("500 \r\n", "busy", True),
        ],
    )
    def test_statuses(self, status: str, code: str, transient: bool) -> None:
        said = answer(b"" if status[:3] in ("204", "304") else b"page", "Retry-After: 7", status=status.strip())
        wrong = refusal(always(said))
        assert (wrong.code, wrong.transient) == (code, transient)
        assert wrong.retry_after == (7.0 if transient else None)

    @pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "x-gzip", "gzip, identity"])
    def test_encoded_bodies(self, coding: str) -> None:
        wrong = refusal(always(answer(b"\x1f\x8b\x08", f"Content-Encoding: {coding}")))
        assert wrong.code == "bad-answer"
        assert "compression" in wrong.problems[0].hint

    def test_a_body_whose_end_cannot_be_told_from_a_cut(self) -> None:
        wrong = refusal(always(answer(b"whole", framing="close")))
        assert wrong.code == "cut-off"
        assert not wrong.transient

    def test_the_connection_after_a_refused_body_is_a_new_one(self) -> None:
        scripts = {"/zip": always(answer(b"x" * 10**6, "Content-Encoding: gzip")), "/file": always(answer(b"x"))}
        with asking(by_path(scripts)) as (transport, root, server):
            with pytest.raises(SourceError):
                transport.open(root.child("zip"))
            assert drained(opened(transport, root.child("file"))) == b"x"
        assert server.connections == 2


class TestRedirects:
    @pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
    def test_are_followed_within_the_server(self, status: str) -> None:
        scripts = {"/file": moved("/there?key=1", status), "/there": always(answer(b"here"))}
        with asking(by_path(scripts)) as (transport, root, server):
            assert drained(opened(transport, root.child("file"))) == b"here"
            assert transport.stat(root.child("file")).size == 4
        assert [asked.target for asked in server.requests] == ["/file", "/there?key=1"] * 2
        assert server.connections == 1

    def test_five_of_them(self) -> None:
        steps = {f"/{number}": moved(f"/{number + 1}") for number in range(MOST_REDIRECTS)}
        with asking(by_path(steps | {f"/{MOST_REDIRECTS}": always(answer(b"end"))})) as (transport, root, _):
            assert drained(opened(transport, root.child("0"))) == b"end"

    def test_not_six(self) -> None:
        steps = {f"/{number}": moved(f"/{number + 1}") for number in range(MOST_REDIRECTS + 2)}
        with asking(by_path(steps)) as (transport, root, server), pytest.raises(SourceError) as wrong:
            transport.open(root.child("0"))
        assert wrong.value.code == "redirect-refused"
        assert len(server.requests) == MOST_REDIRECTS + 1

    def test_in_a_circle(self) -> None:
        with asking(moved("/file")) as (transport, root, server), pytest.raises(SourceError) as wrong:
            transport.open(root.child("file"))
        assert wrong.value.code == "redirect-refused"
        assert len(server.requests) == MOST_REDIRECTS + 1

    @pytest.mark.parametrize(
        "to",
        [
            "http://localhost:{other}/file",
            "//127.0.0.1:{other}/file",
            "https://127.0.0.1:{own}/file",
            "ftp://127.0.0.1:{other}/",
        ],
    )
    @pytest.mark.parametrize("ask", ["open", "stat", "list"])
    def test_no_request_goes_elsewhere(self, to: str, ask: str) -> None:
        with hostile(always(answer(b"captured"))) as other:

            def script(asked: object, line: object) -> None:
                moved(to.format(other=other.port, own=server.port))(asked, line)  # type: ignore[arg-type]

            with hostile(script) as server:
                root = Location(Scheme.HTTP, "127.0.0.1", server.port, credentials=Credentials("canary-user", "canary"))
                with WebTransport(root, CALM) as transport, pytest.raises(SourceError) as wrong:
                    getattr(transport, ask)(root.child("file"))
        assert wrong.value.code == "redirect-refused"
        assert "canary" not in str(wrong.value)
        assert len(server.requests) == 1
        assert other.requests == []
        assert other.connections == 0

    def test_without_a_target(self) -> None:
        assert refusal(always(answer(b"", status="302 Found"))).code == "redirect-refused"

    def test_a_folder_is_no_file(self) -> None:
        scripts = {"/file": moved("/file/"), "/file/": always(answer(b"<html>index</html>"))}
        with asking(by_path(scripts)) as (transport, root, server):
            for ask in (transport.open, transport.stat):
                with pytest.raises(SourceError) as wrong:
                    ask(root.child("file"))
                assert wrong.value.code == "not-found"
                assert "folder" in str(wrong.value)
        assert [asked.target for asked in server.requests] == ["/file", "/file"]

    def test_credentials_go_along_within_the_server(self) -> None:
        with hostile(by_path({"/file": moved("/there"), "/there": always(answer(b"x"))})) as server:
            root = Location(Scheme.HTTP, "127.0.0.1", server.port, credentials=Credentials("user", "password"))
            with WebTransport(root, CALM) as transport:
                drained(opened(transport, root.child("file")))
        assert [asked.fields["authorization"] for asked in server.requests] == ["Basic dXNlcjpwYXNzd29yZA=="] * 2


class TestUnless:
    def test_an_etag(self) -> None:
        with asking(always(answer(status="304 Not Modified", framing="none"))) as (transport, root, server):
            answered = transport.open(root.child("file"), unless=HELD)
            assert answered == Unchanged(HELD)
            assert transport.open(root.child("file"), unless=HELD) == answered
        assert server.requests[0].fields["if-none-match"] == '"tag"'
        assert "if-modified-since" not in server.requests[0].fields
        assert (len(server.requests), server.connections) == (2, 1)

    def test_what_the_server_tells_anew_is_passed_on(self) -> None:
        told = answer(b"", CHANGED, NOW, 'ETag: "tag"', status="304 Not Modified", framing="none")
        with asking(always(told)) as (transport, root, _):
            young = Validators(4, '"tag"', THEN, 60.0)
            assert transport.open(root.child("file"), unless=young) == Unchanged(HELD)

    def test_a_304_with_another_etag_is_not_believed(self) -> None:
        lie = answer(b"", 'ETag: "other"', status="304 Not Modified", framing="none")
        with asking(always(lie, answer(b"new"))) as (transport, root, server):
            assert drained(opened(transport, root.child("file"), unless=HELD)) == b"new"
        assert "if-none-match" not in server.requests[1].fields

    def test_a_date(self) -> None:
        told = answer(b"", CHANGED, NOW, status="304 Not Modified", framing="none")
        with asking(always(told)) as (transport, root, server):
            assert transport.open(root.child("file"), unless=DATED) == Unchanged(DATED)
        assert server.requests[0].fields["if-modified-since"] == format_http_date(THEN)

    def test_a_304_to_a_date_is_made_sure_of(self) -> None:
        bare = answer(status="304 Not Modified", framing="none")
        head = answer(b"", CHANGED, NOW, "Content-Length: 4", framing="none")
        with asking(always(bare, head)) as (transport, root, server):
            assert transport.open(root.child("file"), unless=DATED) == Unchanged(DATED)
        assert [asked.method for asked in server.requests] == ["GET", "HEAD"]

    @pytest.mark.parametrize("length", [4, 5])
    def test_an_older_file_put_in_place_is_seen(self, length: int) -> None:
        bare = answer(status="304 Not Modified", framing="none")
        older = f"Last-Modified: {format_http_date(THEN - 86400 if length == 4 else THEN)}"
        head = answer(b"", older, NOW, f"Content-Length: {length}", framing="none")
        with asking(always(bare, head, answer(b"older"[:length], older, NOW))) as (transport, root, server):
            assert drained(opened(transport, root.child("file"), unless=DATED)) == b"older"[:length]
        assert [asked.method for asked in server.requests] == ["GET", "HEAD", "GET"]
        assert "if-modified-since" not in server.requests[2].fields

    def test_nothing_provable_is_asked_for_outright(self) -> None:
        with asking(always(answer(b"x"))) as (transport, root, server):
            assert drained(opened(transport, root.child("file"), unless=Validators(1, 'W/"a"', THEN, 60.0))) == b"x"
        assert not {"if-none-match", "if-modified-since"} & server.requests[0].fields.keys()

    def test_a_changed_file_comes_at_once(self) -> None:
        with asking(always(answer(b"new", 'ETag: "new"'))) as (transport, root, server):
            body = opened(transport, root.child("file"), unless=HELD)
            assert body.validators.etag == '"new"'
            assert drained(body) == b"new"
        assert len(server.requests) == 1


class TestSettling:
    """A file changed in the very second of the answer may change again and keep its ETag."""

    def test_it_is_asked_for_again_when_that_second_is_over(self) -> None:
        same_second = f"Date: {format_http_date(THEN)}"
        script = always(
            answer(b"half", CHANGED, same_second, 'ETag: "tag"'), answer(b"done", CHANGED, NOW, 'ETag: "tag"')
        )
        with asking(script) as (transport, root, server):
            assert drained(opened(transport, root.child("file"))) == b"done"
            assert len(server.requests) == 2

    @pytest.mark.parametrize("age", [1, 60, -1])
    def test_an_older_one_is_not(self, age: int) -> None:
        date = f"Date: {format_http_date(THEN + age)}"
        with asking(always(answer(b"four", CHANGED, date, 'ETag: "tag"'))) as (transport, root, server):
            assert drained(opened(transport, root.child("file"))) == b"four"
            assert len(server.requests) == 1


class TestTls:
    def test_a_certificate_of_a_known_authority(self, tmp_path: Path) -> None:
        (tmp_path / "doc").mkdir()
        (tmp_path / "doc" / "file").write_bytes(b"x" * 300_000)
        os.utime(tmp_path / "doc" / "file", (THEN, THEN))
        made = issue(tmp_path / "certificates")
        with nginx(tmp_path / "doc", tmp_path / "server", tls=made) as server:
            for host in ("localhost", "127.0.0.1"):
                root = Location(Scheme.HTTPS, host, server.port)
                with WebTransport(root, TransportSettings(ca_file=str(made.ca_file))) as transport:
                    for _ in range(2):
                        body = opened(transport, root.child("file"))
                        assert isinstance(body, WebBody)
                        assert drained(body) == b"x" * 300_000
            assert [asked.status for asked in server.requests(4)] == [200] * 4

    def test_another_s_certificate(self, tmp_path: Path) -> None:
        (tmp_path / "doc").mkdir()
        made, other = issue(tmp_path / "one"), issue(tmp_path / "two")
        wrong_name = issue(tmp_path / "three", "server.example")
        with nginx(tmp_path / "doc", tmp_path / "server", tls=made) as server:
            for ca_file in (str(other.ca_file), None):
                self._refuse(server.port, TransportSettings(ca_file=ca_file))
            assert server.requests() == []
        with nginx(tmp_path / "doc", tmp_path / "server3", tls=wrong_name) as server:
            self._refuse(server.port, TransportSettings(ca_file=str(wrong_name.ca_file)))
            assert server.requests() == []

    def _refuse(self, port: int, settings: TransportSettings) -> None:
        root = Location(Scheme.HTTPS, "localhost", port)
        with WebTransport(root, settings) as transport, pytest.raises(SourceError) as wrong:
            transport.open(root.child("file"))
        assert wrong.value.code == "certificate-refused"
        assert not wrong.value.transient

    def test_a_server_that_speaks_no_tls(self) -> None:
        with hostile(always(answer(b"x"))) as server:
            root = Location(Scheme.HTTPS, "127.0.0.1", server.port)
            settings = TransportSettings(answer_timeout=0.5)
            with WebTransport(root, settings) as transport, pytest.raises(SourceError) as wrong:
                transport.open(root.child("file"))
        assert wrong.value.code in ("bad-answer", "unreachable", "timed-out")

    @pytest.mark.parametrize("content", [None, "no certificate"])
    def test_no_authorities_in_the_file_named(self, tmp_path: Path, content: str | None) -> None:
        if content is not None:
            (tmp_path / "ca.pem").write_text(content)
        with hostile(always(answer(b"x"))) as server:
            self._refuse(server.port, TransportSettings(ca_file=str(tmp_path / "ca.pem")))

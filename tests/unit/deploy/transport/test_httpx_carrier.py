"""Through proxies: in the clear, tunnelled, with a password, and past them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import Proxies, TransportSettings
from deploy.transport.location import Credentials, Location, Scheme
from deploy.transport.web import WebTransport
from tests.servers.accesslog import WebServer
from tests.servers.apache import apache, dav, forward_proxy
from tests.servers.certificates import Certificates, issue
from tests.servers.nginx import nginx
from tests.servers.process import free_port
from tests.sim.hostile import Asked, Line, always, answer, hostile
from tests.unit.deploy.transport.asking_web import drained, opened

DATA = bytes(range(256)) * 2000
CANARY = "canary-pass"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proxied")
    (folder / "doc" / "a b").mkdir(parents=True)
    file = folder / "doc" / "a b" / "100% ü#?+&.bin"
    file.write_bytes(DATA)
    os.utime(file, (1_600_000_000, 1_600_000_000))
    return folder


@pytest.fixture(scope="module")
def certificates(place: Path) -> Certificates:
    return issue(place / "certificates")


def read_all(root: Location, settings: TransportSettings) -> None:
    """List, stat and read the one file, twice."""
    with WebTransport(root, settings) as transport:
        for _ in range(2):
            (entry,) = transport.list(root.child("a b")).entries
            file = root.child("a b").child(entry.name)
            assert transport.stat(file).size == len(DATA)
            assert drained(opened(transport, file)) == DATA


class TestThroughAProxy:
    def test_in_the_clear(self, place: Path, tmp_path: Path) -> None:
        with (
            nginx(place / "doc", tmp_path / "server") as server,
            apache(tmp_path, tmp_path / "proxy", extra=forward_proxy(tmp_path)) as proxy,
        ):
            root = Location(Scheme.HTTP, "127.0.0.1", server.port)
            read_all(root, TransportSettings(proxies=Proxies(http=proxy.url)))
            asked = server.requests(6)
            assert [one.method for one in asked] == ["GET", "HEAD", "GET"] * 2
            assert asked[1].path == "/a%20b/100%25%20%C3%BC%23%3F+&.bin"
            assert {one.accept_encoding for one in asked} == {"identity"}
            assert {one.host for one in asked} == {f"127.0.0.1:{server.port}"}
            assert len(proxy.requests(6)) == 6

    def test_tunnelled(self, place: Path, certificates: Certificates, tmp_path: Path) -> None:
        with (
            nginx(place / "doc", tmp_path / "server", tls=certificates) as server,
            apache(tmp_path, tmp_path / "proxy", extra=forward_proxy(tmp_path)) as proxy,
        ):
            root = Location(Scheme.HTTPS, "localhost", server.port, credentials=Credentials("user", CANARY))
            proxies = Proxies(https=proxy.url)
            read_all(root, TransportSettings(proxies=proxies, ca_file=str(certificates.ca_file)))
            assert len(server.requests(6)) == 6
            (connect,) = proxy.requests(1)
            assert connect.method == "CONNECT"
            assert connect.path == f"localhost:{server.port}"
            assert connect.authorization == ""

    def test_an_unknown_authority_behind_it(self, place: Path, certificates: Certificates, tmp_path: Path) -> None:
        with (
            nginx(place / "doc", tmp_path / "server", tls=certificates) as server,
            apache(tmp_path, tmp_path / "proxy", extra=forward_proxy(tmp_path)) as proxy,
        ):
            root = Location(Scheme.HTTPS, "localhost", server.port)
            settings = TransportSettings(proxies=Proxies(https=proxy.url))
            with WebTransport(root, settings) as transport, pytest.raises(SourceError) as wrong:
                transport.stat(root.child("x"))
            assert wrong.value.code == "certificate-refused"
            assert server.requests() == []

    def test_webdav(self, place: Path, tmp_path: Path) -> None:
        with (
            apache(place / "doc", tmp_path / "server", extra=dav(place / "doc")) as server,
            apache(tmp_path, tmp_path / "proxy", extra=forward_proxy(tmp_path)) as proxy,
        ):
            root = Location(Scheme.HTTP, "127.0.0.1", server.port)
            read_all(root, TransportSettings(proxies=Proxies(http=proxy.url)))
            assert [one.method for one in server.requests(8)] == ["GET", "PROPFIND", "HEAD", "GET"] * 2


class TestPasswords:
    @pytest.mark.parametrize("scheme", [Scheme.HTTP, Scheme.HTTPS])
    def test_go_to_the_proxy_alone(
        self, place: Path, certificates: Certificates, tmp_path: Path, scheme: Scheme
    ) -> None:
        tls = certificates if scheme is Scheme.HTTPS else None
        extra = forward_proxy(tmp_path, "proxy-user", "s:e@cret")
        with (
            nginx(place / "doc", tmp_path / "server", tls=tls) as server,
            apache(tmp_path, tmp_path / "proxy", extra=extra) as proxy,
        ):
            address = proxy.url.replace("//", "//proxy-user:s%3Ae%40cret@")
            root = Location(scheme, "localhost", server.port)
            ca_file = str(certificates.ca_file)
            read_all(root, TransportSettings(proxies=Proxies(http=address, https=address), ca_file=ca_file))
            assert {one.proxy_authorization for one in server.requests(6)} == {""}
            assert {one.status for one in proxy.requests(1)} == {200}

    @pytest.mark.parametrize("scheme", [Scheme.HTTP, Scheme.HTTPS])
    @pytest.mark.parametrize("user", ["", f"proxy-user:{CANARY}@"])
    def test_missing_or_wrong(self, tmp_path: Path, scheme: Scheme, user: str) -> None:
        with apache(tmp_path, tmp_path / "proxy", extra=forward_proxy(tmp_path, "proxy-user", "secret")) as proxy:
            address = proxy.url.replace("//", f"//{user}")
            root = Location(scheme, "127.0.0.1", 9)
            settings = TransportSettings(proxies=Proxies(http=address, https=address))
            with WebTransport(root, settings) as transport, pytest.raises(SourceError) as wrong:
                transport.open(root.child("x"))
        assert wrong.value.code == "access-denied"
        assert not wrong.value.transient
        assert "proxy" in str(wrong.value)
        assert CANARY not in str(wrong.value)


class TestTrouble:
    @pytest.mark.parametrize("scheme", [Scheme.HTTP, Scheme.HTTPS])
    def test_a_proxy_that_is_not_there(self, scheme: Scheme) -> None:
        address = f"http://user:{CANARY}@127.0.0.1:{free_port()}"
        root = Location(scheme, "127.0.0.1", 9)
        settings = TransportSettings(proxies=Proxies(http=address, https=address))
        with WebTransport(root, settings) as transport, pytest.raises(SourceError) as wrong:
            transport.open(root.child("x"))
        assert wrong.value.code == "unreachable"
        assert wrong.value.transient
        assert CANARY not in str(wrong.value)

    @pytest.mark.parametrize("scheme", [Scheme.HTTP, Scheme.HTTPS])
    def test_a_server_that_is_not_there(self, tmp_path: Path, scheme: Scheme) -> None:
        with apache(tmp_path, tmp_path / "proxy", extra=forward_proxy(tmp_path)) as proxy:
            root = Location(scheme, "127.0.0.1", free_port())
            settings = TransportSettings(proxies=Proxies(http=proxy.url, https=proxy.url))
            with WebTransport(root, settings) as transport, pytest.raises(SourceError) as wrong:
                transport.open(root.child("x"))
        assert wrong.value.code == "unreachable"
        assert wrong.value.transient

    @pytest.mark.parametrize(
        "address", [f"nonsense://user:{CANARY}@x", f"http://user:{CANARY}@[::1", f"http://u:{CANARY}@h:port", "http://"]
    )
    def test_an_address_that_is_none(self, address: str) -> None:
        root = Location(Scheme.HTTP, "127.0.0.1", 9)
        settings = TransportSettings(proxies=Proxies(http=address))
        with WebTransport(root, settings) as transport, pytest.raises(SourceError) as wrong:
            transport.open(root.child("x"))
        assert wrong.value.code == "unreachable"
        assert not wrong.value.transient
        assert "proxy" in str(wrong.value)
        assert CANARY not in str(wrong.value)

    def test_a_tunnel_that_is_never_made(self) -> None:
        def script(asked: Asked, line: Line) -> None:
            line.drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500, 0.05)

        with hostile(script) as proxy:
            root = Location(Scheme.HTTPS, "127.0.0.1", 9)
            settings = TransportSettings(answer_timeout=0.5, proxies=Proxies(https=proxy.url))
            with WebTransport(root, settings) as transport, pytest.raises(SourceError) as wrong:
                transport.open(root.child("x"))
        assert wrong.value.code == "timed-out"

    def test_it_goes_on_after_an_error(self) -> None:
        with hostile(always(b"garbage\r\n\r\n", answer(b"x"))) as proxy:
            root = Location(Scheme.HTTP, "127.0.0.1", 9)
            with WebTransport(root, TransportSettings(proxies=Proxies(http=proxy.url))) as transport:
                with pytest.raises(SourceError) as wrong:
                    transport.open(root.child("x"))
                assert wrong.value.code == "bad-answer"
                assert drained(opened(transport, root.child("x"))) == b"x"

    def test_an_unread_body_costs_the_connection_and_nothing_else(self) -> None:
        with hostile(always(answer(DATA))) as proxy:
            root = Location(Scheme.HTTP, "127.0.0.1", 9)
            settings = TransportSettings(connect_timeout=60, proxies=Proxies(http=proxy.url))
            with WebTransport(root, settings) as transport:
                first = opened(transport, root.child("x"))
                assert first.readinto(memoryview(bytearray(10))) == 10
                assert drained(opened(transport, root.child("x"))) == DATA
                assert drained(opened(transport, root.child("x"))) == DATA
                with pytest.raises(SourceError) as wrong:
                    drained(first)
                assert wrong.value.code == "cut-off"
        assert proxy.connections == 2

    def test_cookies_are_not_kept(self) -> None:
        with hostile(always(answer(b"x", "Set-Cookie: a=b; Path=/"))) as proxy:
            root = Location(Scheme.HTTP, "127.0.0.1", 9)
            with WebTransport(root, TransportSettings(proxies=Proxies(http=proxy.url))) as transport:
                for _ in range(2):
                    drained(opened(transport, root.child("x")))
        assert not any("cookie" in asked.fields for asked in proxy.requests)


class TestPastTheProxy:
    @pytest.mark.parametrize("no_proxy", ["127.0.0.1", "127.0.0.0/8", "*"])
    def test_hosts_named(self, no_proxy: str) -> None:
        with hostile(always(answer(b"direct"))) as server, hostile(always(answer(b"proxied"))) as proxy:
            root = Location(Scheme.HTTP, "127.0.0.1", server.port)
            settings = TransportSettings(proxies=Proxies(http=proxy.url, no_proxy=(no_proxy,)))
            with WebTransport(root, settings) as transport:
                assert drained(opened(transport, root.child("x"))) == b"direct"
        assert proxy.connections == 0

    def test_the_environment_is_not_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with hostile(always(answer(b"direct"))) as server, hostile(always(answer(b"proxied"))) as proxy:
            for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
                monkeypatch.setenv(name, "http://127.0.0.1:9")
            root = Location(Scheme.HTTP, "127.0.0.1", server.port)
            with WebTransport(root, TransportSettings()) as transport:
                assert drained(opened(transport, root.child("x"))) == b"direct"
            with WebTransport(root, TransportSettings(proxies=Proxies(http=proxy.url))) as transport:
                assert drained(opened(transport, root.child("x"))) == b"proxied"
        assert proxy.requests[0].target == f"http://127.0.0.1:{server.port}/x"


def test_no_secret_is_logged(place: Path, tmp_path: Path) -> None:
    program = (
        "import logging, sys\n"
        "logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)\n"
        "from deploy.transport.contract import Proxies, TransportSettings\n"
        "from deploy.transport.location import parse_location\n"
        "from deploy.transport.web import WebTransport\n"
        "at = parse_location(sys.argv[1])\n"
        "with WebTransport(at, TransportSettings(proxies=Proxies(http=sys.argv[2]))) as transport:\n"
        "    print(transport.stat(at), repr(transport), repr(at))\n"
    )
    with (
        nginx(place / "doc", tmp_path / "server") as server,
        apache(tmp_path, tmp_path / "proxy", extra=forward_proxy(tmp_path, "canary-user", CANARY)) as proxy,
    ):
        address = _with_user(server, "canary-user") + "/a%20b/100%25%20%C3%BC%23%3F+&.bin"
        command = [sys.executable, "-c", program, address, _with_user(proxy, "canary-user")]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert str(len(DATA)) in run.stdout
    assert "canary" not in run.stdout + run.stderr
    assert "Y2FuYXJ5" not in run.stdout + run.stderr


def _with_user(server: WebServer, user: str) -> str:
    return server.url.replace("//", f"//{user}:{CANARY}@")

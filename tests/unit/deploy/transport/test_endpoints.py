"""Hosts on the wire, redirects that may be followed, proxies."""

from __future__ import annotations

import pytest

from deploy.errors import SourceError
from deploy.transport.carrier import Endpoint
from deploy.transport.contract import Proxies
from deploy.transport.endpoints import endpoint_of, proxy_for, redirected
from deploy.transport.location import Location, Scheme, parse_location

PLAIN = Endpoint(Scheme.HTTP, "server", 80)
SECURE = Endpoint(Scheme.HTTPS, "server", 443)
AT = Location(Scheme.HTTP, "server", segments=("a",))


@pytest.mark.parametrize(
    ("address", "host", "authority"),
    [
        ("http://Server/x", "server", "server"),
        ("http://Server:80/x", "server", "server"),
        ("http://server:8080/x", "server", "server:8080"),
        ("https://server:80/x", "server", "server:80"),
        ("http://my_server.local/x", "my_server.local", "my_server.local"),
        ("http://[::1]/x", "::1", "[::1]"),
        ("http://[2001:DB8::1]:8080/x", "2001:db8::1", "[2001:db8::1]:8080"),
        ("http://[fe80::1%25eth0]/x", "fe80::1%eth0", "[fe80::1]"),
        ("http://bücher.example/x", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("http://BÜCHER.example/x", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("http://faß.example/x", "xn--fa-hia.example", "xn--fa-hia.example"),
        ("http://日本語.example:81/x", "xn--wgv71a119e.example", "xn--wgv71a119e.example:81"),
    ],
)
def test_hosts_on_the_wire(address: str, host: str, authority: str) -> None:
    endpoint = endpoint_of(parse_location(address))
    assert endpoint.host == host
    assert endpoint.authority == authority


@pytest.mark.parametrize("host", ["a\r\nb", "a\tb", "\x00", "ü" * 64, "a b", "\ud800"])
def test_hosts_that_are_none(host: str) -> None:
    with pytest.raises(SourceError) as wrong:
        endpoint_of(Location(Scheme.HTTP, host))
    assert wrong.value.code == "unreachable"
    assert not wrong.value.transient


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("/b", "/b"),
        ("b", "/dir/b"),
        ("../b", "/b"),
        ("?key=1", "/dir/a?key=1"),
        ("/b?key=1&x=%20#fragment", "/b?key=1&x=%20"),
        ("http://server/b", "/b"),
        ("HTTP://SERVER:80/b", "/b"),
        ("//server/b", "/b"),
        ("http://other-user:pw@server/b", "/b"),
        ("http://server", "/"),
        ("/a b/ü", "/a%20b/%C3%BC"),
        ("/%c3%bc", "/%c3%bc"),
        ("/\\evil.example", "/\\evil.example"),
    ],
)
def test_redirects_within_one_server(value: str, target: str) -> None:
    assert redirected(AT, PLAIN, "/dir/a", value.encode()) == (PLAIN, target)


def test_from_plain_to_secured_on_the_same_host() -> None:
    assert redirected(AT, PLAIN, "/a", b"https://SERVER/b?c") == (SECURE, "/b?c")
    assert redirected(AT, PLAIN, "/a", b"https://server:443/b") == (SECURE, "/b")


@pytest.mark.parametrize(
    "value",
    [
        b"http://other/b",
        b"//other/b",
        b"http://server.evil.example/b",
        b"http://server@evil.example/b",
        b"http://server:81/b",
        b"https://server:8443/b",
        b"https://other/b",
        b"ftp://server/b",
        b"file:///etc/passwd",
        b"javascript:alert(1)",
        b"data:text/plain,x",
        b"http://[::1/b",
        b"http://server:99999/b",
        b"http://server:x/b",
        b"http://\xff\xfe/b",
        b"http://a..b/",
    ],
)
def test_redirects_elsewhere_are_refused(value: bytes) -> None:
    with pytest.raises(SourceError) as wrong:
        redirected(AT, PLAIN, "/a", value)
    assert wrong.value.code in ("redirect-refused", "unreachable")
    assert not wrong.value.transient


@pytest.mark.parametrize("value", [b"http://server/b", b"http://server:443/b", b"https://server:444/b", b"//other/b"])
def test_never_from_secured_to_plain_nor_to_another_port(value: bytes) -> None:
    with pytest.raises(SourceError) as wrong:
        redirected(AT, SECURE, "/a", value)
    assert wrong.value.code == "redirect-refused"


def test_an_upgrade_needs_the_ports_of_the_schemes() -> None:
    with pytest.raises(SourceError):
        redirected(AT, Endpoint(Scheme.HTTP, "server", 8080), "/a", b"https://server/a")


def test_no_credentials_and_no_keys_are_shown() -> None:
    with pytest.raises(SourceError) as wrong:
        redirected(AT, PLAIN, "/a", b"https://canary-user:canary-pass@other/login?token=canary-key")
    assert "other/login" in str(wrong.value)
    assert "canary" not in str(wrong.value)


PROXIES = Proxies(http="http://proxy:3128", https="http://secure-proxy:3128")


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("server", (), False),
        ("server", ("server",), True),
        ("server", ("SERVER",), True),
        ("server", ("*",), True),
        ("server.example.com", ("example.com",), True),
        ("server.example.com", (".example.com",), True),
        ("example.com", (".example.com",), True),
        ("notexample.com", ("example.com",), False),
        ("server.example.com.", ("example.com",), True),
        ("server", ("other", "", " server "), True),
        ("server", ("", "."), False),
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("11.1.2.3", ("10.0.0.0/8",), False),
        ("10.1.2.3", ("10.1.2.3",), True),
        ("10.1.2.3", ("2.3",), False),
        ("::1", ("[::1]",), True),
        ("2001:db8::5", ("2001:db8::/32",), True),
        ("2001:db8::5", ("example.com",), False),
    ],
)
def test_hosts_reached_without_a_proxy(host: str, no_proxy: tuple[str, ...], direct: bool) -> None:
    proxies = Proxies(PROXIES.http, PROXIES.https, no_proxy)
    assert (proxy_for(Endpoint(Scheme.HTTP, host, 80), proxies) is None) is direct


def test_the_proxy_of_each_scheme() -> None:
    assert proxy_for(PLAIN, PROXIES) == "http://proxy:3128"
    assert proxy_for(SECURE, PROXIES) == "http://secure-proxy:3128"
    assert proxy_for(SECURE, Proxies(http="http://proxy:3128")) is None
    assert proxy_for(PLAIN, Proxies(http="proxy:3128")) == "http://proxy:3128"

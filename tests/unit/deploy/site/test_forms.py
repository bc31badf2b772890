"""Tokens of forms, and what a browser says of where a request comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from deploy.site.forms import LIFETIME, Tokens, origin_of, same_origin
from deploy.site.model import ServerSettings

SECRET = b"k" * 32


def request(scheme: str = "http", server: tuple[str, int] | None = ("10.0.0.1", 8080), **headers: str) -> Request:
    fields = [(name.replace("_", "-").encode(), text.encode("latin-1")) for name, text in headers.items()]
    return Request({"type": "http", "method": "POST", "scheme": scheme, "server": server, "headers": fields})


def settings(uri: str | None = None) -> ServerSettings:
    return ServerSettings(Path("/r"), Path("/p"), Path("/s"), uri=uri)


class TestTokens:
    def test_a_token_holds_for_its_session_alone(self) -> None:
        tokens = Tokens(SECRET)
        token = tokens.issue("one")
        assert tokens.holds(token, "one")
        assert not tokens.holds(token, "two")
        assert not Tokens(b"j" * 32).holds(token, "one")

    def test_a_token_holds_for_nobody_without_a_session(self) -> None:
        tokens = Tokens(SECRET)
        assert not tokens.holds(tokens.issue(""), "")

    @pytest.mark.parametrize(("after", "holds"), [(0, True), (LIFETIME - 1, True), (LIFETIME + 1, False), (-5, False)])
    def test_a_token_ends(self, after: float, holds: bool) -> None:
        now = 1_800_000_000.0
        token = Tokens(SECRET, lambda: now).issue("one")
        assert Tokens(SECRET, lambda: now + after).holds(token, "one") is holds

    def test_two_tokens_of_a_session_differ(self) -> None:
        tokens = Tokens(SECRET)
        assert tokens.issue("one") != tokens.issue("one")

    @given(st.integers(0, 100), st.characters(exclude_categories=["Cs"]))
    def test_a_changed_token_does_not_hold(self, at: int, other: str) -> None:
        tokens = Tokens(SECRET)
        token = tokens.issue("one")
        at %= len(token)
        changed = token[:at] + other + token[at + 1 :]
        assert tokens.holds(changed, "one") is (changed == token)

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_any_other_text_does_not_hold(self, text: str) -> None:
        assert not Tokens(SECRET).holds(text, "one")


class TestOriginOf:
    def test_it_is_what_the_browser_asked_for(self) -> None:
        assert origin_of(request(host="MICCSERVER:81")) == "http://MICCSERVER:81"
        assert origin_of(request("https", host="[fe80::1]:8443")) == "https://[fe80::1]:8443"

    @pytest.mark.parametrize(
        "host", ["", "a b", "a/b", "a@b", 'a"b', "a:b", "a\u00fc", "%41", "a:123456", "a'b", "[::1"]
    )
    def test_an_unsound_host_is_not_believed(self, host: str) -> None:
        assert origin_of(request(host=host)) == "http://10.0.0.1:8080"

    def test_without_any_host(self) -> None:
        assert origin_of(request(server=("::1", 80))) == "http://[::1]:80"
        assert origin_of(request(server=None)) == "http://localhost:80"


class TestSameOrigin:
    """What Chromium sends stands in tests/browser; `null` comes of our own Referrer-Policy."""

    @pytest.mark.parametrize(
        ("scheme", "headers", "ours"),
        [
            ("https", {"origin": "null", "sec_fetch_site": "same-origin"}, True),
            ("http", {"origin": "null", "sec_fetch_site": "same-origin"}, True),
            ("http", {"origin": "null"}, True),
            ("https", {"origin": "null"}, False),
            ("http", {"origin": "null", "sec_fetch_site": "cross-site"}, False),
            ("http", {"origin": "null", "sec_fetch_site": "same-site"}, False),
            ("http", {"origin": "http://miccserver"}, True),
            ("http", {"origin": "http://miccserver:80"}, True),
            ("http", {"origin": "http://miccserver:8080"}, False),
            ("http", {"origin": "https://miccserver"}, False),
            ("http", {"origin": "http://evil.example"}, False),
            ("http", {"origin": "http://miccserver.evil.example"}, False),
            ("http", {"origin": "http://["}, False),
            ("http", {"origin": "http://miccserver:x"}, False),
            ("http", {"origin": "file://"}, False),
            ("http", {"origin": ""}, False),
            ("http", {}, True),
            ("http", {"sec_fetch_site": "none"}, True),
            ("http", {"sec_fetch_site": "cross-site"}, False),
        ],
    )
    def test_what_a_browser_says(self, scheme: str, headers: dict[str, str], ours: bool) -> None:
        assert same_origin(request(scheme, host="MICCServer", **headers), settings()) is ours

    def test_the_address_of_the_settings_is_ours_behind_a_proxy(self) -> None:
        behind = request(host="127.0.0.1:8080", origin="https://micc.example.com")
        assert not same_origin(behind, settings())
        assert same_origin(behind, settings("https://MICC.example.com:443"))
        assert not same_origin(behind, settings("https://micc.example.com:8443"))

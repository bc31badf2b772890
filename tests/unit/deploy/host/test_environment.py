"""The proxy variables."""

from __future__ import annotations

import pytest

from deploy.host.environment import proxies_in, with_scheme
from deploy.transport.contract import Proxies


@pytest.mark.parametrize(
    ("environment", "proxies"),
    [
        ({}, Proxies()),
        ({"http_proxy": "http://p:3128"}, Proxies("http://p:3128", None)),
        ({"HTTPS_PROXY": "http://p:3128"}, Proxies(None, "http://p:3128")),
        ({"http_proxy": "http://lower", "HTTP_PROXY": "http://UPPER"}, Proxies("http://lower")),
        ({"all_proxy": "socks5://p", "https_proxy": "p:1"}, Proxies("socks5://p", "http://p:1")),
        ({"http_proxy": " ", "HTTP_PROXY": "p:1"}, Proxies("http://p:1")),
        ({"http_proxy": ""}, Proxies()),
        ({"no_proxy": "localhost, .intern\t10.0.0.0/8,,"}, Proxies(no_proxy=("localhost", ".intern", "10.0.0.0/8"))),
        ({"NO_PROXY": "*"}, Proxies(no_proxy=("*",))),
        ({"OTHER": "http://p"}, Proxies()),
    ],
)
def test_what_the_variables_say(environment: dict[str, str], proxies: Proxies) -> None:
    assert proxies_in(environment) == proxies


def test_nothing_but_the_proxy_variables_is_read() -> None:
    asked: set[str] = set()

    class Watched(dict[str, str]):
        def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
            asked.add(key.lower())
            return default

    proxies_in(Watched())
    assert asked == {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}


def test_a_proxy_without_a_scheme_is_an_http_one() -> None:
    assert with_scheme("u:p@proxy:3128") == "http://u:p@proxy:3128"
    assert with_scheme("https://proxy") == "https://proxy"
    assert with_scheme("") is None

"""What pages and files may do in a browser: as little as they need."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from deploy.site.headers import CUSTOM_POLICY, FILE_HEADERS, PAGE_HEADERS, PAGE_POLICY, STRICT_TRANSPORT


def policy(text: str) -> dict[str, set[str]]:
    """Directives with their sources."""
    parts = [directive.split() for directive in text.split(";")]
    assert len({part[0] for part in parts}) == len(parts), "a browser takes the first of two"
    return {part[0]: set(part[1:]) for part in parts}


def test_pages_bring_their_own_style_and_script_and_send_forms_home() -> None:
    assert policy(PAGE_POLICY) == {
        "default-src": {"'none'"},
        "style-src": {"'self'"},
        "script-src": {"'self'"},
        "img-src": {"'self'", "data:"},
        "base-uri": {"'none'"},
        "form-action": {"'self'"},
        "frame-ancestors": {"'none'"},
    }


def test_a_view_of_a_customer_runs_no_script_at_all() -> None:
    found = policy(CUSTOM_POLICY)
    assert "script-src" not in found
    assert found["default-src"] == {"'none'"}
    assert found["style-src"] == {"'self'", "'unsafe-inline'"}
    assert "https:" in found["img-src"]
    assert found["form-action"] == {"'self'"}
    assert found["base-uri"] == found["frame-ancestors"] == {"'none'"}


def test_a_file_that_is_opened_does_nothing() -> None:
    found = policy(FILE_HEADERS["Content-Security-Policy"])
    assert found == {"default-src": {"'none'"}, "sandbox": set(), "frame-ancestors": {"'none'"}}


@pytest.mark.parametrize("headers", [PAGE_HEADERS, FILE_HEADERS])
def test_every_answer(headers: Mapping[str, str]) -> None:
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not {"server", "x-powered-by"} & {name.lower() for name in headers}


def test_a_page_is_alone_and_asks_for_no_power_of_the_browser() -> None:
    assert PAGE_HEADERS["Cross-Origin-Opener-Policy"] == "same-origin"
    assert PAGE_HEADERS["X-Frame-Options"] == "DENY"
    assert {"camera=()", "microphone=()", "usb=()"} <= set(PAGE_HEADERS["Permissions-Policy"].split(", "))


@pytest.mark.parametrize("headers", [PAGE_HEADERS, FILE_HEADERS, dict([STRICT_TRANSPORT])])
def test_they_can_be_sent(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        assert name.replace("-", "").isalnum()
        assert value.isascii()
        assert value.isprintable()


def test_how_files_are_cached_is_said_where_they_are_sent() -> None:
    assert "Cache-Control" not in FILE_HEADERS
    assert PAGE_HEADERS["Cache-Control"] == "no-cache"


def test_strict_transport_is_a_year() -> None:
    assert ("Strict-Transport-Security", f"max-age={365 * 86400}") == STRICT_TRANSPORT

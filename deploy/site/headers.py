"""The headers that every answer of a kind carries."""

from __future__ import annotations

from collections.abc import Mapping

_PROTECTION = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_NOTHING_ELSE = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

PAGE_POLICY = f"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; {_NOTHING_ELSE}"
CUSTOM_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:; font-src 'self'; "
    f"{_NOTHING_ELSE}"
)
"""For a view a customer made: it may bring its own style and pictures, and no scripts."""

PAGE_HEADERS: Mapping[str, str] = {
    **_PROTECTION,
    "Content-Security-Policy": PAGE_POLICY,
    "Cache-Control": "no-cache",
}
FILE_HEADERS: Mapping[str, str] = {
    **_PROTECTION,
    # Opened by a browser instead of saved, a file of a customer runs nothing.
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
}
STRICT_TRANSPORT = ("Strict-Transport-Security", "max-age=31536000")
"""Added to answers that go out over TLS."""

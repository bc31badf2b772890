"""The headers that every answer of a kind carries. Pure.

Pages get `PAGE_HEADERS`, with `CUSTOM_POLICY` in place of their policy where a customer made the page;
files get `FILE_HEADERS`; both get `STRICT_TRANSPORT` over TLS. The server names itself nowhere.
Sources: Fetch, Content Security Policy level 3, HTML (COOP), RFC 6797.
"""

from __future__ import annotations

from collections.abc import Mapping

_POWERS = ("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer")
_MORE_POWERS = ("microphone", "midi", "payment", "publickey-credentials-get", "screen-wake-lock", "serial", "usb")
_PROTECTION = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
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
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": ", ".join(f"{power}=()" for power in (*_POWERS, *_MORE_POWERS)),
    "Cache-Control": "no-cache",
}
FILE_HEADERS: Mapping[str, str] = {
    **_PROTECTION,
    # Opened by a browser instead of saved, a file of a customer runs nothing, whatever else a page may do.
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
}
STRICT_TRANSPORT = ("Strict-Transport-Security", "max-age=31536000")
"""Added to answers that go out over TLS."""

"""Forms that only our own pages can send: signed tokens, and where a request says it comes from.

A token is bound to a session id that a cookie of this site alone carries (SameSite=Strict), so another
site can neither read one nor make the browser send one along.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request

from deploy.site.model import ServerSettings

LIFETIME = 12 * 3600  # seconds
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_OURS = ("same-origin", "none")
_PORTS = {"http": 80, "https": 443}


class Tokens:
    """Signs and knows again; `clock` gives POSIX seconds."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    def issue(self, session: str) -> str:
        """A token for a form of this session."""
        said = f"{int(self._clock()):x}.{secrets.token_hex(8)}"
        return f"{said}.{self._signature(said, session)}"

    def holds(self, token: str, session: str) -> bool:
        """Whether a token was issued to this session, not too long ago."""
        said, _, signature = token.rpartition(".")
        if not session or not hmac.compare_digest(signature.encode(), self._signature(said, session).encode()):
            return False
        return 0 <= self._clock() - int(said.partition(".")[0], 16) + 1 <= LIFETIME

    def _signature(self, said: str, session: str) -> str:
        return hmac.new(self._secret, f"{said}\n{session}".encode(), hashlib.sha256).hexdigest()


def origin_of(request: Request) -> str:
    """`scheme://host` as the visitor's browser has it; this server's own address where the Host header is unsound."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        name, port = request.scope.get("server") or ("localhost", 80)
        host = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    return f"{request.scope['scheme']}://{host}"


def same_origin(request: Request, settings: ServerSettings) -> bool:
    """Whether a request comes from a page of this site, as far as the browser says (Fetch, sections 3.2 and 3.5).

    Our pages send no referrer, and browsers then say `null` for the origin: Sec-Fetch-Site decides. Over
    plain http to any host but this computer they do not send that one either (Fetch Metadata, section 4);
    token and cookie decide alone there, as they do for a program that is no browser.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is None:
        return site is None or site in _OURS
    if origin == "null":
        return site in _OURS or (site is None and request.scope["scheme"] == "http")
    ours = {_spelled(origin_of(request)), None if settings.uri is None else _spelled(settings.uri)}
    return _spelled(origin) in ours - {None}


def _spelled(origin: str) -> str | None:
    """An origin as browsers spell it, without the port that its scheme has anyway; None for what is none."""
    try:
        parts = urlsplit(origin.lower())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" if port in (None, _PORTS[parts.scheme]) else f"{parts.scheme}://{host}:{port}"

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

from starlette.requests import Request

from deploy.site.model import ServerSettings

LIFETIME = 12 * 3600  # seconds
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_OURS = ("same-origin", "none")


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
        if not hmac.compare_digest(signature.encode(), self._signature(said, session).encode()):
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

    Our pages send no referrer, and browsers then say `null` for the origin: Sec-Fetch-Site decides. A
    program that is no browser says neither.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is None:
        return site is None or site in _OURS
    if origin == "null":
        return site in _OURS
    return origin == origin_of(request) or (settings.uri is not None and origin == settings.uri.lower())

"""What an administrator's browser asks for, read once and with limits; and the cookie that says who asks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from deploy.site.model import APPLICATION_ROOT
from deploy.site.sessions import is_id

ADMIN = f"/{APPLICATION_ROOT}/admin"
LARGEST_FORM = 16 * 1024  # bytes
FORM_SECONDS = 30
_FIELDS = 20
_FORM_TYPE = "application/x-www-form-urlencoded"
_COOKIE = "micce-admin"
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?")


class FormError(Exception):
    """A form that cannot be read; `status` is what to answer (RFC 9110 section 15.5)."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `origin` is `scheme://host` as the browser says, empty where it says nothing sound.

    `address` is where it comes from, `near` that this is this computer. `cookie` is an id or empty; it may be
    that of a session, or of nobody who is signed in. The form holds passwords.
    """

    method: str
    segments: tuple[str, ...]
    https: bool
    near: bool
    origin: str
    address: str
    same_origin: bool
    cookie: str = field(default="", repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)

    def value(self, name: str) -> str:
        """A field of the form, empty where it is not there."""
        return self.form.get(name, "")


async def read_ask(request: Request, segments: tuple[str, ...], *, same_origin: bool) -> Ask:
    """The request, with its form when there is one; raises `FormError`."""
    https = request.scope["scheme"] == "https"
    host = request.headers.get("host", "")
    address = request.client.host if request.client else ""
    cookie = request.cookies.get(cookie_name(https), "")
    return Ask(
        method=request.method,
        segments=segments,
        https=https,
        near=_is_loopback(address),
        origin=f"{request.scope['scheme']}://{host}" if _HOST.fullmatch(host) else "",
        address=address,
        same_origin=same_origin,
        cookie=cookie if is_id(cookie) else "",
        query=dict(request.query_params),
        form=await _form(request) if request.method == "POST" else {},
    )


def cookie_name(https: bool) -> str:
    """Over https a name that browsers take from this host alone (RFC 6265bis section 4.1.3.2)."""
    return f"__Host-{_COOKIE}" if https else _COOKIE


def set_cookie(response: Response, id: str, *, https: bool) -> None:
    """Have the browser hold an id until it is closed, out of reach of scripts and of other sites.

    `__Host-` demands the path `/`; without it the cookie is sent to the pages of administrators only.
    """
    response.set_cookie(
        cookie_name(https), id, path="/" if https else ADMIN, secure=https, httponly=True, samesite="strict"
    )


def forget_cookie(response: Response, *, https: bool) -> None:
    """Have the browser forget the id."""
    response.delete_cookie(
        cookie_name(https), path="/" if https else ADMIN, secure=https, httponly=True, samesite="strict"
    )


def address_of(*segments: str) -> str:
    """The address of a page of administrators, from the root of the host."""
    return "/".join((ADMIN, *(quote(one, safe="") for one in segments))) if segments else f"{ADMIN}/"


async def _form(request: Request) -> Mapping[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM_TYPE:
        raise FormError(415)
    body = bytearray()
    try:
        with anyio.fail_after(FORM_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_FORM:
                    raise FormError(413)
    except TimeoutError:
        raise FormError(408) from None
    except ClientDisconnect:
        raise FormError(400) from None
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_FIELDS, errors="strict"))
    except ValueError:
        raise FormError(400) from None


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback

"""The ASGI application: one table from addresses to what answers them (specification: Addresses).

Addresses are read in any case, as IIS reads them. Files go out without a web framework in between;
pages are Starlette's requests and responses.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from deploy.errors import TargetError
from deploy.manifest import CUSTOMERS, MANIFEST, OBJECTS, PACKS
from deploy.site.access import AccessLog, Visit
from deploy.site.address import parse_path
from deploy.site.admin import Admin
from deploy.site.filesend import send_file
from deploy.site.headers import FILE_HEADERS, PAGE_HEADERS, STRICT_TRANSPORT
from deploy.site.metrics import Metrics
from deploy.site.model import APPLICATION_ROOT, DEFAULT_CUSTOMER, CustomerDirectory, Publication, ServerSettings
from deploy.site.pages import Pages
from deploy.site.shares import OpenFile, customer_file, open_file, own_file

STATIC = Path(__file__).parent / "static"
RETRY_SECONDS = "5"
_FILE_FIELDS = tuple((name.lower().encode(), value.encode()) for name, value in FILE_HEADERS.items())
_DIGEST = re.compile(r"[0-9a-f]{64}")
_READ = ("GET", "HEAD")
_FORM = ("GET", "HEAD", "POST")

_LOG = logging.getLogger("micce.site")

Segments = tuple[str, ...]
Handler = Callable[["Visitor", Segments], Awaitable[None]]
"""Answers what lies below one name of the application root."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """One request: what ASGI hands over."""

    scope: Scope
    receive: Receive
    send: Send

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def request(self) -> Request:
        return Request(self.scope, self.receive)

    async def answer(self, response: Response) -> None:
        """Send a response of the framework, with the headers every page has."""
        for name, value in PAGE_HEADERS.items():
            response.headers.setdefault(name, value)
        if self.scope["scheme"] == "https":
            response.headers.setdefault(*STRICT_TRANSPORT)
        await response(self.scope, self.receive, self.send)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is put together from."""

    settings: ServerSettings
    customers: CustomerDirectory
    publication: Publication
    pages: Pages
    admin: Admin
    metrics: Metrics
    log: AccessLog


class Application:
    """Answers every request, notes it in the log and counts it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._routes: Mapping[str, tuple[str, tuple[str, ...], Handler]] = {
            "install": ("page", _READ, self._install),
            "clientsetup": ("page", _FORM, self._client_setup),
            "admin": ("admin", _FORM, self._admin),
            "manifest": ("manifest", _READ, self._manifest),
            "published": ("content", _READ, self._published),
            "webdeployment": ("file", _READ, self._customer_file),
            "hotfixes": ("hotfix", _READ, self._files_of(parts.settings.hotfixes, own_file)),
            "programs": ("program", _READ, self._files_of(parts.settings.programs)),
            "static": ("static", _READ, self._files_of(STATIC)),
        } | {share.name.casefold(): ("file", _READ, self._files_of(share.folder)) for share in parts.settings.shares}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._visit(scope, receive, send)

    async def _visit(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit(started=time.perf_counter())

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
            elif message["type"] == "http.response.body":
                visit.sent += len(message.get("body", b""))
            await send(message)

        visitor = Visitor(scope, receive, counting)
        try:
            visit.kind = await self._dispatch(visitor)
        except TargetError as wrong:
            for problem in wrong.problems:
                _LOG.error("%s", problem)
            await visitor.answer(_not_now())
        except Exception:
            if not visit.status:
                await visitor.answer(PlainTextResponse("Something went wrong here. It has been noted.", 500))
            raise
        finally:
            self._parts.log.note(scope, visit)
            self._parts.metrics.count(visit)

    async def _dispatch(self, visitor: Visitor) -> str:
        """Answer; returns the kind of address for the metrics."""
        segments = parse_path(visitor.scope["raw_path"])
        match segments:
            case None:
                await self._not_found(visitor)
                return "unknown"
            case ("healthz",):
                return await self._plain(visitor, "health", JSONResponse({"status": "ok"}))
            case ("metrics",):
                content, media_type = self._parts.metrics.text()
                return await self._plain(visitor, "metrics", Response(content, media_type=media_type))
            case ():
                return await self._plain(visitor, "page", RedirectResponse(f"/{APPLICATION_ROOT}/install"))
        if segments[0].casefold() != APPLICATION_ROOT.casefold():
            await self._not_found(visitor)
            return "unknown"
        if len(segments) == 1:
            return await self._plain(visitor, "page", RedirectResponse(f"/{APPLICATION_ROOT}/install"))
        return await self._below_root(visitor, segments)

    async def _below_root(self, visitor: Visitor, segments: Segments) -> str:
        route = self._routes.get(segments[1].casefold())
        if route is None:
            await self._not_found(visitor)
            return "unknown"
        kind, methods, handler = route
        if visitor.method not in methods:
            await visitor.answer(_not_allowed(methods))
        else:
            await handler(visitor, segments[2:])
        return kind

    async def _plain(self, visitor: Visitor, kind: str, response: Response) -> str:
        await visitor.answer(response if visitor.method in _READ else _not_allowed(_READ))
        return kind

    async def _not_found(self, visitor: Visitor) -> None:
        await visitor.answer(await self._parts.pages.not_found(visitor.request))

    async def _install(self, visitor: Visitor, rest: Segments) -> None:
        match rest:
            case () | (_,):
                customer = rest[0] if rest else None
                await visitor.answer(await self._parts.pages.download(visitor.request, customer))
            case _:
                await self._not_found(visitor)

    async def _client_setup(self, visitor: Visitor, rest: Segments) -> None:
        match rest:
            case () | (_,):
                customer = rest[0] if rest else None
                await visitor.answer(await self._parts.pages.client_setup(visitor.request, customer))
            case _:
                await self._not_found(visitor)

    async def _admin(self, visitor: Visitor, rest: Segments) -> None:
        await visitor.answer(await self._parts.admin.handle(visitor.request, rest))

    async def _manifest(self, visitor: Visitor, rest: Segments) -> None:
        match rest:
            case () | (_,):
                await self._send_manifest(visitor, rest[0] if rest else DEFAULT_CUSTOMER)
            case _:
                await self._not_found(visitor)

    async def _send_manifest(self, visitor: Visitor, customer: str) -> None:
        release = self._parts.publication.release(customer)
        opened = None if release is None else own_file(release.manifest.parent, (release.manifest.name,))
        if opened is None:
            if self._parts.customers.find(customer) is None:
                await self._not_found(visitor)
            else:
                await visitor.answer(_not_yet())
            return
        await self._send(visitor, opened)

    async def _published(self, visitor: Visitor, rest: Segments) -> None:
        match rest:
            case (str(kind), str(start), str(digest)) if (
                kind in (PACKS, OBJECTS) and _DIGEST.fullmatch(digest) and digest.startswith(start) and len(start) == 2
            ):
                opened = own_file(self._parts.settings.published, rest)
                if opened is None:
                    await self._not_found(visitor)
                else:
                    await self._send(visitor, opened, etag=f'"{digest}"', immutable=True)
            case (str(kind), str(customer), str(name)) if (kind, name) == (CUSTOMERS, MANIFEST):
                await self._send_manifest(visitor, customer)
            case _:
                await self._not_found(visitor)

    async def _customer_file(self, visitor: Visitor, rest: Segments) -> None:
        customer = self._parts.customers.find(rest[0]) if len(rest) > 1 else None
        opened = None if customer is None else customer_file(customer.folder, rest[1:])
        if opened is None:
            await self._not_found(visitor)
        else:
            await self._send(visitor, opened)

    def _files_of(
        self, folder: Path | None, opening: Callable[[Path, Segments], OpenFile | None] = open_file
    ) -> Handler:
        async def answer(visitor: Visitor, rest: Segments) -> None:
            opened = None if folder is None or not rest else opening(folder, rest)
            if opened is None:
                await self._not_found(visitor)
            else:
                await self._send(visitor, opened)

        return answer

    async def _send(
        self, visitor: Visitor, opened: OpenFile, *, etag: str | None = None, immutable: bool = False
    ) -> None:
        await send_file(
            visitor.scope,
            visitor.receive,
            visitor.send,
            opened,
            etag=etag,
            immutable=immutable,
            headers=_FILE_FIELDS,
        )


def _not_allowed(methods: tuple[str, ...]) -> Response:
    return PlainTextResponse("This address is only read.", 405, headers={"Allow": ", ".join(methods)})


def _not_now() -> Response:
    text = "This file cannot be read at this moment. Try again."
    return PlainTextResponse(text, 503, headers={"Retry-After": RETRY_SECONDS})


def _not_yet() -> Response:
    text = "Nothing has been published for this customer yet. Try again in a moment."
    return PlainTextResponse(text, 503, headers={"Retry-After": RETRY_SECONDS})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return

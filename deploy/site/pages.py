"""The pages of customers: the download page, the ClientSetup.ini form, and what is said when there is neither."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from deploy.config import clientini
from deploy.disk import readable_size
from deploy.errors import ConfigError
from deploy.site.clientsetup_page import (
    FEATURES,
    FORMATS,
    LARGEST_FORM,
    MOST_FIELDS,
    REBOOTS,
    Form,
    faults_of,
    form_of,
    setup_of,
)
from deploy.site.download_page import context_of, page_address, page_of, script
from deploy.site.forms import Tokens, origin_of, same_origin
from deploy.site.headers import CUSTOM_POLICY
from deploy.site.model import CLIENT_INI, DEFAULT_CUSTOMER, Customer, CustomerDirectory, Publication, ServerSettings
from deploy.site.programs import System, programs_in, visitor_system
from deploy.site.templating import render
from deploy.site.views import render_view

COOKIE = "micce-form"
_NO_STORE = {"Cache-Control": "no-store"}
_FORM_TYPE = "application/x-www-form-urlencoded"
_SCRIPTS: Mapping[str, System] = {"windows": System.WINDOWS, "linux": System.LINUX}
_SESSION = re.compile(r"[A-Za-z0-9_-]{43}")
_LOG = logging.getLogger("micce.site")
_EXPIRED = "This form was open for too long, or another page sent it. Please send it again."


@dataclass(frozen=True, slots=True)
class Caller:
    """What a page needs of a request: `origin` is scheme and host, `session` that of the form's cookie, if any."""

    origin: str
    secure: bool
    session: str
    headers: Mapping[str, str]
    script: str | None


class FormError(Exception):
    """A form that cannot be read; `status` is the answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Pages:
    """Answers for customers. What takes the disk runs on a thread; account and password are never kept or logged."""

    def __init__(
        self,
        settings: ServerSettings,
        customers: CustomerDirectory,
        publication: Publication,
        tokens: Tokens,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._customers = customers
        self._publication = publication
        self._tokens = tokens
        self._now = now

    async def download(self, request: Request, customer: str | None) -> Response:
        """The download page of a customer (Default without an id), or the script of `?script=windows|linux`."""
        return await run_in_threadpool(self._download, self._caller(request), customer or DEFAULT_CUSTOMER)

    async def client_setup(self, request: Request, customer: str | None) -> Response:
        """The form (GET), or the file it makes (POST)."""
        caller, id = self._caller(request), customer or DEFAULT_CUSTOMER
        if self._settings.https_only and not caller.secure:
            text = "This form takes passwords, and this server wants them over https only."
            return _message("Not over http", text, 403)
        if request.method != "POST":
            return await run_in_threadpool(self._with_customer, id, lambda one: self._form(one, caller, Form()))
        try:
            form, token = await _read(request)
        except FormError as wrong:
            return _message("The form cannot be read", wrong.text, wrong.status)
        ours = same_origin(request, self._settings) and self._tokens.holds(token, caller.session)

        def answer(one: Customer) -> Response:
            return self._generated(one, caller, form) if ours else self._form(one, caller, form, _EXPIRED, 403)

        return await run_in_threadpool(self._with_customer, id, answer)

    async def not_found(self, request: Request) -> Response:
        """What is said where nothing is."""
        del request
        return _message(
            "Not found", "There is nothing at this address. Look whether it is spelled as you were told.", 404
        )

    async def unavailable(self, request: Request) -> Response:
        """What is said while a customer's folder is not in order."""
        del request
        return _unavailable()

    def _caller(self, request: Request) -> Caller:
        cookie = request.cookies.get(COOKIE, "")
        return Caller(
            origin=self._settings.uri or origin_of(request),
            secure=request.scope["scheme"] == "https",
            session=cookie if _SESSION.fullmatch(cookie) else "",
            headers=request.headers,
            script=request.query_params.get("script"),
        )

    def _with_customer(self, id: str, answer: Callable[[Customer], Response]) -> Response:
        customer = self._customers.find(id)
        if customer is None:
            return _message("Not found", "There is no such page. Look whether it is spelled as you were told.", 404)
        if customer.is_broken:
            for problem in customer.problems:
                _LOG.error("%s is not served: %s", customer.id, problem)
            return _unavailable()
        return answer(customer)

    def _download(self, caller: Caller, id: str) -> Response:
        return self._with_customer(id, lambda one: self._page(one, caller))

    def _page(self, customer: Customer, caller: Caller) -> Response:
        address = page_address(caller.origin, customer)
        if (system := _SCRIPTS.get(caller.script or "")) is not None:
            name, data = script(customer, address, system)
            return _attachment(name, data)
        release = self._publication.release(customer.id)
        if customer.view is not None:
            try:
                text = render_view(customer.view, context_of(customer, release, address))
            except ConfigError as wrong:
                for problem in wrong.problems:
                    _LOG.error("the standard page is shown for %s: %s", customer.id, problem)
            else:
                return HTMLResponse(text, headers={"Content-Security-Policy": CUSTOM_POLICY})
        programs = programs_in(self._settings.programs)
        page = page_of(customer, release, programs, visitor_system(caller.headers), address)
        return HTMLResponse(render("download.html.j2", page=page, readable=readable_size))

    def _form(self, customer: Customer, caller: Caller, form: Form, message: str = "", status: int = 200) -> Response:
        session = caller.session or secrets.token_urlsafe(32)
        text = render(
            "client_setup.html.j2",
            name=customer.name,
            form=form,
            message=message,
            insecure=not caller.secure,
            token=self._tokens.issue(session),
            action=page_address("", customer, "ClientSetup"),
            features=FEATURES,
            formats=FORMATS,
            reboots=REBOOTS,
        )
        response = HTMLResponse(text, status, headers=_NO_STORE)
        response.set_cookie(COOKIE, session, path="/", secure=caller.secure, httponly=True, samesite="strict")
        return response

    def _generated(self, customer: Customer, caller: Caller, form: Form) -> Response:
        setup = setup_of(form, customer, self._settings, self._now())
        faults = faults_of(setup)
        if faults:
            return self._form(customer, caller, replace(form, faults=faults), status=422)
        return _attachment(CLIENT_INI, clientini.write(setup))


async def _read(request: Request) -> tuple[Form, str]:
    """The form and its token; raises `FormError`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise FormError(415, "It was not sent as a form.")
    data = bytearray()
    try:
        async for piece in request.stream():
            data += piece
            if len(data) > LARGEST_FORM:
                raise FormError(413, "It is larger than any form of this page.")
    except ClientDisconnect:
        raise FormError(400, "It did not arrive as a whole.") from None
    try:
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise FormError(400, "It holds what no browser sends.") from None
    return form_of(pairs), next((text for name, text in pairs if name == "token"), "")


def _attachment(name: str, data: bytes) -> Response:
    headers = {**_NO_STORE, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type="application/octet-stream", headers=headers)


def _unavailable() -> Response:
    text = "This page is being worked on. Try again later."
    response = _message("Not available at this moment", text, 503)
    response.headers["Retry-After"] = "300"
    return response


def _message(heading: str, text: str, status: int) -> Response:
    return HTMLResponse(render("message.html.j2", heading=heading, text=text), status)

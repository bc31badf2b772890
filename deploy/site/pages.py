"""The pages of customers: the download page, the ClientSetup.ini form, and what is said when there is neither."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from deploy.config import clientini
from deploy.disk import readable_size
from deploy.errors import ConfigError, Problem
from deploy.site.clientsetup_page import (
    FORMATS,
    LARGEST_FORM,
    MOST_FIELDS,
    PROOF_FIELD,
    REBOOTS,
    Form,
    facts_of,
    form_of,
    setup_of,
)
from deploy.site.download_page import FEATURE_NAMES, context_of, page_address, page_of
from deploy.site.forms import Tokens, origin_of, same_origin
from deploy.site.headers import CUSTOM_POLICY
from deploy.site.install_script import Shell, install_script
from deploy.site.model import CLIENT_INI, DEFAULT_CUSTOMER, Customer, CustomerDirectory, Publication, ServerSettings
from deploy.site.programs import System, Visitor, programs_in, visitor_system
from deploy.site.templating import render
from deploy.site.views import render_view

FORM_SECONDS = 30.0
RETRY_SECONDS = 300
_COOKIE = "micce-form"
_VIEWS_AT_ONCE = 4
_NO_STORE = {"Cache-Control": "no-store"}
_VARY = {"Vary": "User-Agent, Sec-CH-UA-Platform"}
_FORM_TYPE = "application/x-www-form-urlencoded"
_SESSION = re.compile(r"[A-Za-z0-9_-]{43}")
_LOG = logging.getLogger("micce.site")
_EXPIRED = "This form was open for too long, or another page sent it. Please send it again, with the password."


@dataclass(frozen=True, slots=True)
class Caller:
    """What a page needs of a request: `origin` is scheme and host, `session` that of the form's cookie, or empty."""

    origin: str
    secure: bool
    session: str
    system: System | Visitor
    shell: Shell | None


class FormError(Exception):
    """A form that cannot be read; `status` is the answer (RFC 9110 section 15.5)."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Pages:
    """Answers for customers. What takes the disk runs on a thread; account and password are never kept or logged.

    Views of customers have threads of their own: one that takes its time keeps no other page waiting.
    """

    def __init__(
        self,
        settings: ServerSettings,
        customers: CustomerDirectory,
        publication: Publication,
        tokens: Tokens,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._settings = settings
        self._customers = customers
        self._publication = publication
        self._tokens = tokens
        self._now = now or _now
        self._rendering = CapacityLimiter(_VIEWS_AT_ONCE)
        self._told: dict[str, tuple[Problem, ...]] = {}

    async def download(self, request: Request, customer: str | None) -> Response:
        """The download page of a customer (Default without an id), or the script of `?script=windows|linux`.

        404 without such a customer, 503 while its folder is not in order.
        """
        caller = self._caller(request)
        found = await run_in_threadpool(self._find, customer or DEFAULT_CUSTOMER)
        if isinstance(found, Response):
            return found
        if caller.shell is not None:
            script = install_script(found.id, page_address(caller.origin, found), caller.shell)
            return _attachment(script.name, script.data)
        if found.view is not None:
            text = await to_thread.run_sync(self._viewed, found, caller, limiter=self._rendering)
            if text is not None:
                return HTMLResponse(text, headers={"Content-Security-Policy": CUSTOM_POLICY})
        return await run_in_threadpool(self._page, found, caller)

    async def client_setup(self, request: Request, customer: str | None) -> Response:
        """The form (GET), or the file it makes (POST).

        403 over http where only https is wanted and for forms that are not of this site, 422 with the form
        and every problem in it; 413, 415, 408 and 400 for what is no form.
        """
        caller = self._caller(request)
        found = await run_in_threadpool(self._find, customer or DEFAULT_CUSTOMER)
        if isinstance(found, Response):
            return found
        if self._settings.https_only and not caller.secure:
            text = "This form takes passwords, and this server wants them over https only."
            return _message("Not over http", text, 403, self._safe_address(found))
        if request.method != "POST":
            return self._form(found, caller, Form())
        try:
            form, token = await _read(request)
        except FormError as wrong:
            return _message("The form cannot be read", wrong.text, wrong.status)
        if not (same_origin(request, self._settings) and self._tokens.holds(token, caller.session)):
            return self._form(found, caller, form, message=_EXPIRED, status=403)
        return self._generated(found, caller, form)

    async def not_found(self, request: Request) -> Response:
        """What is said where nothing is."""
        del request
        return _not_found()

    async def unavailable(self, request: Request) -> Response:
        """What is said while a customer's folder is not in order."""
        del request
        return _unavailable()

    def _caller(self, request: Request) -> Caller:
        secure = request.scope["scheme"] == "https"
        cookie = request.cookies.get(_cookie_name(secure=secure), "")
        wanted = request.query_params.get("script")
        return Caller(
            origin=self._settings.uri or origin_of(request),
            secure=secure,
            session=cookie if _SESSION.fullmatch(cookie) else "",
            system=visitor_system(request.headers),
            shell=next((one for one in Shell if one.value == wanted), None),
        )

    def _find(self, id: str) -> Customer | Response:
        customer = self._customers.find(id)
        if customer is None:
            return _not_found()
        self._tell(f"{customer.id} is not served", customer.problems if customer.is_broken else ())
        return _unavailable() if customer.is_broken else customer

    def _tell(self, what: str, problems: tuple[Problem, ...]) -> None:
        """Log problems when they are new: visitors come often."""
        if self._told.get(what, ()) != problems:
            self._told[what] = problems
            for problem in problems:
                _LOG.error("%s: %s", what, " ".join(str(problem).split()))

    def _viewed(self, customer: Customer, caller: Caller) -> str | None:
        """The customer's own page; None where its view cannot be shown."""
        assert customer.view is not None
        release = self._publication.release(customer.id)
        what = f"the standard page is shown for {customer.id}"
        try:
            text = render_view(customer.view, context_of(customer, release, caller.origin))
        except ConfigError as wrong:
            self._tell(what, wrong.problems)
            return None
        self._tell(what, ())
        return text

    def _page(self, customer: Customer, caller: Caller) -> Response:
        release = self._publication.release(customer.id)
        programs = programs_in(self._settings.programs)
        page = page_of(customer, release, programs, caller.system, caller.origin)
        return HTMLResponse(render("download.html.j2", page=page, readable=readable_size), headers=_VARY)

    def _safe_address(self, customer: Customer) -> str:
        """The form over https, empty where it is not known whether there is one."""
        uri = self._settings.uri or ""
        return page_address(uri, customer, "ClientSetup") if uri.lower().startswith("https:") else ""

    def _form(
        self, customer: Customer, caller: Caller, form: Form, *, message: str = "", status: int = 200
    ) -> Response:
        session = caller.session or secrets.token_urlsafe(32)
        text = render(
            "client_setup.html.j2",
            name=customer.name,
            facts=facts_of(customer, self._settings),
            form=form.without_password(),
            message=message,
            insecure=not caller.secure,
            safe_address=self._safe_address(customer),
            token=self._tokens.issue(session),
            action=page_address("", customer, "ClientSetup"),
            download_address=page_address("", customer),
            features=FEATURE_NAMES.items(),
            formats=FORMATS,
            reboots=REBOOTS,
        )
        response = HTMLResponse(text, status, headers=_NO_STORE)
        # Addresses are in any case and paths of cookies are not: this one is for all of the host.
        name = _cookie_name(secure=caller.secure)
        response.set_cookie(name, session, path="/", secure=caller.secure, httponly=True, samesite="strict")
        return response

    def _generated(self, customer: Customer, caller: Caller, form: Form) -> Response:
        setup = setup_of(form, facts_of(customer, self._settings), self._now())
        judged = form.with_faults(setup)
        if judged.is_faulty:
            return self._form(customer, caller, judged, status=422)
        return _attachment(CLIENT_INI, clientini.write(setup))


async def _read(request: Request) -> tuple[Form, str]:
    """The form and its token; raises `FormError`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise FormError(415, "It was not sent as a form.")
    data = bytearray()
    try:
        with anyio.fail_after(FORM_SECONDS):
            async for piece in request.stream():
                data += piece
                if len(data) > LARGEST_FORM:
                    raise FormError(413, "It is larger than any form of this page.")
    except TimeoutError:
        raise FormError(408, "It did not arrive in time.") from None
    except ClientDisconnect:
        raise FormError(400, "It did not arrive as a whole.") from None
    try:
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise FormError(400, "It holds what no browser sends.") from None
    return form_of(pairs), next((text for name, text in pairs if name == PROOF_FIELD), "")


def _now() -> datetime:
    return datetime.now(UTC)


def _cookie_name(*, secure: bool) -> str:
    """Over https a name that browsers take from this host alone (RFC 6265bis section 4.1.3.2).

    It differs from the one over http, for a browser lets nothing over http replace a cookie of https.
    """
    return f"__Host-{_COOKIE}" if secure else _COOKIE


def _attachment(name: str, data: bytes) -> Response:
    headers: Mapping[str, str] = {**_NO_STORE, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type="application/octet-stream", headers=headers)


def _not_found() -> Response:
    text = "There is nothing at this address. Look whether it is spelled as you were told."
    return _message("Not found", text, 404)


def _unavailable() -> Response:
    text = "This page is being worked on. Try again later."
    response = _message("Not available at this moment", text, 503)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _message(heading: str, text: str, status: int, link: str = "") -> Response:
    return HTMLResponse(render("message.html.j2", heading=heading, text=text, link=link), status)

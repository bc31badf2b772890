"""The pages of administrators: one table from addresses to what answers them, all of it behind a sign-in.

A request is read first, then answered as a whole by a thread: what there is to show lies on disks. Hashing
a password takes a core and 64 MiB for a moment, so only a few of these run at once, and few wait.
"""

from __future__ import annotations

import logging

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from deploy.errors import TargetError
from deploy.site.accounts import Accounts
from deploy.site.admin_pages import NO_STORE, AdminPages, see_other
from deploy.site.admin_publication import PublishNow
from deploy.site.admin_request import ADMIN, Ask, FormError, address_of, read_ask
from deploy.site.admin_signin import EXPIRED, SIGN_IN, SignIn, back_to
from deploy.site.admin_views import AdminViews
from deploy.site.forms import Tokens, same_origin
from deploy.site.model import CustomerDirectory, Publication, ServerSettings
from deploy.site.sessions import Session, Sessions

HASHING_AT_ONCE = 2
MOST_WAITING = 16
_READ = ("GET", "HEAD")
_LOGGER = logging.getLogger("micce.site")


class Admin:
    """Answers everything below `/MiCCEInstallation/admin/`."""

    def __init__(
        self,
        settings: ServerSettings,
        customers: CustomerDirectory,
        publication: Publication,
        tokens: Tokens,
        accounts: Accounts,
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._sessions = Sessions(accounts, settings.session_minutes)
        self._pages = AdminPages(settings, tokens)
        self._sign_in = SignIn(accounts, self._sessions, self._pages, tokens)
        self._views = AdminViews(settings, customers, publication)
        self._publish_now = PublishNow(settings, customers)
        self._hashing = anyio.CapacityLimiter(HASHING_AT_ONCE)
        self._underway = 0

    async def handle(self, request: Request, segments: tuple[str, ...]) -> Response:
        """Answer a request; `segments` are what of its path comes after `admin`, decoded."""
        segments = (segments[0].lower(), *segments[1:]) if segments else ()
        if not request.scope["path"].startswith(f"{ADMIN}/"):
            # Paths of cookies are compared with their case: there is one spelling that the cookie is sent to.
            return RedirectResponse(address_of(*segments), 308, headers={"Cache-Control": NO_STORE})
        try:
            ask = await read_ask(request, segments, same_origin=same_origin(request, self._settings))
        except FormError as wrong:
            return _plain("This form cannot be read.", wrong.status)
        if ask.method != "POST" or segments[:1] not in ((SIGN_IN,), ("account",)):
            return await run_sync(self._answer, ask)
        if self._underway >= HASHING_AT_ONCE + MOST_WAITING:
            return _plain("Too many people are signing in. Try again in a moment.", 503)
        self._underway += 1
        try:
            return await run_sync(self._answer, ask, limiter=self._hashing)
        finally:
            self._underway -= 1

    def _answer(self, ask: Ask) -> Response:
        if self._settings.https_only and not ask.https:
            return self._pages.public(ask, "https-only", status=403)
        try:
            session = self._sessions.find(ask.cookie)
            if ask.segments == (SIGN_IN,):
                return self._to_sign_in(ask, session)
            if session is None:
                return self._sign_in.ask_for_it(ask)
            return self._read(ask, session) if ask.method in _READ else self._change(ask, session)
        except TargetError as wrong:
            for problem in wrong.problems:
                _LOGGER.log(logging.ERROR, "the accounts cannot be used: %s", problem)
            return _plain("The accounts cannot be used at this moment. The log of the server says why.", 503)

    def _to_sign_in(self, ask: Ask, session: Session | None) -> Response:
        if ask.method not in _READ:
            return self._sign_in.sign_in(ask)
        return self._sign_in.form(ask) if session is None else see_other(*back_to(ask.query.get("to", "")))

    def _read(self, ask: Ask, session: Session) -> Response:
        match ask.segments:
            case ():
                return self._overview(ask, session)
            case ("customers",):
                customers, refused = self._views.customers(), self._views.refused()
                return self._page(ask, session, "customers", customers=customers, refused=refused)
            case ("customers", id):
                return self._customer(ask, session, id)
            case ("releases",):
                return self._page(ask, session, "releases", releases=self._views.releases())
            case ("hotfixes",):
                return self._page(ask, session, "hotfixes", catalogue=self._views.hotfixes())
            case ("publication",):
                return self._page(ask, session, "publication", outcome=self._publish_now.last())
            case ("account",):
                return self._sign_in.account(ask, session)
        return self._page(ask, session, "not-found", status=404)

    def _change(self, ask: Ask, session: Session) -> Response:
        if not self._sign_in.is_own_form(ask):
            return self._page(ask, session, "expired", status=403, message=EXPIRED)
        match ask.segments:
            case ("sign-out",):
                return self._sign_in.sign_out(ask, session)
            case ("account",):
                return self._sign_in.change_password(ask, session)
            case ("publication",):
                self._publish_now.begin(session.account)
                return see_other("publication")
        return self._page(ask, session, "not-found", status=404)

    def _customer(self, ask: Ask, session: Session, id: str) -> Response:
        view = self._views.customer(id)
        if view is None:
            return self._page(ask, session, "not-found", status=404)
        links = self._views.links(view.customer, ask.origin)
        return self._page(ask, session, "customer", view=view, links=links)

    def _overview(self, ask: Ask, session: Session) -> Response:
        problems, refused = self._accounts.problems(), self._views.refused()
        overview = self._views.overview()
        return self._page(ask, session, "overview", overview=overview, problems=problems, refused=refused)

    def _page(self, ask: Ask, session: Session, name: str, status: int = 200, **values: object) -> Response:
        return self._pages.page(ask, session, name, status=status, **values)


def _plain(text: str, status: int) -> Response:
    headers = {"Cache-Control": NO_STORE} | ({"Retry-After": "5"} if status == 503 else {})
    return PlainTextResponse(text, status, headers=headers)

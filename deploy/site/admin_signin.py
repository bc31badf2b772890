"""Signing in and out, and the own password: what of the pages of administrators deals with secrets."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.responses import Response

from deploy.errors import UsageError
from deploy.site.accounts import Accounts, Refused
from deploy.site.admin_pages import AdminPages, see_other
from deploy.site.admin_request import Ask, forget_cookie, set_cookie
from deploy.site.forms import Tokens
from deploy.site.model import id_problem
from deploy.site.passwords import RULES, SHORTEST
from deploy.site.sessions import Session, Sessions, new_id

SIGN_IN = "sign-in"
WRONG = "Name or password is not right."
EXPIRED = "The form had been open for too long, or cookies are switched off. Try again."
_CHANGED = "password"
_BACK_TO = frozenset({"customers", "releases", "hotfixes", "account"})


class SignIn:
    """Answers what concerns sessions and passwords; every method works on the disk and may hash."""

    def __init__(self, accounts: Accounts, sessions: Sessions, pages: AdminPages, tokens: Tokens) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._pages = pages
        self._tokens = tokens

    def ask_for_it(self, ask: Ask) -> Response:
        """The way to the sign-in, and back again to the page that was asked for."""
        back = "/".join(ask.segments)
        wanted = back if ask.method in ("GET", "HEAD") and back_to(back) else ""
        return see_other(SIGN_IN, query=urlencode({"to": wanted}) if wanted else "")

    def form(self, ask: Ask, message: str = "", status: int = 200) -> Response:
        """The sign-in form. Whoever is asked holds an id already, which the form is bound to."""
        visitor = ask.cookie or new_id()
        answer = self._pages.public(
            ask,
            "sign-in",
            status=status,
            token=self._tokens.issue(visitor),
            message=message,
            to="/".join(back_to(ask.value("to") or ask.query.get("to", ""))),
            no_account=self._accounts.is_empty(),
        )
        if not ask.cookie:
            set_cookie(answer, visitor, https=ask.https)
        return answer

    def sign_in(self, ask: Ask) -> Response:
        """Begin a session under a new id, where name and password are right."""
        if not self.is_own_form(ask):
            return self.form(ask, EXPIRED, 403)
        outcome = self._accounts.sign_in(ask.value("name"), ask.value("password"), ask.address)
        if isinstance(outcome, Refused):
            return self.form(ask, self._refusal(outcome, WRONG), 403 if outcome.locked_until is None else 429)
        self._sessions.end(ask.cookie)
        answer = see_other(*back_to(ask.value("to")))
        set_cookie(answer, self._sessions.begin(outcome).id, https=ask.https)
        return answer

    def sign_out(self, ask: Ask, session: Session) -> Response:
        """End the session, here and in the browser."""
        self._sessions.end(session.id)
        answer = see_other(SIGN_IN)
        forget_cookie(answer, https=ask.https)
        return answer

    def account(self, ask: Ask, session: Session, message: str = "", status: int = 200) -> Response:
        """The page of the own account."""
        return self._pages.page(
            ask,
            session,
            "account",
            status=status,
            message=message,
            done=ask.query.get("done") == _CHANGED,
            rules=RULES,
            shortest=SHORTEST,
        )

    def change_password(self, ask: Ask, session: Session) -> Response:
        """Give the own account another password; every other session of it ends, this one gets a new id."""
        new = ask.value("new")
        if new != ask.value("again"):
            return self.account(ask, session, "The new password was not repeated as it is. Nothing was changed.", 422)
        try:
            outcome = self._accounts.change_password(session.account, ask.value("old"), new, ask.address)
        except UsageError as wrong:
            said = ". ".join(f"{one.message[0].upper()}{one.message[1:]}: {one.hint}" for one in wrong.problems)
            return self.account(ask, session, f"{said}. Nothing was changed.", 422)
        if isinstance(outcome, Refused):
            said = self._refusal(outcome, "The present password is not right. Nothing was changed.")
            return self.account(ask, session, said, 403 if outcome.locked_until is None else 429)
        answer = see_other("account", query=urlencode({"done": _CHANGED}))
        set_cookie(answer, self._sessions.begin(outcome).id, https=ask.https)
        return answer

    def is_own_form(self, ask: Ask) -> bool:
        """Whether a form was made by this server for the browser that sends it, and sent by its page."""
        return ask.same_origin and bool(ask.cookie) and self._tokens.holds(ask.value("token"), ask.cookie)

    def _refusal(self, refused: Refused, wrong: str) -> str:
        if refused.locked_until is None:
            return wrong
        left = refused.locked_until - datetime.fromtimestamp(self._accounts.clock(), UTC)
        minutes = max(math.ceil(left.total_seconds() / 60), 1)
        return f"There were too many failed attempts. Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."


def back_to(text: str) -> tuple[str, ...]:
    """The page to show after signing in: one of ours, else the overview, which is `()`."""
    match tuple(text.split("/")):
        case (page,) if page in _BACK_TO:
            return (page,)
        case ("customers", id) if id_problem(id) is None:
            return ("customers", id)
    return ()

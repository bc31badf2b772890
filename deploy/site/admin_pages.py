"""Answers to administrators: pages, and the way to another page. None of them is kept by a browser or a proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import HTMLResponse, RedirectResponse, Response

from deploy.disk import readable_size
from deploy.site.admin_request import ADMIN, Ask, address_of
from deploy.site.forms import Tokens
from deploy.site.model import ServerSettings
from deploy.site.sessions import Session
from deploy.site.templating import render

NO_STORE = "no-store"


@dataclass(frozen=True, slots=True)
class AdminPages:
    """Makes answers; `https_only` and the address asked from decide what is said about plain http."""

    settings: ServerSettings
    tokens: Tokens

    def page(self, ask: Ask, session: Session, name: str, /, *, status: int = 200, **values: object) -> Response:
        """A page for whoever is signed in: the template `admin/<name>.html.j2`."""
        return self._answer(
            name,
            status,
            {
                **self._always(ask),
                "account": session.account,
                "token": self.tokens.issue(session.id),
                "section": ask.segments[0] if ask.segments else "",
                **values,
            },
        )

    def public(self, ask: Ask, name: str, /, *, status: int = 200, **values: object) -> Response:
        """A page for whoever is not signed in."""
        always = {**self._always(ask), "account": None, "token": "", "section": "", "wide": False}
        return self._answer(name, status, {**always, **values})

    def _always(self, ask: Ask) -> dict[str, object]:
        return {"admin": ADMIN, "insecure": not ask.https and not ask.near, "readable": readable_size, "wide": True}

    @staticmethod
    def _answer(name: str, status: int, values: Mapping[str, object]) -> Response:
        text = render(f"admin/{name}.html.j2", **values)
        return HTMLResponse(text, status, headers={"Cache-Control": NO_STORE})


def see_other(*segments: str, query: str = "") -> Response:
    """The way to another page of administrators, to be read (303, RFC 9110 section 15.4.4)."""
    address = address_of(*segments) + (f"?{query}" if query else "")
    return RedirectResponse(address, 303, headers={"Cache-Control": NO_STORE})

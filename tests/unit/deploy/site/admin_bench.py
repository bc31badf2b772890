"""The pages of administrators over ASGI, as a browser with cookies sees them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import httpx
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from deploy.manifest import Manifest
from deploy.site.admin import Admin
from deploy.site.customers import Customers
from deploy.site.forms import Tokens
from deploy.site.model import Lockout, Release, ServerSettings
from tests.unit.deploy.site.accounts_bench import NAME, PASSWORD, Bench

ADMIN = "/MiCCEInstallation/admin"
SECRET = b"s" * 32
_TOKEN = re.compile(r'name="token" value="([^"]*)"')


@dataclass
class Releases:
    """What is published, as the test says; implements `Publication`."""

    all: dict[str, Release] = field(default_factory=dict)

    def release(self, customer: str) -> Release | None:
        return self.all.get(customer.lower())

    def manifest(self, customer: str) -> Manifest | None:
        return None

    def publish(self, customer: str, name: str = "", release: str = "9.6.1") -> None:
        when = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
        parts = {"Solidus": 3 * 1024 * 1024, "": 1024}
        self.all[customer.lower()] = Release(
            customer, name, 1, release, when, Path("manifest.json"), '"x"', 10, 42, 3 * 1024 * 1024 + 1024, 1, parts
        )


def setup_config(name: str = "ACME Corporation", tenant: str = "1", files: str = "") -> str:
    """A Setup.config; the name is put in as it is."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<configuration>\n'
        f"  <customerName>{name}</customerName>\n  <tenantID>{tenant}</tenantID>\n  <files>\n"
        f'    <file include="$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*" outputFolder="Solidus" />{files}\n'
        "  </files>\n</configuration>\n"
    )


@dataclass
class AdminBench:
    """A server's pages of administrators, with one account and a repository in a folder."""

    folder: Path
    settings: ServerSettings = field(init=False)
    releases: Releases = field(default_factory=Releases)

    def __post_init__(self) -> None:
        self.root = self.folder / "WebDeployment"
        self.root.mkdir(parents=True)
        self.state = self.folder / "state"
        self.settings = ServerSettings(
            self.root, self.folder / "published", self.state, lockout=Lockout(3, 10), session_minutes=30
        )
        self.bench = Bench(self.state, self.settings.lockout)
        self.tokens = Tokens(SECRET)
        self.admin = self.made()

    def made(self, **changes: object) -> Admin:
        """The pages with other settings."""
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]
        accounts = self.bench.accounts
        self.admin = Admin(self.settings, Customers(self.root), self.releases, self.tokens, accounts)
        return self.admin

    def customer(self, id: str, text: str | None = None) -> Path:
        """Add a customer's folder with this Setup.config."""
        folder = self.root / id
        folder.mkdir()
        (folder / "Setup.config").write_text(setup_config() if text is None else text, "utf-8")
        return folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rest = scope["raw_path"].decode("ascii").split("/")[3:]
        segments = tuple(unquote(one) for one in rest if one)
        await (await self.admin.handle(Request(scope, receive), segments))(scope, receive, send)

    def browser(self, *, https: bool = False, address: str = "127.0.0.1") -> Browser:
        return Browser(self, https, address)


class Browser:
    """Keeps cookies as a browser does, follows nothing by itself, and sends its origin."""

    def __init__(self, app: AdminBench, https: bool, address: str) -> None:
        self._app = app
        self._address = address
        self.base = f"{'https' if https else 'http'}://server.example"
        self.cookies = httpx.Cookies()

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: object
    ) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, client=(self._address, 50000))
            async with httpx.AsyncClient(transport=transport, base_url=self.base, cookies=self.cookies) as client:
                answer = await client.request(method, path, headers=headers, **more)  # type: ignore[arg-type]
                self.cookies = client.cookies
                return answer

        return asyncio.run(run())

    def get(self, page: str = "", **more: object) -> httpx.Response:
        return self.ask("GET", f"{ADMIN}/{page}", **more)  # type: ignore[arg-type]

    def post(
        self, page: str, fields: Mapping[str, str], *, token: str | None = None, origin: str | None = None
    ) -> httpx.Response:
        """Send a form, with the token of the page it stands on unless another is given."""
        if token is None:
            token = token_of(self.get("" if page in ("sign-out", "publication") else page))
        return self.ask(
            "POST", f"{ADMIN}/{page}", headers={"origin": origin or self.base}, data={"token": token, **fields}
        )

    def sign_in(self, name: str = NAME, password: str = PASSWORD, to: str = "") -> httpx.Response:
        return self.post("sign-in", {"name": name, "password": password, "to": to})

    def signed_in(self) -> Browser:
        assert self.sign_in().status_code == 303
        return self


def token_of(page: httpx.Response) -> str:
    """The token of the first form of a page."""
    found = _TOKEN.search(page.text)
    assert found is not None, page.text
    return unescape(found.group(1))


def words(page: httpx.Response) -> str:
    """What a page says, without its marks."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.text)).split())

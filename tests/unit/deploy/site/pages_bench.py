"""The pages of customers over ASGI, as a browser with cookies asks for them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import httpx
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from deploy.manifest import Manifest
from deploy.site.customers import Customers
from deploy.site.forms import Tokens
from deploy.site.model import Release, ServerSettings
from deploy.site.pages import Pages

SECRET = b"k" * 32
NOW = datetime(2026, 7, 14, 9, 0, 0, tzinfo=UTC)
BASE = "/MiCCEInstallation"
FIELDS = {
    "account": r"ACME\installer",
    "password": "Käsekuchen & 100%",
    "password_format": "obfuscated",
    "feature": ["Agent", "ReportManager"],
    "install_dir": r"C:\MiCCE",
    "log_file": "",
    "reboot": "prompt",
    "desktop_shortcuts": "true",
    "background_check": "true",
}
_TOKEN = re.compile(r'name="token" value="([^"]*)"')


@dataclass
class Releases:
    """What is published, as the test says; implements `Publication`."""

    all: dict[str, Release] = field(default_factory=dict)

    def release(self, customer: str) -> Release | None:
        return self.all.get(customer.lower())

    def manifest(self, customer: str) -> Manifest | None:
        return None


def setup_config(name: str = "ACME Corporation", tenant: str = "1") -> str:
    """A Setup.config; the name is put in as it is."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<configuration>\n'
        f"  <customerName>{name}</customerName>\n  <tenantID>{tenant}</tenantID>\n  <files>\n"
        '    <file include="$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*" outputFolder="Solidus" />\n'
        "  </files>\n</configuration>\n"
    )


@dataclass
class PagesBench:
    """The pages of a repository with `Default` and `acmecorp` in a folder."""

    folder: Path
    base: str = "http://miccserver:8080"
    settings: ServerSettings = field(init=False)
    releases: Releases = field(default_factory=Releases)
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)
    reached_body: int = 0

    def __post_init__(self) -> None:
        self.root = self.folder / "WebDeployment"
        self.settings = ServerSettings(self.root, self.folder / "published", self.folder / "state")
        self.tokens = Tokens(SECRET)
        self.customer("Default", setup_config("Default Tenant", "-1"))
        self.customer("acmecorp")
        self.configure()

    def configure(self, **changes: object) -> None:
        """The pages anew, with other settings."""
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]
        self.pages = Pages(self.settings, Customers(self.root), self.releases, self.tokens, lambda: NOW)

    def customer(self, id: str, text: str | None = None) -> Path:
        """Add a customer's folder with this Setup.config."""
        folder = self.root / id
        folder.mkdir(parents=True)
        (folder / "Setup.config").write_text(setup_config() if text is None else text, "utf-8")
        return folder

    def program(self, name: str, content: bytes = b"program") -> Path:
        """Put a program where pages offer it."""
        folder = self.folder / "programs"
        folder.mkdir(exist_ok=True)
        if self.settings.programs is None:
            self.configure(programs=folder)
        path = folder / name
        path.write_bytes(content)
        return path

    def publish(self, customer: str = "acmecorp", *, name: str = "9.7.1", client_entries: int = 0) -> Release:
        """Have something published for a customer, with a manifest on disk."""
        manifest = self.folder / f"{customer}-manifest.json"
        manifest.write_bytes(f"the manifest of {customer}".encode())
        parts = {"Solidus": 300 * 1024 * 1024, "": 1024}
        release = Release(
            customer, "", 1, name, NOW, manifest, '"abc"', 25, 412, 300 * 1024 * 1024 + 1024, client_entries, parts
        )
        self.releases.all[customer.lower()] = release
        return release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted() -> object:
            message = await receive()
            self.reached_body += len(message.get("body", b""))
            return message

        parts = [unquote(one) for one in scope["raw_path"].decode("ascii").split("/") if one][1:]
        request = Request(scope, counted)  # type: ignore[arg-type]
        handler = {"install": self.pages.download, "clientsetup": self.pages.client_setup}[parts[0].lower()]
        await (await handler(request, parts[1] if len(parts) > 1 else None))(scope, receive, send)

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: object
    ) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self)
            async with httpx.AsyncClient(transport=transport, base_url=self.base, cookies=self.cookies) as client:
                answer = await client.request(method, f"{BASE}/{path}", headers=headers, **more)  # type: ignore[arg-type]
                self.cookies = client.cookies
                return answer

        return asyncio.run(run())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})

    def post(
        self, path: str, fields: Mapping[str, object], *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send the form as a browser would, with the token of the page unless the fields bring one."""
        token = {} if "token" in fields else {"token": token_of(self.get(path))}
        site = {"sec-fetch-site": "same-origin"} if self.base.startswith("https") else {}
        sent = {"origin": "null", **site, **(headers or {})}
        return self.ask("POST", path, headers=sent, data={**token, **fields})


class Elements(HTMLParser):
    """Every tag of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, {name: value or "" for name, value in attrs}))

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.all if name == tag]


def token_of(page: httpx.Response) -> str:
    """The token of the form of a page."""
    found = _TOKEN.search(page.text)
    assert found is not None, page.text
    return unescape(found.group(1))


def words(page: httpx.Response) -> str:
    """What a page says, without its marks."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.text)).split())

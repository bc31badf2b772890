"""The pages of administrators in a real browser, of a real server: wide and narrow, light and dark, by keyboard."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from deploy.catalog import Catalog, CatalogEntry, CatalogFile, encode_catalog
from deploy.digest import Sha256
from deploy.machine import Role
from deploy.relpath import RelPath
from tests.cli.conftest import COMMAND, SECONDS
from tests.servers.process import free_port, program, running

NAME = "Ada"
PASSWORD = "Zwitschermaschine, 1922"
ATTACK = "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'>"
PAGES = ["", "customers", "customers/acme", "customers/broken", "releases", "hotfixes", "publication", "account"]
SIZES = [(360, 740), (1280, 800)]


@dataclass(frozen=True, slots=True)
class Site:
    """A server that runs, and everything it writes."""

    folder: Path
    base: str

    @property
    def admin(self) -> str:
        return f"{self.base}/MiCCEInstallation/admin"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"


def setup_config(name: str, files: str = "") -> str:
    escaped = name.replace("&", "&amp;").replace("<", "&lt;")
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<configuration>\n'
        f"  <customerName>{escaped}</customerName>\n  <tenantID>1</tenantID>\n  <files>\n"
        f'    <file include="$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*" outputFolder="Solidus" />{files}\n'
        "  </files>\n</configuration>\n"
    )


def fill(folder: Path) -> None:
    """A repository with customers in every state, a share, and hotfixes."""
    for id, text in {
        "Default": setup_config("All others"),
        "acme": setup_config("ACME Corporation", '\n    <file include="file:///no/x" outputFolder="x" unknown="1" />'),
        "attack": setup_config(ATTACK),
        "broken": "<configuration>\n  <files>\n",
        "bad;name": "",
    }.items():
        customer = folder / "WebDeployment" / id
        customer.mkdir(parents=True)
        (customer / "Setup.config").write_text(text)
    client = folder / "client"
    client.mkdir()
    (client / "agent.dll").write_bytes(b"agent" * 1000)
    hotfixes = folder / "HotFixes"
    hotfixes.mkdir()
    entries = [hotfix("MICCE-9.6.1-HF001", 1), hotfix("MICCE-9.6.1-HF001", 2), hotfix("MICCE-9.6.1-HF002", 1, True)]
    (hotfixes / "catalog.json").write_bytes(encode_catalog(Catalog(tuple(entries))))


def hotfix(id: str, revision: int, withdrawn: bool = False) -> CatalogEntry:
    config = RelPath((f"{id}.config",))
    when = datetime(2026, 2, revision, tzinfo=UTC)
    file = CatalogFile(config, Sha256("0" * 64), 2048)
    gone = when if withdrawn else None
    roles = frozenset({Role.CLIENT})
    return CatalogEntry(
        id, revision, RelPath((id, str(revision))), config, (file,), when, name=ATTACK, roles=roles, withdrawn=gone
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    program("chromium")
    folder = tmp_path_factory.mktemp("site")
    fill(folder)
    port = free_port()
    (folder / "machine.toml").write_text("")
    (folder / "server.toml").write_text(
        "[server]\n"
        f"root = '{folder / 'WebDeployment'}'\nstate = '{folder / 'state'}'\nport = {port}\n"
        f"hotfixes = '{folder / 'HotFixes'}'\nuri = 'http://127.0.0.1:{port}'\n"
        f"[shares]\nNextCCClient = '{folder / 'client'}'\n"
        f"[publish]\nfolder = '{folder / 'published'}'\nquiet = 0\n"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        "MICCE_MACHINE": str(folder / "machine.toml"),
        "MICCE_SERVER": str(folder / "server.toml"),
    }
    subprocess.run(
        [COMMAND, "accounts", "add", NAME, "--password-stdin"],
        input=PASSWORD.encode(),
        env=environment,
        check=True,
        timeout=SECONDS,
        capture_output=True,
    )
    with running([str(COMMAND), "serve"], port, folder / "log.txt", env=environment):
        yield Site(folder, f"http://127.0.0.1:{port}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(site: Site, chromium: Browser) -> Iterator[BrowserContext]:
    """A browser in which somebody has signed in."""
    context = chromium.new_context()
    sign_in(context.new_page(), site)
    yield context
    context.close()


def sign_in(page: Page, site: Site) -> None:
    page.goto(f"{site.admin}/")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def faults(page: Page) -> list[str]:
    """What axe finds."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]


def focused(page: Page) -> str:
    """The words of the element that has the focus, or its id."""
    return str(page.evaluate("document.activeElement.id || document.activeElement.innerText.trim()"))


def tab_to(page: Page, what: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if focused(page) == what:
            return
    raise AssertionError(f"{what} is not reached by the Tab key")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=["narrow", "wide"])
@pytest.mark.parametrize("name", ["sign-in", *PAGES], ids=lambda name: name or "overview")
def test_pages_are_accessible_and_fit(
    site: Site, chromium: Browser, signed_in: BrowserContext, name: str, size: tuple[int, int], dark: bool
) -> None:
    context = chromium.new_context() if name == "sign-in" else signed_in
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda wrong: said.append(str(wrong)))
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme="dark" if dark else "light")
    answer = page.goto(f"{site.admin}/{name}")
    assert answer is not None
    assert answer.status == 200
    assert faults(page) == []
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]
    assert said == []
    assert page.evaluate("window.hit") is None
    page.close()
    if name == "sign-in":
        context.close()


def test_everything_by_keyboard_alone(site: Site, chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(f"{site.admin}/customers/acme")
    assert focused(page) == "name"
    page.keyboard.type(NAME)
    page.keyboard.press("Tab")
    assert focused(page) == "password"
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("ACME Corporation")
    tab_to(page, "Releases")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Releases")
    tab_to(page, "Publish now")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Publishing")
    tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(f"{site.admin}/customers")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.close()


def test_everything_without_javascript(site: Site, chromium: Browser) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site)
    page.get_by_role("link", name="Customers", exact=True).click()
    page.get_by_role("link", name="ACME Corporation").click()
    expect(page.get_by_text("unknown-attribute")).to_be_visible()
    page.get_by_role("link", name="Publishing").click()
    page.get_by_role("button", name="Publish now").click()
    for _ in range(200):
        if page.get_by_text("running", exact=True).count() == 0:
            break
        page.reload()
    expect(page.get_by_text("ended")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    context.close()


def test_a_page_of_somebody_who_signed_out_is_not_brought_back(site: Site, chromium: Browser) -> None:
    context = chromium.new_context()
    page = context.new_page()
    sign_in(page, site)
    page.goto(f"{site.admin}/customers")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    context.close()


def test_scripts_cannot_read_the_cookie(site: Site, signed_in: BrowserContext) -> None:
    page = signed_in.new_page()
    page.goto(f"{site.admin}/")
    assert page.evaluate("document.cookie") == ""
    (cookie,) = signed_in.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/MiCCEInstallation/admin")
    page.close()


def test_texts_of_customers_are_texts(site: Site, signed_in: BrowserContext) -> None:
    page = signed_in.new_page()
    for name in ("customers", "customers/attack", "hotfixes", "releases"):
        page.goto(f"{site.admin}/{name}")
        expect(page.get_by_text(ATTACK).first).to_be_visible()
        assert page.evaluate("window.hit") is None
    page.close()


def test_the_password_that_was_typed_is_in_no_file(site: Site, chromium: Browser) -> None:
    """Last in this module: everything was done by now."""
    page = chromium.new_page()
    sign_in(page, site)
    page.goto(f"{site.admin}/account")
    for label, text in {
        "Present password": PASSWORD,
        "New password": f"{PASSWORD} again",
        "New password again": f"{PASSWORD} differs",
    }.items():
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed.")
    assert "Zwitscher" not in page.content()
    assert "Zwitscher" not in page.url
    page.close()
    files = [path for path in site.folder.rglob("*") if path.is_file()]
    assert site.log in files
    assert site.log.stat().st_size > 0
    for path in files:
        assert b"Zwitscher" not in path.read_bytes(), path

"""The pages of customers in a real browser, of the real server: the manual's example as somebody clicks and types it.

The server is reached under the name of a computer, as in the manual: to browsers the loopback address is a
safer place, and some of what they send and offer differs.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from playwright.sync_api import Browser, BrowserContext, Download, Page, expect

from deploy.config import clientini
from tests.browser.chromium import (
    NARROW,
    WIDE,
    accessibility_faults,
    chromium,
    focused,
    tab_order,
    tab_to,
    wider_than_the_window,
)
from tests.servers.deployment import PROGRAM, Machine, Serving

HOST = "miccserver"
LONG = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesellschaft mbH & Co. KG"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36"
ACCOUNT = r"ACME\installer"
PASSWORD = 'Zwölf Boxkämpfer & 100%; "quer"'
PAGES = {
    "download": "install/acmecorp",
    "download-of-a-long-name": "install/long",
    "download-not-yet-published": "install/new",
    "client-setup": "ClientSetup/acmecorp",
    "client-setup-of-a-long-name": "ClientSetup/long",
    "not-found": "install/nobody",
    "being-worked-on": "install/broken",
}
# Of answers that are no 200, and of a header that means something over https only.
EXPECTED = ("Failed to load resource", "The Cross-Origin-Opener-Policy header has been ignored")
STATUS = {"not-found": 404, "being-worked-on": 503}


def config(name: str, tenant: int = 1) -> str:
    return (
        f"<configuration><customerName>{escape(name)}</customerName><tenantID>{tenant}</tenantID><files>"
        '<file include="$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*" subDirs="true" outputFolder="Solidus" />'
        '<file include="\\\\ACMESERVER\\SharedFiles\\ClientSetup.ini" outputFolder="Solidus" />'
        "</files></configuration>"
    )


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    machine = Machine(tmp_path_factory.mktemp("site"), extra='programs = "programs"\nrelease = "9.7.1"')
    programs = machine.folder / "programs"
    programs.mkdir()
    for name in ("micce-deploy-9.7.1.msi", "micce-deploy-9.7.1-linux-x64.tar.gz", "micce_deployment-9.7.1.whl"):
        (programs / name).write_bytes(name.encode() * 1000)
    made = machine.command("customers", "add", "acmecorp", "--name", "ACME Corporation", "--tenant-id", "1")
    assert made.returncode == 0, made.stderr
    for id, text in {
        "long": config(LONG),
        "broken": "<configuration>",
        "attack": config("<script>hit=1</script>"),
    }.items():
        (machine.root / id).mkdir()
        (machine.root / id / "Setup.config").write_text(text, "utf-8")
    with machine.serving() as found:
        found.published("acmecorp")
        found.published("long")
        # After the publication: the watch is off, and nothing is published for it.
        (machine.root / "new").mkdir()
        (machine.root / "new/Setup.config").write_text(config("New"), "utf-8")
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(HOST) as found:
        yield found


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(user_agent=WINDOWS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def address(serving: Serving, path: str) -> str:
    return f"http://{HOST}:{serving.port}/MiCCEInstallation/{path}"


def downloaded(page: Page, act: Any) -> tuple[Download, bytes]:
    with page.expect_download() as started:
        act()
    return started.value, Path(started.value.path()).read_bytes()


def by_command(serving: Serving, *options: str, given: bytes = b"") -> bytes:
    """What the command line writes to stdout for acmecorp."""
    done = serving.machine.command("clientsetup", "acmecorp", *options, given=given)
    assert done.returncode == 0, done.stderr
    return done.stdout


def generated(data: bytes) -> str:
    """The time that stands in a file."""
    setup = clientini.read(data, "ClientSetup.ini").setup
    assert setup is not None
    assert setup.general.generated is not None
    return setup.general.generated.isoformat()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_accessible_and_fit(
    serving: Serving, page: Page, name: str, size: tuple[int, int], dark: bool
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda wrong: said.append(str(wrong)))
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme="dark" if dark else "light")
    answer = page.goto(address(serving, PAGES[name]))
    assert answer is not None
    assert answer.status == STATUS.get(name, 200)
    assert accessibility_faults(page) == []
    assert wider_than_the_window(page) == []
    assert [one for one in said if not one.startswith(EXPECTED)] == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in ground[4:-1].split(",")) < 200) is dark


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_a_form_with_faults_is_accessible_and_fits(
    serving: Serving, page: Page, size: tuple[int, int], dark: bool
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.goto(address(serving, "ClientSetup/acmecorp"))
    page.get_by_label("Account", exact=True).fill("nobody")
    page.get_by_label("Folder to install in").fill("x" * 200)
    page.get_by_label("Agent").uncheck()
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("alert")).to_be_focused()
    assert page.title().startswith("Not yet right: ")
    assert accessibility_faults(page) == []
    assert wider_than_the_window(page) == []
    page.get_by_role("link", name="Choose one feature").click()
    assert focused(page) == "feature-Agent"


class TestDownloadPage:
    def test_the_button_gives_the_program_for_windows(self, serving: Serving, page: Page) -> None:
        page.goto(address(serving, "install/acmecorp"))
        got, data = downloaded(page, page.get_by_role("link", name="Download for Windows").click)
        assert got.suggested_filename == "micce-deploy-9.7.1.msi"
        expect(page.get_by_text(hashlib.sha256(data).hexdigest())).to_be_visible()

    def test_another_system_is_offered_its_own(self, serving: Serving, browser: Browser) -> None:
        with browser.new_context(user_agent="Mozilla/5.0 (X11; Linux x86_64)") as context:
            page = context.new_page()
            page.goto(address(serving, "install/acmecorp"))
            expect(page.get_by_role("link", name="Download for Linux")).to_be_visible()

    def test_the_manifest_is_the_one_whose_checksum_is_shown(self, serving: Serving, page: Page) -> None:
        page.goto(address(serving, "install/acmecorp"))
        data = serving.get("/MiCCEInstallation/manifest/acmecorp").content
        expect(page.get_by_text(hashlib.sha256(data).hexdigest())).to_be_visible()

    def test_tab_order_is_the_order_of_reading(self, serving: Serving, page: Page) -> None:
        page.goto(address(serving, "install/acmecorp"))
        assert tab_order(page) == [
            "Skip to the content",
            "Download for Windows",
            "Copy",
            "Generate ClientSetup.ini",
            "micce-deploy-9.7.1.msi",
            "micce-deploy-9.7.1-linux-x64.tar.gz",
            "micce_deployment-9.7.1.whl",
            "manifest.json",
        ]

    def test_by_keyboard(self, serving: Serving, page: Page) -> None:
        page.goto(address(serving, "install/acmecorp"))
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert focused(page) == "main"
        tab_to(page, "Download for Windows")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "one sees where the focus is"
        got, _ = downloaded(page, lambda: page.keyboard.press("Enter"))
        assert got.suggested_filename == "micce-deploy-9.7.1.msi"

    def test_the_command_is_copied_over_plain_http(self, serving: Serving, page: Page) -> None:
        page.goto(address(serving, "install/acmecorp"))
        assert page.evaluate("navigator.clipboard") is None
        command = page.locator("[data-copy] code").inner_text().replace("\n", " ")
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_focused()
        expect(page.get_by_role("status")).to_have_text("The command is in the clipboard.")
        page.evaluate("document.body.prepend(document.createElement('textarea'))")
        page.locator("textarea").focus()
        page.keyboard.press("Control+V")
        assert page.locator("textarea").input_value() == command
        assert command == f"micce-deploy install {address(serving, 'install/acmecorp')} --to acmecorp"

    def test_without_javascript(self, serving: Serving, browser: Browser) -> None:
        with browser.new_context(java_script_enabled=False, user_agent=WINDOWS) as context:
            page = context.new_page()
            page.goto(address(serving, "install/acmecorp"))
            expect(page.get_by_text("micce-deploy install")).to_be_visible()
            expect(page.get_by_role("button", name="Copy")).to_have_count(0)
            got, _ = downloaded(page, page.get_by_role("link", name="Download for Windows").click)
            assert got.suggested_filename == "micce-deploy-9.7.1.msi"

    def test_a_name_is_a_text(self, serving: Serving, page: Page) -> None:
        for path in ("install/attack", "ClientSetup/attack"):
            page.goto(address(serving, path))
            expect(page.get_by_text("<script>hit=1</script>").first).to_be_visible()
            assert page.evaluate("window.hit") is None

    def test_the_command_and_the_script_install_the_client(self, serving: Serving, page: Page, tmp_path: Path) -> None:
        """What the page shows, typed; and the file behind the button of a server without programs, opened."""
        page.goto(f"{serving.address}/MiCCEInstallation/install/acmecorp")
        command = page.locator("[data-copy] code").inner_text().replace("\n", " ")
        environment = {
            **serving.machine.environment,
            "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path / "home"),
        }
        (tmp_path / "home").mkdir()
        subprocess.run(
            ["/bin/sh", "-c", f"{command} --no-execute"], cwd=tmp_path, env=environment, check=True, timeout=120
        )
        script = tmp_path / "install.sh"
        script.write_bytes(serving.get("/MiCCEInstallation/install/acmecorp?script=linux").content)
        subprocess.run(["/bin/sh", script], cwd=tmp_path, env=environment, check=False, timeout=120)
        share = serving.machine.shares / "NextCCClient"
        for target in (tmp_path / "acmecorp", tmp_path / "home/micce/acmecorp"):
            assert (target / "Solidus/bin/Agent.exe").read_bytes() == (share / "bin/Agent.exe").read_bytes()


class TestClientSetupPage:
    def test_tab_order_is_the_order_of_reading(self, serving: Serving, page: Page) -> None:
        page.goto(address(serving, "ClientSetup/acmecorp"))
        assert tab_order(page) == [
            "Skip to the content",
            "account",
            "password",
            "format-none",
            *(f"feature-{one.value}" for one in clientini.Feature),
            "install_dir",
            "log_file",
            "reboot",
            "desktop_shortcuts",
            "background_check",
            "check_on_startup",
            "Generate",
            "The download page of ACME Corporation",
        ]

    def test_by_keyboard_the_file_is_the_one_of_the_command_line(self, serving: Serving, page: Page) -> None:
        page.goto(address(serving, "ClientSetup/acmecorp"))
        tab_to(page, "account")
        page.keyboard.type(ACCOUNT)
        tab_to(page, "password")
        page.keyboard.type(PASSWORD)
        tab_to(page, "format-none")
        page.keyboard.press("ArrowDown")
        assert focused(page) == "format-obfuscated"
        tab_to(page, "feature-ReportManager")
        page.keyboard.press("Space")
        tab_to(page, "install_dir")
        page.keyboard.type(r"C:\MiCCE")
        _, data = downloaded(page, lambda: page.keyboard.press("Enter"))
        options = ("--account", ACCOUNT, "--password-stdin", "--feature", "Agent", "--feature", "ReportManager")
        more = ("--install-dir", r"C:\MiCCE", "--generated", generated(data))
        assert data == by_command(serving, *options, *more, given=PASSWORD.encode() + b"\n")

    def test_without_javascript_the_file_is_the_one_of_the_command_line(
        self, serving: Serving, browser: Browser
    ) -> None:
        with browser.new_context(java_script_enabled=False) as context:
            page = context.new_page()
            page.goto(address(serving, "ClientSetup/acmecorp"))
            got, data = downloaded(page, page.get_by_role("button", name="Generate").click)
            assert got.suggested_filename == "ClientSetup.ini"
            assert data == by_command(serving, "--feature", "Agent", "--generated", generated(data))

    def test_faults_are_corrected_and_the_file_comes(self, serving: Serving, page: Page) -> None:
        page.goto(address(serving, "ClientSetup/acmecorp"))
        page.get_by_label("Account", exact=True).fill("installer")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Obfuscated").check()
        page.get_by_label("Look for updates when an application starts").uncheck()
        page.get_by_role("button", name="Generate").click()
        account = page.get_by_label("Account", exact=True)
        expect(account).to_have_value("installer")
        expect(account).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label("Password", exact=True)).to_have_value("")
        expect(page.get_by_label("Obfuscated")).to_be_checked()
        account.fill(ACCOUNT)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        _, data = downloaded(page, page.get_by_role("button", name="Generate").click)
        setup = clientini.read(data, "ClientSetup.ini").setup
        assert setup is not None
        assert (setup.run_as.account, setup.run_as.password) == (ACCOUNT, PASSWORD)
        assert setup.updater.check_on_startup is False

    def test_two_files_one_after_the_other(self, serving: Serving, page: Page) -> None:
        page.goto(address(serving, "ClientSetup/acmecorp"))
        for _ in range(2):
            _, data = downloaded(page, page.get_by_role("button", name="Generate").click)
            assert data.startswith(b"[General]")

    def test_another_site_cannot_send_the_form(self, serving: Serving, context: BrowserContext) -> None:
        mine = context.new_page()
        mine.goto(address(serving, "ClientSetup/acmecorp"))
        token = mine.locator("input[name=token]").input_value()
        theirs = context.new_page()
        theirs.route("http://evil.example/", lambda route: route.fulfill(content_type="text/html", body="<p>x"))
        theirs.goto("http://evil.example/")
        target = address(serving, "ClientSetup/acmecorp")
        with theirs.expect_response(target) as answered:
            theirs.evaluate(
                """([target, token]) => {
                    document.body.innerHTML = `<meta name="referrer" content="no-referrer">
                        <form method="post" action="${target}"><input name="token" value="${token}">
                        <input name="feature" value="Agent"></form>`;
                    document.forms[0].submit();
                }""",
                [target, token],
            )
        assert answered.value.status == 403

    def test_scripts_cannot_read_the_cookie(self, serving: Serving, context: BrowserContext, page: Page) -> None:
        page.goto(address(serving, "ClientSetup/acmecorp"))
        assert page.evaluate("document.cookie") == ""
        (cookie,) = context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")

    def test_account_and_password_are_in_no_file_of_the_server(self, serving: Serving, page: Page) -> None:
        """Last in this module: everything was typed by now."""
        page.goto(address(serving, "ClientSetup/acmecorp"))
        page.get_by_label("Account", exact=True).fill(r"CANARYDOMAIN\canaryuser")
        page.get_by_label("Password", exact=True).fill("canarypassword")
        page.get_by_label("As it is").check()
        _, data = downloaded(page, page.get_by_role("button", name="Generate").click)
        assert b"canarypassword" in data
        page.get_by_label("Agent").uncheck()
        page.get_by_role("button", name="Generate").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert "canarypassword" not in page.content()
        assert "canary" not in page.url
        files = [path for path in serving.machine.folder.rglob("*") if path.is_file()]
        assert serving.access in files
        assert "POST" in serving.access.read_text()
        for path in files:
            assert b"canary" not in path.read_bytes().lower(), path
        assert "canary" not in serving.get("/metrics").text.lower()

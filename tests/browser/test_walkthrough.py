"""The manual's example, typed: a new customer, its ClientSetup.ini from the page, placed both ways, a client installed.

Source: manual, CUSTOMER CONFIGURATIONS, EXAMPLE (acmecorp, ACME Corporation, tenant 1).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.servers.deployment import ROOT, SHARES, Machine, Serving, wait
from tests.servers.process import program

PASSWORD = "Canary-Kanarienvogel-71"
ACCOUNT = "ACME\\canary-installer"
STOCK = SHARES["NextCCClient/ClientSetup.ini"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "server")
    done = made.command("customers", "add", "acmecorp", "--name", "ACME Corporation", "--tenant-id", "1")
    assert done.returncode == 0, done.stderr
    return made


def generated(browser: Browser, serving: Serving) -> bytes:
    """Fill in the form as an administrator does, and save the file."""
    page = browser.new_page()
    page.goto(f"{serving.address}{ROOT}/ClientSetup/acmecorp")
    page.get_by_label("Account", exact=True).fill(ACCOUNT)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Obfuscated").check()
    page.get_by_label("Configuration Manager").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Generate").click()
    assert download.value.suggested_filename == "ClientSetup.ini"
    data = Path(download.value.path()).read_bytes()
    page.close()
    return data


def add_entry(machine: Machine, include: str) -> None:
    """Step 5 of the manual: the new entry comes after those that are there."""
    config = machine.root / "acmecorp/Setup.config"
    entry = f'  <file include="{include}" outputFolder="Solidus" />\n  </files>'
    config.write_text(config.read_text("utf-8").replace("</files>", entry), "utf-8")


def installed(machine: Machine, serving: Serving, folder: Path) -> Path:
    done = machine.command("install", f"{serving.address}{ROOT}/install/acmecorp", "--to", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["execute"]["exitCode"] == 0
    return folder


def test_generated_by_the_host(machine: Machine, browser: Browser, tmp_path: Path) -> None:
    with machine.serving("--watch") as serving:
        serving.published("acmecorp")
        data = generated(browser, serving)
        assert b"acmecorp" in data
        before = serving.get(f"{ROOT}/manifest/acmecorp").content
        machine.root.joinpath("acmecorp/ClientSetup.ini").write_bytes(data)
        add_entry(machine, "$(WebServerUri)/MiCCEInstallation/WebDeployment/acmecorp/ClientSetup.ini")
        wait(lambda: serving.get(f"{ROOT}/manifest/acmecorp").content != before, "the new entry is published", 120)
        client = installed(machine, serving, tmp_path / "client")
        assert client.joinpath("Solidus/ClientSetup.ini").read_bytes() == data != STOCK
        page = browser.new_page()
        page.goto(f"{serving.address}{ROOT}/install/acmecorp")
        assert page.get_by_role("heading", level=1).inner_text() == "ACME Corporation"
        page.close()


def test_kept_by_the_customer(machine: Machine, browser: Browser, tmp_path: Path) -> None:
    share = tmp_path / "SharedFiles"
    share.mkdir()
    add_entry(machine, f"file://{share}/ClientSetup.ini")
    with machine.serving() as serving:
        serving.published("acmecorp")
        data = generated(browser, serving)
        share.joinpath("ClientSetup.ini").write_bytes(data)
        client = installed(machine, serving, tmp_path / "client")
    assert client.joinpath("Solidus/ClientSetup.ini").read_bytes() == data


def test_the_password_is_found_nowhere(machine: Machine, browser: Browser) -> None:
    """Neither account nor password: not on the disk, in a log, in the metrics, in the process list or on a page."""
    with machine.serving() as serving:
        serving.published("acmecorp")
        data = generated(browser, serving)
        page = browser.new_page()
        page.goto(f"{serving.address}{ROOT}/ClientSetup/acmecorp")
        page.get_by_label("Account", exact=True).fill("no domain canary-installer")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Generate").click()
        assert PASSWORD not in page.content()
        page.close()
        broken = {"Content-Type": "application/x-www-form-urlencoded"}
        serving.get(f"{ROOT}/ClientSetup/acmecorp", method="POST", content=f"password={PASSWORD}", headers=broken)
        metrics = serving.get("/metrics").text
        commands = b"".join(
            path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.parent.name != str(os.getpid())
        )
    assert PASSWORD.encode() not in data
    everything = [metrics.encode(), commands]
    everything += [path.read_bytes() for path in machine.folder.rglob("*") if path.is_file()]
    for kept in everything:
        assert b"canary-installer" not in kept
        assert PASSWORD.encode() not in kept
        assert PASSWORD.encode("utf-16-le") not in kept

"""make screenshots: pictures of the customers' pages for the docs, of the real server in a real Chromium.

Needs chromium. Repository, shares and programs are made below a temporary folder; their contents are made up.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
COMMAND = Path(sys.executable).with_name("micce-deploy")
HOST = "MICCSERVER"
SECONDS = 60.0
PAGES = f"http://{HOST}/MiCCEInstallation"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36"
SIZES = {"": (1280, 800), "-narrow": (360, 740)}
SCHEMES = {"": "light", "-dark": "dark"}

SETUP_CONFIG = """<?xml version="1.0" encoding="utf-8"?>
<configuration>
  <execute command="Solidus\\ClientSetup.exe" args="/Q /F /C:ClientSetup.ini" hidden="true" />
  <customerName>Default Tenant</customerName>
  <tenantID>-1</tenantID>
  <files>
    <file include="$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*" subDirs="true" outputFolder="Solidus" />
    <file include="$(WebServerUri)/MiCCEInstallation/ScriptManager/*.*" subDirs="true" outputFolder="ScriptManager" />
  </files>
</configuration>
"""
SERVER = f"""[server]
root = 'WebDeployment'
state = 'state'
uri = 'http://{HOST}'
broker = 'MICCESERVER'
release = '9.7.1'
programs = 'programs'
[shares]
NextCCClient = 'NextCCClient'
ScriptManager = 'ScriptManager'
[publish]
folder = 'published'
"""
CONTENTS = {
    "NextCCClient/ClientSetup.exe": 3_400_000,
    "NextCCClient/bin/Agent.exe": 9_100_000,
    "NextCCClient/bin/ReportManager.exe": 6_700_000,
    "ScriptManager/ScriptManager.exe": 4_200_000,
    "programs/micce-deploy-9.7.1-windows.msi": 11_800_000,
    "programs/micce-deploy-9.7.1-linux-x64.tar.gz": 10_300_000,
    "programs/micce_deployment-9.7.1-py3-none-any.whl": 410_000,
}


def make_site(folder: Path) -> dict[str, str]:
    """A repository with the manual's customer, what it installs, and the environment that leads to it."""
    noise = random.Random(971)
    for name, size in CONTENTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise.randbytes(size))
    default = folder / "WebDeployment/Default"
    default.mkdir(parents=True)
    (default / "Setup.config").write_text(SETUP_CONFIG, "utf-8")
    (folder / "server.toml").write_text(SERVER, "utf-8")
    (folder / "machine.toml").write_text(f"state = '{folder / 'state'}'\n", "utf-8")
    environment = {
        **os.environ,
        "MICCE_SERVER": str(folder / "server.toml"),
        "MICCE_MACHINE": str(folder / "machine.toml"),
    }
    ini = folder / "WebDeployment/acmecorp"
    for arguments in (
        ["customers", "add", "acmecorp", "--name", "ACME Corporation", "--tenant-id", "1"],
        ["clientsetup", "acmecorp", "--feature", "Agent", "--feature", "ReportManager", "--out", str(ini)],
    ):
        subprocess.run([COMMAND, *arguments], env=environment, check=True, capture_output=True)
    return environment


@contextmanager
def serving(folder: Path, environment: dict[str, str]) -> Iterator[int]:
    """The server on a free port, once it has published."""
    log = folder / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [COMMAND, "serve", "--port", "0", "--access-log", os.devnull], env=environment, stdout=output, stderr=output
        )
    try:
        until = time.monotonic() + SECONDS
        manifest = folder / "published/customers/acmecorp/manifest.json"
        while not ((found := re.search(r" at http://[^:]+:(\d+)/", log.read_text("utf-8"))) and manifest.exists()):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the server did not start:\n{log.read_text('utf-8')}")
            time.sleep(0.05)
        yield int(found[1])
    finally:
        process.terminate()
        process.wait()


def make_faults(page: Page) -> None:
    """Send a form that has to be corrected."""
    page.get_by_label("Account", exact=True).fill("installer")
    page.get_by_label("Folder to install in").fill(r"Program Files\MiCC Enterprise")
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("alert").wait_for()


def take(browser: Browser, width: str, scheme: str) -> None:
    """The pictures of one width and one colour scheme; faults once only."""
    across, down = SIZES[width]
    context = browser.new_context(
        viewport={"width": across, "height": down}, color_scheme=SCHEMES[scheme], user_agent=WINDOWS
    )
    page = context.new_page()
    for name, address in {"download-page": "install/acmecorp", "clientsetup-page": "ClientSetup/acmecorp"}.items():
        page.goto(f"{PAGES}/{address}")
        page.screenshot(path=IMAGES / f"{name}{width}{scheme}.png", full_page=True)
    if not width and not scheme:
        make_faults(page)
        page.screenshot(path=IMAGES / "clientsetup-faults.png")
    context.close()


def main() -> None:
    """Make every picture anew."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("needs chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="micce-pages-") as name, sync_playwright() as playwright:
        folder = Path(name)
        with serving(folder, make_site(folder)) as port:
            rule = f"--host-resolver-rules=MAP {HOST.lower()} 127.0.0.1:{port}"
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", rule])
            for width in SIZES:
                for scheme in SCHEMES:
                    take(browser, width, scheme)
            browser.close()


if __name__ == "__main__":
    main()

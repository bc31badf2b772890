"""make screenshots: pictures of the installer's window for the docs, of the real command on a display of its own.

Needs Xvfb, xdotool and scrot. The machine in the pictures is made below a temporary folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
TITLE = "MiCC Enterprise HotFix Installer"
SECONDS = 30.0

MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<configuration schemaVersion="1.0">
  <hotfix id="MICCE-9.6.1-HF003" revision="2" name="Router recall fix" releaseDate="2023-07-14">
    Fixes a recall failure in the Router service and the matching Agent dialog.
  </hotfix>
  <services>
    <service name="CCRouter" />
  </services>
  <files>
    <file include="Router.exe" outputFolder="$(InstallDir)Services/Bin" />
    <file include="Recall.dll" outputFolder="$(InstallDir)Services/Bin" />
    <delete path="$(InstallDir)Services/Bin/RouterOld.dll" />
  </files>
  <registry>
    <value key="HKLM\\SOFTWARE\\Mitel\\SeC\\Common\\Parameters" name="DisableWSDL" type="dword" data="1" />
  </registry>
</configuration>
"""
SERVICE = """#!/bin/sh
state="$(dirname "$0")/$2.stopped"
case $1 in
    status) [ ! -e "$state" ] || exit 3 ;;
    start) rm -f "$state" ;;
    stop) : >"$state" ;;
esac
"""
MACHINE = """state = "{base}/state"
roles = ["Server", "Router"]
product_version = "9.6.1.0"
[identifiers]
InstallDir = "{base}/MiCCE"
[services]
driver = "commands"
status = ["{base}/svc", "status", "{{name}}"]
start = ["{base}/svc", "start", "{{name}}"]
stop = ["{base}/svc", "stop", "{{name}}"]
"""


def main() -> None:
    """Make every picture."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="micce-") as folder, display() as screen:
        config = machine(Path(folder))
        environment = {
            **os.environ,
            "DISPLAY": screen,
            "MICCE_MACHINE": f"{folder}/machine.toml",
            "USERPROFILE": f"{folder}/Administrator",
        }
        installer = Path(sys.executable).with_name("MiCCEHotFixInstaller")
        with subprocess.Popen([installer, f"/i:{config}"], env=environment) as process:
            log = next_log(Path(folder))
            until(lambda: log.exists() and "start    service" in log.read_text("utf-8"))
            window = find(environment, TITLE)
            settle(environment, window)
            shoot(environment, "hotfix-window.png")
            keys(environment, window, "alt+a")
            question = find(environment, f"{TITLE}: warning")
            settle(environment, question)
            shoot(environment, "hotfix-warning.png")
            keys(environment, question, "Tab", "Return")
            until(lambda: "is installed" in log.read_text("utf-8"))
            settle(environment, window)
            shoot(environment, "hotfix-done.png")
            keys(environment, window, "alt+c")
            sys.exit(process.wait())


def machine(base: Path) -> Path:
    """A server with a service and files, and a hotfix for it; returns the hotfix."""
    held = {
        "MiCCE/Services/Bin/Router.exe": "router 412",
        "MiCCE/Services/Bin/RouterOld.dll": "old",
        "HF003/Router.exe": "router 413",
        "HF003/Recall.dll": "recall",
        "HF003/HF003.config": MANIFEST,
        "machine.toml": MACHINE.format(base=base),
        "svc": SERVICE,
    }
    for name, text in held.items():
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (base / "svc").chmod(0o755)
    return base / "HF003" / "HF003.config"


def next_log(base: Path) -> Path:
    """Where the installer writes its log."""
    return base / "Administrator/AppData/Local/Mitel/MiCC Enterprise/MiCCEHotFixInstaller/MiCCEHotFixInstaller.log"


@contextmanager
def display() -> Iterator[str]:
    """A display that exists until the block ends."""
    reader, writer = os.pipe()
    with subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "760x620x24", "-nolisten", "tcp"],
        stderr=subprocess.DEVNULL,
        pass_fds=[writer],
    ) as process:
        os.close(writer)
        with open(reader, encoding="ascii") as told:
            yield f":{told.readline().strip()}"
        process.terminate()


def find(environment: dict[str, str], title: str) -> str:
    """The window of a title, once it is there."""
    done = subprocess.run(
        ["xdotool", "search", "--sync", "--onlyvisible", "--name", f"^{title}$"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()[-1]


def settle(environment: dict[str, str], window: str) -> None:
    """Wait until a window has the focus and has drawn itself: two pictures in a row are the same."""
    subprocess.run(["xdotool", "windowfocus", "--sync", window], env=environment, check=True)
    seen = [b"", b"-"]
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "picture.png")

        def is_still() -> bool:
            subprocess.run(["scrot", "--overwrite", picture], env=environment, check=True)
            seen.append(picture.read_bytes())
            time.sleep(0.3)
            return seen[-1] == seen[-2]

        until(is_still)


def keys(environment: dict[str, str], window: str, *names: str) -> None:
    """Press keys in a window."""
    subprocess.run(["xdotool", "windowfocus", "--sync", window, "key", *names], env=environment, check=True)


def shoot(environment: dict[str, str], name: str) -> None:
    """Keep what the display shows."""
    subprocess.run(["scrot", "--overwrite", IMAGES / name], env=environment, check=True)
    print(f"docs/images/{name}")


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)


if __name__ == "__main__":
    main()

"""make demo: a small client installation from a local server, then a hotfix for a server with a running service.

Everything happens below .demo/ and on the loopback interface; the commands are the public ones.
"""

from __future__ import annotations

import os
import random
import shlex
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from demo_hotfix import HotfixDemo

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / ".demo"
SERVER = DEMO / "server"
CLIENT = DEMO / "client"
MARKER = "ClientSetup.ran.txt"
WINDOWS = os.name == "nt"
RELEASED = 1_718_000_000  # a day in June 2024, POSIX seconds

# name -> size in bytes, in the two shares that the default Setup.config names
CLIENT_FILES = {
    "NextCCClient/Agent.exe": 412_160,
    "NextCCClient/Agent.exe.config": 2_214,
    "NextCCClient/CM.exe": 655_360,
    "NextCCClient/CM.exe.config": 1_877,
    "NextCCClient/DBMT.exe": 188_416,
    "NextCCClient/IM.exe": 524_288,
    "NextCCClient/IM.exe.config": 1_903,
    "NextCCClient/RM.exe": 602_112,
    "NextCCClient/RM.exe.config": 1_911,
    "NextCCClient/SeCTenant.exe": 143_360,
    "NextCCClient/MiCCEHotFixInstaller.exe": 98_304,
    "NextCCClient/Release Notes 9.6 & 9.6 SP1.txt": 7_340,
    "NextCCClient/Common/Solidus.Client.dll": 301_056,
    "NextCCClient/Common/Solidus.Logon.dll": 77_824,
    "NextCCClient/Common/Solidus.Reports.dll": 210_944,
    "NextCCClient/Common/empty.marker": 0,
    "NextCCClient/Resources/da/Agent.resources.dll": 36_864,
    "NextCCClient/Resources/de/Agent.resources.dll": 40_960,
    "NextCCClient/Resources/en/Agent.resources.dll": 32_768,
    "NextCCClient/Resources/fr/Agent.resources.dll": 40_960,
    "NextCCClient/Resources/sv/Agent.resources.dll": 36_864,
    "NextCCClient/Resources/sv/Användarhandbok.pdf": 262_144,
    "NextCCClient/Help/Agent.chm": 350_208,
    "NextCCClient/Help/Images/toolbar 100%.png": 9_216,
    "NextCCClient/Help/Images/toolbar #2+.png": 9_731,
    "ScriptManager/ScriptManager.exe": 481_280,
    "ScriptManager/ScriptManager.exe.config": 1_544,
    "ScriptManager/ScriptEngine.dll": 229_376,
    "ScriptManager/Samples/Queue Announcement.xml": 5_120,
    "ScriptManager/Samples/Night Service.xml": 4_608,
    "ScriptManager/Prompts/en/welcome.wav": 128_044,
    "ScriptManager/Prompts/en/goodbye.wav": 64_044,
    "ScriptManager/Prompts/sv/välkommen.wav": 130_044,
}

CLIENT_SETUP_INI = """[ClientSetup]
Agent=1
ConfigurationManager=0
InformationManager=1
ReportManager=1
ScriptManager=1
"""

CLIENT_SETUP_SH = f"""#!/bin/sh
# Stands for the real ClientSetup.exe: notes how it was started and what it found beside itself.
ini=${{3#/C:}}
{{
    echo "started in $(pwd) with: $*"
    echo "settings read from $ini:"
    cat "$ini"
}} > "{MARKER}"
"""

CLIENT_SETUP_CMD = f"""@echo off\r
echo started in %CD% with: %*> "{MARKER}"\r
echo settings read from ClientSetup.ini:>> "{MARKER}"\r
type ClientSetup.ini >> "{MARKER}"\r
"""


class DemoServer(ThreadingHTTPServer):
    """Serves a folder on a free loopback port and counts the files it sent."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(CountingHandler, directory=str(folder)))
        self.files_sent = 0

    @property
    def address(self) -> str:
        """The server's URI without a last slash."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class CountingHandler(SimpleHTTPRequestHandler):
    """Python's own index pages and files; counts instead of logging."""

    protocol_version = "HTTP/1.1"
    server: DemoServer

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Count a file whose contents are sent."""
        if self.command == "GET" and code == HTTPStatus.OK and not self.path.endswith("/"):
            self.server.files_sent += 1

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def make_server_tree(folder: Path) -> None:
    """The two shares of a MiCC Enterprise server, with made-up contents that are always the same."""
    contents = random.Random("MiCC Enterprise 9.6")
    for name, size in CLIENT_FILES.items():
        path = folder / "MiCCEInstallation" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents.randbytes(size))
    client = folder / "MiCCEInstallation" / "NextCCClient"
    client.joinpath("ClientSetup.ini").write_text(CLIENT_SETUP_INI, "utf-8")
    if WINDOWS:
        client.joinpath("ClientSetup.cmd").write_bytes(CLIENT_SETUP_CMD.encode())
    else:
        client.joinpath("ClientSetup.exe").write_text(CLIENT_SETUP_SH, "utf-8")
    for path in folder.rglob("*"):
        os.utime(path, (RELEASED, RELEASED))


@contextmanager
def serving(folder: Path) -> Iterator[DemoServer]:
    """Serve `folder` until the block ends."""
    with DemoServer(folder) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def write_setup_config() -> Path:
    """The default configuration; on Windows the command is a .cmd, since nothing real is installed."""
    text = (ROOT / "WebDeployment" / "Default" / "Setup.config").read_text("utf-8")
    config = DEMO / "Setup.config"
    config.write_text(text.replace("ClientSetup.exe", "ClientSetup.cmd") if WINDOWS else text, "utf-8")
    return config


def run(program: str, *arguments: str, machine: Path, quiet: bool = False) -> None:
    """Show a command, run it as a user would, and stop the demo when it fails; `quiet` does not show it."""
    path = Path(sysconfig.get_path("scripts")) / program
    if not quiet:
        print(f"\n$ {program} {shlex.join(arguments)}", flush=True)
    environment = {**os.environ, "MICCE_MACHINE": str(machine), "USERPROFILE": str(DEMO / "user")}
    done = subprocess.run([str(path), *arguments], cwd=ROOT, env=environment, check=False)
    if done.returncode != 0:
        raise SystemExit(f"\nThe demo stopped: {program} ended with exit code {done.returncode}.")


def show_tree(folder: Path) -> None:
    """Print the folder as a tree, files with their sizes."""
    print(f"\n{folder.relative_to(ROOT)}{os.sep}")

    def below(parent: Path, indent: str) -> None:
        children = sorted(parent.iterdir(), key=lambda path: (path.is_dir(), path.name.casefold()))
        for number, child in enumerate(children, start=1):
            last = number == len(children)
            size = "" if child.is_dir() else f"  {child.stat().st_size:,}"
            print(f"{indent}{'└── ' if last else '├── '}{child.name}{os.sep if child.is_dir() else ''}{size}")
            if child.is_dir():
                below(child, indent + ("    " if last else "│   "))

    below(folder, "")


def check_installed() -> None:
    """Compare every file with the server's and see that the command ran; stops the demo if not."""
    shares = {"NextCCClient": CLIENT / "Solidus", "ScriptManager": CLIENT / "ScriptManager"}
    for name in CLIENT_FILES:
        share, _, rest = name.partition("/")
        if (shares[share] / rest).read_bytes() != (SERVER / "MiCCEInstallation" / name).read_bytes():
            raise SystemExit(f"{shares[share] / rest} differs from the server's")
    print(f"\n{len(CLIENT_FILES)} files compared with the server's: all equal. What the command left behind:")
    print("".join(f"    {line}\n" for line in (CLIENT / "Solidus" / MARKER).read_text("utf-8").splitlines()), end="")


def show_next_steps(config: str) -> None:
    """Say where everything lies and what to try."""
    print(f"\nEverything lies in {DEMO.relative_to(ROOT)}{os.sep}:")
    print("    server        what was served\n    client        what was installed")
    print("    state         what is remembered of it\n    Setup.config  what was asked for")
    print("    hotfix        a server, a hotfix for it and the zip that was built of it")
    print("    user          the log of the hotfix installer")
    print("Next:")
    print(f"    change {config}, then: .venv/bin/micce-deploy check {config}")
    print("    .venv/bin/micce-deploy --help; docs/index.md")


def main() -> int:
    """Run the demo; 0 if everything happened as it should."""
    os.chdir(ROOT)
    shutil.rmtree(DEMO, ignore_errors=True)
    CLIENT.mkdir(parents=True)
    make_server_tree(SERVER)
    machine = DEMO / "machine.toml"
    machine.write_text(f"state = '{DEMO / 'state'}'\n", "utf-8")
    config = str(write_setup_config().relative_to(ROOT))
    target = str(CLIENT.relative_to(ROOT))
    with serving(SERVER) as server:
        print(
            f"A stand-in for a MiCC Enterprise server, with {len(CLIENT_FILES) + 2} files, answers at {server.address}."
        )
        install = ("install", config, "--set", f"WebServerUri={server.address}", "--to", target)
        run("micce-deploy", "check", config, "--set", f"WebServerUri={server.address}", machine=machine)
        run("micce-deploy", *install, machine=machine)
        check_installed()
        sent = server.files_sent
        print(f"\nThe server sent {sent} files. The same again, with nothing changed on the server:")
        run("micce-deploy", *install, machine=machine)
        if server.files_sent != sent:
            raise SystemExit(f"{server.files_sent - sent} files were sent again")
        print("The server sent no file.")
    show_tree(CLIENT)
    print("\nA hotfix for a server, whose Router service runs:")
    HotfixDemo(DEMO / "hotfix", run).show()
    show_next_steps(config)
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    sys.exit(main())

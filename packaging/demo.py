"""make demo: a server with a new customer, a client installed from its page, and a hotfix for a server.

Everything happens below .demo/ and on the loopback interface; the commands are the public ones.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo_hotfix import HotfixDemo

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / ".demo"
SERVER = DEMO / "server"
CLIENT = DEMO / "client"
REPOSITORY = DEMO / "WebDeployment"
SETTINGS = DEMO / "server.toml"
ACCESS = DEMO / "access.log"
CUSTOMER = "acmecorp"
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


def make_server_tree(folder: Path) -> None:
    """The two shares of a MiCC Enterprise server, with made-up contents that are always the same."""
    contents = random.Random("MiCC Enterprise 9.6")
    for name, size in CLIENT_FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents.randbytes(size))
    client = folder / "NextCCClient"
    client.joinpath("ClientSetup.ini").write_text(CLIENT_SETUP_INI, "utf-8")
    if WINDOWS:
        client.joinpath("ClientSetup.cmd").write_bytes(CLIENT_SETUP_CMD.encode())
    else:
        client.joinpath("ClientSetup.exe").write_text(CLIENT_SETUP_SH, "utf-8")
    for path in folder.rglob("*"):
        os.utime(path, (RELEASED, RELEASED))


def make_repository() -> str:
    """The repository with the default tenant, and server.toml; returns the server's address.

    On Windows the command is a .cmd, since nothing real is installed.
    """
    text = (ROOT / "WebDeployment" / "Default" / "Setup.config").read_text("utf-8")
    default = REPOSITORY / "Default"
    default.mkdir(parents=True)
    default.joinpath("Setup.config").write_text(text.replace("ClientSetup.exe", "ClientSetup.cmd") if WINDOWS else text)
    shares = "".join(f"{name} = '{SERVER / name}'\n" for name in ("NextCCClient", "ScriptManager"))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = f"root = '{REPOSITORY}'\nport = {port}\nuri = '{address}'\nbroker = '127.0.0.1'\n"
    SETTINGS.write_text(f"[server]\n{server}\n[shares]\n{shares}", "utf-8")
    return address


def add_client_setup() -> None:
    """Step 5 of the manual's example: the customer's ClientSetup.ini comes last, so that it wins."""
    config = REPOSITORY / CUSTOMER / "Setup.config"
    include = f"$(WebServerUri)/MiCCEInstallation/WebDeployment/{CUSTOMER}/ClientSetup.ini"
    entry = f'  <file include="{include}" outputFolder="Solidus" />\n  </files>'
    config.write_text(config.read_text("utf-8").replace("</files>", entry), "utf-8")


@contextmanager
def serving(machine: Path) -> Iterator[None]:
    """Run `micce-deploy serve` until the block ends, which begins once the customer is published."""
    log = DEMO / "serve.log"
    print(
        f"\n$ micce-deploy serve --settings {SETTINGS.relative_to(ROOT)} --access-log {ACCESS.relative_to(ROOT)}",
        flush=True,
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(program("micce-deploy")), "serve", "--settings", str(SETTINGS), "--access-log", str(ACCESS)],
            cwd=ROOT,
            env=environment(machine),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(process, log, f"{CUSTOMER}: published")
            print(log.read_text("utf-8").rstrip())
            yield
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path, said: str) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if said in log.read_text("utf-8", "replace"):
            return
        time.sleep(0.05)
    raise SystemExit(f"The server did not start:\n{log.read_text('utf-8', 'replace')}")


def sent() -> int:
    """How many packs and files the server has sent."""
    rows = [json.loads(line) for line in ACCESS.read_text("utf-8").splitlines()]
    return sum(row["status"] in (200, 206) and "/published/" in row["path"] for row in rows)


def program(name: str) -> Path:
    """A command of the project as pip installed it."""
    return Path(sysconfig.get_path("scripts")) / name


def environment(machine: Path) -> dict[str, str]:
    """What the commands see: the settings of this demo and nothing of this computer's."""
    return {
        **os.environ,
        "MICCE_MACHINE": str(machine),
        "MICCE_SERVER": str(SETTINGS),
        "USERPROFILE": str(DEMO / "user"),
    }


def run(command: str, *arguments: str, machine: Path, quiet: bool = False) -> None:
    """Show a command, run it as a user would, and stop the demo when it fails; `quiet` does not show it."""
    if not quiet:
        print(f"\n$ {command} {shlex.join(arguments)}", flush=True)
    done = subprocess.run([str(program(command)), *arguments], cwd=ROOT, env=environment(machine), check=False)
    if done.returncode != 0:
        raise SystemExit(f"\nThe demo stopped: {command} ended with exit code {done.returncode}.")


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
        if (shares[share] / rest).read_bytes() != (SERVER / name).read_bytes():
            raise SystemExit(f"{shares[share] / rest} differs from the server's")
    print(f"\n{len(CLIENT_FILES)} files compared with the server's: all equal. What the command left behind:")
    print("".join(f"    {line}\n" for line in (CLIENT / "Solidus" / MARKER).read_text("utf-8").splitlines()), end="")


def show_next_steps() -> None:
    """Say where everything lies and what to try."""
    print(f"\nEverything lies in {DEMO.relative_to(ROOT)}{os.sep}:")
    print("    WebDeployment the customers, a folder each\n    server        the folders that are served")
    print("    client        what was installed\n    state         what is published, and what is remembered")
    print("    hotfix        a server, a hotfix for it and the zip that was built of it")
    print("    user          the log of the hotfix installer")
    print("Next:")
    print(f"    MICCE_SERVER={SETTINGS.relative_to(ROOT)} .venv/bin/micce-deploy serve, and open the address it says")
    print("    .venv/bin/micce-deploy --help; docs/index.md")


def main() -> int:
    """Run the demo; 0 if everything happened as it should."""
    os.chdir(ROOT)
    shutil.rmtree(DEMO, ignore_errors=True)
    CLIENT.mkdir(parents=True)
    make_server_tree(SERVER)
    address = make_repository()
    machine = DEMO / "machine.toml"
    machine.write_text(f"state = '{DEMO / 'state'}'\n", "utf-8")
    target = str(CLIENT.relative_to(ROOT))
    ini = str((REPOSITORY / CUSTOMER / "ClientSetup.ini").relative_to(ROOT))
    print("A server for many customers gets one more: ACME Corporation, tenant 1.")
    run("micce-deploy", "customers", "add", CUSTOMER, "--name", "ACME Corporation", "--tenant-id", "1", machine=machine)
    features = ("--feature", "Agent", "--feature", "InformationManager")
    run("micce-deploy", "clientsetup", CUSTOMER, *features, "--out", ini, machine=machine)
    add_client_setup()
    check = ("check", str(REPOSITORY.relative_to(ROOT)), "--offline", "--set", f"WebServerUri={address}")
    run("micce-deploy", *check, machine=machine)
    with serving(machine):
        page = f"{address}/MiCCEInstallation/install/{CUSTOMER}"
        print(f"\nIts download page is at {page}. A client installs from there:")
        run("micce-deploy", "install", page, "--to", target, machine=machine)
        check_installed()
        before = sent()
        print(f"\nThe server sent {before} packs and files. The same again, with nothing changed on the server:")
        run("micce-deploy", "install", page, "--to", target, machine=machine)
        if sent() != before:
            raise SystemExit(f"{sent() - before} files were sent again")
        print("The server sent no file.")
    show_tree(CLIENT)
    print("\nA hotfix for a server, whose Router service runs:")
    HotfixDemo(DEMO / "hotfix", run).show()
    show_next_steps()
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    sys.exit(main())

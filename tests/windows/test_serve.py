"""The server on Windows: a customer added, published, served, and a client installed from its page."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.windows

SECONDS = 120.0
ROOT = "MiCCEInstallation"
CONFIG = """<?xml version="1.0" encoding="utf-8"?>
<configuration>
  <customerName>Default Tenant</customerName>
  <tenantID>-1</tenantID>
  <files>
    <file include="$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*" subDirs="true" outputFolder="Solidus" />
  </files>
</configuration>
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A folder with a server in it."""

    folder: Path
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/{ROOT}"

    @property
    def environment(self) -> dict[str, str]:
        own = {"MICCE_MACHINE": str(self.folder / "machine.toml"), "MICCE_SERVER": str(self.folder / "server.toml")}
        return {**os.environ, **own, "PYTHONUTF8": "1"}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", "from hotfix.deploy_cli import main; main()", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"{self.address}/{path}", timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as wrong:
            return wrong.code
        except OSError:
            return 0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    client = tmp_path / "NextCCClient" / "bin"
    client.mkdir(parents=True)
    client.joinpath("Agent.exe").write_bytes(b"agent" * 1000)
    default = tmp_path / "WebDeployment" / "Default"
    default.mkdir(parents=True)
    default.joinpath("Setup.config").write_text(CONFIG, "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    tmp_path.joinpath("machine.toml").write_text(f"state = '{tmp_path / 'state'}'\n", "utf-8")
    tmp_path.joinpath("server.toml").write_text(
        f"[server]\nroot = '{tmp_path / 'WebDeployment'}'\nport = {port}\n"
        f"[shares]\nNextCCClient = '{tmp_path / 'NextCCClient'}'\n",
        "utf-8",
    )
    made = Server(tmp_path, port)
    added = made.run("customers", "add", "acmecorp", "--name", "ACME Corporation", "--tenant-id", "1")
    assert added.returncode == 0, added.stderr
    with subprocess.Popen(
        made.command("serve", "--access-log", str(tmp_path / "access.log")),
        env=made.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            until = time.monotonic() + SECONDS
            while made.status("manifest/acmecorp") != 200:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.1)
            yield made
        finally:
            process.kill()


def test_pages_files_and_an_installation(server: Server) -> None:
    assert [server.status(path) for path in ("install", "install/ACMECORP", "clientsetup/acmecorp", "admin/")] == [
        200
    ] * 4
    assert [server.status(path) for path in ("NextCCClient/BIN/agent.EXE", "webdeployment/acmecorp/setup.CONFIG")] == [
        200
    ] * 2
    attacks = ("NextCCClient/..%5cserver.toml", "NextCCClient/bin/AGENT~1.EXE", "NextCCClient/bin/Agent.exe::$DATA")
    assert [server.status(path) for path in attacks] == [404] * 3
    done = server.run("install", f"{server.address}/install/acmecorp", "--to", str(server.folder / "client"))
    assert done.returncode == 0, done.stderr
    assert server.folder.joinpath("client/Solidus/bin/Agent.exe").read_bytes() == b"agent" * 1000

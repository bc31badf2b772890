"""The product's own server as an administrator runs it: its command, a repository, shares, loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx

from tests.servers.process import START_SECONDS, stop

PROGRAM = Path(sys.executable).with_name("micce-deploy")
ROOT = "/MiCCEInstallation"
DEFAULT = """<?xml version="1.0" encoding="utf-8"?>
<!-- What every client gets. -->
<configuration>
  <execute command="Solidus\\ClientSetup.exe" args="/Q /F /C:ClientSetup.ini" hidden="true" />
  <customerName>Default Tenant</customerName>
  <tenantID>-1</tenantID>
  <files>
    <file include="$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*" subDirs="true" outputFolder="Solidus" />
    <file include="$(WebServerUri)/MicCEInstallation/ScriptManager/*.*" subDirs="true" outputFolder="ScriptManager" />
  </files>
</configuration>
"""
SHARES = {
    "NextCCClient/ClientSetup.exe": b"#!/bin/sh\nexit 0\n",
    "NextCCClient/ClientSetup.ini": b"[General]\r\nFormatVersion=1\r\n",
    "NextCCClient/bin/Agent.exe": b"agent" * 4000,
    "NextCCClient/bin/Readme first.txt": "Grüße & 100% #1\n".encode(),
    "ScriptManager/sm.dll": bytes(range(256)) * 64,
}
_Answer = TypeVar("_Answer")


@dataclass
class Machine:
    """The folder of one server: its repository, shares, settings, and what it keeps."""

    folder: Path
    extra: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root.joinpath("Default").mkdir(parents=True)
        self.root.joinpath("Default/Setup.config").write_text(DEFAULT, "utf-8")
        for name, content in SHARES.items():
            self.put(name, content)
        self.folder.joinpath("machine.toml").write_text(f'state = "{self.folder}/state"\n', "utf-8")
        self.settings.write_text(
            '[server]\nroot = "WebDeployment"\n'
            f"{self.extra}\n"
            "[publish]\nquiet = 0\n"
            '[shares]\nNextCCClient = "shares/NextCCClient"\nScriptManager = "shares/ScriptManager"\n',
            "utf-8",
        )
        self.environment = {
            **os.environ,
            "MICCE_MACHINE": str(self.folder / "machine.toml"),
            "MICCE_SERVER": str(self.settings),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.environment,
        }

    @property
    def root(self) -> Path:
        return self.folder / "WebDeployment"

    @property
    def shares(self) -> Path:
        return self.folder / "shares"

    @property
    def settings(self) -> Path:
        return self.folder / "server.toml"

    def put(self, name: str, content: bytes) -> Path:
        """Write a file of a share."""
        path = self.shares / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def command(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run `micce-deploy` on this machine."""
        return subprocess.run(
            [PROGRAM, *arguments], env=self.environment, input=given, capture_output=True, timeout=120, check=False
        )

    @contextmanager
    def serving(self, *options: str) -> Iterator[Serving]:
        """Run `micce-deploy serve` on a free port until the block ends."""
        log, access = self.folder / "serve.log", self.folder / "access.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [PROGRAM, "serve", "--port", "0", "--access-log", access, *options],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            found = Serving(self, process, _address(process, log), log, access)
            wait(lambda: found.get("/healthz").status_code == 200, "the server answers")
            yield found
        finally:
            stop(process)


@dataclass(frozen=True)
class Serving:
    """A server that runs; `address` is scheme, host and port."""

    machine: Machine
    process: subprocess.Popen[bytes]
    address: str
    log: Path
    access: Path

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def get(self, path: str, **options: object) -> httpx.Response:
        """Ask for an address below the host, as it is."""
        with httpx.Client(trust_env=False, verify=False, timeout=30) as client:
            return client.request(str(options.pop("method", "GET")), self.address + path, **options)  # type: ignore[arg-type]

    def visits(self) -> Sequence[dict[str, object]]:
        """The lines of the access log."""
        return [json.loads(line) for line in self.access.read_text("utf-8").splitlines()]

    def published(self, customer: str) -> None:
        """Wait until something is published for a customer."""
        wait(lambda: self.get(f"{ROOT}/manifest/{customer}").status_code == 200, f"{customer} is published")

    def end(self) -> int:
        """Tell it to stop and wait until it has; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def wait(holds: Callable[[], bool], what: str, seconds: float = START_SECONDS * 2) -> None:
    """Wait until something holds, or say that it never did."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"never came true: {what}"
        time.sleep(0.02)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        text = log.read_text("utf-8", "replace")
        if found := re.search(r"^serving .* at (https?://\S+?)/MiCCE", text, re.MULTILINE):
            return found[1]
        assert process.poll() is None, f"the server ended with {process.returncode}:\n{text}"
        time.sleep(0.02)
    raise AssertionError(f"the server never said its address:\n{log.read_text()}")

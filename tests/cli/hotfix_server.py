"""A server with a service, as a hotfix of the tests finds it, and the commands run on it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import SECONDS, Ended, Machine

# CCRouter runs while its file says so; with "stubborn" it does not stop, "held-stop" and "held-start" take their time.
SERVICE = """#!/bin/sh
folder=$(dirname "$0")/services
top=$folder/..
while_there() { while [ -e "$1" ]; do sleep 0.02; done; }
case $1 in
    status) [ -e "$folder/$2" ] || exit 4; grep -q running "$folder/$2" || exit 3 ;;
    start)
        echo "start $2 $(cat "$top/inst/Router.exe")" >>"$top/calls"
        while_there "$top/held-start"
        echo running >"$folder/$2" ;;
    stop)
        echo "stop $2" >>"$top/calls"
        while_there "$top/held-stop"
        [ -e "$top/stubborn" ] || echo stopped >"$folder/$2" ;;
esac
"""
HEAD = '<hotfix id="{id}" revision="{revision}" name="Router recall fix">Fixes recall.</hotfix>'
SERVICES = '<services><service name="CCRouter" timeout="{timeout}" /></services>'
FAILING = '<commands><execute command="fail.sh" /></commands>'
ROUTER = '<file include="Router.exe" outputFolder="$(InstallDir)" {more} />'


@dataclass(frozen=True, slots=True)
class Server:
    """A server whose installation, services, state and profile lie in one folder."""

    machine: Machine

    @property
    def folder(self) -> Path:
        return self.machine.folder

    @property
    def log(self) -> Path:
        return self.folder / "user/AppData/Local/Mitel/MiCC Enterprise/MiCCEHotFixInstaller/MiCCEHotFixInstaller.log"

    @property
    def router(self) -> str:
        return (self.folder / "inst" / "Router.exe").read_text()

    def run(self, program: str, *arguments: str | Path, cwd: Path | None = None) -> Ended:
        """Run a command to its end; nobody is there to answer."""
        done = subprocess.run(
            [Path(sys.executable).with_name(program), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            cwd=cwd or self.folder,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, program: str, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a command; what it says can be read once it has ended."""
        return subprocess.Popen(
            [Path(sys.executable).with_name(program), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=self.folder,
        )

    @property
    def environment(self) -> dict[str, str]:
        return {**self.machine.environment, "USERPROFILE": str(self.folder / "user"), "DISPLAY": ""}

    def install(self, config: Path) -> Ended:
        return self.run("MiCCEHotFixInstaller", f"/i:{config}", "/s")

    def hotfix(self, *arguments: str | Path) -> Ended:
        return self.run("micce-hotfix", *arguments)

    def package(
        self,
        inner: str,
        files: dict[str, str] | None = None,
        *,
        id: str = "HF003",
        revision: int = 1,
    ) -> Path:
        """Write a hotfix; returns its *.config."""
        folder = self.folder / "packages" / f"{id}-{revision}"
        for name, text in (files or {"Router.exe": "router 413"}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        config = folder / f"{id}.config"
        head = HEAD.format(id=id, revision=revision)
        config.write_text(f"<configuration>\n{head}\n{inner}\n</configuration>\n")
        return config

    def simple(self, more: str = "", rest: str = "", timeout: int = 30, **options: object) -> Path:
        """A hotfix that replaces Router.exe with its service stopped."""
        inner = f"{SERVICES.format(timeout=timeout)}\n<files>{ROUTER.format(more=more)}</files>\n{rest}"
        return self.package(inner, **options)  # type: ignore[arg-type]

    @property
    def is_running(self) -> bool:
        return "running" in (self.folder / "services" / "CCRouter").read_text()

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something."""
        ends = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < ends, self.log.read_text() if self.log.exists() else "no log"
            time.sleep(0.01)

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def tree(self) -> dict[str, tuple[int, str]]:
        """Everything that a hotfix may change: mode and content of each file."""
        return {
            path.relative_to(self.folder).as_posix(): (path.stat().st_mode, path.read_bytes().hex())
            for top in ("inst", "services", "state")
            for path in sorted((self.folder / top).rglob("*"))
            if path.is_file() and path.suffix != ".lock"
        }


@pytest.fixture
def server(machine: Machine) -> Server:
    folder = machine.folder
    for name, text in {"inst/Router.exe": "router 412", "services/CCRouter": "running\n", "svc": SERVICE}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "svc").chmod(0o755)
    commands = "\n".join(f'{verb} = ["{folder}/svc", "{verb}", "{{name}}"]' for verb in ("status", "start", "stop"))
    machine.settings(
        f'roles = ["Server", "Router"]\nproduct_version = "9.6.1.0"\n[identifiers]\nInstallDir = "{folder}/inst"\n'
        f'[services]\ndriver = "commands"\n{commands}\n'
    )
    return Server(machine)

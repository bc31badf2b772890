"""The commands as Windows programs, built by PyInstaller, without any Python around them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.host.current import current
from tests.windows.services import ServiceMaker
from tests.windows.site import Site

pytestmark = pytest.mark.windows
ROOT = Path(__file__).parents[2]
SECONDS = 240
CONFIG = """<configuration>
  <customerName>Test</customerName>
  <tenantID>7</tenantID>
  <execute command="Solidus\\ClientSetup.exe" args="/Q" hidden="true" />
  <files><file include="{share}\\*.*" subDirs="true" outputFolder="Solidus" /></files>
</configuration>
"""


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended."""

    returncode: int
    stdout: str
    stderr: str


def run(program: Path, *arguments: str | Path, **variables: str) -> Done:
    """Run a program as a machine without Python would: nothing of this one's path is passed on.

    What it writes goes to files: Wine's process for the desktop, which the first program with a window
    starts, would keep a pipe open.
    """
    environment = {name: text for name, text in os.environ.items() if not name.upper().startswith("PYTHON")}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        done = subprocess.run(
            [str(program), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            timeout=SECONDS,
            env={**environment, **variables},
            check=False,
        )
        written = []
        for file in (out, err):
            file.seek(0)
            written.append(file.read().decode("utf-8"))
    return Done(done.returncode, *written)


def test_every_command_is_there_and_carries_its_version(executables: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {path.stem for path in executables.glob("*.exe")} == set(project["scripts"])
    for name in project["scripts"]:
        version = current().file_version(executables / f"{name}.exe")
        assert version is not None
        assert version.startswith(project["version"])


def test_no_stand_in_for_a_library_of_windows_is_handed_out(executables: Path) -> None:
    names = {path.name.lower() for path in executables.rglob("*") if path.is_file()}
    assert "python311.dll" in names
    assert "bcryptprimitives.dll" not in names


def test_micce_deploy_installs(executables: Path, client_setup: Path, tmp_path: Path) -> None:
    share, base = tmp_path / "share", tmp_path / "base"
    (share / "Sub").mkdir(parents=True)
    (share / "Agent.exe").write_bytes(b"agent")
    (share / "Sub" / "å.dll").write_bytes(b"library")
    (share / "ClientSetup.exe").write_bytes(client_setup.read_bytes())
    config = tmp_path / "Setup.config"
    config.write_text(CONFIG.format(share=share), encoding="utf-8")
    (tmp_path / "machine.toml").write_text(f"state = '{tmp_path / 'state'}'\n", encoding="utf-8")
    done = run(
        executables / "micce-deploy.exe",
        *("install", config, "--to", base, "--json"),
        MICCE_MACHINE=str(tmp_path / "machine.toml"),
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["fetched"], result["execute"]["exitCode"]) == (3, 0)
    assert (base / "Solidus" / "Sub" / "å.dll").read_bytes() == b"library"
    assert "/Q" in (base / "Solidus" / "ClientSetup.ran").read_text(encoding="utf-8")


def test_the_hotfix_installer_shows_its_options(executables: Path) -> None:
    done = run(executables / "MiCCEHotFixInstaller.exe", "/?")
    assert done.returncode == 0, done.stderr
    assert "/i:<file>" in done.stdout


def test_the_hotfix_installer_applies_a_hotfix_over_a_running_service(
    executables: Path, services: ServiceMaker, tmp_path: Path
) -> None:
    site = Site.make(tmp_path, {"Bin\\Router.dll": b"old router"})
    router = services.install("Router", "--use", str(site.product / "Bin" / "Router.dll"))
    router.run()
    config = site.package(
        "HF001",
        f'<services><service name="{router.name}" timeout="30" /></services>'
        '<files><file include="Router.dll" outputFolder="$(InstallDir)Bin" /></files>',
        {"Router.dll": b"new router"},
    )
    done = run(executables / "MiCCEHotFixInstaller.exe", f"/i:{config}", "/s", **site.variables)
    assert done.returncode == 0, done.stderr
    assert router.running
    assert site.files() == {"Bin\\Router.dll": b"new router"}
    assert "HF001" in site.log.read_text(encoding="utf-8")
    listed = run(executables / "micce-hotfix.exe", "list", "--json", **site.variables)
    assert listed.returncode == 0, listed.stderr
    assert "HF001" in listed.stdout
    removed = run(executables / "micce-hotfix.exe", "uninstall", "HF001", "--yes", **site.variables)
    assert removed.returncode == 0, removed.stderr
    assert site.files() == {"Bin\\Router.dll": b"old router"}
    assert router.running

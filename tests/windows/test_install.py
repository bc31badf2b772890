"""The whole command on Windows: from a Setup.config to files in place and a program that ran."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.download import MANY_FILES
from tests.windows.conftest import Served

pytestmark = pytest.mark.windows

ROOT = Path(__file__).parents[2]
# The command under the path limit of Windows, with a line on standard error for every process it starts.
COMMAND = """
import sys
from deploy.cli import main
from tests.windows import max_path
max_path.enforce()
sys.argv[0] = "micce-deploy"
sys.addaudithook(lambda name, args: name == "subprocess.Popen" and sys.stderr.write(f"started {args[1]}\\n"))
main()
"""
SECONDS = 240
RELEASED = 1_718_000_000  # POSIX seconds; long ago, so that its time alone proves a file unchanged


@dataclass(frozen=True, slots=True)
class Client:
    """A Windows client: its machine.toml, and the folder things are installed into."""

    folder: Path

    @property
    def base(self) -> Path:
        return self.folder / "base"

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *map(str, arguments)],
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
            env={
                **os.environ,
                "MICCE_MACHINE": str(self.folder / "machine.toml"),
                "PYTHONPATH": f"{ROOT};{os.environ['PYTHONPATH']}",
            },
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def install(self, config: str | Path, *arguments: str) -> list[dict[str, Any]]:
        """Install; returns the events, the result last."""
        done = self.run("install", config, "--to", self.base, "--json", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    client = Client(tmp_path / "client")
    client.folder.mkdir()
    (client.folder / "machine.toml").write_text(f"state = '{client.folder / 'state'}'\n", encoding="utf-8")
    yield client
    # What is left behind is looked at; nothing must hold it open.
    shutil.rmtree(client.folder)


def _fill(folder: Path, client_setup: Path) -> dict[str, bytes]:
    """A share as a server has it; returns what must arrive below outputFolder."""
    files = {
        "Agent.exe": b"agent" * 100_000,
        "Common\\Solidus.Client.dll": b"\0\1\2" * 1000,
        "Resources\\sv\\Användarhandbok.pdf": b"pdf" * 500,
        "Help\\toolbar 100% #2+ & more.png": b"png",
        "empty.marker": b"",
        "ClientSetup.ini": b"[ClientSetup]\r\nAgent=1\r\n",
        "ClientSetup.exe": client_setup.read_bytes(),
    }
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (RELEASED, RELEASED))
    (folder / "Agent.pdb").write_bytes(b"left out")
    return files


EXECUTE = '<execute command="Solidus\\ClientSetup.exe" args="/Q  /F &quot;/C:ClientSetup.ini&quot;" hidden="true" />'


def _config(path: Path, include: str, execute: str = EXECUTE) -> Path:
    path.write_text(
        f"""<?xml version="1.0" encoding="utf-8"?>
<configuration>
  {execute}
  <customerName>Test</customerName>
  <tenantID>7</tenantID>
  <files><file include="{include}" exclude="*.pdb" subDirs="true" outputFolder="Solidus" /></files>
</configuration>
""",
        encoding="utf-8",
    )
    return path


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _check(client: Client, files: dict[str, bytes], events: list[dict[str, Any]]) -> None:
    """Every file is there, nothing else is, and the program ran beside its ini with its args as written."""
    placed = _tree(client.base / "Solidus")
    line, folder, _ = placed.pop("ClientSetup.ran").decode().split("\n")
    assert placed == files
    assert line == f'"{client.base}\\Solidus\\ClientSetup.exe" /Q  /F "/C:ClientSetup.ini"'
    assert folder.rstrip("\\") == f"{client.base}\\Solidus"
    assert {path.name for path in client.base.iterdir()} <= {"Solidus", ".micce-staging"}
    assert events[-1]["fetched"] == len(files)
    assert events[-1]["execute"]["exitCode"] == 0


def _check_again(client: Client, files: dict[str, bytes], events: list[dict[str, Any]]) -> None:
    assert (events[-1]["fetched"], events[-1]["transferred"], events[-1]["alreadyRight"]) == (0, 0, len(files))


def test_from_a_local_folder(client: Client, client_setup: Path, tmp_path: Path) -> None:
    share = tmp_path / "share"
    files = _fill(share, client_setup)
    config = _config(tmp_path / "Setup.config", f"{share}\\*.*")
    _check(client, files, client.install(config))
    _check_again(client, files, client.install(config))


def test_from_a_web_server_outside_windows(client: Client, client_setup: Path, served: Served) -> None:
    files = _fill(served.folder / "NextCCClient", client_setup)
    _config(served.folder / "Setup.config", "$(WebServerUri)/" + f"{served.folder.name}/NextCCClient/*.*")
    address = f"{served.address}/Setup.config"
    _check(client, files, client.install(address))
    _check_again(client, files, client.install(address))


def test_many_files_are_transferred_by_processes_of_their_own(client: Client, tmp_path: Path, served: Served) -> None:
    files = {f"{number % 7}\\{number}.dll": str(number).encode() * 999 for number in range(MANY_FILES + 50)}
    for name, data in files.items():
        (served.folder / name).parent.mkdir(exist_ok=True)
        (served.folder / name).write_bytes(data)
    config = _config(tmp_path / "Setup.config", f"{served.address}/*.*", execute="")
    done = client.run("install", config, "--to", client.base, "--json")
    assert json.loads(done.stdout.splitlines()[-1])["fetched"] == len(files)
    assert re.search(r"started .*deploy\.worker", done.stderr)
    assert _tree(client.base / "Solidus") == files


def test_a_changed_file_alone_is_brought_again(client: Client, client_setup: Path, tmp_path: Path) -> None:
    share = tmp_path / "share"
    files = _fill(share, client_setup)
    config = _config(tmp_path / "Setup.config", f"{share}\\*.*")
    client.install(config)
    (share / "Agent.exe").write_bytes(b"newer")
    result = client.install(config)[-1]
    assert (result["fetched"], result["alreadyRight"]) == (1, len(files) - 1)
    assert (client.base / "Solidus" / "Agent.exe").read_bytes() == b"newer"


@pytest.mark.parametrize(("code", "ends"), [(3010, 0), (1641, 0), (5, 1)])
def test_the_programs_exit_code_counts(
    client: Client, client_setup: Path, tmp_path: Path, code: int, ends: int
) -> None:
    share = tmp_path / "share"
    _fill(share, client_setup)
    (share / "ClientSetup.code").write_text(str(code), encoding="ascii")
    done = client.run("install", _config(tmp_path / "Setup.config", f"{share}\\*.*"), "--to", client.base, "--json")
    assert done.returncode == ends, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    if ends:
        assert [one["code"] for one in result["problems"]] == ["command-failed"]
        assert f"exit code {code}" in done.stderr
    else:
        assert result["execute"]["exitCode"] == code
        assert result["execute"]["restartNeeded"] is True


def test_a_file_in_use_is_named_and_the_next_run_finishes(client: Client, client_setup: Path, tmp_path: Path) -> None:
    share = tmp_path / "share"
    files = _fill(share, client_setup)
    config = _config(tmp_path / "Setup.config", f"{share}\\*.*")
    client.install(config)
    (share / "Agent.exe").write_bytes(b"newer")
    with (client.base / "Solidus" / "Agent.exe").open("rb"):
        done = client.run("install", config, "--to", client.base)
    assert done.returncode == 1
    assert "Agent.exe is in use" in done.stderr
    assert (client.base / "Solidus" / "Agent.exe").read_bytes() == files["Agent.exe"]
    assert client.install(config)[-1]["transferred"] == 0
    assert (client.base / "Solidus" / "Agent.exe").read_bytes() == b"newer"


def test_paths_longer_than_max_path_are_installed(client: Client, client_setup: Path, tmp_path: Path) -> None:
    share = tmp_path / "share"
    deep = "\\".join(["long" * 12] * 5)
    files = {**_fill(share, client_setup), f"{deep}\\deep.txt": b"deep"}
    os.makedirs(f"\\\\?\\{share}\\{deep}")
    with open(f"\\\\?\\{share}\\{deep}\\deep.txt", "wb") as file:
        file.write(b"deep")
    assert len(f"{client.base}\\Solidus\\{deep}\\deep.txt") > 300
    _check(client, files, client.install(_config(tmp_path / "Setup.config", f"{share}\\*.*")))


def test_the_doctor_names_the_registry_and_the_known_folders(client: Client) -> None:
    done = client.run("doctor", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    found = {one["name"]: one for one in document["identifiers"]}
    assert found["WindowsDir"]["origin"] == "known folder"
    assert str(client.folder / "machine.toml") in done.stdout.replace("\\\\", "\\")

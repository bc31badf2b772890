"""An installation from a manifest is killed: nothing is placed by halves, and what arrived is not fetched again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.servers.deployment import PROGRAM, Machine
from tests.servers.nginx import nginx

FILES = {f"{number:04}.bin": os.urandom(4000) for number in range(600)}
SECONDS = 60.0


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    made = Machine(tmp_path_factory.mktemp("server"))
    for name, data in FILES.items():
        made.put(f"NextCCClient/many/{name}", data)
    done = made.command("publish")
    assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize("staged", [1, 150, 400])
def test_killed_while_it_downloads(machine: Machine, tmp_path: Path, staged: int) -> None:
    client = Machine(tmp_path / "client")
    target = tmp_path / "installed"
    with nginx(machine.folder / "state/published", tmp_path / "nginx") as server:
        address = f"{server.url}/customers/default/manifest.json"
        command = [str(PROGRAM), "install", address, "--to", str(target), "--json", "--limit-rate", "400K"]
        process = subprocess.Popen(command, env=client.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        files = target / ".micce-staging/files"
        until = time.monotonic() + SECONDS
        while not files.is_dir() or len(os.listdir(files)) < staged:
            assert process.poll() is None
            assert time.monotonic() < until
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not target.joinpath("Solidus").exists()
        done = client.command("install", address, "--to", str(target), "--json")
        assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert {path.name: path.read_bytes() for path in (target / "Solidus/many").iterdir()} == FILES
    assert result["transferred"] <= sum(map(len, FILES.values())) - (staged - 1) * 4000 + 300_000
    assert not target.joinpath(".micce-staging").exists()

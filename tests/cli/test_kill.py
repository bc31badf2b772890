"""`kill -9` in the middle of a large installation, then the same command again."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import Machine, setup_config, tree
from tests.servers.nginx import nginx
from tests.sim.trees import TreeShape, grow

FILES = 2000


@pytest.mark.parametrize("after", [1, 700, 1900])
def test_only_what_is_missing_is_downloaded_again_and_nothing_is_left_over(
    machine: Machine, tmp_path: Path, after: int
) -> None:
    www, base = tmp_path / "www", tmp_path / "client"
    grow(www, TreeShape(FILES, least=100, most=9_000))
    with nginx(www, tmp_path / "nginx") as server:
        config = setup_config(tmp_path, f'include="{server.url}/*.*" subDirs="true" outputFolder="Solidus"')
        told = kill_after(machine, after, "install", config, "--to", base, "--json")
        assert not (base / "Solidus").exists() or tree(base / "Solidus").items() <= tree(www).items()
        server.forget()
        again = machine.run("install", config, "--to", base)
        assert again.code == 0, again.err
        asked = [one.path for one in server.requests() if not one.path.endswith("/")]
    assert len(asked) == len(set(asked))
    assert len(asked) <= FILES - told
    assert tree(base / "Solidus") == tree(www)
    assert sorted(path.name for path in base.iterdir()) == ["Solidus"]


def test_stopped_with_ctrl_c_it_says_so_and_goes_on_later(machine: Machine, tmp_path: Path) -> None:
    www, base = tmp_path / "www", tmp_path / "client"
    grow(www, TreeShape(FILES, least=100, most=9_000))
    with nginx(www, tmp_path / "nginx") as server:
        config = setup_config(tmp_path, f'include="{server.url}/*.*" subDirs="true" outputFolder="Solidus"')
        process = machine.start("install", config, "--to", base, "--json")
        told = wait_for_files(process, 300)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate()
        assert process.returncode == 130
        assert not (base / "Solidus").exists()
        server.forget()
        assert machine.run("install", config, "--to", base).code == 0
        assert len([one for one in server.requests() if not one.path.endswith("/")]) <= FILES - told
    assert tree(base / "Solidus") == tree(www)


def kill_after(machine: Machine, files: int, *arguments: str | Path) -> int:
    """Start a command, kill it without warning once so many files are finished; returns how many were."""
    process = machine.start(*arguments)
    told = wait_for_files(process, files)
    process.kill()
    process.communicate()
    return told


def wait_for_files(process: object, files: int) -> int:
    told = 0
    for line in process.stdout:  # type: ignore[attr-defined]
        told += json.loads(line)["event"] == "fetched"
        if told >= files:
            return told
    raise AssertionError("it ended before it could be killed")

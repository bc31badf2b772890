"""Publishing and withdrawing, killed before every single file-changing call, then run again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.hotfixes import Repository
from tests.cli.conftest import Machine
from tests.unit.hotfix.packages import file, files, package

DYING = Path(__file__).with_name("dying.py")
SAMPLE = 6
HELD = {"a.dll": "a", "Client/b.dll": "b", "Client/sub/c.dll": "c"}


class Scene:
    """A repository that offers revision 1, and a package of revision 2."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.install = folder / "inst"
        self.install.mkdir(parents=True)
        settings = f'state = "{folder}/state"\nroles = ["Broker"]\n[identifiers]\nInstallDir = "{self.install}"\n'
        (folder / "machine.toml").write_text(settings)
        self.machine = Machine(folder)
        inner = files(file("a.dll"), file("Client/*.*", subDirs="true", roles="Client"))
        first = package(folder / "p1", inner, HELD, 'id="HF1"')
        changed = {name: f"new {text}" for name, text in HELD.items()}
        self.second = package(folder / "p2", inner, changed, 'id="HF1" revision="2"')
        assert self.run(0, "add", str(first))[0] == 0

    @property
    def repository(self) -> Repository:
        return Repository(self.install / "HotFixes")

    def run(self, die_at: int, *arguments: str) -> tuple[int, int]:
        """Run `hotfixes`, dying at a call; returns the exit code and the number of calls made."""
        count = self.folder / "calls"
        done = subprocess.run(
            [sys.executable, DYING, count, str(die_at), str(self.install), "hotfixes", *arguments],
            env=self.machine.environment,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            timeout=120,
            check=False,
        )
        return done.returncode, int(count.read_text()) if done.returncode >= 0 else -1

    def offered(self) -> list[int]:
        """The revisions offered, each of which is there whole."""
        catalog = self.repository.catalog()
        for entry in catalog.entries:
            assert self.repository.lacking(entry) == (), f"revision {entry.revision} is not whole"
        return [one.revision for one in catalog.offered()]


def kill_at_every(tmp_path: Path, points: range, new: list[int], *arguments: str) -> None:
    """Each point in a scene of its own, until the command makes no so many calls any more."""
    for point in points:
        scene = Scene(tmp_path / f"at-{point}")
        words = [str(scene.second) if word == "PACKAGE" else word for word in arguments]
        code, _ = scene.run(point, *words)
        if code == 0:
            assert scene.offered() == new
            return
        assert code == -signal.SIGKILL
        found = scene.offered()
        assert found in ([1], new), f"killed at {point}"
        assert scene.run(0, *words)[0] == (0 if found == [1] or words[0] == "add" else 1)
        assert scene.offered() == new, f"killed at {point}"
        assert scene.repository.verify().problems == ()
        assert not [path for path in scene.repository.folder.iterdir() if path.name.startswith(".")]
    raise AssertionError("the command never ended")


def test_there_is_something_to_kill(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "scene")
    assert scene.offered() == [1]
    code, calls = scene.run(0, "add", str(scene.second))
    assert code == 0
    assert calls > 12
    assert scene.offered() == [2]


@pytest.mark.deep
@pytest.mark.parametrize("part", range(SAMPLE))
def test_adding_killed_before_every_call(tmp_path: Path, part: int) -> None:
    kill_at_every(tmp_path, range(1 + part, 10_000, SAMPLE), [2], "add", "PACKAGE")


def test_adding_killed_before_some_calls(tmp_path: Path) -> None:
    kill_at_every(tmp_path, range(2, 10_000, SAMPLE), [2], "add", "PACKAGE")


def test_withdrawing_killed_before_every_call(tmp_path: Path) -> None:
    kill_at_every(tmp_path, range(1, 10_000), [], "withdraw", "HF1")

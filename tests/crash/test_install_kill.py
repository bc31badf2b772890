"""An installation killed before every single file-changing call it makes, then run again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.change.recovery import recover
from tests.cli.conftest import Machine, setup_config, tree
from tests.sim.trees import TreeShape, grow

DYING = Path(__file__).with_name("dying.py")
OLD = TreeShape(12, least=10, most=3_000, depth=2, fan=2, seed=1)
NEW = TreeShape(12, least=10, most=3_000, depth=2, fan=2, seed=2)
SAMPLE = 7


class Scene:
    """An installation of the old tree that is about to become the new one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source, self.base, self.state = folder / "source", folder / "client", folder / "state"
        folder.mkdir()
        (folder / "machine.toml").write_text(f'state = "{self.state}"\n')
        self.machine = Machine(folder)
        self.old = self._publish(OLD)
        self.config = setup_config(folder, f'include="file://{self.source}/*" subDirs="true" outputFolder="Solidus"')
        assert self.install(0)[0] == 0
        self.new = {**self.old, **self._publish(NEW)}

    def _publish(self, shape: TreeShape) -> dict[str, bytes]:
        grow(self.source, shape)
        return {f"Solidus/{name}": data for name, data in tree(self.source).items()}

    def install(self, die_at: int) -> tuple[int, int]:
        """Install, dying at a call; returns the exit code and the number of calls made."""
        count = self.folder / "calls"
        done = subprocess.run(
            [
                sys.executable,
                DYING,
                count,
                str(die_at),
                f"{self.base}:{self.state}",
                "install",
                self.config,
                "--to",
                self.base,
            ],
            env=self.machine.environment,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            timeout=120,
            check=False,
        )
        return done.returncode, int(count.read_text()) if done.returncode >= 0 else -1

    def whole(self) -> dict[str, bytes]:
        return tree(self.base)


def test_there_is_something_to_kill(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "scene")
    code, calls = scene.install(0)
    assert code == 0
    assert calls > 3 * 12
    assert scene.whole() == scene.new


@pytest.mark.parametrize("part", range(SAMPLE))
@pytest.mark.deep
def test_killed_before_every_call(tmp_path: Path, part: int) -> None:
    kill_at_every(tmp_path, range(1 + part, 10_000, SAMPLE))


def test_killed_before_some_calls(tmp_path: Path) -> None:
    kill_at_every(tmp_path, range(3, 10_000, SAMPLE))


def kill_at_every(tmp_path: Path, points: range) -> None:
    """Each point in a scene of its own, until the command makes no so many calls any more."""
    for point in points:
        scene = Scene(tmp_path / f"at-{point}")
        code, _ = scene.install(point)
        if code == 0:
            assert point > 3 * 12
            return
        assert code == -signal.SIGKILL
        recover(scene.base)
        found = {name: data for name, data in scene.whole().items() if not name.startswith(".micce-staging/")}
        assert found in (scene.old, scene.new), f"mixed at {point}"
        code, _ = scene.install(0)
        assert code == 0
        assert scene.whole() == scene.new, f"killed at {point}"
    raise AssertionError("the command never ended")

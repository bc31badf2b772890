"""A change of a machine on a real, small file system with less and less room left on it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from deploy.change.recovery import recover_machine
from deploy.change.transaction import carry_out
from deploy.errors import TargetError
from tests.cli.conftest import small_disk
from tests.crash.machine_parts import OLD_FILES
from tests.crash.machines import MachineScene
from tests.crash.tally import Tally
from tests.crash.test_change_disk_full import PAGE, STEPS, leave_free, no_links

__all__ = ["small_disk"]


def applied(scene: MachineScene) -> list[str]:
    """Apply; returns the codes of problems and warnings."""
    try:
        return [problem.code for problem in carry_out(scene.change(), scene.home, scene.means()).warnings]
    except TargetError as refused:
        return [problem.code for problem in refused.problems]


@pytest.mark.parametrize("links", [True, pytest.param(False, marks=pytest.mark.deep)])
def test_old_or_new_whatever_room_there_is(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    scene = MachineScene(small_disk / "machine", elsewhere=tmp_path / "apart")
    # Copies of the old files need room of their own: the steps begin before there is enough for them.
    least = 0 if links else sum(len(data) for files in OLD_FILES for data in files.values()) - STEPS // 2 * PAGE
    states = []
    for step in range(STEPS):
        (small_disk / "filler").unlink(missing_ok=True)
        scene.set_up()
        leave_free(small_disk, least + step * PAGE)
        codes = applied(scene)
        states.append(scene.state())
        assert scene.wrong_now() == ""
        assert (codes == []) == (states[-1] == "new")
        assert codes[:1] in ([], ["disk-full"], ["registry-failed"])
    assert states == sorted(states, reverse=True)
    assert set(states) == {"old", "new"}
    tally.add("disk full" if links else "disk full, copies", "disk-full", states)


@pytest.mark.deep
def test_old_or_new_where_one_of_the_volumes_is_full(small_disk: Path, tmp_path: Path, tally: Tally) -> None:
    scene = MachineScene(tmp_path / "machine")
    states = []
    for step in range(STEPS):
        (small_disk / "filler").unlink(missing_ok=True)
        shutil.rmtree(small_disk / "share", ignore_errors=True)
        scene.set_up()
        shutil.move(scene.base / "share", small_disk / "share")
        (scene.base / "share").symlink_to(small_disk / "share")
        leave_free(small_disk, step * PAGE)
        codes = applied(scene)
        states.append(scene.state())
        assert scene.wrong_now() == ""
        assert codes == ([] if states[-1] == "new" else ["disk-full"])
    assert states == sorted(states, reverse=True)
    assert set(states) == {"old", "new"}
    tally.add("disk full, one volume", "disk-full", states)


@pytest.mark.parametrize("number", range(1, 40))
def test_a_recovery_needs_no_room(small_disk: Path, tmp_path: Path, number: int) -> None:
    scene = MachineScene(small_disk / "machine", elsewhere=tmp_path / "apart")
    scene.set_up()
    reached = 0

    def die(_: str) -> None:
        nonlocal reached
        reached += 1
        if reached == number:
            os._exit(3)

    child = os.fork()
    if child == 0:
        carry_out(scene.change(), scene.home, scene.means(), checkpoint=die)
        os._exit(4)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4:
        assert number > 5
        return
    leave_free(small_disk, 0)
    assert os.statvfs(small_disk).f_bavail == 0
    assert scene.wrong_now() == ""
    recover_machine(scene.home, scene.means())
    assert scene.state() in ("old", "new")
    assert scene.wrong_now() == ""
    assert not scene.home.exists()

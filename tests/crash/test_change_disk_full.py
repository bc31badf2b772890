"""A change on a real, small file system with less and less room left on it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from deploy.change.recovery import Outcome, recover
from deploy.change.transaction import apply
from deploy.errors import TargetError
from tests.cli.conftest import small_disk
from tests.crash.changes import Scene

__all__ = ["small_disk"]

PAGE = 4096
STEPS = 80


def leave_free(disk: Path, amount: int) -> None:
    """Fill the disk up to so many bytes."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    found = os.statvfs(disk)
    rest = found.f_bavail * found.f_frsize - amount
    with open(filler, "wb", buffering=0) as file:
        while rest > 0:
            rest -= file.write(b"x" * min(rest, PAGE))


def no_links(source: str, target: str) -> None:
    """What `os.link` says on a file system without hard links."""
    raise OSError(errno.EPERM, "Operation not permitted", source)


def applied(scene: Scene) -> list[str]:
    """Apply; returns the codes of problems and warnings."""
    try:
        return [problem.code for problem in apply(scene.base, scene.steps())]
    except TargetError as refused:
        return [problem.code for problem in refused.problems]


@pytest.mark.parametrize("links", [True, False])
def test_old_or_new_whatever_room_there_is(small_disk: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    scene = Scene(small_disk / "base")
    states = []
    for step in range(STEPS):
        (small_disk / "filler").unlink(missing_ok=True)
        scene.set_up()
        leave_free(small_disk, step * PAGE)
        codes = applied(scene)
        states.append(scene.state())
        assert codes == ([] if states[-1] == "new" else ["disk-full"])
        assert scene.is_staged() or states[-1] == "new"
        assert scene.is_clean
    assert states == sorted(states, reverse=True)
    assert set(states) == {"old", "new"}


@pytest.mark.parametrize("checkpoint", ["flushed", "backed", "changed", "checked", "committed"])
def test_a_recovery_needs_no_room(small_disk: Path, checkpoint: str) -> None:
    scene = Scene(small_disk / "base")
    scene.set_up()

    def die(name: str) -> None:
        if name == checkpoint:
            os._exit(3)

    child = os.fork()
    if child == 0:
        apply(scene.base, scene.steps(), checkpoint=die)
        os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    leave_free(small_disk, 0)
    assert os.statvfs(small_disk).f_bavail == 0
    done = recover(scene.base)
    assert done.outcome is (Outcome.FINISHED if checkpoint == "committed" else Outcome.ROLLED_BACK)
    assert scene.state() == ("new" if checkpoint == "committed" else "old")
    assert scene.is_clean

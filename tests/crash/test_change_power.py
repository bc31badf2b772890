"""The power goes at any call of a change, on a real ext4 that then holds only what was flushed, or only its names.

Needs to mount; elsewhere the tests are skipped by name.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.change_faults import SIGKILL, Driver, started
from tests.crash.changes import STAGING, Scene
from tests.servers.process import program, unavailable

MODES = ("power", "power-data")
SIZE = 32 << 20
SECONDS = 120.0
CLONE_NEWNS = 0x00020000
MANY = 20


class Volume:
    """An ext4 in a file."""

    def __init__(self, image: Path, mounted: Path) -> None:
        self.image = image
        self.mounted = mounted

    def mount(self) -> None:
        """Mount it; the file system's own journal is replayed."""
        done = subprocess.run(
            ["mount", "-o", "loop", self.image, self.mounted], capture_output=True, text=True, check=False
        )
        if done.returncode:
            unavailable(f"a file system cannot be mounted here: {done.stderr.strip()}")

    def unmount(self) -> None:
        """Unmount it, and wait until nothing holds it: mounted before that, it would still be the one shut down."""
        subprocess.run(["umount", self.mounted], check=True)
        until = time.monotonic() + SECONDS
        while subprocess.run(["losetup", "-j", self.image], capture_output=True, check=True).stdout:
            assert time.monotonic() < until, f"something holds {self.image} mounted"
            time.sleep(0.02)

    def turn_on_again(self) -> None:
        """What happens after the power comes back."""
        self.unmount()
        self.mount()


@pytest.fixture(scope="module", autouse=True)
def own_mounts() -> None:
    """Mount where no other test sees it: one that starts a mount namespace would hold a copy to the end of its run."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        unavailable(f"mounts of its own cannot be had here: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    yield from started(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    made = Volume(tmp_path / "image", tmp_path / "volume")
    made.image.touch()
    os.truncate(made.image, SIZE)
    subprocess.run([program("mkfs.ext4"), "-q", "-F", made.image], check=True)
    made.mounted.mkdir()
    made.mount()
    try:
        yield made
    finally:
        made.unmount()


def fresh(volume: Volume, extra: int) -> Scene:
    """A scene whose old tree is wholly on the disk; what is staged may not be."""
    scene = Scene(volume.mounted / "base", extra)
    scene.set_up()
    shutil.rmtree(scene.base / STAGING)
    os.sync()
    scene.stage()
    return scene


def lost(driver: Driver, volume: Volume, scene: Scene, action: str, mode: str, call: int) -> bool:
    """Lose the power at a call and turn it on again; False if there is no such call."""
    told = driver.act(scene, action, mode, call)
    if told.signal == 0:
        assert told.calls < call
        return False
    assert told.signal == SIGKILL
    volume.turn_on_again()
    return True


def recovered(driver: Driver, scene: Scene) -> str:
    told = driver.act(scene, "recover")
    assert (told.signal, told.codes) == (0, []), told
    assert scene.is_clean
    assert scene.state() in ("old", "new")
    return scene.state()


def in_the_change(driver: Driver, volume: Volume, mode: str, extra: int, start: int, stride: int) -> list[str]:
    states: list[str] = []
    while True:
        scene = fresh(volume, extra)
        point = start + len(states) * stride
        if not lost(driver, volume, scene, "apply", mode, point):
            assert scene.state() == "new"
            return states
        states.append(recovered(driver, scene))


def in_the_recovery(driver: Driver, volume: Volume, mode: str, name: str, start: int, stride: int) -> set[str]:
    states: list[str] = []
    while True:
        scene = fresh(volume, 0)
        assert driver.act(scene, "apply", options=f"stop:{name}").signal == SIGKILL
        if not lost(driver, volume, scene, "recover", mode, start + len(states) * stride):
            assert states
            return set(states)
        states.append(recovered(driver, scene))


@pytest.mark.parametrize("mode", MODES)
def test_after_a_power_loss_at_some_calls_the_tree_is_whole(driver: Driver, volume: Volume, mode: str) -> None:
    states = in_the_change(driver, volume, mode, 0, 5, 9)
    assert states == sorted(states, key=["old", "new"].index)
    assert set(states) == {"old", "new"}


@pytest.mark.deep
@pytest.mark.parametrize("extra", [0, MANY])
@pytest.mark.parametrize("mode", MODES)
def test_after_a_power_loss_at_any_call_the_tree_is_whole(
    driver: Driver, volume: Volume, mode: str, extra: int
) -> None:
    states = in_the_change(driver, volume, mode, extra, 1, 1)
    assert states == sorted(states, key=["old", "new"].index)
    assert set(states) == {"old", "new"}


@pytest.mark.deep
@pytest.mark.parametrize("name", ["backed", "checked"])
@pytest.mark.parametrize("mode", MODES)
def test_after_a_power_loss_in_the_recovery_the_tree_is_whole(
    driver: Driver, volume: Volume, mode: str, name: str
) -> None:
    assert in_the_recovery(driver, volume, mode, name, 1, 1) == {"old"}
    assert in_the_recovery(driver, volume, mode, "committed", 1, 1) == {"new"}

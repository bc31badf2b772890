"""Three installers at once: one works, the others say busy and change nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Ended
from tests.crash.hotfix_scene import HOTFIX, INSTALLER, HotfixScene, wait_until
from tests.crash.tally import Tally

ROUNDS = 6
ALL_ROUNDS = 60


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HotfixScene]:
    made = HotfixScene(tmp_path_factory.mktemp("at-once"))
    made.set_up()
    assert made.apply().code == 0
    made.learn()
    yield made
    made.tear_down()


def race(scene: HotfixScene, rounds: int) -> list[str]:
    """Start three at one moment, `rounds` times; the first one is held in its command until the others ended."""
    states: list[str] = []
    hold = scene.apart / "hold"
    for _ in range(rounds):
        scene.start_over()
        hold.touch()
        running = [scene.start(INSTALLER, f"/i:{scene.config}", "/s") for _ in range(3)]
        try:
            wait_until(lambda: sum(one.poll() is not None for one in running) >= 2, "nobody said busy")  # noqa: B023
            assert [one.poll() for one in running].count(None) == 1
        finally:
            hold.unlink()
        ended = [Ended(one.wait(), *one.communicate()) for one in running]
        assert sorted(one.code for one in ended) == [0, 1, 1], ended
        assert all("[busy]" in one.err for one in ended if one.code), ended
        assert scene.wrong_now() == ""
        states.append(scene.state())
        assert states[-1] == "new"
    return states


def test_one_of_three_works_and_the_others_say_busy(scene: HotfixScene) -> None:
    race(scene, ROUNDS)


@pytest.mark.deep
@pytest.mark.timeout(1800)
def test_one_of_three_works_and_the_others_say_busy_every_time(scene: HotfixScene, tally: Tally) -> None:
    tally.add("at once", "three", race(scene, ALL_ROUNDS))


def test_every_command_that_changes_says_busy(scene: HotfixScene) -> None:
    scene.start_over()
    hold = scene.apart / "hold"
    hold.touch()
    first = scene.start(INSTALLER, f"/i:{scene.config}", "/s")
    try:
        wait_until(lambda: not scene.runs("Router"), "the first one does nothing")
        for arguments in (["apply", str(scene.config), "--yes"], ["uninstall", "HF001", "--yes"], ["recover"]):
            told = scene.run(HOTFIX, *arguments)
            assert told.code == 1, told
            assert "[busy]" in told.err
        listed = scene.run(HOTFIX, "list", "--json")
        assert listed.code == 0
        assert json.loads(listed.out)
    finally:
        hold.unlink()
    assert first.wait() == 0
    assert scene.state() == "new"

"""MiCCEHotFixInstaller itself, as installed, is killed at its calls; then it is run again, or recovered.

Services are real processes, driven as machine.toml says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.crash.change_faults import SIGKILL
from tests.crash.hotfix_scene import HOTFIX, SERVICES, HotfixScene
from tests.crash.injector import KILLS, Injector, build
from tests.crash.tally import Tally

STRIDE = 10


@pytest.fixture(scope="module")
def injector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Injector]:
    yield from build(tmp_path_factory.mktemp("injector"))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HotfixScene]:
    made = HotfixScene(tmp_path_factory.mktemp("killed"))
    made.set_up()
    assert made.apply().code == 0
    made.learn()
    yield made
    made.tear_down()


def counted(scene: HotfixScene, injector: Injector) -> int:
    """How many calls change files in an installation without a fault."""
    scene.start_over()
    done = scene.apply(injector.env(scene.base, "count", 0))
    assert (done.code, scene.state()) == (0, "new"), done
    return len(injector.calls)


def killed(scene: HotfixScene, injector: Injector, mode: str, call: int, *, recover: bool) -> str:
    """Kill an installation at one call, look, then run the command again or recover; the state, "" for no such call."""
    scene.start_over()
    done = scene.apply(injector.env(scene.base, mode, call))
    if len(injector.calls) < call:
        return ""
    where = f"{mode} at call {call}, {injector.calls[call - 1]}: {done}"
    assert scene.wrong_now() == "", where
    assert done.code == -SIGKILL, where
    if recover:
        told = scene.run(HOTFIX, "recover")
        assert told.code == 0, (where, told)
        state = scene.state()
        assert state in ("old", "new"), where
    else:
        told = scene.apply()
        assert told.code == 0, (where, told)
        state = scene.state()
        assert state == "new", where
    assert scene.wrong_now() == "", where
    return state


def test_a_reinstall_is_whole_too(scene: HotfixScene, injector: Injector) -> None:
    calls = counted(scene, injector)
    assert calls > 100
    again = scene.apply(injector.env(scene.base, "count", 0))
    assert (again.code, scene.state()) == (0, "new"), again
    assert scene.apply(injector.env(scene.base, "kill", len(injector.calls) * 2 // 3)).code == -SIGKILL
    assert scene.wrong_now() == ""
    assert scene.run(HOTFIX, "recover").code == 0
    assert scene.state() == "new"


@pytest.mark.parametrize("recover", [False, True])
def test_killed_at_some_calls_the_next_run_is_whole(scene: HotfixScene, injector: Injector, recover: bool) -> None:
    calls = counted(scene, injector)
    for number, mode in enumerate(KILLS, start=1):
        assert killed(scene, injector, mode, calls * (number + int(recover)) // 4, recover=recover)


def test_after_three_recoveries_that_failed_a_person_is_asked(scene: HotfixScene, injector: Injector) -> None:
    counted(scene, injector)
    made = [line.split(" ", 2)[1:] for line in injector.log.read_text().splitlines()]
    commit = max(n for n, (name, path) in enumerate(made, start=1) if name == "write" and path.endswith("/journal"))
    scene.start_over()
    assert scene.apply(injector.env(scene.base, "kill", commit)).code == -SIGKILL
    (scene.apart / "refuse").touch()
    for _ in range(3):
        told = scene.run(HOTFIX, "recover")
        assert (told.code, "[command-not-undone]" in told.err) == (1, True), told
        assert not any(scene.runs(name) for name in SERVICES)
    told = scene.run(HOTFIX, "recover")
    assert (told.code, "[needs-attention]" in told.err) == (1, True), told
    found = scene.run(HOTFIX, "doctor", "--json")
    assert found.code == 1
    said = [one["message"] for one in json.loads(found.out)["problems"] if one["code"] == "change-unfinished"]
    assert "3 attempts to undo it failed" in said[0]
    assert "convert.sh" in said[0]
    again = scene.apply()
    assert (again.code, "[needs-attention]" in again.err) == (1, True), again
    assert not any(scene.runs(name) for name in SERVICES)
    (scene.apart / "refuse").unlink()
    told = scene.run(HOTFIX, "recover", "--insist")
    assert (told.code, scene.state()) == (0, "old"), told


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", KILLS)
@pytest.mark.parametrize("recover", [False, True])
def test_killed_anywhere_the_next_run_is_whole(
    scene: HotfixScene, injector: Injector, tally: Tally, mode: str, recover: bool
) -> None:
    call = 1 + 5 * KILLS.index(mode) + 2 * recover
    while state := killed(scene, injector, mode, call, recover=recover):
        tally.add("installer", mode, [state])
        call += STRIDE

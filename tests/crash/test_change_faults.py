"""Every call of a change that touches a file fails or is the last thing that happens, and every call of the recovery.

After the next recovery the installation is wholly old or wholly new, and nothing else is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.change.work import WORK
from tests.crash.change_faults import SIGKILL, Driver, started
from tests.crash.changes import Scene
from tests.crash.replicas import replicate
from tests.crash.tally import Tally

KILLS = ("kill", "torn")
REFUSALS = ("enospc", "eio", "eacces")
LASTING = ("enospc-on", "eio-on", "eacces-on")
MODES = (*KILLS, *REFUSALS, *LASTING)
CODES = {"enospc": "disk-full", "eio": "cannot-write", "eacces": "cannot-write"}
CHECKPOINTS = ("begun", "flushed", "backed", "changed", "checked", "committed", "cleaned")
MANY = 20


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    yield from started(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "base")


def recovered(driver: Driver, scene: Scene, options: str = "") -> str:
    """The state after a recovery without faults, which has to be old or new with nothing left over."""
    told = driver.act(scene, "recover", options=options)
    assert (told.signal, told.codes) == (0, []), told
    state = scene.state()
    assert state in ("old", "new")
    assert scene.is_clean
    if state == "old":
        again = driver.act(scene, "recover")
        assert again.outcome == "nothing"
    return state


def struck(driver: Driver, scene: Scene, mode: str, call: int, options: str = "") -> str:
    """Apply on a fresh scene with a fault at one call, then recover; returns the state, "" if there is no such call."""
    scene.set_up()
    told = driver.act(scene, "apply", mode, call, options)
    if told.signal == 0 and told.calls < call:
        assert (told.outcome, scene.state()) == ("applied", "new")
        return ""
    where = driver.calls(scene)[call - 1]
    if mode in KILLS:
        assert told.signal == SIGKILL, where
    elif told.outcome == "applied":
        # Either the change was decided and could not be cleaned up after, or there is another way.
        assert scene.state() == "new", where
        assert told.codes == [] or (told.codes == ["staging-left"] and mode), where
    else:
        assert told.outcome == "refused", where
        assert told.codes[0] == CODES[mode.removesuffix("-on")], where
        if mode in REFUSALS:
            assert scene.state() in ("old", "new"), where
    state = recovered(driver, scene, options)
    if told.outcome == "applied":
        assert state == "new", where
    if state == "old" and mode not in LASTING:
        assert scene.is_staged(), where
    return state


def every(driver: Driver, scene: Scene, mode: str, start: int, stride: int, options: str = "") -> list[str]:
    """The states after a fault at every `stride`-th call."""
    states = []
    while state := struck(driver, scene, mode, start + len(states) * stride, options):
        states.append(state)
    return states


def test_without_a_fault_everything_is_new(driver: Driver, scene: Scene) -> None:
    for extra in (0, MANY):
        scene = Scene(scene.base, extra)
        scene.set_up()
        assert scene.state() == "old"
        told = driver.act(scene, "apply")
        assert (told.outcome, told.codes) == ("applied", [])
        assert scene.state() == "new"
        assert scene.is_clean
        assert list((scene.base / ".staging").iterdir()) == []


def test_the_injector_sees_every_kind_of_change(driver: Driver, scene: Scene) -> None:
    scene.set_up()
    driver.act(scene, "apply")
    small = {name for name, _ in driver.calls(scene)}
    assert small == {"open", "write", "fsync", "mkdir", "link", "rename", "unlink", "rmdir", "utime"}
    Scene(scene.base, MANY).set_up()
    driver.act(Scene(scene.base, MANY), "apply")
    assert "syncfs" in {name for name, _ in driver.calls(scene)}


@pytest.mark.parametrize("extra", [0, MANY])
def test_nothing_happens_before_what_it_rests_on_is_durable(driver: Driver, scene: Scene, extra: int) -> None:
    scene = Scene(scene.base, extra)
    scene.set_up()
    driver.act(scene, "apply")
    calls = driver.calls(scene)

    def first(name: str, below: str) -> int:
        return next(n for n, (what, path) in enumerate(calls) if what == name and path.startswith(below))

    def last(name: str, path: str, before: int) -> int:
        return max(n for n, call in enumerate(calls[:before]) if call == (name, path))

    journal = f"{WORK}/journal"
    begin, backed, commit = [n for n, call in enumerate(calls) if call == ("write", journal)]
    assert all(calls[n + 1] == ("fsync", journal) for n in (begin, backed, commit))
    links, renames = first("link", WORK), first("rename", "")
    assert begin < last("fsync", WORK, links)
    assert begin < last("fsync", ".", links)
    flushed = last("syncfs", ".", backed) if extra else last("fsync", ".staging", backed)
    assert flushed < links < last("fsync", f"{WORK}/backup", backed) < backed < renames
    changed = max(n for n, (what, path) in enumerate(calls) if what == "rename")
    for folder in (".", "lib", "made", "made/deep", ".staging"):
        assert changed < last("fsync", folder, commit)
    removed = first("unlink", f"{WORK}/backup")
    assert commit < removed
    assert removed < last("fsync", WORK, first("unlink", journal)) < first("unlink", journal)


def test_nothing_is_called_undone_before_it_is_durable(driver: Driver, scene: Scene) -> None:
    scene.set_up()
    driver.act(scene, "apply", options="stop:checked")
    driver.act(scene, "recover")
    calls = driver.calls(scene)
    ballast, journal = f"{WORK}/ballast", f"{WORK}/journal"
    assert calls[0] == ("unlink", ballast)
    undone = max(n for n, (name, _) in enumerate(calls) if name == "rename")
    noted = calls.index(("write", journal))
    flushed = {path for name, path in calls[undone:noted] if name == "fsync"}
    assert flushed >= {".", "lib", ".staging"}
    assert calls[noted + 1] == ("fsync", journal)
    gone = [n for n, (name, path) in enumerate(calls) if name in ("unlink", "rmdir") and path.startswith(WORK)]
    removed = [n for n in gone if calls[n][1] != ballast]
    assert noted < min(removed)
    assert calls[removed[-2]] == ("unlink", journal)


def test_many_files_take_as_many_flushes_as_they_have_folders(driver: Driver, scene: Scene) -> None:
    counts = []
    for extra in (MANY, 10 * MANY):
        Scene(scene.base, extra).set_up()
        driver.act(Scene(scene.base, extra), "apply")
        counts.append(sum(name in ("fsync", "syncfs") for name, _ in driver.calls(scene)))
    assert counts[0] == counts[1] < 30


@pytest.mark.parametrize("mode", MODES)
def test_after_a_fault_at_some_calls_the_tree_is_whole(driver: Driver, scene: Scene, mode: str) -> None:
    states = every(driver, scene, mode, 1 + MODES.index(mode) % 3, 3)
    assert {"old", "new"} == set(states) if mode in (*KILLS, *REFUSALS) else "old" in states


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_killed_at_every_checkpoint(driver: Driver, scene: Scene, name: str) -> None:
    scene.set_up()
    assert driver.act(scene, "apply", options=f"stop:{name}").signal == SIGKILL
    assert recovered(driver, scene) == ("new" if name in ("committed", "cleaned") else "old")
    if name not in ("committed", "cleaned"):
        assert scene.is_staged()
        assert driver.act(scene, "apply").outcome == "applied"
        assert scene.state() == "new"


@pytest.mark.parametrize("name", ["undone", "rolled-back", "cleaned"])
def test_killed_at_every_checkpoint_of_the_recovery(driver: Driver, scene: Scene, name: str) -> None:
    scene.set_up()
    driver.act(scene, "apply", options="stop:checked")
    assert driver.act(scene, "recover", options=f"stop:{name}").signal == SIGKILL
    assert recovered(driver, scene) == "old"
    assert scene.is_staged()


@pytest.mark.parametrize("mode", MODES)
def test_after_a_second_fault_in_the_recovery_the_tree_is_whole(driver: Driver, scene: Scene, mode: str) -> None:
    for first in ("backed", "checked"):
        assert set(twice(driver, scene, mode, f"stop:{first}", 0, 1 + MODES.index(mode) % 5, 5)) == {"old"}
    assert set(twice(driver, scene, mode, "stop:committed", 0, 1, 3)) == {"new"}


def twice(
    driver: Driver, scene: Scene, mode: str, options: str, call: int, start: int, stride: int, copies: str = ""
) -> list[str]:
    """Kill an apply in one place, strike at every `stride`-th call of the recovery; the states after another one."""
    states: list[str] = []
    scene.set_up()
    first = driver.act(scene, "apply", "kill", call, options)
    if first.signal == 0:
        return []
    keep(scene)
    while True:
        bring_back(scene)
        point = start + len(states) * stride
        told = driver.act(scene, "recover", mode, point, copies)
        if told.signal == 0 and told.calls < point:
            assert scene.state() in ("old", "new")
            assert scene.is_clean
            return states
        where = f"apply {options or call}, recovery {mode} at {driver.calls(scene)[point - 1]}"
        if mode in KILLS:
            assert told.signal == SIGKILL, where
        elif told.outcome == "refused":
            assert told.codes[0] == CODES[mode.removesuffix("-on")], where
        else:
            assert scene.state() in ("old", "new"), where
        states.append(recovered(driver, scene))


def keep(scene: Scene) -> None:
    """Remember a broken scene, second names of files and times and all."""
    replicate(scene.base, Path(f"{scene.base}.kept"))


def bring_back(scene: Scene) -> None:
    """The scene as it was kept."""
    replicate(Path(f"{scene.base}.kept"), scene.base)


def test_a_commit_that_may_be_on_disk_is_taken_back_before_anything_is_undone(driver: Driver, scene: Scene) -> None:
    scene.set_up()
    driver.act(scene, "apply")
    journal = ("fsync", f"{WORK}/journal")
    commit = [n for n, call in enumerate(driver.calls(scene), start=1) if call == journal][2]
    for name in ("undone", "rolled-back"):
        scene.set_up()
        assert driver.act(scene, "apply", "eio", commit, f"stop:{name}").signal == SIGKILL
        assert driver.calls(scene)[commit - 1] == journal
        assert driver.act(scene, "recover").outcome == "rolled-back"
        assert scene.state() == "old"


def test_a_recovery_that_fails_three_times_needs_attention_and_keeps_everything(driver: Driver, scene: Scene) -> None:
    scene.set_up()
    driver.act(scene, "apply", options="stop:checked")
    told = driver.act(scene, "recover", "count")
    renames = [n for n, (name, _) in enumerate(driver.calls(scene), start=1) if name == "rename"]
    scene.set_up()
    driver.act(scene, "apply", options="stop:checked")
    for _ in range(3):
        told = driver.act(scene, "recover", "eio", renames[0])
        assert (told.outcome, told.codes) == ("refused", ["cannot-write"])
        renames[0] = 1 + next(n for n, (name, _) in enumerate(driver.calls(scene)) if name == "rename")
    told = driver.act(scene, "recover")
    assert (told.outcome, told.codes) == ("refused", ["needs-attention"])
    assert list((scene.base / WORK / "backup").iterdir()) != []


@pytest.mark.deep
@pytest.mark.parametrize("options", ["", "copies"])
@pytest.mark.parametrize("extra", [0, MANY])
@pytest.mark.parametrize("mode", MODES)
def test_after_a_fault_at_any_call_the_tree_is_whole(
    driver: Driver, scene: Scene, tally: Tally, mode: str, extra: int, options: str
) -> None:
    states = every(driver, Scene(scene.base, extra), mode, 1, 1, options)
    tally.add("install", mode, states)
    assert len(states) > 50
    assert "old" in states
    if mode not in LASTING:
        # A fault decides once: what is new stays new.
        assert states == sorted(states, key=["old", "new"].index) or mode in REFUSALS


@pytest.mark.deep
@pytest.mark.parametrize("options", ["", "copies"])
@pytest.mark.parametrize("mode", MODES)
def test_after_any_second_fault_in_the_recovery_the_tree_is_whole(
    driver: Driver, scene: Scene, tally: Tally, mode: str, options: str
) -> None:
    call = 1
    total = 0
    while True:
        states = twice(driver, scene, mode, options, call, 1, 1, options)
        assert len(set(states)) <= 1
        tally.add("install, recovery", mode, states)
        total += len(states)
        if not states and total:
            return
        call += 1

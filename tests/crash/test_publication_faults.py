"""Publishing hit by a fault at any call that changes a file: every reader has the old release or the new one.

The next publication makes everything new, finds nothing damaged and leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.site import packing
from tests.crash.change_faults import PROJECT, SIGKILL, SOURCE, Told
from tests.crash.publications import IDS, Scene, small_packs
from tests.crash.tally import Tally
from tests.servers.process import program
from tests.unit.deploy.site.publish_bench import installed

KILLS = ("kill", "torn")
REFUSALS = ("enospc", "eio", "eacces")
LASTING = ("enospc-on", "eio-on", "eacces-on")
MODES = (*KILLS, *REFUSALS, *LASTING)
CHECKPOINTS = (
    "written packs:1", "placed packs:1", "written objects:1", "placed objects:1", "contents are there:1",
    "published:1", "contents are there:2", "published:2", "taken back:1", "written packs:3", "published:3",
    "removed:1", "removed:2",
)  # fmt: skip
SAMPLE = 9


class Driver:
    """Publishes in processes that are hit by faults."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._log = folder / "calls"

    def publish(self, scene: Scene, mode: str = "count", call: int = 0, checkpoint: str = "") -> Told:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(scene.base), mode, call, checkpoint, str(self._log)]) + "\n")
        self._process.stdin.flush()
        return Told(*json.loads(self._process.stdout.readline()))

    def calls(self, scene: Scene) -> list[tuple[str, str]]:
        """The counted calls of the last publication: what was called, and on what below the tree."""
        rows = (line.split(" ", 2) for line in self._log.read_text().splitlines())
        return [(name, os.path.relpath(path, scene.published)) for _, name, path in rows]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    folder = tmp_path_factory.mktemp("driver")
    library = folder / "injector.so"
    subprocess.run([program("gcc"), "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.publish_driver"],
        cwd=PROJECT,
        env={**os.environ, "LD_PRELOAD": str(library), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Driver(process, folder)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    before = packing.PACK_SIZE, packing.SMALL
    small_packs()
    yield
    packing.PACK_SIZE, packing.SMALL = before


@pytest.fixture(scope="module")
def prepared(small: None, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    scene = Scene(tmp_path_factory.mktemp("scene") / "base")
    scene.prepare()
    return scene


@pytest.fixture
def scene(prepared: Scene) -> Scene:
    prepared.set_up()
    return prepared


def ends_well(driver: Driver, scene: Scene, where: object) -> None:
    """The next publication makes everything new and sound, and leaves nothing behind."""
    told = driver.publish(scene)
    assert (told.signal, told.outcome, told.codes) == (0, "published", []), where
    assert scene.state() == "new", where
    assert scene.problems() == (), where
    assert scene.is_clean(), where


def struck(driver: Driver, scene: Scene, mode: str, call: int) -> str:
    """Publish with a fault at one call, then again; returns what readers had between, "" if there is no such call."""
    scene.set_up()
    told = driver.publish(scene, mode, call)
    if told.signal == 0 and told.calls < call:
        assert (told.outcome, scene.state()) == ("published", "new")
        return ""
    where = (mode, call, driver.calls(scene)[call - 1], told)
    if mode in KILLS:
        assert told.signal == SIGKILL, where
    else:
        assert told.outcome in ("refused", "partly", "published"), where
        assert set(told.codes) <= {"disk-full", "cannot-write", "damaged-content"}, where
        if told.outcome == "published":
            assert scene.state() == "new", where
    state = scene.state()
    ends_well(driver, scene, where)
    return state


def every(driver: Driver, scene: Scene, mode: str, start: int, stride: int) -> list[str]:
    states: list[str] = []
    while state := struck(driver, scene, mode, start + len(states) * stride):
        states.append(state)
    return states


def test_without_a_fault_everything_is_new(driver: Driver, scene: Scene) -> None:
    assert scene.state() == "old"
    told = driver.publish(scene)
    assert (told.outcome, told.codes) == ("published", [])
    assert scene.state() == "new"
    assert scene.problems() == ()
    assert scene.is_clean()


def test_the_scene_has_everything_a_publication_does(driver: Driver, scene: Scene) -> None:
    driver.publish(scene)
    calls = driver.calls(scene)
    assert {name for name, _ in calls} >= {"open", "write", "fsync", "mkdir", "rename", "chmod", "unlink", "rmdir"}
    renamed = [path.split("/")[0] for name, path in calls if name == "rename"]
    assert {"packs", "objects", "customers", ".work"} == set(renamed)
    manifests = [path for name, path in calls if name == "rename" and path.startswith("customers/")]
    assert len(manifests) > len(IDS)  # packed anew afterwards
    assert [path for name, path in calls if name == "unlink" and path.startswith("packs/")]
    assert [path for name, path in calls if name == "unlink" and path.startswith("customers/gone/")]


def test_nothing_is_named_before_it_is_durable(driver: Driver, scene: Scene) -> None:
    driver.publish(scene)
    calls = driver.calls(scene)
    placed = 0
    for number, (name, path) in enumerate(calls):
        if name != "rename" or path.startswith(".work"):
            continue
        written = max(n for n, (what, _) in enumerate(calls[:number]) if what == "write")
        assert ("fsync", calls[written][1]) in calls[written:number], path
        following = next(call for call in calls[number + 1 :] if call[0] == "fsync")
        assert following == ("fsync", os.path.dirname(path)), path
        placed += 1
    assert placed > 5
    folders = [path for name, path in calls if name == "mkdir" and path.count("/") == 1 and path[0] != "."]
    assert folders
    for folder in folders:
        made = calls.index(("mkdir", folder))
        assert ("fsync", os.path.dirname(folder)) in calls[made : made + 4], folder
    removed = min(n for n, (name, path) in enumerate(calls) if name == "unlink" and path.startswith("packs/"))
    assert removed > max(
        n for n, (name, path) in enumerate(calls) if name == "rename" and path.startswith("customers/")
    )


@pytest.mark.parametrize("mode", MODES)
def test_after_a_fault_at_some_calls_readers_have_a_whole_release(driver: Driver, scene: Scene, mode: str) -> None:
    states = every(driver, scene, mode, 1 + MODES.index(mode), SAMPLE)
    assert states
    if mode in KILLS:
        assert states == sorted(states, key=["old", "between", "new"].index)
        assert {"old", "new"} <= set(states)


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_killed_at_every_checkpoint(driver: Driver, scene: Scene, checkpoint: str) -> None:
    told = driver.publish(scene, checkpoint=checkpoint)
    assert told.signal == SIGKILL
    assert scene.state() in ("old", "between", "new")
    ends_well(driver, scene, checkpoint)


def test_readers_in_a_loop_have_a_whole_release_whenever_they_come(driver: Driver, scene: Scene) -> None:
    """Also those who read the manifest long before they read what it names."""
    done = threading.Event()
    seen: list[str] = []
    wrong: list[AssertionError] = []

    def read() -> None:
        held = {id_: scene.bench().manifest(id_) for id_ in IDS}
        while not done.is_set() and not wrong:
            try:
                seen.extend(scene.release(id_) for id_ in IDS)
                for manifest in held.values():
                    installed(scene.published, manifest)
            except AssertionError as failed:
                wrong.append(failed)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    calls = driver.publish(scene, "kill", 40).calls
    for call in range(60, 160, 12):
        calls = driver.publish(scene, "kill", call).calls
    assert driver.publish(scene).outcome == "published"
    seen_before = len(seen)
    while len(seen) < seen_before + 4 and not wrong:
        done.wait(0.01)
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert calls >= 0
    assert {"old", "new"} == set(seen)


@pytest.mark.deep
@pytest.mark.parametrize("mode", MODES)
def test_after_a_fault_at_any_call_readers_have_a_whole_release(
    driver: Driver, scene: Scene, tally: Tally, mode: str
) -> None:
    states = every(driver, scene, mode, 1, 1)
    each = {"old": ("old", "old"), "between": ("new", "old"), "new": ("new", "new")}
    tally.add("publication", mode, [state for both in states for state in each[both]])
    assert len(states) > 80

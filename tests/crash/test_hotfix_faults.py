"""A hotfix, from its *.config to its publication, is struck at every call that changes a file.

Services are real processes, driven as machine.toml says; the registry is the file that stands in for one.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.hotfix_faults import APPLY, REINSTALL, REMOVE, Deed, HotfixBench, started
from tests.crash.hotfix_scene import HotfixScene
from tests.crash.injector import KILLS, REFUSALS
from tests.crash.tally import Tally

MODES = (*KILLS, *REFUSALS, "enospc-on")
DEEDS = {"hotfix": APPLY, "hotfix, again": REINSTALL, "hotfix, removal": REMOVE}
SHARES = ((64, 45, 97), (68, 85, 60), (72, 58, 33), (76, 66, 39), (80, 93, 50), (94, 78, 70))
"""Where the sample strikes each deed, in percent of its calls."""
PARTS = 4
FIRSTS = 100


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HotfixBench]:
    with started(HotfixScene(tmp_path_factory.mktemp("hotfix") / "scene")) as made:
        yield made


@pytest.mark.parametrize("name", DEEDS)
def test_without_a_fault_it_is_done(bench: HotfixBench, name: str) -> None:
    deed = DEEDS[name]
    bench.begin(deed.installed)
    assert bench.scene.state() == deed.before
    told = bench.act(deed.action)
    assert (told.exit, bench.state(deed), bench.scene.wrong_now()) == (0, deed.after, "")
    assert told.calls > 100
    assert bench.act("recover").exit == 0
    assert bench.state(deed) == deed.after


@pytest.mark.parametrize("mode", MODES)
def test_after_a_fault_at_some_calls_it_is_whole(bench: HotfixBench, mode: str) -> None:
    for deed, share in zip(DEEDS.values(), SHARES[MODES.index(mode) % len(SHARES)], strict=True):
        bench.begin(deed.installed)
        calls = bench.act(deed.action).calls
        assert bench.struck(deed, mode, calls * share // 100)


@pytest.mark.parametrize("mode", KILLS)
def test_killed_at_some_calls_it_can_be_done_again(bench: HotfixBench, mode: str) -> None:
    for deed in DEEDS.values():
        bench.begin(deed.installed)
        calls = bench.act(deed.action).calls
        assert bench.struck(deed, mode, calls * (50 + 9 * KILLS.index(mode)) // 100, again=True)


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", DEEDS)
def test_after_a_fault_at_any_call_it_is_whole(
    bench: HotfixBench, tally: Tally, name: str, mode: str, part: int
) -> None:
    call = 1 + part
    while state := bench.struck(DEEDS[name], mode, call):
        tally.add(name, mode, [state])
        call += PARTS


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", KILLS)
@pytest.mark.parametrize("name", DEEDS)
def test_killed_at_every_third_call_it_can_be_done_again(bench: HotfixBench, name: str, mode: str, part: int) -> None:
    call = 1 + part
    while bench.struck(DEEDS[name], mode, call, again=True):
        call += 3 * PARTS


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", ["kill", "eio"])
@pytest.mark.parametrize("name", DEEDS)
def test_after_a_second_fault_in_the_recovery_it_is_whole(
    bench: HotfixBench, tally: Tally, name: str, mode: str
) -> None:
    deed = DEEDS[name]
    bench.begin(deed.installed)
    for first in range(FIRSTS, bench.act(deed.action).calls, FIRSTS):
        second = 1
        while state := twice(bench, deed, first, mode, second):
            tally.add("hotfix, recovery", mode, [state])
            second += 1


def twice(bench: HotfixBench, deed: Deed, first: int, mode: str, second: int) -> str:
    """Kill at one call, strike at one of the recovery, recover; the state, "" if the recovery makes fewer calls."""
    bench.begin(deed.installed)
    bench.act(deed.action, "kill", first)
    told = bench.act("recover", mode, second)
    if told.signal == 0 and told.calls < second:
        assert (told.exit, bench.state(deed)) in ((0, "old"), (0, "new"))
        return ""
    where = f"kill at call {first}, {mode} at call {second} of the recovery, {bench.calls()[second - 1]}; {told}"
    assert bench.scene.wrong_now() == "", where
    assert bench.act("recover").exit == 0, where
    state = bench.state(deed)
    assert state in ("old", "new"), (state, where)
    assert bench.scene.wrong_now() == "", where
    return state

"""A change of a whole machine is hit: at every call that changes a file, at every checkpoint, at every other call.

After the next recovery files, registry, commands and services are wholly as before or wholly as they
should be, nothing is left over, and at no moment did a service run over mixed files.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.change.work import WORK
from tests.crash import machine_parts as parts
from tests.crash.machine_faults import (
    FAULTS,
    KILLS,
    LASTING,
    NO_FAULT,
    REFUSALS,
    Bench,
    fault,
)
from tests.crash.machines import COMMANDS
from tests.crash.means_faults import HOWS
from tests.crash.replicas import fingerprint
from tests.crash.tally import Tally

SAMPLE = 9
PARTS = 8


@pytest.fixture(scope="module")
def firsts(bench: Bench) -> list[int]:
    """The calls of a change to kill it at: of those that leave the same machine, byte for byte, one."""
    found: dict[str, int] = {}
    call = 1
    while bench.broken_off(fault("kill", call)):
        found.setdefault(fingerprint(bench.scene.folder), call)
        call += 1
    return list(found.values())


def test_without_a_fault_everything_is_new(bench: Bench) -> None:
    bench.back_to("fresh")
    told = bench.driver.act(bench.scene, "apply")
    assert (told.outcome, told.codes) == ("applied", [])
    assert bench.scene.state() == "new"
    assert bench.scene.wrong_now() == ""
    assert bench.scene.ran() == [f"do {name}" for name in COMMANDS]
    assert bench.driver.act(bench.scene, "recover").outcome == "nothing"


def test_the_scene_is_large_enough(bench: Bench) -> None:
    bench.back_to("fresh")
    change = bench.scene.change()
    assert len(change.files) >= 14
    assert len(change.roots) == 3
    assert {"Router", "Web"} <= {service.name for service in change.services}
    told = bench.driver.act(bench.scene, "apply")
    kinds = {name for name, _ in bench.driver.calls(bench.scene)}
    assert {"open", "write", "fsync", "mkdir", "link", "rename", "unlink", "rmdir"} <= kinds
    assert told.calls > 120
    assert len(told.means_calls) > 20


def test_nothing_happens_before_what_it_rests_on_is_durable(bench: Bench) -> None:
    bench.back_to("fresh")
    bench.driver.act(bench.scene, "apply")
    calls = bench.driver.calls(bench.scene)
    journal = next(path for name, path in calls if name == "write" and path.endswith("/journal"))
    records = [n for n, call in enumerate(calls) if call == ("write", journal)]
    assert all(calls[n + 1] == ("fsync", journal) for n in records), "a record is durable before anything else"
    renames = [n for n, (name, path) in enumerate(calls) if name == "rename" and path.startswith(parts.ROOTS)]
    links = [n for n, (name, path) in enumerate(calls) if name == "link"]
    assert records[0] < links[0]
    for root in parts.ROOTS:
        flushed = [n for n, (name, path) in enumerate(calls) if name == "fsync" and path.startswith(f"{root}/{WORK}")]
        own = [n for n in links if calls[n][1].startswith(f"{root}/")]
        assert any(max(own) < n < renames[0] for n in flushed), f"the backups of {root} are durable before any rename"
    assert any(max(links) < n < renames[0] for n in records), "backed is noted before the first rename"
    removed = [n for n, (name, path) in enumerate(calls) if name == "unlink" and f"{WORK}/backup" in path]
    commit = max(n for n in records if n < removed[0])
    assert max(renames) < commit
    for folder in ("install", "install/bin", "install/made/deep", "share", "share/fonts", "state/hotfixes"):
        assert any(max(renames) < n < commit for n, call in enumerate(calls) if call == ("fsync", folder)), folder
    assert max(removed) < max(n for n, call in enumerate(calls) if call == ("unlink", journal))


@pytest.mark.parametrize("mode", [*FAULTS, *LASTING])
def test_after_a_fault_at_some_calls_the_machine_is_whole(bench: Bench, mode: str) -> None:
    modes = (*FAULTS, *LASTING)
    states = every(bench, mode, 1 + modes.index(mode), SAMPLE)
    assert set(states) == {"old", "new"} if mode in KILLS else "old" in states


def test_killed_at_every_checkpoint_the_machine_is_whole(bench: Bench) -> None:
    bench.back_to("fresh")
    passed = bench.driver.act(bench.scene, "apply").checkpoints
    states = [bench.struck(replace(NO_FAULT, stop=number))[0] for number in range(1, len(passed) + 1)]
    assert states == sorted(states, reverse=True)
    assert states.count("old") == passed.index("committed")


def test_killed_at_checkpoints_of_the_change_and_its_recovery_the_machine_is_whole(bench: Bench) -> None:
    assert checkpoints_twice(bench, 5, 13) == {"old", "new"}


@pytest.mark.parametrize("how", HOWS)
def test_after_a_fault_of_the_machine_itself_it_is_whole(bench: Bench, how: str) -> None:
    states = of_the_machine(bench, how, 1 + HOWS.index(how) % 2, 2)
    assert "old" in states


@pytest.mark.parametrize("mode", REFUSALS)
def test_killed_while_it_undoes_what_failed_the_machine_is_whole(bench: Bench, mode: str) -> None:
    bench.back_to("fresh")
    calls = bench.driver.act(bench.scene, "apply").calls
    for first in range(5 + 9 * REFUSALS.index(mode), calls, 61):
        assert set(undoing(bench, mode, first, 13)) <= {"old", "new"}


def test_a_commit_that_may_be_on_disk_is_taken_back_before_anything_is_undone(bench: Bench) -> None:
    bench.back_to("fresh")
    bench.driver.act(bench.scene, "apply")
    calls = bench.driver.calls(bench.scene)
    removed = next(n for n, (name, path) in enumerate(calls) if name == "unlink" and f"{WORK}/backup" in path)
    flushed = [n for n, (name, path) in enumerate(calls[:removed]) if name == "fsync" and path.endswith("/journal")]
    commit = undoing(bench, "eio", flushed[-1] + 1, 1, most=12)
    # Ballast is given back first, then the record is cut off; from there on nothing but the old machine can come.
    assert commit == sorted(commit)
    assert commit.count("new") <= len(parts.ROOTS) + 2
    assert len(commit) == 12


def test_room_is_given_back_before_anything_is_undone(bench: Bench) -> None:
    bench.back_to("fresh")
    bench.driver.act(bench.scene, "apply")
    calls = bench.driver.calls(bench.scene)
    rename = next(n for n, (name, path) in enumerate(calls, start=1) if (name, path[:11]) == ("rename", "install/bin"))
    bench.back_to("fresh")
    assert bench.driver.act(bench.scene, "apply", fault("enospc", rename)).outcome == "refused"
    undone = bench.driver.calls(bench.scene)[rename:]
    ballast = [n for n, (name, path) in enumerate(undone) if name == "unlink" and path.endswith("/ballast")]
    assert max(ballast) < min(n for n, (name, _) in enumerate(undone) if name in ("open", "write"))


@pytest.mark.parametrize("mode", FAULTS)
def test_after_a_second_fault_in_the_recovery_the_machine_is_whole(bench: Bench, mode: str) -> None:
    bench.back_to("fresh")
    calls = bench.driver.act(bench.scene, "apply").calls
    for first in (calls // 2, calls * 3 // 4):
        assert bench.broken_off(fault("kill", first))
        states = again(bench, [fault(mode, call) for call in range(1 + FAULTS.index(mode), 1000, SAMPLE)])
        assert len(set(states)) == 1


def test_after_a_kill_and_a_restart_of_the_system_no_service_runs_over_mixed_files(bench: Bench) -> None:
    restarted(bench, 3, SAMPLE)


def test_a_recovery_that_fails_three_times_keeps_everything_until_somebody_insists(bench: Bench) -> None:
    bench.back_to("fresh")
    passed = bench.driver.act(bench.scene, "apply").checkpoints
    assert bench.broken_off(replace(NO_FAULT, stop=passed.index("committed")))
    for _ in range(3):
        bench.driver.act(bench.scene, "recover")
        renames = [n for n, (name, _) in enumerate(bench.driver.calls(bench.scene), start=1) if name == "rename"]
        bench.back_to("broken")
        told = bench.driver.act(bench.scene, "recover", fault("eio", renames[len(renames) // 2]))
        assert told.outcome == "refused"
        bench.look()
        bench.keep("broken")
    told = bench.driver.act(bench.scene, "recover")
    assert (told.outcome, told.codes) == ("refused", ["needs-attention"])
    bench.look()
    told = bench.driver.act(bench.scene, "insist")
    assert (told.outcome, told.codes) == ("rolled-back", [])
    assert bench.whole() == "old"


def every(bench: Bench, mode: str, start: int, stride: int, *, copies: bool = False) -> list[str]:
    """The states after a fault at every `stride`-th call."""
    states: list[str] = []
    while state := bench.struck(fault(mode, start + len(states) * stride, copies=copies))[0]:
        states.append(state)
    if mode in KILLS:
        assert states == sorted(states, reverse=True), "what is new stays new"
    return states


def of_the_machine(bench: Bench, how: str, start: int, stride: int) -> list[str]:
    """The states after a fault at every `stride`-th call of services, registry and programs."""
    states: list[str] = []
    while state := bench.struck(replace(NO_FAULT, means=how, means_call=start + len(states) * stride))[0]:
        states.append(state)
    return states


def checkpoints_twice(bench: Bench, start: int, stride: int) -> set[str]:
    """Kill at every `stride`-th checkpoint, and at every one of the recovery; the states there were."""
    found: set[str] = set()
    first = start
    while bench.broken_off(replace(NO_FAULT, stop=first)):
        states = again(bench, [replace(NO_FAULT, stop=number) for number in range(1, 100)])
        assert len(set(states)) <= 1
        found |= set(states)
        first += stride
    return found


def again(bench: Bench, seconds: list[object]) -> list[str]:
    """The states after each of these faults in the recovery of what was broken off, until one finds no call."""
    states: list[str] = []
    for second in seconds:
        state, _ = bench.struck_again(second)  # type: ignore[arg-type]
        if not state:
            break
        states.append(state)
    return states


def undoing(bench: Bench, mode: str, first: int, stride: int, most: int = 10_000) -> list[str]:
    """Fail one call, and kill at every `stride`-th one after it, in the undoing; the states after a recovery."""
    states: list[str] = []
    order = replace(fault(mode, first), then=first + 1)
    while len(states) < most and (state := bench.struck(order)[0]):
        states.append(state)
        order = replace(order, then=order.then + stride)
    return states


def restarted(bench: Bench, start: int, stride: int) -> list[str]:
    """Kill at every `stride`-th call, restart the system, and look before and after the recovery."""
    states: list[str] = []
    call = start
    while bench.broken_off(fault("kill", call)):
        bench.scene.services.restart_of_the_system()
        bench.look()
        told = bench.driver.act(bench.scene, "recover")
        assert (told.signal, told.codes) == (0, []), told
        bench.look()
        states.append("new" if told.outcome == "finished" else "old")
        assert bench.scene.wrong_after_a_restart(states[-1]) == "", call
        call += stride
    return states


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize("mode", [*FAULTS, *LASTING])
def test_after_a_fault_at_any_call_the_machine_is_whole(bench: Bench, tally: Tally, mode: str, copies: bool) -> None:
    states = every(bench, mode, 1, 1, copies=copies)
    tally.add("change, copies" if copies else "change", mode, states)
    assert len(states) > 120


@pytest.mark.deep
@pytest.mark.timeout(3600)
def test_killed_at_every_checkpoint_of_the_change_and_its_recovery_the_machine_is_whole(bench: Bench) -> None:
    assert checkpoints_twice(bench, 1, 1) == {"old", "new"}


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", FAULTS)
def test_after_any_second_fault_in_the_recovery_the_machine_is_whole(
    bench: Bench, firsts: list[int], tally: Tally, mode: str, part: int
) -> None:
    for first in firsts[part::PARTS]:
        assert bench.broken_off(fault("kill", first))
        states = again(bench, [fault(mode, call) for call in range(1, 10_000)])
        assert len(set(states)) <= 1
        tally.add("recovery", mode, states)


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_anywhere_while_it_undoes_what_failed_the_machine_is_whole(
    bench: Bench, firsts: list[int], tally: Tally, part: int
) -> None:
    for first in firsts[part::PARTS]:
        tally.add("undoing", "kill", undoing(bench, "eio", first, 1))


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("how", HOWS)
def test_after_any_fault_of_the_machine_itself_it_is_whole(bench: Bench, tally: Tally, how: str) -> None:
    tally.add("machine", how, of_the_machine(bench, how, 1, 1))


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("how", HOWS)
def test_after_any_second_fault_of_the_machine_itself_it_is_whole(bench: Bench, tally: Tally, how: str) -> None:
    first = 1
    while bench.broken_off(replace(NO_FAULT, means="after", means_call=first)):
        states = again(bench, [replace(NO_FAULT, means=how, means_call=call) for call in range(1, 1000)])
        assert len(set(states)) <= 1
        tally.add("recovery, machine", how, states)
        first += 1


@pytest.mark.deep
@pytest.mark.timeout(3600)
def test_after_a_kill_anywhere_and_a_restart_of_the_system_no_service_runs_over_mixed_files(
    bench: Bench, tally: Tally
) -> None:
    states = restarted(bench, 1, 1)
    assert set(states) == {"old", "new"}
    tally.add("change, then a restart of the system", "kill", states)

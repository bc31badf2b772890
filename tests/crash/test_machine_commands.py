"""The programs and services of a change that fail: with the installer, without it, afterwards, for good."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.machine_faults import NO_FAULT, Bench, MachineDriver
from tests.crash.machines import COMMANDS, MachineScene

SECONDS = 10.0


@pytest.fixture
def with_last(machine_driver: MachineDriver, tmp_path: Path) -> Bench:
    """A machine whose change has a command that cannot be undone."""
    return Bench(machine_driver, MachineScene(tmp_path / "scene", last=True))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_dies_half_way_with_the_installer_is_undone(bench: Bench, name: str) -> None:
    bench.back_to("fresh")
    bench.scene.tell(f"die-{name}")
    assert bench.driver.act(bench.scene, "apply").signal
    bench.look()
    assert bench.recovered() == "old"


@pytest.mark.parametrize("name", ["prepare", "convert"])
def test_an_undo_that_dies_with_the_installer_is_run_again(bench: Bench, name: str) -> None:
    bench.back_to("fresh")
    bench.scene.tell(f"die-undo-{name}")
    bench.scene.tell("die-index")
    assert bench.driver.act(bench.scene, "apply").signal
    assert bench.driver.act(bench.scene, "recover").signal
    bench.look()
    assert bench.recovered() == "old"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_fails_undoes_everything_at_once(bench: Bench, name: str) -> None:
    bench.back_to("fresh")
    bench.scene.tell(f"fail-{name}")
    told = bench.driver.act(bench.scene, "apply")
    assert (told.outcome, told.codes) == ("refused", ["command-failed"])
    assert bench.whole() == "old"
    assert bench.driver.act(bench.scene, "recover").outcome == "nothing"


@pytest.mark.parametrize("name", ["prepare", "convert"])
def test_an_undo_that_fails_is_said_and_run_again(bench: Bench, name: str) -> None:
    bench.back_to("fresh")
    bench.scene.tell(f"fail-undo-{name}")
    bench.scene.tell("fail-index")
    told = bench.driver.act(bench.scene, "apply")
    assert told.outcome == "refused"
    assert told.codes == ["command-failed", "command-not-undone"]
    bench.look()
    assert bench.recovered() == "old"


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_outlives_the_installer(bench: Bench, name: str) -> None:
    """One that went on would change files while they are being brought back."""
    bench.back_to("fresh")
    wait = bench.scene.apart / "effects" / f"wait-{name}"
    os.mkfifo(wait)
    assert bench.driver.act(bench.scene, "apply").signal
    until = time.monotonic() + SECONDS
    while is_read(wait) and time.monotonic() < until:
        time.sleep(0.01)
    if is_read(wait):
        wait.write_text("go on\n")
        raise AssertionError(f"{name} still waits for its turn")
    wait.unlink()
    assert bench.recovered() == "old"
    assert bench.scene.ran()[-1].startswith("undo") or name == "index"


def is_read(fifo: Path) -> bool:
    """Whether a program has a fifo open for reading."""
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError as wrong:
        if wrong.errno != errno.ENXIO:
            raise
        return False
    return True


def test_what_cannot_be_undone_runs_last(with_last: Bench) -> None:
    with_last.back_to("fresh")
    told = with_last.driver.act(with_last.scene, "apply")
    assert (told.outcome, told.codes) == ("applied", [])
    assert with_last.whole() == "new"
    assert with_last.scene.ran() == [*(f"do {name}" for name in COMMANDS), "do last"]
    assert told.doings.index("run-command last") > max(
        n for n, doing in enumerate(told.doings) if doing.startswith(("start-service", "check", "replace-file"))
    )


def test_where_it_fails_everything_else_is_undone(with_last: Bench) -> None:
    with_last.back_to("fresh")
    with_last.scene.tell("fail-last")
    told = with_last.driver.act(with_last.scene, "apply")
    assert (told.outcome, told.codes) == ("refused", ["command-failed", "not-reversible"])
    assert with_last.whole() == "old"


def test_killed_anywhere_it_runs_at_most_once_and_not_for_nothing(with_last: Bench) -> None:
    with_last.back_to("fresh")
    told = with_last.driver.act(with_last.scene, "apply")
    last = next(n for n, call in enumerate(told.means_calls, start=1) if call.endswith("do last"))
    looked = told.checkpoints.index("looked")
    stops = [*range(1, looked, 9), *range(looked + 1, len(told.checkpoints) + 1)]
    orders = [replace(NO_FAULT, stop=number) for number in stops]
    orders += [replace(NO_FAULT, means=how, means_call=last) for how in ("before", "after")]
    for order in orders:
        state, where = with_last.struck(order)
        ran = with_last.scene.ran().count("do last")
        assert ran <= 1, where
        if state == "new":
            assert ran == 1, where
        elif order.means != "after":
            assert ran == 0, where


@pytest.mark.parametrize("name", ["Index", "Watch"])
def test_a_service_that_ends_again_undoes_everything(bench: Bench, name: str) -> None:
    bench.back_to("fresh")
    (bench.scene.services.folder / name / "dies").touch()
    told = bench.driver.act(bench.scene, "apply")
    assert (told.outcome, told.codes) == ("refused", ["service-not-started"])
    assert bench.whole() == "old"

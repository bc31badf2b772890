"""The power goes at any call of a change of a machine, on a real ext4, and the system starts anew.

Needs to mount; elsewhere the tests are skipped by name.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.change_faults import SIGKILL
from tests.crash.machine_driver import Order
from tests.crash.machine_faults import NO_FAULT, MachineDriver, fault
from tests.crash.machines import STAGING, MachineScene
from tests.crash.tally import Tally
from tests.crash.test_change_power import MODES, Volume, own_mounts, volume

__all__ = ["own_mounts", "volume"]


@pytest.fixture
def scene(volume: Volume, tmp_path: Path) -> MachineScene:
    """On the volume, but for the services' own state: their start types are the system's and durable."""
    return MachineScene(volume.mounted / "scene", elsewhere=tmp_path / "apart")


def fresh(scene: MachineScene) -> None:
    """The old machine wholly on the disk; what is staged may not be."""
    scene.set_up()
    for root in scene.roots:
        shutil.rmtree(root / STAGING)
    os.sync()
    scene.stage()


def lost(driver: MachineDriver, volume: Volume, scene: MachineScene, action: str, order: Order) -> bool:
    """Lose the power at a call, turn it on again and start the system; False if there is no such call."""
    told = driver.act(scene, action, order)
    if told.signal == 0:
        assert told.calls < order.call
        assert told.outcome != "refused", told
        return False
    assert told.signal == SIGKILL
    volume.turn_on_again()
    scene.services.restart_of_the_system()
    assert scene.wrong_now() == ""
    return True


def recovered(driver: MachineDriver, scene: MachineScene) -> str:
    told = driver.act(scene, "recover")
    assert (told.signal, told.codes) == (0, []), told
    assert scene.wrong_now() == ""
    assert not scene.home.exists()
    state = scene.state()
    if state in ("old", "new"):
        return state
    # The system may have started what is automatic and was stopped by hand; where the change was over and
    # cleaned up after, it was its start alone that decided what runs.
    found = scene.state_but_services()
    outcomes = {"old": ("rolled-back", "nothing"), "new": ("finished", "nothing")}
    assert told.outcome in outcomes.get(found, ()), (told, state)
    assert scene.wrong_after_a_restart(found, decided=told.outcome == "nothing") == ""
    return found


def in_the_change(driver: MachineDriver, volume: Volume, scene: MachineScene, mode: str, stride: int) -> list[str]:
    states: list[str] = []
    while True:
        fresh(scene)
        if not lost(driver, volume, scene, "apply", fault(mode, stride * (len(states) + 1))):
            assert scene.state() == "new"
            assert states == sorted(states, reverse=True)
            assert set(states) == {"old", "new"}
            return states
        states.append(recovered(driver, scene))


def in_the_recovery(
    driver: MachineDriver, volume: Volume, scene: MachineScene, mode: str, stop: int, stride: int
) -> list[str]:
    states: list[str] = []
    while True:
        fresh(scene)
        if driver.act(scene, "apply", replace(NO_FAULT, stop=stop)).signal == 0:
            return states
        if not lost(driver, volume, scene, "recover", fault(mode, 1 + stride * len(states))):
            assert len(set(states)) <= 1
            return states
        states.append(recovered(driver, scene))


@pytest.mark.parametrize("mode", MODES)
def test_after_a_power_loss_at_some_calls_the_machine_is_whole(
    machine_driver: MachineDriver, volume: Volume, scene: MachineScene, mode: str
) -> None:
    in_the_change(machine_driver, volume, scene, mode, 17)


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", MODES)
def test_after_a_power_loss_at_any_call_the_machine_is_whole(
    machine_driver: MachineDriver, volume: Volume, scene: MachineScene, tally: Tally, mode: str
) -> None:
    tally.add("change", mode, in_the_change(machine_driver, volume, scene, mode, 1))


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("stop", range(2, 20))
@pytest.mark.parametrize("mode", MODES)
def test_after_a_power_loss_in_the_recovery_the_machine_is_whole(
    machine_driver: MachineDriver, volume: Volume, scene: MachineScene, tally: Tally, mode: str, stop: int
) -> None:
    tally.add("recovery", mode, in_the_recovery(machine_driver, volume, scene, mode, stop, 1))

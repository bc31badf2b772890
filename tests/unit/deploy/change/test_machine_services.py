"""What is particular about the services of a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.change.recovery import Outcome
from deploy.errors import TargetError
from deploy.host.services import ServiceState, StartType
from tests.unit.deploy.change.machine import (
    NEW,
    OLD,
    Machine,
    Service,
    StoppedError,
    done,
    recovered,
    refused,
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_one_that_cannot_be_stopped_again_keeps_the_files(machine: Machine) -> None:
    def meddle(name: str) -> None:
        if name == "started":
            machine.services.all["Router"].stuck = True

    machine.host.codes["do index"] = 1
    assert refused(machine, checkpoint=meddle) == ["command-failed", "service-not-stopped"]
    assert machine.programs() == NEW
    with pytest.raises(TargetError, match="Router did not stop"):
        recovered(machine)
    assert machine.programs() == NEW
    machine.services.all["Router"].stuck = False
    assert recovered(machine) == (Outcome.ROLLED_BACK, [])
    assert machine.state() == "old"


def test_one_that_does_not_come_up_after_the_commit_is_tried_again(machine: Machine) -> None:
    seen: list[str] = []

    def at(name: str) -> None:
        if name != "committed":
            return
        watch = machine.services.all["Watch"]
        watch.state, watch.broken = ServiceState.STOPPED, True
        with pytest.raises(TargetError) as caught:
            recovered(machine)
        seen.append(caught.value.code)
        assert machine.services.all["Agent"].start_type is StartType.DELAYED
        watch.broken = False
        seen.append(recovered(machine)[0])
        raise StoppedError

    with pytest.raises(StoppedError):
        done(machine, checkpoint=at)
    assert seen == ["service-not-started", Outcome.FINISHED]
    assert machine.state() == "new"


def test_whoever_insists_finishes_without_it(machine: Machine) -> None:
    def at(name: str) -> None:
        if name == "committed":
            machine.services.all["Watch"] = Service(ServiceState.STOPPED, StartType.MANUAL, broken=True)
            assert recovered(machine, insist=True) == (Outcome.FINISHED, ["service-not-started"])
            raise StoppedError

    with pytest.raises(StoppedError):
        done(machine, checkpoint=at)
    assert not machine.home.exists()


def test_one_that_does_not_come_up_after_undoing_is_not_stopped_again(machine: Machine) -> None:
    def meddle(name: str) -> None:
        if name == "undone":
            machine.services.all["Agent"].broken = True

    machine.host.codes["do index"] = 1
    assert refused(machine, checkpoint=meddle) == ["command-failed", "service-not-started"]
    assert machine.programs() == OLD
    machine.services.calls.clear()
    machine.services.all["Agent"].broken = False
    assert recovered(machine) == (Outcome.ROLLED_BACK, [])
    assert machine.services.calls == ["start Agent"]
    assert machine.state() == "old"


def test_a_start_type_is_restored_with_patience_and_what_remains_is_told(machine: Machine) -> None:
    refusals = iter([True, True, False, True, True, True])

    def busy(said: str) -> bool:
        return said == "set Router automatic" and next(refusals, False)

    machine.services.refuse = busy
    assert done(machine) == []
    assert machine.state() == "new"
    other = Machine(machine.folder / "other")
    other.services.refuse = busy
    assert refused(other) == ["start-type-not-restored"]
    assert other.programs() == NEW
    assert recovered(other) == (Outcome.FINISHED, [])
    assert other.state() == "new"


def test_a_start_type_that_somebody_set_meanwhile_stays(machine: Machine) -> None:
    def meddle(name: str) -> None:
        if name == "after-files-run":
            machine.services.all["Report"].start_type = StartType.DISABLED

    assert done(machine, checkpoint=meddle) == []
    assert machine.services.all["Report"].start_type is StartType.DISABLED


def test_one_that_is_disabled_and_ran_runs_again_and_is_disabled(machine: Machine) -> None:
    machine.services.all["Router"].start_type = StartType.DISABLED
    machine.before = machine.all_but_files()
    assert done(machine) == []
    assert machine.state() == "new"


def test_a_dependent_that_was_started_after_the_plan_is_stopped_too_and_comes_back(machine: Machine) -> None:
    def meddle(name: str) -> None:
        if name == "flushed":
            machine.services.all["Late"] = Service(needs=("Agent",))

    machine.host.codes["do index"] = 1
    assert refused(machine, checkpoint=meddle) == ["command-failed"]
    assert machine.services.all["Late"] == Service(needs=("Agent",))
    assert "stop Late" in machine.services.calls

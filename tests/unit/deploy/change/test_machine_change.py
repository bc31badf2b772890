"""A change of a whole machine: everything at once, stopped at every checkpoint, failed at every part."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.change.model import (
    Change,
    Command,
    DeleteKey,
    Ending,
    FileChange,
    Moment,
    ProcessChange,
    Restart,
    ServiceChange,
)
from deploy.change.recovery import Outcome, unfinished_machine
from deploy.change.steps import Put
from deploy.change.transaction import carry_out
from deploy.digest import sha256_of_bytes
from deploy.errors import TargetError
from deploy.host.processes import Process
from deploy.host.registry import Hive, RegistryKey
from deploy.host.services import ServiceState, StartType
from deploy.relpath import RelPath
from tests.unit.deploy.change.machine import (
    NEW,
    OLD,
    Machine,
    StoppedError,
    done,
    recovered,
    refused,
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def stopping_at(number: int, then: Callable[[], None]) -> Callable[[str], None]:
    """Let the world stand still at a checkpoint, from 0, and `then` happen in it; what was going on never goes on."""
    passed = 0

    def reached(_: str) -> None:
        nonlocal passed
        passed += 1
        if passed == number + 1:
            then()
            raise StoppedError

    return reached


def checkpoints(machine: Machine, act: Callable[[Callable[[str], None]], object]) -> list[str]:
    names: list[str] = []
    act(names.append)
    return names


def test_everything_is_changed_in_its_order(machine: Machine) -> None:
    doings: list[str] = []
    names: list[str] = []
    made = carry_out(
        machine.change(),
        machine.home,
        machine.means,
        tell=lambda doing: doings.append(doing.action),
        reread=True,
        checkpoint=names.append,
    )
    assert machine.state() == "new"
    assert [(one.label, one.exit_code) for one in made.commands] == [("prepare", 0), ("convert", 0), ("index", 0)]
    assert (made.waiting, made.restart_needed, made.warnings) == ((), False, ())
    assert machine.services.calls == [
        *("set Report manual", "set Agent manual", "set Router manual"),
        *("stop Agent", "stop Router", "start Watch", "start Router", "start Agent"),
        *("set Report automatic", "set Agent delayed", "set Router automatic"),
    ]
    assert list(dict.fromkeys(doings)) == [
        *("begin", "run-command", "stop-service", "close-process", "back-up", "replace-file", "delete-file"),
        *("set-registry", "start-service", "check", "commit"),
    ]
    plain = [name for name in names if " " not in name]
    assert plain == [
        *("begun", "before-run", "flushed", "stopping", "stopped", "programs-ended", "backed", "changed"),
        *("registry-set", "after-files-run", "looked", "started", "after-run", "checked", "committed"),
        *("start-types-restored", "cleaned"),
    ]
    assert recovered(machine) == (Outcome.NOTHING, [])


def test_nothing_to_do_leaves_nothing(machine: Machine) -> None:
    assert done(machine, Change((str(machine.folder / "a"),))) == []
    assert not machine.home.exists()


def test_stopped_at_every_checkpoint_it_is_recovered(tmp_path: Path) -> None:
    names = checkpoints(first := Machine(tmp_path / "first"), lambda reached: done(first, checkpoint=reached))
    assert first.state() == "new"
    for number, name in enumerate(names):
        machine = Machine(tmp_path / str(number))
        states: list[str] = []

        def then(machine: Machine = machine, states: list[str] = states) -> None:
            standing = unfinished_machine(machine.home)
            assert (standing is None) == (name == "cleaned")  # noqa: B023
            recovered(machine)
            states.append(machine.state())

        with pytest.raises(StoppedError):
            done(machine, checkpoint=stopping_at(number, then))
        assert states == ["new" if number >= names.index("committed") else "old"], name


@pytest.mark.parametrize("first", ["stopping", "backed", "registry-set", "checked", "committed"])
def test_stopped_at_every_checkpoint_of_the_recovery_it_is_recovered_again(tmp_path: Path, first: str) -> None:
    def stopped(machine: Machine, then: Callable[[], None]) -> None:
        names = checkpoints(
            other := Machine(tmp_path / f"{machine.folder.name}-o"), lambda at: done(other, checkpoint=at)
        )
        with pytest.raises(StoppedError):
            done(machine, checkpoint=stopping_at(names.index(first), then))

    names: list[str] = []
    machine = Machine(tmp_path / "count")
    stopped(machine, lambda: names.extend(checkpoints(machine, lambda at: recovered(machine, checkpoint=at))))
    assert len(names) > 5
    for number, name in enumerate(names):
        machine = Machine(tmp_path / str(number))
        states: list[str] = []

        def again(machine: Machine = machine, states: list[str] = states) -> None:
            recovered(machine)
            states.append(machine.state())

        def then(machine: Machine = machine, number: int = number, again: Callable[[], None] = again) -> None:
            with pytest.raises(StoppedError):
                recovered(machine, checkpoint=stopping_at(number, again))

        stopped(machine, then)
        assert states == ["new" if first == "committed" else "old"], name


FAILURES: dict[str, tuple[Callable[[Machine], object], str]] = {
    "command before": (lambda m: m.host.codes.update({"do prepare": 5}), "command-failed"),
    "command after files": (lambda m: m.host.codes.update({"do convert": 0xC0000005}), "command-failed"),
    "command after": (lambda m: m.host.raises.update({"do index": TimeoutError()}), "command-timed-out"),
    "no such command": (
        lambda m: m.host.raises.update({"do index": FileNotFoundError(2, "gone")}),
        "command-not-started",
    ),
    "stuck service": (lambda m: setattr(m.services.all["Router"], "stuck", True), "service-not-stopped"),
    "deaf program": (lambda m: m.processes.deaf.add("Agent.exe"), "program-running"),
    "registry": (lambda m: setattr(m.registry, "refuse", {"set y"}.__contains__), "registry-failed"),
    "start type": (lambda m: setattr(m.services, "refuse", {"set Agent manual"}.__contains__), "service-failed"),
    "service that does not start": (
        lambda m: setattr(m.services.all["Watch"], "broken", True),
        "service-not-started",
    ),
}


@pytest.mark.parametrize("what", FAILURES)
def test_whatever_fails_undoes_everything_at_once(machine: Machine, what: str) -> None:
    spoil, code = FAILURES[what]
    spoil(machine)
    assert refused(machine) == [code]
    assert machine.state() == "old"
    assert recovered(machine) == (Outcome.NOTHING, [])


def test_a_service_that_is_started_by_something_ends_the_attempt(machine: Machine) -> None:
    def meddle(name: str) -> None:
        if name == "backed":
            machine.services.all["Router"].state = ServiceState.RUNNING

    assert refused(machine, checkpoint=meddle) == ["service-not-stopped"]
    assert machine.state() == "old"


def test_a_service_that_ends_again_undoes_everything(machine: Machine) -> None:
    def meddle(name: str) -> None:
        if name == "after-run":
            machine.services.all["Agent"].state = ServiceState.STOPPED

    assert refused(machine, checkpoint=meddle) == ["service-not-started"]
    assert machine.state() == "old"


def test_a_registry_value_that_is_changed_back_undoes_everything(machine: Machine) -> None:
    def meddle(name: str) -> None:
        if name == "started":
            machine.registry.keys.pop(made)

    made = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\New\Deep")
    assert refused(machine, checkpoint=meddle) == ["registry-not-kept", "registry-not-kept"]
    assert machine.state() == "old"


def test_a_command_that_changes_a_file_meanwhile_ends_the_attempt(machine: Machine) -> None:
    def meddle(name: str) -> None:
        if name == "before-run":
            machine.write("b/shared.dll", b"somebody else's")
            machine.services.unfit = str

    assert refused(machine, checkpoint=meddle) == ["changed"]
    assert (machine.folder / "b/shared.dll").read_bytes() == b"somebody else's"
    machine.write("b/shared.dll", OLD["b/shared.dll"])
    assert machine.state() == "old"


def test_everything_that_cannot_go_well_is_told_at_once_and_nothing_is_touched(machine: Machine) -> None:
    machine.services.all["Watch"].start_type = StartType.DISABLED
    change = machine.change()
    lost = replace(change.commands[0], line=replace(change.commands[0].line, program=str(machine.folder / "none")))
    change = replace(
        change,
        services=(
            ServiceChange("Router", dependents=False),
            ServiceChange("Nobody"),
            ServiceChange("Watch", restart=Restart.ALWAYS),
        ),
        processes=(ProcessChange("Agent.exe", Ending.FAIL),),
        commands=(lost,),
    )
    before = machine.all_but_files()
    assert refused(machine, change) == [
        *("command-missing", "service-needed", "no-such-service", "service-disabled", "program-running")
    ]
    assert (machine.files(), machine.all_but_files(), machine.services.calls) == (OLD, before, [])
    assert not machine.home.exists()


@pytest.mark.parametrize("case", ["no means", "command", "root", "relative", "twice", "hive"])
def test_a_change_that_contradicts_itself_is_a_mistake_of_its_maker(machine: Machine, case: str) -> None:
    change = machine.change()
    means = None if case == "no means" else machine.means
    wrong = {
        "no means": change,
        "command": replace(change, commands=(replace(change.commands[2], idempotent=False),)),
        "root": replace(change, roots=change.roots[:1]),
        "relative": replace(change, roots=("a", "b")),
        "twice": replace(change, roots=(*change.roots, change.roots[0])),
        "hive": replace(change, registry=(DeleteKey(RegistryKey(Hive.HKLM, "")),)),
    }[case]
    with pytest.raises(ValueError, match=r"means|come last|no root|not absolute|twice|no key"):
        carry_out(wrong, machine.home, means)


def test_an_old_file_with_another_digest_than_planned_is_refused(machine: Machine) -> None:
    change = machine.change()
    machine.write("b/shared.dll", b"odl shared")
    assert refused(machine, change, reread=True) == ["changed"]


def test_the_journal_is_for_this_account_only_and_messages_hold_no_arguments(machine: Machine) -> None:
    modes = []

    def look(name: str) -> None:
        if name == "begun":
            modes.append(stat.S_IMODE((machine.home / "journal").stat().st_mode))

    machine.host.codes["do index"] = 9
    with pytest.raises(TargetError) as caught:
        carry_out(machine.change(), machine.home, machine.means, checkpoint=look)
    assert modes == [0o600]
    assert "do index" not in str(caught.value)
    assert "index ended with exit code 9" in str(caught.value)


def test_an_optional_command_may_fail_and_exit_codes_ask_for_a_restart(machine: Machine) -> None:
    machine.host.codes.update({"do maybe": 7, "do index": 3010})
    machine.host.effects.append("index")
    change = machine.change(machine.command("maybe", Moment.AFTER, optional=True))
    made = carry_out(change, machine.home, machine.means)
    assert [(one.label, one.exit_code) for one in made.commands][2:] == [("index", 3010), ("maybe", 7)]
    assert made.restart_needed
    assert [one.code for one in made.warnings] == ["command-failed"]
    assert machine.state() == "new"


class TestWaysBack:
    """What is undone by programs, and what cannot be."""

    def test_commands_of_the_rollback_run_with_the_old_files_and_before_the_services(self, machine: Machine) -> None:
        machine.host.codes["do index"] = 1
        assert refused(machine, machine.change(machine.command("back", Moment.ROLLBACK))) == ["command-failed"]
        assert machine.host.ran == ["do prepare", "do convert", "do index", "undo convert", "undo prepare", "do back"]
        assert machine.host.effects == ["back"]

    def test_a_way_back_that_fails_keeps_everything_until_it_succeeds(self, machine: Machine) -> None:
        machine.host.codes.update({"do index": 1, "undo convert": 2})
        assert refused(machine) == ["command-failed", "command-not-undone"]
        assert machine.programs() == NEW
        assert machine.services.all["Router"].state is ServiceState.STOPPED
        with pytest.raises(TargetError, match="way back of convert failed"):
            recovered(machine)
        del machine.host.codes["undo convert"]
        assert recovered(machine) == (Outcome.ROLLED_BACK, [])
        assert machine.state() == "old"

    def test_whoever_insists_goes_on_without_it(self, machine: Machine) -> None:
        machine.host.codes.update({"do index": 1, "undo prepare": 2})
        refused(machine)
        for _ in range(2):
            with pytest.raises(TargetError, match="way back"):
                recovered(machine)
        with pytest.raises(TargetError, match="3 attempts") as caught:
            recovered(machine)
        assert caught.value.code == "needs-attention"
        assert recovered(machine, insist=True) == (Outcome.ROLLED_BACK, ["command-not-undone"])
        assert machine.programs() == OLD
        assert machine.services.now() == machine.before[0]

    def test_a_last_command_that_failed_is_named_as_not_reversible(self, machine: Machine) -> None:
        machine.host.codes["do last"] = 1
        assert refused(machine, machine.change(machine.command("last", Moment.LAST))) == [
            "command-failed",
            "not-reversible",
        ]
        assert machine.state() == "old"

    @pytest.mark.parametrize(
        ("name", "state"), [("command-started 3", "old"), ("command-done 3", "new"), ("last-run", "new")]
    )
    def test_a_last_command_that_ended_well_decides(self, machine: Machine, name: str, state: str) -> None:
        states: list[tuple[Outcome, list[str], str]] = []

        def at(checkpoint: str) -> None:
            if checkpoint == name:
                states.append((*recovered(machine), machine.state()))
                raise StoppedError

        with pytest.raises(StoppedError):
            done(machine, machine.change(machine.command("last", Moment.LAST)), checkpoint=at)
        outcome = Outcome.FINISHED if state == "new" else Outcome.ROLLED_BACK
        assert states == [(outcome, [] if state == "new" else ["not-reversible"], state)]

    def test_when_only_the_commit_fails_after_it_the_next_start_finishes(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import deploy.change.journal

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        def at(checkpoint: str) -> None:
            if checkpoint == "last-run":
                monkeypatch.setattr(deploy.change.journal, "write_all", full)

        change = machine.change(machine.command("last", Moment.LAST))
        assert refused(machine, change, checkpoint=at) == ["disk-full", "not-finished"]
        assert "undo" not in " ".join(machine.host.ran)
        monkeypatch.undo()
        assert recovered(machine) == (Outcome.FINISHED, [])
        assert machine.state() == "new"


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.KILL])
def test_a_program_that_is_deaf_is_ended_only_where_that_is_wanted(machine: Machine, ending: Ending) -> None:
    machine.processes.deaf.add("Agent.exe")
    change = replace(machine.change(), processes=(ProcessChange("Agent.exe", ending),))
    if ending is Ending.KILL:
        assert done(machine, change) == []
    else:
        assert refused(machine, change) == ["program-running"]
    machine.processes.eternal.add("Agent.exe")
    machine.processes.running = [Process(8, "Agent.exe", 2)]


def test_files_alone_need_no_means(machine: Machine) -> None:
    change = replace(machine.change(), registry=(), services=(), processes=(), commands=())
    assert carry_out(change, machine.home, None).warnings == ()
    assert machine.files() == NEW


def test_a_file_change_of_one_root_may_come_last(machine: Machine) -> None:
    order: list[str] = []
    change = replace(machine.change(), registry=(), services=(), processes=(), commands=())
    change = replace(
        change,
        files=(
            *change.files,
            FileChange(Put(RelPath.parse("catalogue"), machine.staged("a", b"c"), sha256_of_bytes(b"c"), 1, None)),
        ),
    )
    carry_out(change, machine.home, machine.means, tell=lambda doing: order.append(Path(doing.subject).name))
    files = [name for name in order if "." in name or name == "catalogue"]
    assert files == ["router.exe", "deep.txt", "shared.dll", "catalogue", "gone.dll"]


def test_one_command_is_enough(machine: Machine) -> None:
    command: Command = machine.command("index", Moment.AFTER)
    assert done(machine, Change((), commands=(command,))) == []
    assert machine.host.effects == ["index"]

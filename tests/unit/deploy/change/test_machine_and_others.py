"""Installations and changes of the machine in one folder, other accounts, folders that are gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.change.model import (
    Change,
    Doing,
    SetValue,
)
from deploy.change.recovery import Outcome, recover, recover_machine
from deploy.change.steps import Put
from deploy.change.transaction import apply, carry_out
from deploy.change.work import WORK
from deploy.digest import sha256_of_bytes
from deploy.errors import TargetError
from deploy.host.registry import Hive, RegistryKey
from deploy.relpath import RelPath
from tests.unit.deploy.change.dying import broken_off
from tests.unit.deploy.change.machine import (
    NEW_VALUE,
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


def put(machine: Machine, name: str = "installed.txt") -> Put:
    staged = machine.staged("a", b"installed")
    return Put(RelPath.parse(name), staged, sha256_of_bytes(b"installed"), 9, None)


def test_an_installation_keeps_away_from_what_a_change_of_the_machine_left(machine: Machine) -> None:
    told: list[str] = []

    def at(name: str) -> None:
        if name == "changed":
            with pytest.raises(TargetError) as caught:
                apply(machine.folder / "a", [put(machine)])
            told.append(caught.value.code)
            recovered(machine)
            assert apply(machine.folder / "a", [put(machine)]) == ()
            machine.services.unfit = str
            raise StoppedError

    with pytest.raises(StoppedError):
        done(machine, checkpoint=at)
    assert told == ["change-unfinished"]


def test_backups_of_a_change_whose_home_is_gone_are_kept(machine: Machine) -> None:
    def at(name: str) -> None:
        if name == "changed":
            (machine.home / "journal").unlink()
            with pytest.raises(TargetError) as caught:
                recover(machine.folder / "b")
            assert caught.value.code == "needs-attention"
            assert list((machine.folder / "b" / WORK / "backup").iterdir()) != []
            raise StoppedError

    with pytest.raises(StoppedError):
        done(machine, checkpoint=at)


def test_an_installation_that_was_broken_off_is_undone_first(machine: Machine) -> None:
    broken_off(machine.folder / "a", [put(machine)])
    assert refused(machine) == ["changed"]
    assert machine.files() == OLD
    assert done(machine) == []
    assert machine.state() == "new"


def test_a_change_that_was_broken_off_is_undone_and_asks_to_be_planned_again(machine: Machine) -> None:
    def at(name: str) -> None:
        if name == "checked":
            assert refused(machine) == ["changed"]
            assert machine.state() == "old"
            raise StoppedError

    with pytest.raises(StoppedError):
        done(machine, checkpoint=at)


def test_the_registry_of_an_account_is_undone_under_that_account_only(machine: Machine) -> None:
    user = RegistryKey(Hive.HKCU, "Software")
    machine.registry.keys[user] = {}
    change = Change(machine.change().roots, registry=(SetValue(user, "x", NEW_VALUE),))

    def at(name: str) -> None:
        if name == "registry-set":
            machine.host.name = "SYSTEM"
            with pytest.raises(TargetError, match="account admin"):
                recovered(machine)
            machine.host.name = "admin"
            recovered(machine)
            raise StoppedError

    with pytest.raises(StoppedError):
        done(machine, change, checkpoint=at)
    assert machine.registry.keys[user] == {}


def test_a_root_that_is_not_mounted_is_named(machine: Machine) -> None:
    def at(name: str) -> None:
        if name == "changed":
            (machine.folder / "b").rename(machine.folder / "c")
            with pytest.raises(TargetError) as caught:
                recovered(machine)
            assert caught.value.code == "root-missing"
            (machine.folder / "c").rename(machine.folder / "b")
            recovered(machine)
            raise StoppedError

    with pytest.raises(StoppedError):
        done(machine, checkpoint=at)
    assert machine.state() == "old"


def test_a_work_folder_that_appears_meanwhile_is_not_taken_for_ones_own(machine: Machine) -> None:
    def at(name: str) -> None:
        if name == "begun":
            raise StoppedError

    work = machine.folder / "b" / WORK

    def meddle(doing: Doing) -> None:
        if doing.action == "begin":
            broken_off(machine.folder / "b", [Put(RelPath.parse("x"), str(staged), sha256_of_bytes(b"x"), 1, None)])

    staged = machine.write("b/.stage/x", b"x")
    with pytest.raises(TargetError) as caught:
        carry_out(machine.change(), machine.home, machine.means, tell=meddle, checkpoint=at)
    assert caught.value.code == "cannot-write"
    assert (work / "journal").exists()
    assert not machine.home.exists()
    assert recover(machine.folder / "b").outcome is Outcome.ROLLED_BACK
    assert machine.state() == "old"


def test_a_home_that_was_moved_is_recovered_from_where_it_is(machine: Machine) -> None:
    moved = machine.folder / "elsewhere"

    def at(name: str) -> None:
        if name == "checked":
            machine.home.parent.rename(moved)
            assert recover_machine(moved / "change", machine.means).outcome is Outcome.ROLLED_BACK
            assert machine.state() == "old"
            machine.services.unfit = str
            raise StoppedError

    with pytest.raises(StoppedError):
        done(machine, checkpoint=at)
    assert list(moved.iterdir()) == []

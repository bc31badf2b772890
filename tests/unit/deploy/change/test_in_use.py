"""Files that stay in use: a Windows that is played by the calls that rename and remove."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.change.aside import ASIDE
from deploy.change.files import BUSY_ATTEMPTS
from deploy.change.model import Change, FileChange, InUse, Moment
from deploy.change.placing import LONG_ATTEMPTS
from deploy.change.recovery import Outcome, recover_machine
from deploy.change.steps import Delete
from deploy.change.transaction import carry_out
from deploy.errors import TargetError
from deploy.host.processes import Process
from deploy.relpath import RelPath
from tests.unit.deploy.change.machine import OLD, Machine, StoppedError


class SharingViolationError(PermissionError):
    """What Windows raises while another program has the file open."""

    def __init__(self, winerror: int) -> None:
        super().__init__(13, "in use")
        self.winerror = winerror


class Windows:
    """Files by inode: `loaded` ones can be renamed, `open` ones cannot; neither can be removed or replaced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loaded: set[int] = set()
        self.open: set[int] = set()
        self._replace, self._rename, self._unlink = os.replace, os.rename, os.unlink
        monkeypatch.setattr(os, "replace", self.replace)
        monkeypatch.setattr(os, "rename", self.rename)
        monkeypatch.setattr(os, "unlink", self.unlink)

    def hold(self, path: Path, *, loaded: bool) -> None:
        (self.loaded if loaded else self.open).add(path.stat().st_ino)

    def let_go(self) -> None:
        self.loaded.clear()
        self.open.clear()

    def replace(self, source: str, target: str) -> None:
        if os.path.lexists(target):
            self._see(target, self.loaded | self.open)
        self._see(source, self.open)
        self._replace(source, target)

    def rename(self, source: str, target: str) -> None:
        self._see(source, self.open)
        assert not os.path.lexists(target)
        self._rename(source, target)

    def unlink(self, path: str, dir_fd: int | None = None) -> None:
        if dir_fd is None:
            self._see(path, self.loaded | self.open)
        self._unlink(path, dir_fd=dir_fd)

    def restart(self, asked: dict[str, str]) -> None:
        """What the system does at its start."""
        self.let_go()
        for source, target in asked.items():
            if os.path.lexists(source):
                self._replace(source, target) if target else self._unlink(source)
        asked.clear()

    def _see(self, path: str, held: set[int]) -> None:
        found = os.lstat(path)
        if found.st_ino in held:
            raise SharingViolationError(5 if found.st_ino in self.loaded else 32)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Windows:
    return Windows(monkeypatch)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.host.at_restart = {}
    return machine


def change(machine: Machine, in_use: InUse) -> Change:
    """Only the files, and a command that may fail."""
    whole = machine.change(in_use=in_use)
    return replace(whole, registry=(), services=(), processes=(), commands=(machine.command("index", Moment.AFTER),))


def carried_out(machine: Machine, in_use: InUse, checkpoint: Callable[[str], None] = lambda _: None) -> list[float]:
    """Carry out; returns the pauses."""
    waits: list[float] = []
    carry_out(change(machine, in_use), machine.home, machine.means, pause=waits.append, checkpoint=checkpoint)
    return waits


NEW = {"a/bin/router.exe": b"new router", "a/new/deep.txt": b"brought", "b/shared.dll": b"new shared"}


@pytest.mark.parametrize(("in_use", "pauses"), [(InUse.FAIL, 0), (InUse.RETRY, LONG_ATTEMPTS - 1)])
@pytest.mark.parametrize("loaded", [True, False])
def test_a_file_in_use_is_an_error_that_names_who_holds_it(
    machine: Machine, windows: Windows, in_use: InUse, pauses: int, loaded: bool
) -> None:
    windows.hold(machine.folder / "a/bin/router.exe", loaded=loaded)
    machine.processes.held["router.exe"] = tuple(Process(pid, "Agent.exe", pid) for pid in range(7))
    waits: list[float] = []
    before_undoing: list[int] = []

    def at(name: str) -> None:
        if name == "commands-undone":
            before_undoing.append(len(waits))

    with pytest.raises(TargetError) as caught:
        carry_out(change(machine, in_use), machine.home, machine.means, pause=waits.append, checkpoint=at)
    assert caught.value.code == "in-use"
    assert "router.exe is in use by Agent.exe (0)" in str(caught.value)
    assert "and 2 more" in str(caught.value)
    assert before_undoing == [pauses]
    assert machine.programs() == OLD
    windows.restart(machine.host.at_restart or {})
    recover_machine(machine.home, machine.means)
    assert machine.files() == OLD


def test_a_loaded_file_is_renamed_away_and_goes_at_the_restart(machine: Machine, windows: Windows) -> None:
    windows.hold(machine.folder / "a/bin/router.exe", loaded=True)
    windows.hold(machine.folder / "a/bin/gone.dll", loaded=True)
    made = carry_out(change(machine, InUse.REBOOT), machine.home, machine.means, pause=lambda _: None)
    assert machine.programs() == NEW
    assert not machine.home.exists()
    assert (made.waiting, made.restart_needed) == ((), True)
    assert [one.code for one in made.warnings] == ["used-until-restart", "used-until-restart"]
    assert set((machine.host.at_restart or {}).values()) == {""}
    windows.restart(machine.host.at_restart or {})
    carried_out_again(machine)
    assert machine.files() == {**NEW, "a/bin/router.exe": b"newer router"}
    assert not (machine.folder / "a" / ASIDE).exists()


def carried_out_again(machine: Machine) -> None:
    """Another change of the same file."""
    again = Change((str(machine.folder / "a"),), (machine.replace("a", "bin/router.exe", b"newer router"),))
    carry_out(again, machine.home, machine.means, pause=lambda _: None)


def test_an_open_file_is_left_to_the_restart_and_nothing_else_changes_it_before(
    machine: Machine, windows: Windows
) -> None:
    windows.hold(machine.folder / "a/bin/router.exe", loaded=False)
    made = carry_out(change(machine, InUse.REBOOT), machine.home, machine.means, pause=lambda _: None)
    assert made.waiting == (str(machine.folder / "a/bin/router.exe"),)
    assert made.restart_needed
    assert machine.programs() == {**NEW, "a/bin/router.exe": b"old router"}
    # A second name of what is open cannot go before it is closed.
    assert [one.code for one in made.warnings] == ["staging-left"]
    with pytest.raises(TargetError) as caught:
        carried_out_again(machine)
    assert caught.value.code == "staging-left"
    windows.let_go()
    with pytest.raises(TargetError) as caught:
        carried_out_again(machine)
    assert caught.value.code == "restart-pending"
    windows.restart(machine.host.at_restart or {})
    assert machine.programs() == NEW
    carried_out_again(machine)
    assert machine.files() == {**NEW, "a/bin/router.exe": b"newer router"}
    assert not (machine.folder / "a" / ASIDE).exists()


def test_a_file_that_is_to_go_waits_for_the_restart_too(machine: Machine, windows: Windows) -> None:
    windows.hold(machine.folder / "a/bin/gone.dll", loaded=False)
    made = carry_out(change(machine, InUse.REBOOT), machine.home, machine.means, pause=lambda _: None)
    assert made.waiting == (str(machine.folder / "a/bin/gone.dll"),)
    assert machine.host.at_restart == {str(machine.folder / "a/bin/gone.dll"): ""} | {
        path: "" for path in machine.host.at_restart or {} if ASIDE in path
    }
    windows.restart(machine.host.at_restart or {})
    assert machine.programs() == NEW


def test_the_patience_of_all_files_that_may_wait_is_a_minute(machine: Machine, windows: Windows) -> None:
    files = []
    for number in range(20):
        path = machine.write(f"a/many/{number}.dll", b"x")
        windows.hold(path, loaded=True)
        files.append(FileChange(Delete(RelPath.parse(f"many/{number}.dll"), None), 0, InUse.REBOOT))
    waits: list[float] = []
    carry_out(Change((str(machine.folder / "a"),), tuple(files)), machine.home, machine.means, pause=waits.append)
    assert LONG_ATTEMPTS - BUSY_ATTEMPTS < len(waits) <= LONG_ATTEMPTS


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("checkpoint", ["changed", "after-run", "deferred", "checked"])
def test_what_was_put_aside_is_taken_back(machine: Machine, windows: Windows, loaded: bool, checkpoint: str) -> None:
    windows.hold(machine.folder / "a/bin/router.exe", loaded=loaded)
    windows.hold(machine.folder / "a/bin/gone.dll", loaded=loaded)
    states: list[dict[str, bytes]] = []

    def at(name: str) -> None:
        if name == ("checked" if loaded and checkpoint == "deferred" else checkpoint):
            found = recover_machine(machine.home, machine.means, pause=lambda _: None)
            assert found.outcome is Outcome.ROLLED_BACK
            assert [one.code for one in found.warnings] == ([] if loaded else ["staging-left"])
            states.append(machine.programs())
            raise StoppedError

    with pytest.raises(StoppedError):
        carried_out(machine, InUse.REBOOT, at)
    assert states == [OLD]
    assert not any(target for target in (machine.host.at_restart or {}).values())
    assert str(machine.folder / "a/bin/gone.dll") not in (machine.host.at_restart or {})
    windows.let_go()
    carried_out(machine, InUse.RETRY)
    assert machine.files() == NEW


@pytest.mark.parametrize("committed", [True, False])
def test_a_restart_in_the_middle_is_recovered_from(machine: Machine, windows: Windows, committed: bool) -> None:
    for name in ("router.exe", "gone.dll"):
        windows.hold(machine.folder / "a/bin" / name, loaded=False)

    def at(name: str) -> None:
        if name == ("committed" if committed else "deferred"):
            windows.restart(machine.host.at_restart or {})
            found = recover_machine(machine.home, machine.means)
            assert found.outcome is (Outcome.FINISHED if committed else Outcome.ROLLED_BACK)
            assert machine.files() == (NEW if committed else OLD)
            raise StoppedError

    with pytest.raises(StoppedError):
        carried_out(machine, InUse.REBOOT, at)
    assert not machine.home.exists()


def test_where_the_system_does_nothing_at_its_start_it_is_an_error(machine: Machine, windows: Windows) -> None:
    machine.host.at_restart = None
    windows.hold(machine.folder / "a/bin/router.exe", loaded=False)
    with pytest.raises(TargetError) as caught:
        carried_out(machine, InUse.REBOOT)
    assert caught.value.code == "in-use"
    assert machine.programs() == OLD

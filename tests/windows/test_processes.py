"""Programs on Windows: found by name, who holds a file, closed through their windows, ended, waited for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.host import holders
from deploy.host.current import current
from deploy.host.processes import Process, Processes
from tests.windows.services import ProgramMaker, ServiceMaker

pytestmark = pytest.mark.windows
LONG = 30.0


@pytest.fixture
def processes() -> Processes:
    return current().processes()


def _only(found: tuple[Process, ...]) -> Process:
    (one,) = found
    return one


def test_programs_are_found_by_file_name_in_any_case(processes: Processes, programs: ProgramMaker) -> None:
    path = programs.copy()
    first, second = programs.run(path), programs.run(path)
    for name in (path.name, path.name.upper(), path.stem, path.stem.lower()):
        assert {one.pid for one in processes.named(name)} == {first.pid, second.pid}
    assert all(one.name == path.name and one.started and one.service is None for one in processes.named(path.name))
    assert processes.named("Nobody.exe") == ()


def test_this_process_is_not_found(processes: Processes) -> None:
    assert os.getpid() not in {one.pid for one in processes.named("python.exe")}


def test_a_window_that_is_closed_ends_its_program(processes: Processes, programs: ProgramMaker) -> None:
    path = programs.copy()
    running = programs.run(path, "--window")
    found = processes.named(path.name)
    processes.close(found[0])
    assert processes.wait(found, LONG) == ()
    assert running.wait() == 0
    processes.close(found[0])
    processes.kill(found[0])


@pytest.mark.parametrize("options", [["--stubborn-window"], []], ids=["stubborn window", "no window"])
def test_what_does_not_close_still_runs_and_can_be_ended(
    processes: Processes, programs: ProgramMaker, options: list[str]
) -> None:
    path = programs.copy()
    programs.run(path, *options)
    found = processes.named(path.name)
    processes.close(found[0])
    assert processes.wait(found, 0.5) == found
    processes.kill(found[0])
    assert processes.wait(found, LONG) == ()
    assert processes.named(path.name) == ()


def test_those_that_still_run_are_told(processes: Processes, programs: ProgramMaker) -> None:
    path = programs.copy()
    ended, stays = programs.run(path), programs.run(path)
    found = processes.named(path.name)
    processes.kill(next(one for one in found if one.pid == ended.pid))
    assert [one.pid for one in processes.wait(found, 1)] == [stays.pid]


def test_another_program_of_the_same_id_is_left_alone(processes: Processes, programs: ProgramMaker) -> None:
    path = programs.copy()
    running = programs.run(path, "--window")
    earlier = replace(_only(processes.named(path.name)), started=12345)
    processes.close(earlier)
    processes.kill(earlier)
    assert processes.wait([earlier], 0) == ()
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.5)


def test_who_holds_a_file_is_named(processes: Processes, programs: ProgramMaker, tmp_path: Path) -> None:
    file = tmp_path / "held file å.dll"
    file.write_bytes(b"held")
    assert processes.holders(file) == ()
    path = programs.copy()
    running = programs.run(path, "--hold", str(file))
    found = _only(processes.holders(file))
    assert (found.pid, found.name, found.service) == (running.pid, path.name, None)
    assert found.started == _only(processes.named(path.name)).started
    processes.kill(found)
    assert processes.wait([found], LONG) == ()
    assert processes.holders(file) == ()


def test_a_program_that_runs_holds_its_own_file(processes: Processes, programs: ProgramMaker) -> None:
    path = programs.copy()
    running = programs.run(path)
    assert [one.pid for one in processes.holders(path)] == [running.pid]


def test_a_holder_that_is_a_service_is_told_as_one(
    processes: Processes, services: ServiceMaker, tmp_path: Path
) -> None:
    file = tmp_path / "Router.dll"
    file.write_bytes(b"held")
    service = services.install("Router", "--hold", str(file))
    service.run()
    found = _only(processes.holders(file))
    assert (found.pid, found.name, found.service) == (service.process(), "LockingService.exe", service.name)


def test_nobody_holds_what_is_not_there(processes: Processes, tmp_path: Path) -> None:
    assert processes.holders(tmp_path / "missing") == ()


class _Manager:
    """A Restart Manager that answers as the real one does while programs come: more than it was asked room for."""

    def __init__(self, *pids: int) -> None:
        self.pids = pids
        self.asked: list[int] = []

    def RmGetList(self, session: object, needed: object, count: object, found: object, reasons: object) -> int:  # noqa: N802
        needed, count = needed._obj, count._obj  # type: ignore[attr-defined]
        self.asked.append(count.value)
        needed.value = len(self.pids)
        if count.value < len(self.pids):
            return 234
        count.value = len(self.pids)
        for place, pid in enumerate(self.pids):
            found[place].pid = pid  # type: ignore[index]
        return 0


def test_the_restart_manager_is_given_the_room_it_asks_for() -> None:
    manager = _Manager(*range(10, 19))
    assert holders._listed(manager, None) == frozenset(range(10, 19))  # type: ignore[arg-type]
    assert manager.asked == [4, 9]


def test_the_restart_manager_is_asked_first(
    processes: Processes, programs: ProgramMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wine's names nobody, so that only the way to its answer can be seen here."""
    file = tmp_path / "held.dll"
    file.write_bytes(b"held")
    assert holders._restart_manager(file) == frozenset()
    path = programs.copy()
    running = programs.run(path)
    monkeypatch.setattr(holders, "_listed", lambda manager, session: frozenset({running.pid}))
    monkeypatch.setattr(holders, "_searched", _never)
    assert _only(processes.holders(file)).pid == running.pid


def _never(path: Path) -> frozenset[int]:
    raise AssertionError("the handles were looked through although the Restart Manager knew")


@pytest.mark.parametrize("path", ["C:\\", "C:\\windows"])
def test_folders_can_be_asked_about(processes: Processes, path: str) -> None:
    assert isinstance(processes.holders(Path(path)), tuple)


Change = Callable[[Path], None]


@pytest.mark.parametrize("change", [os.unlink, lambda path: os.replace(path, f"{path}.old")], ids=["remove", "rename"])
def test_the_holder_is_the_one_who_is_in_the_way(
    processes: Processes, programs: ProgramMaker, tmp_path: Path, change: Change
) -> None:
    file = tmp_path / "held.dll"
    file.write_bytes(b"held")
    programs.run(programs.copy(), "--hold", str(file))
    with pytest.raises(PermissionError):
        change(file)
    processes.kill(_only(processes.holders(file)))
    processes.wait(processes.holders(file), LONG)
    change(file)

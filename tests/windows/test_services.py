"""The service control manager, with real services that lock files, are slow, do not stop or end again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import pywintypes
import win32service

from deploy.errors import TargetError
from deploy.host.current import current
from deploy.host.services import ServiceManager, ServiceState, StartType
from deploy.machine import Services
from tests.windows.services import ServiceMaker, until

pytestmark = pytest.mark.windows
LONG = 30.0


@pytest.fixture
def manager(tmp_path: Path) -> ServiceManager:
    return current().services(Services(), tmp_path)


def _is_locked(path: Path) -> bool:
    try:
        path.open("rb").close()
    except PermissionError:
        return True
    return False


def test_a_service_that_locks_a_file_lets_go_of_it_when_it_is_stopped(
    manager: ServiceManager, services: ServiceMaker, tmp_path: Path
) -> None:
    file = tmp_path / "Router.dll"
    file.write_bytes(b"locked")
    service = services.install("Router", "--hold", str(file))
    manager.start(service.name, LONG)
    assert service.running
    assert _is_locked(file)
    manager.stop(service.name, LONG)
    assert service.state() == win32service.SERVICE_STOPPED
    assert not _is_locked(file)
    manager.start(service.name, LONG)
    assert _is_locked(file)


def test_stopping_waits_for_the_end_of_the_process_which_holds_its_files_a_little_longer(
    manager: ServiceManager, services: ServiceMaker, tmp_path: Path
) -> None:
    file = tmp_path / "Router.dll"
    file.write_bytes(b"locked")
    service = services.install("Router", "--hold", str(file), "--linger", "1500")
    service.run()
    manager.stop(service.name, LONG)
    assert not _is_locked(file)


def test_a_process_that_outlives_its_service_is_named(manager: ServiceManager, services: ServiceMaker) -> None:
    service = services.install("Router", "--linger", "60000")
    service.run()
    pid = service.process()
    with pytest.raises(TargetError) as caught:
        manager.stop(service.name, 1)
    assert caught.value.code == "service-not-stopped"
    assert f"its process {pid} still runs" in str(caught.value)
    services.also_end(pid)


def test_status_tells_what_is_known(manager: ServiceManager, services: ServiceMaker) -> None:
    service = services.install("Router")
    found = manager.status(service.name.upper())
    assert found is not None
    assert (found.name, found.state, found.start_type) == (service.name, ServiceState.STOPPED, StartType.MANUAL)
    assert (found.process, found.dependents) == (None, ())
    service.run()
    found = manager.status(service.name)
    assert found is not None
    assert (found.state, found.process) == (ServiceState.RUNNING, service.process())


def test_dependents_come_in_the_order_in_which_they_are_stopped(
    manager: ServiceManager, services: ServiceMaker
) -> None:
    broker = services.install("Broker")
    router = services.install("Router", needs=[broker.name])
    agent = services.install("Agent", needs=[router.name.upper(), broker.name])
    services.install("Other")
    found = manager.status(broker.name)
    assert found is not None
    assert found.dependents == (agent.name, router.name)
    assert manager.status(agent.name).dependents == ()  # type: ignore[union-attr]


def test_a_missing_service_is_none_and_cannot_be_driven(manager: ServiceManager, services: ServiceMaker) -> None:
    name = f"{services.prefix}Missing"
    assert manager.status(name) is None
    for drive in (
        lambda: manager.stop(name, 1),
        lambda: manager.start(name, 1),
        lambda: manager.set_start_type(name, StartType.MANUAL),
    ):
        with pytest.raises(TargetError) as caught:
            drive()
        assert caught.value.code == "no-such-service"


@pytest.mark.parametrize("strange", ["", "a/b", "a\\b", "x" * 300])
def test_what_can_be_no_name_is_no_service(manager: ServiceManager, strange: str) -> None:
    assert manager.status(strange) is None


def test_a_slow_service_is_waited_for(manager: ServiceManager, services: ServiceMaker) -> None:
    service = services.install("Slow", "--slow-start", "1000", "--slow-stop", "1000")
    manager.start(service.name, LONG)
    assert service.running
    manager.stop(service.name, LONG)
    assert service.state() == win32service.SERVICE_STOPPED


def test_no_wait_is_longer_than_told(manager: ServiceManager, services: ServiceMaker) -> None:
    service = services.install("Slow", "--slow-start", "600000")
    with pytest.raises(TargetError) as caught:
        manager.start(service.name, 1)
    assert caught.value.code == "service-not-started"
    assert "still starting after 1 seconds" in str(caught.value)
    with pytest.raises(TargetError) as caught:
        manager.stop(service.name, 1)
    assert caught.value.code == "service-not-stopped"
    assert service.state() == win32service.SERVICE_START_PENDING


def test_a_service_that_never_stops_is_told_with_its_process(manager: ServiceManager, services: ServiceMaker) -> None:
    service = services.install("Stuck", "--never-stops")
    service.run()
    with pytest.raises(TargetError) as caught:
        manager.stop(service.name, 2.5)
    assert caught.value.code == "service-not-stopped"
    assert "still stopping after 2.5 seconds, without progress" in str(caught.value)
    assert str(service.process()) in str(caught.value)


def test_a_service_that_takes_no_stop_is_not_waited_for(manager: ServiceManager, services: ServiceMaker) -> None:
    service = services.install("Proud", "--refuses-stop")
    service.run()
    before = time.monotonic()
    with pytest.raises(TargetError) as caught:
        manager.stop(service.name, 600)
    assert caught.value.code == "service-not-stopped"
    assert "takes no stop control" in str(caught.value)
    assert time.monotonic() - before < 300
    assert service.running


def test_a_service_that_ends_again_is_an_error_with_its_exit_code(
    manager: ServiceManager, services: ServiceMaker
) -> None:
    service = services.install("Broken", "--slow-start", "200", "--ends-at-start", "42")
    with pytest.raises(TargetError) as caught:
        manager.start(service.name, 600)
    assert caught.value.code == "service-not-started"
    assert "ended again with exit code 42" in str(caught.value)


def test_starting_one_that_is_just_stopping_waits_for_that(manager: ServiceManager, services: ServiceMaker) -> None:
    service = services.install("Slow", "--slow-stop", "1000")
    service.run()
    win32service.ControlService(service.handle, win32service.SERVICE_CONTROL_STOP)
    manager.start(service.name, LONG)
    assert service.running


def test_stopping_one_that_is_just_starting_waits_for_that(manager: ServiceManager, services: ServiceMaker) -> None:
    service = services.install("Slow", "--slow-start", "1000")
    win32service.StartService(service.handle, None)
    until(lambda: service.state() == win32service.SERVICE_START_PENDING, "it starts")
    manager.stop(service.name, LONG)
    assert service.state() == win32service.SERVICE_STOPPED


def test_what_is_so_already_is_left_alone(manager: ServiceManager, services: ServiceMaker, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    service = services.install("Router", "--note", str(note))
    manager.stop(service.name, LONG)
    manager.start(service.name, LONG)
    pid = service.process()
    manager.start(service.name, LONG)
    assert service.process() == pid
    assert note.read_text("ascii").splitlines() == [f"{service.name} running"]


@pytest.mark.parametrize(
    ("start_type", "said"),
    [
        (StartType.AUTOMATIC, win32service.SERVICE_AUTO_START),
        (StartType.DISABLED, win32service.SERVICE_DISABLED),
        (StartType.MANUAL, win32service.SERVICE_DEMAND_START),
    ],
)
def test_start_types_are_changed_and_told(
    manager: ServiceManager, services: ServiceMaker, start_type: StartType, said: int
) -> None:
    service = services.install("Router")
    manager.set_start_type(service.name, start_type)
    assert service.start_type() == said
    found = manager.status(service.name)
    assert found is not None
    assert found.start_type is start_type


def test_a_disabled_service_says_so(manager: ServiceManager, services: ServiceMaker) -> None:
    service = services.install("Router", start_type=win32service.SERVICE_DISABLED)
    with pytest.raises(TargetError) as caught:
        manager.start(service.name, LONG)
    assert caught.value.code == "service-not-started"
    assert "another start type than disabled" in str(caught.value)


def test_a_missing_program_is_said(manager: ServiceManager, services: ServiceMaker, tmp_path: Path) -> None:
    services.program = tmp_path / "missing.exe"
    service = services.install("Router")
    with pytest.raises(TargetError) as caught:
        manager.start(service.name, LONG)
    assert caught.value.code == "service-not-started"
    assert "its program is missing" in str(caught.value)


class _Delays:
    """The delay of automatic starts, which Wine's manager does not know; `said` is what it was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.delayed = False
        self.said: list[bool] = []
        monkeypatch.setattr(win32service, "QueryServiceConfig2", lambda service, level: self.delayed)
        monkeypatch.setattr(win32service, "ChangeServiceConfig2", self._change)

    def _change(self, service: object, level: int, delayed: bool) -> None:
        assert level == win32service.SERVICE_CONFIG_DELAYED_AUTO_START_INFO
        self.said.append(delayed)
        self.delayed = delayed


def test_a_delayed_start_is_told_and_brought_back(
    manager: ServiceManager, services: ServiceMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = services.install("Router")
    delays = _Delays(monkeypatch)
    told = []
    for start_type in (StartType.DELAYED, StartType.MANUAL, StartType.DELAYED, StartType.AUTOMATIC):
        manager.set_start_type(service.name, start_type)
        found = manager.status(service.name)
        told.append(found.start_type if found else None)
    assert told == [StartType.DELAYED, StartType.MANUAL, StartType.DELAYED, StartType.AUTOMATIC]
    assert delays.said == [True, False]
    assert service.start_type() == win32service.SERVICE_AUTO_START


def test_no_permission_is_told_as_such(
    manager: ServiceManager, services: ServiceMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wine lets everybody do everything, so that the system's answer is made up here."""

    def refused(*_: object) -> None:
        raise pywintypes.error(5, "OpenService", "Access is denied.")

    service = services.install("Router")
    monkeypatch.setattr(win32service, "OpenService", refused)
    for drive in (lambda: manager.status(service.name), lambda: manager.stop(service.name, 1)):
        with pytest.raises(TargetError) as caught:
            drive()
        assert caught.value.code == "no-permission"
        assert service.name in str(caught.value)


def test_a_machine_without_a_manager_says_so(manager: ServiceManager, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise pywintypes.error(1722, "OpenSCManager", "The RPC server is unavailable.")

    monkeypatch.setattr(win32service, "OpenSCManager", refused)
    with pytest.raises(TargetError) as caught:
        manager.status("Router")
    assert caught.value.code == "services-unavailable"


def test_a_dependent_that_runs_is_in_the_way(
    manager: ServiceManager, services: ServiceMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wine stops a service that others need, Windows refuses."""

    def refused(*_: object) -> None:
        raise pywintypes.error(1051, "ControlService", "A stop control has been sent to a service that others need.")

    service = services.install("Broker")
    service.run()
    monkeypatch.setattr(win32service, "ControlService", refused)
    with pytest.raises(TargetError) as caught:
        manager.stop(service.name, 1)
    assert caught.value.code == "service-not-stopped"
    assert "services that need it are running" in str(caught.value)


def test_the_managers_own_answer_about_dependents_goes_first(
    manager: ServiceManager, services: ServiceMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = services.install("Broker")
    services.install("Router", needs=[service.name])
    answer = (("Agent", "Agent service", ()), ("Router", "Router service", ()))
    monkeypatch.setattr(win32service, "EnumDependentServices", lambda handle, state: answer)
    found = manager.status(service.name)
    assert found is not None
    assert found.dependents == ("Agent", "Router")

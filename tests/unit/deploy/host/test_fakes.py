"""What the computer of the tests remembers, and how it goes wrong when it is told to."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import TargetError
from deploy.host.fake import FakeHost
from deploy.host.fakeprocesses import FakeProcesses, ProcessCall
from deploy.host.fakeregistry import FakeRegistry, RegistryCall
from deploy.host.fakeservices import FakeService, FakeServices, ServiceCall
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from deploy.host.services import ServiceState, StartType
from deploy.machine import RegistryDriver, Services
from tests.programs import Program

KEY = RegistryKey(Hive.HKLM, "SOFTWARE\\Mitel")


def test_services_remember_what_was_asked_in_order_also_what_was_refused() -> None:
    services = FakeServices([FakeService("Router", refused=True), FakeService("Broker")])
    with pytest.raises(TargetError) as caught:
        services.stop("ROUTER", 5)
    assert caught.value.code == "no-permission"
    services.set_start_type("Broker", StartType.MANUAL)
    services.stop("Broker", 7)
    assert services.calls == [
        ServiceCall("stop", "ROUTER", 5),
        ServiceCall("set_start_type", "Broker", None, StartType.MANUAL),
        ServiceCall("stop", "Broker", 7),
    ]
    assert services.running() == ("Router",)


def test_the_world_can_be_looked_at_and_stopped_before_a_call_has_an_effect() -> None:
    services = FakeServices([FakeService("Router")])
    seen: list[tuple[str, tuple[str, ...]]] = []

    def watch(call: ServiceCall) -> None:
        seen.append((call.method, services.running()))
        if call.method == "stop":
            raise KeyboardInterrupt

    services.watch = watch
    with pytest.raises(KeyboardInterrupt):
        services.stop("Router", 1)
    assert seen == [("stop", ("Router",))]
    assert services.running() == ("Router",)


def test_a_service_that_others_need_is_not_stopped_before_them_and_is_started_with_them() -> None:
    services = FakeServices([FakeService("Broker"), FakeService("Router", needs=("broker",))])
    with pytest.raises(TargetError, match="Router needs it") as caught:
        services.stop("Broker", 1)
    assert caught.value.code == "service-not-stopped"
    services.stop("Router", 1)
    services.stop("Broker", 1)
    services.start("Router", 1)
    assert services.running() == ("Broker", "Router")


@pytest.mark.parametrize(
    "broken",
    [
        FakeService("Broker", ServiceState.STOPPED, never_starts=True),
        FakeService("Broker", ServiceState.STOPPED, StartType.DISABLED),
        FakeService("Other"),
    ],
)
def test_a_service_does_not_start_without_what_it_needs(broken: FakeService) -> None:
    services = FakeServices([FakeService("Router", ServiceState.STOPPED, needs=("Broker",)), broken])
    with pytest.raises(TargetError) as caught:
        services.start("Router", 1)
    assert caught.value.code == "service-not-started"
    assert "Router" not in services.running()


def test_a_driver_has_no_start_type_to_change() -> None:
    services = FakeServices([FakeService("Driver", start_type=None)])
    with pytest.raises(TargetError) as caught:
        services.set_start_type("Driver", StartType.MANUAL)
    assert caught.value.code == "service-failed"


def test_nobody_may_answer() -> None:
    services = FakeServices([FakeService("Router")], available=False)
    for ask in (services.status, lambda name: services.stop(name, 1)):
        with pytest.raises(TargetError) as caught:
            ask("Router")
        assert caught.value.code == "services-unavailable"


def test_a_registry_remembers_changes_and_refuses_what_it_is_told_to() -> None:
    registry = FakeRegistry()
    registry.make_key(KEY)
    registry.refused.add(KEY)
    with pytest.raises(TargetError) as caught:
        registry.set_value(KEY, "x", RegistryValue(ValueType.DWORD, 1))
    assert caught.value.code == "no-permission"
    assert registry.calls == [RegistryCall("make_key", KEY), RegistryCall("set_value", KEY, "x")]
    assert registry.value(KEY, "x") is None


def test_programs_remember_and_refuse(tmp_path: Path) -> None:
    programs = FakeProcesses()
    agent = programs.run("Agent.exe", tmp_path / "a.dll", service="Agents")
    other = programs.run("Agent.exe")
    agent.refused = True
    assert agent.process.pid != other.process.pid
    assert programs.holders(tmp_path / "a.dll") == (agent.process,)
    for end in (programs.close, programs.kill):
        with pytest.raises(TargetError) as caught:
            end(agent.process)
        assert caught.value.code == "no-permission"
    programs.kill(other.process)
    assert programs.wait([agent.process, other.process], 3) == (agent.process,)
    assert [call.method for call in programs.calls] == ["close", "kill", "kill", "wait"]
    assert programs.calls[-1] == ProcessCall("wait", (agent.process, other.process), 3)


def test_a_computer_without_registry(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    assert host.services(Services(), tmp_path) is host.manager
    assert host.registry(RegistryDriver.FILE, tmp_path) is host.settings
    with pytest.raises(TargetError) as caught:
        host.registry(RegistryDriver.NONE, tmp_path).has_key(KEY)
    assert caught.value.code == "registry-unavailable"


def test_versions_are_those_of_the_files_unless_said_otherwise(tmp_path: Path) -> None:
    program, other = tmp_path / "a.exe", tmp_path / "b.exe"
    program.write_bytes(Program((1, 2, 3, 4)).built())
    other.write_bytes(b"")
    host = FakeHost(tmp_path, versions={other: "9.6.1.412"})
    assert host.file_version(program) == "1.2.3.4"
    assert host.file_version(other) == "9.6.1.412"


def test_renames_at_restart_are_remembered_until_they_are_forgotten(tmp_path: Path) -> None:
    source = tmp_path / "new"
    source.touch()
    host = FakeHost(tmp_path)
    host.replace_at_restart(source, tmp_path / "old")
    assert host.at_restart == {source: tmp_path / "old"}
    host.forget_at_restart(source)
    host.forget_at_restart(source)
    assert host.at_restart == {}
    host.renames_at_restart = False
    with pytest.raises(OSError, match="not supported"):
        host.replace_at_restart(source, None)

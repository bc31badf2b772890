"""One suite for every service manager: in memory, that of this computer, a real systemd."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.errors import TargetError
from deploy.host.services import ServiceManager, ServiceState, ServiceStatus, StartType
from tests.contract.service_benches import BENCHES, Plan, ServiceBench

if os.name != "nt":
    from tests.servers.systemd import systemd as systemd  # noqa: PLC0414

pytestmark = [pytest.mark.windows] if os.name == "nt" else []
LONG = 60.0
SHORT = 1.0


@pytest.fixture(params=BENCHES)
def services_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServiceBench]:
    with BENCHES[request.param](tmp_path, request) as made:
        yield made


def _status(manager: ServiceManager, name: str) -> ServiceStatus:
    found = manager.status(name)
    assert found is not None
    return found


def test_a_service_that_does_not_run(services_bench: ServiceBench) -> None:
    name = services_bench.add("Router")
    assert services_bench.manager.status(name) == ServiceStatus(name, ServiceState.STOPPED, StartType.MANUAL)


def test_a_service_is_started_and_stopped_and_lets_go_of_its_file(services_bench: ServiceBench, tmp_path: Path) -> None:
    file = tmp_path / "Router.dll"
    file.write_bytes(b"used")
    name, manager = services_bench.add("Router", Plan(holds=file)), services_bench.manager
    for _ in range(2):
        manager.start(name, LONG)
        running = _status(manager, name)
        assert running.state is ServiceState.RUNNING
        assert running.process is not None
        assert not services_bench.letting_go(file)
        manager.stop(name, LONG)
        assert services_bench.letting_go(file)
        assert _status(manager, name) == ServiceStatus(name, ServiceState.STOPPED, StartType.MANUAL)


def test_what_is_so_already_stays_so(services_bench: ServiceBench) -> None:
    name, manager = services_bench.add("Router"), services_bench.manager
    manager.stop(name, LONG)
    manager.start(name, LONG)
    before = _status(manager, name)
    manager.start(name, LONG)
    assert _status(manager, name) == before
    manager.stop(name, LONG)
    manager.stop(name, LONG)
    assert _status(manager, name).state is ServiceState.STOPPED


def test_dependents_come_in_the_order_in_which_they_are_stopped(services_bench: ServiceBench) -> None:
    broker = services_bench.add("Broker")
    router = services_bench.add("Router", Plan(needs=(broker,)))
    agent = services_bench.add("Agent", Plan(needs=(router, broker)))
    services_bench.add("Other")
    manager = services_bench.manager
    for name in (broker, router, agent):
        manager.start(name, LONG)
    assert _status(manager, broker).dependents == (agent, router)
    assert _status(manager, router).dependents == (agent,)
    assert _status(manager, agent).dependents == ()
    for name in (*_status(manager, broker).dependents, broker):
        manager.stop(name, LONG)
    assert all(_status(manager, name).state is ServiceState.STOPPED for name in (broker, router, agent))


def test_dependents_that_do_not_run_are_named_as_well(services_bench: ServiceBench) -> None:
    if services_bench.forgets:
        return
    broker = services_bench.add("Broker")
    router = services_bench.add("Router", Plan(needs=(broker,)))
    assert _status(services_bench.manager, broker).dependents == (router,)


def test_a_missing_service_is_none_and_cannot_be_driven(services_bench: ServiceBench) -> None:
    services_bench.add("Router")
    manager, name = services_bench.manager, "MicceNoSuchService"
    assert manager.status(name) is None
    for drive in (
        lambda: manager.stop(name, SHORT),
        lambda: manager.start(name, SHORT),
        lambda: manager.set_start_type(name, StartType.MANUAL),
    ):
        with pytest.raises(TargetError) as caught:
            drive()
        assert caught.value.code == "no-such-service"
        assert name in str(caught.value)


@pytest.mark.parametrize("strange", ["", "a/b", "..", "--help", "*", "a b", "{name}", "x" * 300, "a\nb", "a\0b"])
def test_what_can_be_no_name_is_no_service(services_bench: ServiceBench, strange: str) -> None:
    services_bench.add("Router")
    assert services_bench.manager.status(strange) is None
    with pytest.raises(TargetError) as caught:
        services_bench.manager.stop(strange, SHORT)
    assert caught.value.code == "no-such-service"


def test_one_that_does_not_stop_is_told_at_the_end_of_the_time(services_bench: ServiceBench) -> None:
    name, manager = services_bench.add("Stuck", Plan(never_stops=True)), services_bench.manager
    manager.start(name, LONG)
    with pytest.raises(TargetError) as caught:
        manager.stop(name, SHORT)
    assert caught.value.code == "service-not-stopped"
    assert name in str(caught.value)
    assert _status(manager, name).state is not ServiceState.STOPPED


def test_one_that_does_not_start_is_told_at_the_end_of_the_time(services_bench: ServiceBench) -> None:
    name, manager = services_bench.add("Slow", Plan(never_starts=True)), services_bench.manager
    with pytest.raises(TargetError) as caught:
        manager.start(name, SHORT)
    assert caught.value.code == "service-not-started"
    assert name in str(caught.value)
    assert _status(manager, name).state is not ServiceState.RUNNING


def test_one_that_ends_again_is_told(services_bench: ServiceBench) -> None:
    name, manager = services_bench.add("Broken", Plan(ends_again=True)), services_bench.manager
    for _ in range(7):
        with pytest.raises(TargetError) as caught:
            manager.start(name, LONG)
        assert caught.value.code == "service-not-started"
    assert _status(manager, name).state is ServiceState.STOPPED


def test_start_types_are_kept(services_bench: ServiceBench) -> None:
    name, manager = services_bench.add("Router"), services_bench.manager
    manager.start(name, LONG)
    for start_type in (*services_bench.start_types, *reversed(services_bench.start_types)):
        manager.set_start_type(name, start_type)
        found = _status(manager, name)
        assert (found.start_type, found.state) == (start_type, ServiceState.RUNNING)


def test_a_disabled_service_does_not_start(services_bench: ServiceBench) -> None:
    if StartType.DISABLED not in services_bench.start_types:
        return
    name, manager = services_bench.add("Router"), services_bench.manager
    manager.set_start_type(name, StartType.DISABLED)
    with pytest.raises(TargetError) as caught:
        manager.start(name, LONG)
    assert caught.value.code == "service-not-started"
    manager.set_start_type(name, StartType.MANUAL)
    manager.start(name, LONG)
    assert _status(manager, name).state is ServiceState.RUNNING

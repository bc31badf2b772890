"""Services and running programs in a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.change.model import Ending, Restart
from deploy.host.fake import WINDOWS_10
from deploy.host.fakeservices import FakeService
from deploy.host.services import ServiceState, StartType
from deploy.machine import Machine, Services, ServicesDriver
from hotfix.planned import PlannedService
from tests.unit.hotfix.planning import Scene, codes, one_file, ready, warned

RUNNING, STOPPED = ServiceState.RUNNING, ServiceState.STOPPED


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    one = Scene(tmp_path)
    one.bring("a.dll")
    for service in (
        FakeService("Router"),
        FakeService("Agent", needs=("Router",)),
        FakeService("Report", STOPPED, needs=("Agent",)),
        FakeService("Web", STOPPED),
        FakeService("Off", STOPPED, StartType.DISABLED),
    ):
        one.host.manager.add(service)
    return one


def service(name: str, **attributes: str) -> str:
    more = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<service name="{name}"{more} />'


def services(*entries: str) -> str:
    return "<services>\n" + "\n".join(entries) + "\n</services>" + one_file()


def test_dependents_stop_first_and_those_that_ran_start_again(scene: Scene) -> None:
    plan = ready(scene.plan(services(service("router", timeout="30"))))
    assert plan.services == (
        PlannedService("Report", STOPPED, stops=False, starts=False, because="Router", line=4),
        PlannedService("Agent", RUNNING, stops=True, starts=True, because="Router", line=4),
        PlannedService("Router", RUNNING, stops=True, starts=True, line=4),
    )
    assert [(one.name, one.stop, one.restart, one.timeout) for one in plan.service_changes] == [
        ("router", True, Restart.IF_WAS_RUNNING, 30)
    ]
    assert scene.host.manager.calls == []


@pytest.mark.parametrize(
    ("entry", "stops", "starts"),
    [
        (service("Web"), False, False),
        (service("Web", restart="always"), False, True),
        (service("Web", action="restart"), False, True),
        (service("Web", action="start"), False, True),
        (service("Agent", restart="never"), True, False),
        (service("Agent", action="restart"), True, True),
        (service("Agent", action="start"), False, True),
    ],
)
def test_actions(scene: Scene, entry: str, stops: bool, starts: bool) -> None:
    plan = ready(scene.plan(services(entry)))
    own = next(one for one in plan.services if not one.because)
    assert (own.stops, own.starts) == (stops, starts)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (service("Nobody"), "no-such-service"),
        (service("Router", dependents="false"), "service-needed"),
        (service("Off", action="start"), "service-disabled"),
    ],
)
def test_what_cannot_be_is_refused_or_left_out(scene: Scene, entry: str, code: str) -> None:
    plan = scene.plan(services(entry, service("Agent")))
    assert codes(plan) == [code]
    assert plan.reasons[0].line == 4
    plan = ready(scene.plan(services(entry.replace("/>", 'onError="continue" />'), service("Agent"))))
    assert warned(plan) == [code]
    assert [one.name for one in plan.service_changes] == ["Agent"]


def test_conditions_and_roles_are_looked_at(scene: Scene) -> None:
    plan = ready(
        scene.plan(services(service("Nobody", condition="exists($(InstallDir)x)"), service("Neither", roles="Router")))
    )
    assert plan.service_changes == ()


def test_without_a_service_manager(scene: Scene) -> None:
    scene.host.manager.available = False
    assert codes(scene.plan(services(service("Router"), service("Agent")))) == ["services-unavailable"] * 2
    ready(scene.plan(one_file()))


def processes(action: str) -> str:
    return f'<processes><process name="Agent.exe" action="{action}" timeout="5" /></processes>{one_file()}'


@pytest.mark.parametrize(
    ("action", "silent", "ending", "asks"),
    [
        ("prompt", False, Ending.CLOSE, True),
        ("prompt", True, Ending.CLOSE, False),
        ("close", False, Ending.CLOSE, False),
        ("kill", False, Ending.KILL, False),
    ],
)
def test_running_programs(scene: Scene, action: str, silent: bool, ending: Ending, asks: bool) -> None:
    scene.host.programs.run("AGENT.EXE")
    scene.host.programs.run("Agent.exe")
    (one,) = ready(scene.plan(processes(action), silent=silent)).processes
    assert (one.change.name, one.change.ending, one.change.timeout) == ("Agent.exe", ending, 5)
    assert (one.running, one.asks) == (2, asks)
    assert scene.host.programs.calls == []


def test_nobody_is_asked_about_what_does_not_run(scene: Scene) -> None:
    (one,) = ready(scene.plan(processes("prompt"), silent=False)).processes
    assert (one.running, one.asks) == (0, False)


def test_a_program_that_must_not_run(scene: Scene) -> None:
    ready(scene.plan(processes("fail")))
    scene.host.programs.run("Agent.exe")
    plan = scene.plan(processes("fail"))
    assert codes(plan) == ["program-running"]
    plan = ready(scene.plan(processes("fail").replace("/></processes>", 'onError="continue" /></processes>')))
    assert (warned(plan), plan.processes) == (["program-running"], ())


def test_what_an_administrator_has_to_do(scene: Scene) -> None:
    scene.host.elevated = False
    inner = services(service("Agent")) + r'<registry><key key="HKLM\SOFTWARE\X\Y" /></registry>'
    assert codes(scene.plan(inner)) == ["not-elevated"]
    commands = Services(ServicesDriver.COMMANDS, ("s", "{name}"), ("a", "{name}"), ("o", "{name}"))
    scene.with_machine(Machine(services=commands))
    ready(scene.plan(inner))
    scene.host.operating_system = WINDOWS_10
    plan = scene.plan(inner)
    assert codes(plan) == ["not-elevated"]
    assert "services and the registry" in plan.reasons[0].message
    ready(scene.plan(r'<registry><key key="HKCU\SOFTWARE\X" /></registry>'))

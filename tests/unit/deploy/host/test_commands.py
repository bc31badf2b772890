"""Services behind commands: what the commands may answer, and how long they may take."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.errors import TargetError
from deploy.host.commands import CommandServices
from deploy.host.services import ServiceState, ServiceStatus, StartType
from deploy.machine import Services, ServicesDriver

LONG = 60.0


def _services(folder: Path, **scripts: str) -> CommandServices:
    """Commands that are shell scripts; each gets the service's name as its first argument."""
    commands = {}
    for action in ("status", "start", "stop", "start_type"):
        program = folder / action
        program.write_text(f"#!/bin/sh\ncd '{folder}'\n{scripts.get(action, 'exit 0')}\n", "utf-8")
        program.chmod(0o755)
        place = ("{start_type}",) if action == "start_type" else ()
        commands[action] = (str(program), "{name}", *place)
    if "start_type" not in scripts:
        del commands["start_type"]
    return CommandServices(Services(ServicesDriver.COMMANDS, **commands))


def _refused(services: CommandServices, name: str = "router") -> TargetError:
    with pytest.raises(TargetError) as caught:
        services.status(name)
    return caught.value


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("", ServiceStatus("router", ServiceState.RUNNING)),
        ("router is running", ServiceStatus("router", ServiceState.RUNNING)),
        ("{}", ServiceStatus("router", ServiceState.RUNNING)),
        (
            '{"start_type": "delayed", "dependents": ["agent", "web"], "process": 7, "other": 1}',
            ServiceStatus("router", ServiceState.RUNNING, StartType.DELAYED, ("agent", "web"), 7),
        ),
        (
            '\n {"start_type": null, "dependents": null, "process": null}\n',
            ServiceStatus("router", ServiceState.RUNNING),
        ),
    ],
)
def test_what_a_status_command_may_write(tmp_path: Path, written: str, found: ServiceStatus) -> None:
    assert _services(tmp_path, status=f"cat <<'E'\n{written}\nE").status("router") == found


@pytest.mark.parametrize(
    "written",
    [
        "{",
        '{"start_type": "sometimes"}',
        '{"dependents": "agent"}',
        '{"dependents": [1]}',
        '{"process": "7"}',
        '{"process": 0}',
        '{"process": true}',
        "{" * 3,
    ],
)
def test_json_that_is_none_is_told(tmp_path: Path, written: str) -> None:
    wrong = _refused(_services(tmp_path, status=f"echo '{written}'"))
    assert wrong.code == "service-failed"
    assert "router" in str(wrong)


@pytest.mark.parametrize(("code", "found"), [(0, ServiceState.RUNNING), (3, ServiceState.STOPPED), (4, None)])
def test_exit_codes_of_status(tmp_path: Path, code: int, found: ServiceState | None) -> None:
    status = _services(tmp_path, status=f"exit {code}").status("router")
    assert (None if status is None else status.state) is found


@pytest.mark.parametrize("code", [1, 2, 5, 255])
def test_another_exit_code_of_status_is_an_error_with_its_last_line(tmp_path: Path, code: int) -> None:
    wrong = _refused(_services(tmp_path, status=f"echo first >&2; echo it broke >&2; exit {code}"))
    assert wrong.code == "service-failed"
    assert f"exit code {code}: 'it broke'" in str(wrong)


def test_a_status_that_hangs_is_ended_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.host.commands.ANSWER_SECONDS", 2.0)
    hangs = "sleep 1000 & echo $! >child; echo $$ >own; wait"
    assert _refused(_services(tmp_path, status=hangs)).code == "service-failed"
    for one in ("own", "child"):
        number = (tmp_path / one).read_text("ascii").strip()
        until = time.monotonic() + 60
        while not _has_ended(number):
            assert time.monotonic() < until
            time.sleep(0.01)


def _has_ended(number: str) -> bool:
    """Whether a process is gone or a zombie; one that was killed has to be scheduled to die."""
    try:
        return Path("/proc", number, "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_program_that_is_missing_is_said_as_such(tmp_path: Path) -> None:
    services = CommandServices(Services(ServicesDriver.COMMANDS, (str(tmp_path / "none"), "{name}")))
    wrong = _refused(services)
    assert wrong.code == "services-unavailable"
    assert str(tmp_path / "none") in str(wrong)


def test_names_reach_the_command_as_they_are_and_no_shell(tmp_path: Path) -> None:
    services = _services(tmp_path, status='printf %s "$1" >name; exit 3')
    for name in ("$(touch ran)", "a;b", "two words", "{start_type}", "é"):
        found = services.status(name)
        assert found is not None
        assert found.name == name
        assert (tmp_path / "name").read_text("utf-8") == name
    assert not (tmp_path / "ran").exists()


def test_every_place_of_the_name_is_filled_in(tmp_path: Path) -> None:
    command = ("/bin/sh", "-c", 'test "$1" = "a.b-a.b" && exit 3; exit 9', "sh", "{name}-{name}")
    found = CommandServices(Services(ServicesDriver.COMMANDS, command)).status("a.b")
    assert found is not None
    assert found.state is ServiceState.STOPPED


def test_starting_waits_until_it_runs(tmp_path: Path) -> None:
    services = _services(
        tmp_path,
        status="test -e asked || exit 3; n=$(cat n 2>/dev/null || echo 0); echo $((n+1)) >n; test $n -ge 3 || exit 3",
        start="touch asked",
    )
    services.start("router", LONG)
    assert int((tmp_path / "n").read_text("ascii")) >= 4


def test_a_start_that_fails_is_told_at_once_with_its_exit_code(tmp_path: Path) -> None:
    services = _services(tmp_path, status="exit 3", start="exit 7")
    with pytest.raises(TargetError, match="exit code 7") as caught:
        services.start("router", 10_000)
    assert caught.value.code == "service-not-started"


def test_a_start_that_fails_and_has_it_running_is_fine(tmp_path: Path) -> None:
    _services(tmp_path, status="test -e runs || exit 3", start="touch runs; exit 1").start("router", LONG)


def test_what_a_started_service_writes_goes_nowhere_and_is_not_waited_for(tmp_path: Path) -> None:
    services = _services(
        tmp_path, status="test -e runs || exit 3", start="(while :; do echo x; sleep 0.05; done) & echo $! >runs"
    )
    services.start("router", LONG)
    pid = int((tmp_path / "runs").read_text("ascii"))
    try:
        assert os.readlink(f"/proc/{pid}/fd/1") == "/dev/null"
        assert os.getsid(pid) != os.getsid(0)
    finally:
        os.kill(pid, 9)


def test_stopping_waits_for_the_end_of_the_process(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        services = _services(
            tmp_path,
            status=f"""test -e asked && exit 3; echo '{{"process": {process.pid}}}'""",
            stop="touch asked",
        )
        with pytest.raises(TargetError, match=f"process {process.pid} still runs") as caught:
            services.stop("router", 0.5)
        assert caught.value.code == "service-not-stopped"
        (tmp_path / "asked").unlink()
        process.kill()
        services.stop("router", LONG)


def test_a_stop_that_fails_is_told_with_its_exit_code(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="exit code 9") as caught:
        _services(tmp_path, stop="exit 9").stop("router", 10_000)
    assert caught.value.code == "service-not-stopped"


@pytest.mark.parametrize(
    ("scripts", "said"),
    [
        ({}, "no start type that could be changed"),
        ({"start_type": "exit 0", "status": "exit 0"}, "no start type that could be changed"),
        ({"start_type": "exit 6", "status": """echo '{"start_type": "manual"}'"""}, "exit code 6"),
        ({"start_type": "exit 0", "status": """echo '{"start_type": "manual"}'"""}, "manual instead of automatic"),
    ],
)
def test_a_start_type_that_cannot_be_changed_is_told(tmp_path: Path, scripts: dict[str, str], said: str) -> None:
    with pytest.raises(TargetError, match=said) as caught:
        _services(tmp_path, **scripts).set_start_type("router", StartType.AUTOMATIC)
    assert caught.value.code == "service-failed"

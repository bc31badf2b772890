"""systemd as it is, and a systemctl that answers what no systemd here would."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from deploy.errors import TargetError
from deploy.host.services import ServiceState, StartType
from deploy.host.systemd import SystemdServices
from tests.servers.systemd import Systemd
from tests.servers.systemd import systemd as systemd  # noqa: PLC0414

LONG = 60.0
RUNS = "ExecStart=/bin/sleep 10000\n"
INSTALL = "[Install]\nWantedBy=default.target\n"


@pytest.fixture
def name() -> str:
    return f"u{uuid.uuid4().hex[:8]}"


@pytest.fixture
def services(systemd: Systemd) -> SystemdServices:
    return SystemdServices(systemd.program, runtime=systemd.runtime)


def _state(services: SystemdServices, name: str) -> ServiceState:
    found = services.status(name)
    assert found is not None
    return found.state


class TestSystemd:
    """A real one."""

    def test_a_unit_is_known_by_its_whole_name_and_its_other_ones(
        self, systemd: Systemd, services: SystemdServices, name: str
    ) -> None:
        systemd.add(f"{name}.service", f"[Service]\n{RUNS}[Install]\nAlias=also-{name}.service\n")
        assert systemd.ask("enable", name).returncode == 0
        for known in (name, f"{name}.service", f"also-{name}"):
            found = services.status(known)
            assert found is not None
            assert found.name == name

    def test_a_socket_stops_before_its_service_and_starts_after_it(
        self, systemd: Systemd, services: SystemdServices, name: str, tmp_path: Path
    ) -> None:
        systemd.add(f"{name}.socket", f"[Socket]\nListenStream={tmp_path}/{name}\n{INSTALL}")
        systemd.add(f"{name}.service", f"[Service]\n{RUNS}")
        systemd.add(f"user-{name}.service", f"[Unit]\nRequires={name}.service\nAfter={name}.service\n[Service]\n{RUNS}")
        services.start(f"{name}.socket", LONG)
        services.start(name, LONG)
        services.start(f"user-{name}", LONG)
        found = services.status(name)
        assert found is not None
        assert found.dependents == (f"user-{name}", f"{name}.socket")
        together = (*found.dependents, name)
        for one in together:
            services.stop(one, LONG)
        assert [_state(services, one) for one in together] == [ServiceState.STOPPED] * 3
        for one in reversed(together):
            services.start(one, LONG)
        assert [_state(services, one) for one in together] == [ServiceState.RUNNING] * 3

    def test_what_is_part_of_a_service_or_bound_to_it_is_stopped_with_it(
        self, systemd: Systemd, services: SystemdServices, name: str
    ) -> None:
        systemd.add(f"{name}.service", f"[Service]\n{RUNS}")
        for kind in ("PartOf", "BindsTo", "Requisite", "Wants"):
            text = f"[Unit]\n{kind}={name}.service\nAfter={name}.service\n[Service]\n{RUNS}"
            systemd.add(f"{kind}-{name}.service", text)
        services.start(name, LONG)
        for kind in ("PartOf", "BindsTo", "Requisite", "Wants"):
            services.start(f"{kind}-{name}", LONG)
        found = services.status(name)
        assert found is not None
        assert set(found.dependents) == {f"{kind}-{name}" for kind in ("PartOf", "BindsTo", "Requisite")}

    def test_a_masked_service_is_disabled(self, systemd: Systemd, services: SystemdServices, name: str) -> None:
        (systemd.units / f"{name}.service").symlink_to("/dev/null")
        assert systemd.ask("daemon-reload").returncode == 0
        found = services.status(name)
        assert found is not None
        assert (found.state, found.start_type) == (ServiceState.STOPPED, StartType.DISABLED)
        with pytest.raises(TargetError, match="disabled") as caught:
            services.start(name, LONG)
        assert caught.value.code == "service-not-started"

    def test_a_unit_without_an_install_section_has_no_start_type(
        self, systemd: Systemd, services: SystemdServices, name: str
    ) -> None:
        systemd.add(f"{name}.service", f"[Service]\n{RUNS}")
        found = services.status(name)
        assert found is not None
        assert found.start_type is None
        with pytest.raises(TargetError, match="static") as caught:
            services.set_start_type(name, StartType.MANUAL)
        assert caught.value.code == "service-failed"

    def test_a_linked_unit_file_is_left_alone_for_disabling_would_remove_it(
        self, systemd: Systemd, services: SystemdServices, name: str, tmp_path: Path
    ) -> None:
        file = tmp_path / f"{name}.service"
        file.write_text(f"[Service]\n{RUNS}{INSTALL}")
        assert systemd.ask("enable", str(file)).returncode == 0
        found = services.status(name)
        assert found is not None
        assert found.start_type is None
        with pytest.raises(TargetError):
            services.set_start_type(name, StartType.MANUAL)
        services.start(name, LONG)
        assert _state(services, name) is ServiceState.RUNNING

    def test_a_delayed_start_is_refused(self, systemd: Systemd, services: SystemdServices, name: str) -> None:
        systemd.add(f"{name}.service", f"[Service]\n{RUNS}{INSTALL}")
        with pytest.raises(TargetError, match="delayed") as caught:
            services.set_start_type(name, StartType.DELAYED)
        assert caught.value.code == "service-failed"

    @pytest.mark.parametrize("kind", ["simple", "exec", "forking", "oneshot"])
    def test_one_that_is_started_again_and_again_does_not_run(
        self, systemd: Systemd, services: SystemdServices, name: str, kind: str
    ) -> None:
        restart = "" if kind == "oneshot" else "Restart=always\nRestartSec=100\n"
        systemd.add(f"{name}.service", f"[Service]\nType={kind}\nExecStart=/bin/sh -c 'exit 3'\n{restart}")
        with pytest.raises(TargetError) as caught:
            services.start(name, LONG)
        assert caught.value.code == "service-not-started"
        assert "exit-code" in str(caught.value)
        services.stop(name, LONG)
        assert _state(services, name) is ServiceState.STOPPED

    def test_one_whose_program_is_missing_says_so(self, systemd: Systemd, services: SystemdServices, name: str) -> None:
        systemd.add(f"{name}.service", "[Service]\nExecStart=/missing/program\n")
        with pytest.raises(TargetError) as caught:
            services.start(name, LONG)
        assert caught.value.code == "service-not-started"
        assert f"journalctl -u {name}.service" in str(caught.value)

    def test_a_service_that_needs_a_broken_one_does_not_start(
        self, systemd: Systemd, services: SystemdServices, name: str
    ) -> None:
        systemd.add(f"{name}.service", "[Service]\nType=exec\nExecStart=/missing/program\n")
        systemd.add(f"user-{name}.service", f"[Unit]\nRequires={name}.service\nAfter={name}.service\n[Service]\n{RUNS}")
        with pytest.raises(TargetError) as caught:
            services.start(f"user-{name}", LONG)
        assert caught.value.code == "service-not-started"


class TestAnswers:
    """What systemctl says elsewhere, written down as it was seen there."""

    @staticmethod
    def _systemctl(folder: Path, text: str) -> SystemdServices:
        program = folder / "systemctl"
        program.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
        program.chmod(0o755)
        return SystemdServices(program)

    @pytest.mark.parametrize(
        "said",
        [
            "System has not been booted with systemd as init system (PID 1). Can't operate.\n"
            "Failed to connect to bus: Host is down",
            "Failed to connect to bus: No such file or directory",
            "Failed to connect to system scope bus via local transport: Connection refused",
        ],
    )
    def test_no_systemd_is_said_as_such(self, tmp_path: Path, said: str) -> None:
        services = self._systemctl(tmp_path, f'echo "{said}" >&2; exit 1')
        for ask in (services.status, lambda name: services.stop(name, 1), lambda name: services.start(name, 1)):
            with pytest.raises(TargetError) as caught:
                ask("router")
            assert caught.value.code == "services-unavailable"
            assert said.splitlines()[0] in str(caught.value)
            assert 'driver = "commands"' in str(caught.value)

    def test_no_systemctl_is_said_as_such(self, tmp_path: Path) -> None:
        with pytest.raises(TargetError) as caught:
            SystemdServices(tmp_path / "systemctl").status("router")
        assert caught.value.code == "services-unavailable"

    @pytest.mark.parametrize(
        ("action", "active", "said"),
        [
            ("stop", "active", "Failed to stop router.service: Interactive authentication required."),
            ("start", "inactive", "Failed to start router.service: Access denied"),
            ("enable", "inactive", "Failed to enable unit: Access denied"),
        ],
    )
    def test_no_permission_is_said_as_such(self, tmp_path: Path, action: str, active: str, said: str) -> None:
        show = f"echo Id=router.service; echo LoadState=loaded; echo ActiveState={active}; echo UnitFileState=disabled"
        text = f'case "$*" in *" show "*) {show};; *) echo "{said}" >&2; exit 4;; esac'
        services = self._systemctl(tmp_path, text)
        drive = {
            "stop": lambda: services.stop("router", 1),
            "start": lambda: services.start("router", 1),
            "enable": lambda: services.set_start_type("router", StartType.AUTOMATIC),
        }
        with pytest.raises(TargetError) as caught:
            drive[action]()
        assert caught.value.code == "no-permission"

    def test_it_is_never_asked_for_a_password_and_gets_no_foreign_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SYSTEMD_UNIT_PATH", "/evil")
        services = self._systemctl(tmp_path, f'echo "$*" >>"{tmp_path}/asked"; env >>"{tmp_path}/env"')
        assert services.status("router") is None
        asked = (tmp_path / "asked").read_text("utf-8")
        assert asked.startswith("--no-ask-password --no-pager show -p Id")
        assert asked.endswith("-- router.service\n")
        assert "/evil" not in (tmp_path / "env").read_text("utf-8")

    @pytest.mark.parametrize(
        "file_state",
        [
            "static",
            "indirect",
            "generated",
            "transient",
            "enabled-runtime",
            "masked-runtime",
            "linked",
            "alias",
            "bad",
            "",
        ],
    )
    def test_what_could_not_be_brought_back_is_no_start_type(self, tmp_path: Path, file_state: str) -> None:
        text = (
            f"echo Id=router.service; echo LoadState=loaded; echo ActiveState=active; echo UnitFileState={file_state}"
        )
        found = self._systemctl(tmp_path, text).status("router")
        assert found is not None
        assert found.start_type is None

    @pytest.mark.parametrize(
        ("active", "state"),
        [
            ("active", ServiceState.RUNNING),
            ("reloading", ServiceState.RUNNING),
            ("activating", ServiceState.STARTING),
            ("deactivating", ServiceState.STOPPING),
            ("inactive", ServiceState.STOPPED),
            ("failed", ServiceState.STOPPED),
            ("maintenance", ServiceState.STOPPED),
        ],
    )
    def test_states(self, tmp_path: Path, active: str, state: ServiceState) -> None:
        text = f"echo Id=router.service; echo LoadState=loaded; echo ActiveState={active}; echo MainPID=7"
        found = self._systemctl(tmp_path, text).status("router")
        assert found is not None
        assert (found.state, found.process) == (state, 7)

    def test_one_that_runs_without_its_unit_file_is_still_there(self, tmp_path: Path) -> None:
        text = "echo Id=router.service; echo LoadState=not-found; echo ActiveState=active"
        assert self._systemctl(tmp_path, text).status("router") is not None

    def test_a_systemctl_that_hangs_is_not_waited_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("deploy.host.systemd.ANSWER_SECONDS", 0.3)
        services = self._systemctl(tmp_path, f'echo $$ >"{tmp_path}/pid"; exec sleep 1000')
        with pytest.raises(TargetError) as caught:
            services.status("router")
        assert caught.value.code == "service-failed"
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text("ascii")), 0)

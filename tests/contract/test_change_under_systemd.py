"""A whole change of this computer with nothing made up: systemd, programs, a registry, files that are in use."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from deploy.change.means import Means
from deploy.change.model import (
    Change,
    Ending,
    FileChange,
    MakeKey,
    ProcessChange,
    Restart,
    ServiceChange,
    SetValue,
)
from deploy.change.recovery import Outcome, recover_machine
from deploy.change.steps import Put
from deploy.change.transaction import carry_out
from deploy.digest import sha256_of_bytes
from deploy.errors import TargetError
from deploy.host.filereg import FILE, FileRegistry
from deploy.host.posix import PosixHost
from deploy.host.posixprocesses import PosixProcesses
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from deploy.host.services import ServiceState, StartType
from deploy.host.systemd import SystemdServices
from deploy.relpath import RelPath
from tests.contract.program_benches import Scripts
from tests.servers.systemd import Systemd
from tests.servers.systemd import systemd as systemd  # noqa: PLC0414

OLD, NEW = b"old content", b"new content!"
KEY = RegistryKey(Hive.HKLM, "SOFTWARE\\Mitel\\SeC")
VALUE = RegistryValue(ValueType.DWORD, 1)
LONG = 60.0


class Scene:
    """A router with a socket and an agent that needs it, which hold a file; a program; a registry."""

    def __init__(self, systemd: Systemd, folder: Path) -> None:
        self.file = folder / "base" / "Router.dll"
        self.file.parent.mkdir()
        self.file.write_bytes(OLD)
        self.home = folder / "home"
        self.name = f"c{uuid.uuid4().hex[:8]}"
        self.services = SystemdServices(systemd.program, runtime=systemd.runtime)
        self.registry = FileRegistry(folder / FILE)
        self.means = Means(PosixHost({}), self.services, self.registry, PosixProcesses())
        self.note = folder / "note"
        holds = f"cat '{self.file}' >>'{self.note}'; exec 9<'{self.file}'; while :; do sleep 1000; done"
        run = f'[Service]\nExecStart=/bin/sh -c "{holds}"\n[Install]\nWantedBy=default.target\n'
        needs = f"[Unit]\nRequires={self.name}.service\nAfter={self.name}.service\n"
        listens = f"[Socket]\nListenStream={folder}/socket\n[Install]\nWantedBy=sockets.target\n"
        self.all = (self.name, f"{self.name}.socket", f"agent-{self.name}")
        for unit, text in zip(self.all, (run, listens, needs + run), strict=True):
            systemd.add(unit if "." in unit else f"{unit}.service", text)
            assert systemd.ask("enable", unit).returncode == 0
        for unit in (self.all[1], self.all[0], self.all[2]):
            self.services.start(unit, LONG)

    def change(self, restart: Restart = Restart.IF_WAS_RUNNING, program: str = "nobody.exe") -> Change:
        staged = self.file.with_name(".staged")
        staged.write_bytes(NEW)
        put = Put(RelPath.parse(self.file.name), str(staged), sha256_of_bytes(NEW), len(NEW), None)
        return Change(
            roots=(str(self.file.parent),),
            files=(FileChange(put),),
            registry=(MakeKey(KEY), SetValue(KEY, "DisableWSDL", VALUE)),
            services=(ServiceChange(self.name, restart=restart, timeout=LONG),),
            processes=(ProcessChange(program, Ending.CLOSE, 1),),
        )

    def states(self) -> list[tuple[ServiceState, StartType | None]]:
        found = [self.services.status(name) for name in self.all]
        return [(one.state, one.start_type) for one in found if one is not None]


RUNNING = (ServiceState.RUNNING, StartType.AUTOMATIC)


@pytest.fixture
def scene(systemd: Systemd, tmp_path: Path) -> Scene:
    return Scene(systemd, tmp_path)


def test_everything_is_new_and_runs_again(scene: Scene) -> None:
    scene.note.unlink()
    carry_out(scene.change(), scene.home, scene.means)
    assert scene.file.read_bytes() == NEW
    assert scene.registry.value(KEY, "DisableWSDL") == VALUE
    assert scene.states() == [RUNNING] * 3
    # Each service was started, also once more with its socket, and none of them read what was old.
    assert set(scene.note.read_bytes().replace(NEW, b"n")) == set(b"n")
    running = {scene.services.status(name).process for name in (scene.all[0], scene.all[2])}  # type: ignore[union-attr]
    assert running <= {one.pid for one in PosixProcesses().holders(scene.file)}


def test_everything_is_old_again_where_a_program_does_not_close(scene: Scene, tmp_path: Path) -> None:
    program = f"Agent {uuid.uuid4().hex}.exe"
    scripts = Scripts(tmp_path)
    scripts.run(program, stubborn=True)
    try:
        with pytest.raises(TargetError) as caught:
            carry_out(scene.change(program=program), scene.home, scene.means)
    finally:
        scripts.end_all()
    assert caught.value.code == "program-running"
    assert scene.file.read_bytes() == OLD
    assert not scene.registry.has_key(KEY)
    assert scene.states() == [RUNNING] * 3


def test_a_change_that_was_broken_off_is_undone_by_the_next_one(scene: Scene) -> None:
    def stop_late(_: str) -> None:
        if scene.file.read_bytes() == NEW:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(scene.change(), scene.home, scene.means, checkpoint=stop_late)
    assert scene.states() == [(ServiceState.STOPPED, StartType.MANUAL)] * 3
    assert recover_machine(scene.home, scene.means).outcome is Outcome.ROLLED_BACK
    assert scene.file.read_bytes() == OLD
    assert not scene.registry.has_key(KEY)
    assert scene.states() == [RUNNING] * 3

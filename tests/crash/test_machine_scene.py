"""What the crash tests look with: it sees each thing that is half done, and services over mixed files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.change.work import WORK
from deploy.errors import TargetError
from deploy.host.services import ServiceState, StartType
from tests.crash import machine_parts as parts
from tests.crash.machines import STAGING, MachineScene, make_keys
from tests.crash.replicas import fingerprint, replicate
from tests.crash.service_files import ServiceFiles

NEW = parts.NEW_FILES


@pytest.fixture
def scene(tmp_path: Path) -> MachineScene:
    made = MachineScene(tmp_path / "scene")
    made.set_up()
    return made


SPOILED: dict[str, Callable[[MachineScene], object]] = {
    "a new file": lambda scene: (scene.roots[0] / "bin" / "Router.exe").write_bytes(NEW[0]["bin/Router.exe"]),
    "a file of the second root": lambda scene: (scene.roots[1] / "types.tlb").unlink(),
    "a record": lambda scene: (scene.roots[2] / "catalogue.json").write_bytes(NEW[2]["catalogue.json"]),
    "a strange file": lambda scene: (scene.roots[0] / "bin" / "Router.exe~").touch(),
    "a time": lambda scene: os.utime(scene.roots[0] / "stays.txt", (5, 5)),
    "a mode": lambda scene: (scene.roots[0] / "bin" / "readonly.dll").chmod(0o644),
    "a folder": lambda scene: (scene.roots[0] / parts.EMPTY_FOLDER).mkdir(),
    "a value": lambda scene: scene.registry.set_value(*parts.NEW_REGISTRY[0]),
    "a key": lambda scene: make_keys(scene.registry, parts.NEW_KEYS[0]),
    "a key that is gone": lambda scene: scene.registry.delete_key(parts.OLD_REGISTRY[-1][0]),
    "an effect": lambda scene: scene.tell("convert"),
    "a service that runs": lambda scene: scene.services.start("Report", 1),
    "a start type": lambda scene: scene.services.set_start_type("Agent", StartType.MANUAL),
    "a work folder": lambda scene: (scene.roots[1] / WORK).mkdir(),
    "the home": lambda scene: scene.home.mkdir(),
}


@pytest.mark.parametrize("what", SPOILED)
def test_anything_that_is_not_as_before_is_seen(scene: MachineScene, what: str) -> None:
    assert scene.state() == "old"
    SPOILED[what](scene)
    assert scene.state() not in ("old", "new")


def test_staged_files_are_nobodys_leftover(scene: MachineScene) -> None:
    shutil.rmtree(scene.roots[0] / STAGING)
    assert scene.state() == "old"


@pytest.mark.parametrize("what", ["a new file", "a file of the second root", "a value", "a key", "an effect"])
def test_services_over_something_mixed_are_seen(scene: MachineScene, what: str) -> None:
    assert scene.wrong_now() == ""
    SPOILED[what](scene)
    assert "Router" in scene.wrong_now()
    for name in ("Agent", "Router", "Legacy"):
        scene.services.stop(name, 1)
    assert scene.wrong_now() == ""
    scene.services.start("Router", 1)
    scene.services.stop("Router", 1)
    assert scene.wrong_now().startswith("Router was started over files")


@pytest.mark.parametrize("what", ["a record", "a time"])
def test_what_no_program_reads_may_change_beneath_services(scene: MachineScene, what: str) -> None:
    SPOILED[what](scene)
    assert scene.wrong_now() == ""


def test_services_are_as_strict_as_those_of_windows(scene: MachineScene) -> None:
    services = scene.services
    status = services.status("Router")
    assert status is not None
    assert (status.state, status.dependents) == (ServiceState.RUNNING, ("Agent", "Report"))
    with pytest.raises(TargetError, match="needed by Agent"):
        services.stop("Router", 1)
    services.stop("Agent", 1)
    services.stop("Router", 1)
    with pytest.raises(TargetError, match="needs Router"):
        services.start("Agent", 1)
    services.set_start_type("Router", StartType.DISABLED)
    with pytest.raises(TargetError, match="disabled"):
        services.start("Router", 1)
    with pytest.raises(TargetError, match="no service Nobody"):
        services.start("Nobody", 1)
    assert services.status("Nobody") is None


def test_a_restart_of_the_system_runs_what_is_automatic_and_what_it_needs(tmp_path: Path) -> None:
    services = ServiceFiles(tmp_path)
    services.add("Base", StartType.MANUAL, running=False)
    services.add("Needs", StartType.AUTOMATIC, ["Base"], running=False)
    services.add("Other", StartType.MANUAL, running=True)
    services.add("Never", StartType.DISABLED, running=False)
    services.restart_of_the_system()
    assert [name for name, (runs, _) in services.now().items() if runs] == ["Base", "Needs"]


def test_a_replica_is_the_same_with_second_names_of_files(tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    (source / "inner").mkdir(parents=True, mode=0o700)
    (source / "one").write_bytes(b"one")
    (source / "one").chmod(0o444)
    os.link(source / "one", source / "inner" / "two")
    os.utime(source / "one", ns=(1, 2))
    (copy / "gone").mkdir(parents=True)
    replicate(source, copy)
    assert not (copy / "gone").exists()
    found = (copy / "one").stat()
    assert (found.st_mode & 0o7777, found.st_mtime_ns, found.st_nlink) == (0o444, 2, 2)
    assert (copy / "inner" / "two").samefile(copy / "one")
    assert (copy / "inner").stat().st_mode & 0o7777 == 0o700


def test_what_a_recovery_cannot_tell_apart_has_one_fingerprint(scene: MachineScene, tmp_path: Path) -> None:
    before = fingerprint(scene.folder)
    replicate(scene.folder, tmp_path / "copy")
    assert fingerprint(tmp_path / "copy") == before
    for spoil in SPOILED.values():
        replicate(tmp_path / "copy", scene.folder)
        spoil(scene)
        assert fingerprint(scene.folder) != before

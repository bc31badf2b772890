"""From a `*.config` to a plan, and on to the machine."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from deploy.config.identifiers import Identifiers
from deploy.errors import ConfigError, TargetError
from deploy.host.fakeservices import FakeService
from deploy.machine import Machine, Role
from hotfix.install import apply
from hotfix.planned import FileAction, Verdict
from hotfix.prepare import prepare
from tests.unit.hotfix.planning import Scene, actions, codes, one_file, ready, warned

EVERYTHING = (
    '<services><service name="Router" /></services>'
    '<processes><process name="Agent.exe" action="close" /></processes>'
    '<files><file include="lib/*.*" subDirs="true" outputFolder="$(InstallDir)Bin" />'
    '<delete path="$(InstallDir)Bin/old.dll" /></files>'
    '<configFiles><configFile path="$(InstallDir)e.xml"><set xpath="/c" attribute="v" value="2" />'
    "</configFile></configFiles>"
    r'<registry><value key="HKLM\SOFTWARE\M" name="V" data="1" /></registry>'
    '<commands><execute command="tools/x.exe" idempotent="true" /></commands>'
)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    one = Scene(tmp_path)
    one.host.manager.add(FakeService("Router"))
    one.host.programs.run("Agent.exe")
    one.have("e.xml", b'<c v="1"/>')
    one.have("Bin/old.dll")
    one.have("Bin/a.dll")
    one.bring("lib/a.dll")
    one.bring("lib/deep/b.dll")
    one.bring("tools/x.exe")
    return one


def test_planning_changes_nothing_and_says_the_same_twice(scene: Scene) -> None:
    config = scene.config(EVERYTHING)
    before = scene.tree()
    first = prepare(config, scene.target, silent=True)
    assert prepare(config, scene.target, silent=True) == first
    assert scene.tree() == before
    assert (scene.host.manager.calls, scene.host.settings.calls, scene.host.programs.calls) == ([], [], [])
    assert scene.host.started == []
    assert not scene.host.state.exists()


def test_a_plan_is_carried_out_and_made_again(scene: Scene) -> None:
    plan = ready(scene.plan(EVERYTHING))
    assert not plan.reinstall
    apply(plan, scene.target)
    assert (scene.install / "Bin" / "deep" / "b.dll").read_bytes() == b"new"
    assert (scene.install / "e.xml").read_bytes() == b'<c v="2"/>'
    assert not (scene.install / "Bin" / "old.dll").exists()
    again = ready(scene.plan(EVERYTHING))
    assert again.reinstall
    assert {one.action for one in again.files} == {FileAction.KEEP}
    assert [one.command.label for one in again.commands] == ["tools/x.exe"]
    (scene.install / "Bin" / "a.dll").write_bytes(b"damaged")
    repaired = ready(scene.plan(EVERYTHING))
    assert actions(repaired)["Bin/a.dll"] == "replace"
    apply(repaired, scene.target)
    assert (scene.install / "Bin" / "a.dll").read_bytes() == b"new"
    assert len(scene.host.started) == 2


def test_the_digest_is_that_of_the_config_and_the_folder_where_it_lies(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = scene.config(one_file().replace("a.dll", "lib/a.dll"))
    monkeypatch.chdir(scene.package)
    plan = ready(prepare(Path(config.name), scene.target, silent=True))
    assert plan.folder == str(scene.package)
    assert plan.digest == hashlib.sha256(config.read_bytes()).hexdigest()
    assert plan.manifest.files[0].output_folder == f"{scene.install}\\"


def test_what_the_roles_leave_out_is_not_in_the_plan_nor_asked_for(scene: Scene) -> None:
    inner = one_file(roles="Client").replace("a.dll", "missing.dll") + one_file().replace("a.dll", "lib/a.dll")
    plan = ready(scene.plan(inner.replace("</files><files>", "")))
    assert len(plan.manifest.files) == len(plan.files) == 1


def test_problems_of_the_manifest_are_raised_all_at_once(scene: Scene) -> None:
    inner = '<files><file include="a" outputFolder="$(TASInstallDir)" />\n<delete path="$(SMInstallDir)x" /></files>'
    with pytest.raises(ConfigError) as raised:
        scene.plan(inner)
    assert [(one.code, one.line) for one in raised.value.problems] == [("unset-identifier", 3), ("unset-identifier", 4)]
    with pytest.raises(TargetError) as missing:
        prepare(scene.package / "none.config", scene.target, silent=True)
    assert missing.value.code == "cannot-read"


def test_a_file_that_cannot_be_read_is_a_refusal(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    opening = os.open

    def refuse(path: str, *args: int) -> int:
        if str(path).endswith((os.path.join("Bin", "a.dll"), os.path.join("deep", "b.dll"))):
            raise PermissionError(13, "Permission denied", path)
        return opening(path, *args)

    monkeypatch.setattr(os, "open", refuse)
    plan = scene.plan(EVERYTHING)
    assert plan.verdict is Verdict.REFUSED
    assert codes(plan) == ["cannot-read", "cannot-read"]


def test_a_broker_without_an_install_folder(scene: Scene) -> None:
    scene.with_machine(Machine(roles=frozenset({Role.BROKER})))
    object.__setattr__(scene.target, "identifiers", Identifiers())
    plan = scene.plan(f'<files><file include="lib/a.dll" outputFolder="{scene.install}" /></files>')
    assert codes(plan) == ["unset-identifier"]


def test_a_broker_publishes_unless_told_otherwise(scene: Scene) -> None:
    scene.with_machine(Machine(roles=frozenset({Role.BROKER})))
    inner = one_file().replace("a.dll", "lib/a.dll")
    assert ready(scene.plan(inner)).publishes
    assert not ready(scene.plan(inner, publish=False)).publishes


def test_a_change_that_was_broken_off_is_told(scene: Scene) -> None:
    scene.target.home.mkdir(parents=True)
    assert warned(scene.plan(one_file().replace("a.dll", "lib/a.dll"))) == ["unfinished-change"]


def test_every_file_is_read_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        scene.have(f"Bin/{number}.dll", b"old%d" % number)
        scene.bring(f"lib/{number}.dll", b"new%d" % number)
    opened: list[str] = []
    opening, lock = os.open, threading.Lock()

    def noted(path: str, *args: int) -> int:
        with lock:
            opened.append(str(path))
        return opening(path, *args)

    monkeypatch.setattr(os, "open", noted)
    ready(scene.plan(EVERYTHING))
    read = [path for path in opened if path.endswith(".dll")]
    assert len(read) == 2 * 200 + 4
    assert len(set(read)) == len(read)

"""Commands in a plan: when they run, from where, and what undoes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.change.model import Moment
from hotfix.planned import Plan, PlannedCommand
from tests.unit.hotfix.planning import Scene, codes, one_file, ready, warned


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    one = Scene(tmp_path)
    one.bring("Tools/Convert.exe", b"tool")
    one.bring("a.dll")
    return one


def execute(command: str = r"tools\convert.exe", inner: str = "", **attributes: str) -> str:
    more = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<commands>\n<execute command="{command}"{more}>{inner}</execute></commands>'


def command_of(plan: Plan) -> PlannedCommand:
    (one,) = ready(plan).commands
    return one


@pytest.mark.parametrize(
    ("phase", "more", "moment", "reversible"),
    [
        ("before", {"idempotent": "true"}, Moment.BEFORE, True),
        ("afterFiles", {"undo": "tools/convert.exe back"}, Moment.AFTER_FILES, True),
        ("after", {"idempotent": "true"}, Moment.AFTER, True),
        ("rollback", {}, Moment.ROLLBACK, True),
        ("before", {}, Moment.LAST, False),
        ("afterFiles", {}, Moment.LAST, False),
        ("after", {}, Moment.LAST, False),
    ],
)
def test_moments(scene: Scene, phase: str, more: dict[str, str], moment: Moment, reversible: bool) -> None:
    plan = scene.plan(execute(phase=phase, **more))
    one = command_of(plan)
    assert (one.command.moment, one.reversible, one.line) == (moment, reversible, 4)
    assert warned(plan) == ([] if reversible else ["runs-last"])


def test_a_program_of_the_package_runs_from_its_verified_copy(scene: Scene) -> None:
    command = command_of(
        scene.plan(execute(args="x &quot;$(InstallDir).&quot;", undo="tools/convert.exe back", timeout="9"))
    )
    folder = str(scene.target.hotfixes / "HF1" / "1" / "package")
    line, undo = command.command.line, command.command.undo
    assert line.program == os.path.join(folder, "Tools", "Convert.exe")
    assert (line.folder, line.args, line.timeout, line.hidden) == (folder, f'x "{scene.install}\\."', 9, False)
    assert undo is not None
    assert (undo.program, undo.args, undo.folder) == (line.program, "back", folder)
    assert command.command.label == "tools/convert.exe"


def test_commands_of_a_removal_are_not_in_the_plan(scene: Scene) -> None:
    plan = ready(scene.plan(one_file() + execute(phase="uninstall")))
    assert plan.commands == ()


@pytest.mark.parametrize(
    ("codes_", "success", "restart"),
    [
        ("", {0}, {3010, 1641}),
        ('<exitCode value="0" /><exitCode value="3010" reboot="true" />', {0}, {3010}),
        ('<exitCode value="5" result="alreadyInstalled" /><exitCode value="0" result="failure" />', {5}, set()),
        ('<exitCode value="-1" />', {2**32 - 1}, set()),
    ],
)
def test_exit_codes(scene: Scene, codes_: str, success: set[int], restart: set[int]) -> None:
    command = command_of(scene.plan(execute(inner=codes_, idempotent="true"))).command
    assert (set(command.success), set(command.restart)) == (success, restart)


def test_on_error_continue_is_for_the_run(scene: Scene) -> None:
    assert command_of(scene.plan(execute(idempotent="true", onError="continue"))).command.optional
    assert not command_of(scene.plan(execute(idempotent="true"))).command.optional


def test_a_program_of_this_machine(scene: Scene) -> None:
    scene.have("Bin/tool.exe")
    command = command_of(scene.plan(execute(r"$(InstallDir)bin\TOOL.exe", idempotent="true"))).command
    assert command.line.program == str(scene.install / "Bin" / "tool.exe")
    assert command.label == "TOOL.exe"


def test_a_program_that_is_nowhere(scene: Scene) -> None:
    scene.have("folder.exe/x")
    entry = execute(r"$(InstallDir)none.exe", undo=r"$(InstallDir)folder.exe x")
    plan = scene.plan(entry)
    assert codes(plan) == ["command-missing", "command-missing"]
    assert plan.reasons[0].line == 4
    plan = ready(scene.plan(one_file() + entry.replace("undo", 'onError="continue" undo')))
    assert (plan.commands, warned(plan)) == ((), ["command-missing", "command-missing"])


@pytest.mark.parametrize(
    ("phase", "is_there"), [("before", False), ("afterFiles", True), ("after", True), ("rollback", False)]
)
def test_a_program_that_the_hotfix_brings_is_there_after_the_files(scene: Scene, phase: str, is_there: bool) -> None:
    scene.bring("new.exe")
    inner = '<files><file include="new.exe" outputFolder="$(InstallDir)Bin" /></files>'
    more = {} if phase == "rollback" else {"idempotent": "true"}
    plan = scene.plan(inner + execute(r"$(InstallDir)Bin\new.exe", phase=phase, **more))
    assert codes(plan) == ([] if is_there else ["command-missing"])
    if is_there:
        assert plan.commands[0].command.line.program == str(scene.install / "Bin" / "new.exe")


def test_arguments_are_in_no_message(scene: Scene) -> None:
    plan = scene.plan(execute(r"$(InstallDir)none.exe", args="/password:hunter2"))
    assert codes(plan) == ["command-missing"]
    assert not any("hunter2" in str(one) for one in (*plan.reasons, *plan.warnings))


def test_conditions_are_looked_at(scene: Scene) -> None:
    entry = execute(r"$(InstallDir)none.exe", condition="exists($(InstallDir)none.exe)", idempotent="true")
    assert ready(scene.plan(one_file() + entry)).commands == ()

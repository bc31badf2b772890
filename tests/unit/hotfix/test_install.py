from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.catalog import parse_catalog
from deploy.change.model import Command, Doing, Done, Moment, ProcessChange, ServiceChange
from deploy.change.recovery import Outcome
from deploy.change.transaction import carry_out
from deploy.errors import TargetError, warning
from deploy.host.fakeservices import FakeService, ServiceCall
from deploy.host.services import ServiceState
from deploy.lock import only_one
from deploy.record import record_path
from hotfix import layout
from hotfix.events import Event, Progress
from hotfix.history import installed
from hotfix.install import apply
from hotfix.installed import State
from hotfix.model import Reboot
from hotfix.planned import Verdict
from hotfix.recovery import recover
from tests.unit.hotfix.bench import KEY, TOOL, Bench, Fix, set_edit, text
from tests.unit.hotfix.planning import Scene

OTHERS = 0o077 if hasattr(os, "O_DIRECTORY") else 0  # Windows: what is inherited counts, not bits
FIX = Fix(
    files={
        "install/bin/Router.exe": b"new router",
        "install/bin/gone.dll": None,
        "install/made/deep/new.txt": b"new",
        "install/bin/Router.xml": (set_edit("7"),),
        "share/lib.dll": b"new lib",
    },
    values={"Version": text("new")},
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    one = Bench(tmp_path)
    one.write("install/bin/Router.exe", b"old router", mode=0o755)
    one.write("install/bin/gone.dll", b"goes")
    one.write("install/bin/stays.txt", b"stays")
    one.write("install/bin/Router.xml", b'<c><a v="1"/></c>\n')
    one.write("share/lib.dll", b"old lib", mode=0o640)
    return one


def refused(bench: Bench, fix: Fix, code: str) -> str:
    """Nothing is changed, and this is why."""
    before = bench.world()
    with pytest.raises(TargetError) as raised:
        bench.apply(fix)
    assert raised.value.code == code
    assert bench.world() == before
    return str(raised.value)


def contents(bench: Bench) -> dict[str, bytes]:
    return {name: data for name, (data, _, _) in bench.tree("install", "share").items() if data is not None}


def test_everything_of_the_plan_is_there_afterwards(bench: Bench) -> None:
    result = bench.apply(FIX)
    assert (result.applied, result.reinstalled, result.restart_needed) == (True, False, False)
    assert contents(bench) == {
        "install/bin/Router.exe": b"new router",
        "install/bin/stays.txt": b"stays",
        "install/bin/Router.xml": b'<c><a v="7"/></c>\n',
        "install/made/deep/new.txt": b"new",
        "share/lib.dll": b"new lib",
    }
    assert bench.host.settings.value(KEY, "Version") == text("new")


def test_a_file_looks_like_the_one_it_replaces_and_has_the_time_of_its_source(bench: Bench) -> None:
    before = bench.tree("install", "share")
    bench.apply(FIX)
    tree = bench.tree("install", "share")
    assert tree["install/bin/Router.exe"][1:] == (before["install/bin/Router.exe"][1], 1_600_000_000 * 10**9)
    assert tree["share/lib.dll"][1:] == (before["share/lib.dll"][1], 1_600_000_004 * 10**9)
    assert tree["install/made/deep/new.txt"][1] == before["install/bin/stays.txt"][1]


def test_the_record_says_what_was_done(bench: Bench) -> None:
    bench.apply(FIX)
    (one,) = installed(bench.target.hotfixes)
    assert (one.id, one.revision, one.sequence, one.state) == ("HF001", 1, 1, State.INSTALLED)
    assert one.installed_by == "tester"
    assert {Path(file.path).name for file in one.files} == {
        "Router.exe", "gone.dll", "new.txt", "Router.xml", "lib.dll",
    }  # fmt: skip
    assert [Path(folder).name for folder in one.folders] == ["deep", "made"]
    assert one.values[0].before is None


def test_the_package_is_kept_and_only_this_account_may_read_it(bench: Bench) -> None:
    bench.apply(FIX)
    package = bench.target.hotfixes / "HF001" / "1" / "package"
    assert sorted(os.listdir(package)) == ["0.bin", "2.bin", "4.bin", "HF001.config"]
    assert bench.target.hotfixes.stat().st_mode & OTHERS == 0


def test_nothing_is_left_over(bench: Bench) -> None:
    bench.apply(FIX)
    names = [name.rsplit("/", 1)[-1] for name in bench.tree()]
    assert not {layout.STAGING, layout.UNFINISHED, ".micce-change", "change"} & set(names)


def test_a_plan_that_does_not_concern_this_machine_changes_nothing(bench: Bench) -> None:
    before = bench.world()
    reasons = (warning("other-role", "only for a Router"),)
    plan = replace(bench.plan(FIX), verdict=Verdict.NOT_APPLICABLE, reasons=reasons)
    result = apply(plan, bench.target)
    assert (result.applied, result.reasons) == (False, reasons)
    assert bench.world() == before


def test_a_refused_plan_is_refused_with_every_reason(bench: Bench) -> None:
    reasons = (warning("one", "first"), warning("two", "second"))
    with pytest.raises(TargetError) as raised:
        apply(replace(bench.plan(FIX), verdict=Verdict.REFUSED, reasons=reasons), bench.target)
    assert raised.value.problems == reasons


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("install/bin/Router.exe", b"somebody else's", "was changed since"),
        ("install/bin/Router.exe", None, "was removed since"),
        ("install/made/deep/new.txt", b"somebody else's", "has appeared since"),
        ("install/bin/gone.dll", b"other", "was changed since"),
    ],
)
def test_what_changed_since_the_preview_is_refused(bench: Bench, name: str, data: bytes | None, said: str) -> None:
    plan = bench.plan(FIX)
    if data is None:
        (bench.folder / name).unlink()
    else:
        bench.write(name, data)
    before = bench.world()
    with pytest.raises(TargetError, match=said) as raised:
        apply(plan, bench.target)
    assert raised.value.code == "changed"
    assert bench.world() == before


def test_a_registry_value_that_changed_since_the_preview_is_refused(bench: Bench) -> None:
    plan = bench.plan(FIX)
    bench.apply(Fix("HF002", values={"Version": text("other")}))
    with pytest.raises(TargetError, match=r"Version has changed") as raised:
        apply(plan, bench.target)
    assert raised.value.code == "changed"


@pytest.mark.parametrize("name", ["0.bin", "HF001.config"])
def test_a_package_that_changed_since_the_preview_is_refused(bench: Bench, name: str) -> None:
    plan = bench.plan(FIX)
    before = bench.world()
    (Path(plan.folder) / name).write_bytes(b"tampered")
    with pytest.raises(TargetError, match=f"{name} in the package is not the file that was looked at") as raised:
        apply(plan, bench.target)
    assert raised.value.code == "changed"
    assert bench.world() == before


def test_a_hotfix_that_was_installed_since_the_preview_is_refused(bench: Bench) -> None:
    plan = bench.plan(Fix(files={}))
    bench.apply(Fix(files={}))
    with pytest.raises(TargetError, match="HF001 was installed since the plan was made"):
        apply(plan, bench.target)


def test_a_lower_revision_is_refused(bench: Bench) -> None:
    bench.apply(Fix(revision=3))
    refused(bench, Fix(revision=2), "lower-revision")


def test_reinstalling_keeps_the_originals_and_its_place(bench: Bench) -> None:
    before = bench.tree("install", "share")
    bench.apply(FIX)
    bench.apply(Fix("HF002"))
    bench.write("install/bin/Router.exe", b"damaged")
    result = bench.apply(FIX)
    assert result.reinstalled
    assert contents(bench)["install/bin/Router.exe"] == b"new router"
    assert [(one.id, one.sequence) for one in installed(bench.target.hotfixes)] == [("HF001", 1), ("HF002", 2)]
    bench.uninstall("HF002")
    bench.uninstall("HF001")
    assert bench.tree("install", "share") == before


def test_a_higher_revision_takes_the_place_of_the_lower_one(bench: Bench) -> None:
    before = bench.tree("install", "share")
    bench.apply(FIX)
    second = {"install/bin/Router.exe": b"newer router", "install/bin/another.dll": b"another"}
    bench.apply(Fix(revision=2, files=second))
    (one,) = installed(bench.target.hotfixes)
    assert (one.revision, one.sequence) == (2, 1)
    # What only the first revision changed is still its successor's to bring back.
    assert len(one.files) == 6
    assert not (bench.target.hotfixes / "HF001" / "1").exists()
    bench.uninstall("HF001")
    assert bench.tree("install", "share") == before


def test_ids_are_one_in_any_case(bench: Bench) -> None:
    bench.apply(FIX)
    assert bench.apply(replace(FIX, id="hf001")).reinstalled
    assert len(installed(bench.target.hotfixes)) == 1


def test_a_superseded_hotfix_counts_no_more(bench: Bench) -> None:
    bench.apply(FIX)
    result = bench.apply(Fix("HF002", replaces=("HF001",)))
    assert result.superseded == ("HF001",)
    first, second = installed(bench.target.hotfixes)
    assert (first.state, first.superseded_by, second.state) == (State.SUPERSEDED, "HF002", State.INSTALLED)


def service(bench: Bench, **said: object) -> FakeService:
    return bench.host.manager.add(FakeService("Router", **said))  # type: ignore[arg-type]


def test_services_stand_still_while_files_change_and_run_afterwards(bench: Bench) -> None:
    service(bench)
    bench.apply(replace(FIX, services=(ServiceChange("Router"),)))
    assert [call.method for call in bench.host.manager.calls if call.method in ("stop", "start")] == ["stop", "start"]


def test_a_service_that_does_not_stop_leaves_everything_as_it_was(bench: Bench) -> None:
    router = service(bench, never_stops=True)
    before = bench.tree()
    with pytest.raises(TargetError) as raised:
        bench.apply(replace(FIX, services=(ServiceChange("Router"),)))
    assert raised.value.code == "service-not-stopped"
    router.state = ServiceState.RUNNING
    assert bench.tree() == before


def test_a_service_that_does_not_start_over_the_new_files_undoes_everything(bench: Bench) -> None:
    router = service(bench)

    def ends_over_new_files(call: ServiceCall) -> None:
        if call.method == "start":
            router.ends_again = contents(bench)["install/bin/Router.exe"] == b"new router"

    bench.host.manager.watch = ends_over_new_files
    refused(bench, replace(FIX, services=(ServiceChange("Router"),)), "service-not-started")
    assert installed(bench.target.hotfixes) == ()


def test_what_could_not_be_undone_yet_stays_for_the_next_start(bench: Bench) -> None:
    before = contents(bench)
    router = service(bench, ends_again=True)
    with pytest.raises(TargetError):
        bench.apply(replace(FIX, services=(ServiceChange("Router"),)))
    assert bench.target.home.exists()
    router.ends_again = False
    assert recover(bench.target).outcome is Outcome.ROLLED_BACK
    assert contents(bench) == before
    assert router.state is ServiceState.RUNNING


def test_a_program_that_must_not_run_is_refused(bench: Bench) -> None:
    bench.host.programs.run("Agent.exe", refuses_to_close=True)
    refused(bench, replace(FIX, processes=(ProcessChange("Agent.exe"),)), "program-running")


def failing(command: Command) -> Command:
    return replace(command, line=replace(command.line, args="fail canary"))


@pytest.mark.parametrize("moment", [one for one in Moment if one is not Moment.ROLLBACK])
def test_a_failing_command_undoes_everything(bench: Bench, moment: Moment) -> None:
    said = refused(bench, replace(FIX, commands=(failing(bench.command("x", moment)),)), "command-failed")
    assert "canary" not in said


def test_programs_can_be_started_from_the_copy_although_a_zip_does_not_say_so(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    for name in ("tools/do.exe", "tools/undo.exe", "tools/data.bin"):
        scene.bring(name).chmod(0o600)
    scene.apply('<commands><execute command="tools\\do.exe" undo="tools\\undo.exe back" phase="after" /></commands>')
    tools = scene.target.hotfixes / "HF1" / "1" / "package" / "tools"
    modes = {one.name: one.stat().st_mode & 0o777 for one in tools.iterdir()}
    assert modes == {"do.exe": 0o700, "undo.exe": 0o700, "data.bin": 0o600}


def test_commands_run_from_the_verified_copy(bench: Bench) -> None:
    bench.apply(replace(FIX, commands=(bench.command("one", Moment.BEFORE), bench.command("two"))))
    package = bench.target.hotfixes / "HF001" / "1" / "package"
    assert {one.program for one in bench.host.started} == {package / TOOL}
    assert bench.ran() == ["do one", "do two"]
    assert (package / TOOL).stat().st_mode & (0o700 | OTHERS) == 0o700
    # A reinstallation copies anew: what the record names stays until the new one counts.
    bench.apply(replace(FIX, commands=(bench.command("one", Moment.BEFORE), bench.command("two"))))
    assert bench.host.started[-1].program == bench.target.hotfixes / "HF001" / "1" / "package-2" / TOOL
    assert not package.exists()


def test_a_program_that_the_plan_names_in_the_package_runs_from_the_copy_too(bench: Bench) -> None:
    command = bench.command("one")
    plan = bench.plan(replace(FIX, commands=(command,)))
    original = str(Path(plan.folder) / TOOL)
    line = replace(command.line, program=original, folder=plan.folder)
    planned = replace(plan.commands[0], command=replace(command, line=line))
    apply(replace(plan, commands=(planned,)), bench.target)
    copy = bench.target.hotfixes / "HF001" / "1" / "package"
    assert (bench.host.started[0].program, bench.host.started[0].folder) == (copy / TOOL, copy)


def test_the_one_who_waits_is_told(bench: Bench) -> None:
    events: list[Event] = []
    apply(bench.plan(FIX), bench.target, events.append)
    actions = [event.action for event in events if isinstance(event, Doing)]
    assert actions[0] == "verify"
    assert actions.index("copy-package") < actions.index("keep-original") < actions.index("stage-file")
    assert actions.index("stage-file") < actions.index("begin") < actions.index("commit")
    shares = [event for event in events if isinstance(event, Progress)]
    assert [one.done for one in shares] == sorted(one.done for one in shares)
    assert 0 < shares[-1].done <= shares[-1].total == shares[0].total


@pytest.mark.parametrize("which", ["machine", "root"])
def test_two_at_once_are_one_and_a_refusal(bench: Bench, which: str) -> None:
    locks = {
        "machine": bench.target.state / "installer.lock",
        "root": record_path(bench.target.state, Path(bench.roots[1])).with_suffix(".lock"),
    }
    plan = bench.plan(FIX)
    with only_one(locks[which], "a test"), pytest.raises(TargetError) as raised:
        apply(plan, bench.target)
    assert raised.value.code == "busy"
    assert apply(plan, bench.target).applied


def test_a_full_disk_is_refused_before_anything_is_copied(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotfix.carrying.free_space", lambda _: 1000)
    assert "needed" in refused(bench, FIX, "disk-full")


def test_services_are_an_administrators_on_windows(bench: Bench) -> None:
    service(bench)
    bench.host.elevated = False
    assert "administrator" in refused(bench, replace(FIX, services=(ServiceChange("Router"),)), "not-elevated")
    assert bench.apply(replace(FIX, values={})).applied


@pytest.mark.parametrize(
    ("behavior", "code", "told"),
    [
        (Reboot.IF_NEEDED, 3010, True),
        (Reboot.IF_NEEDED, 0, False),
        (Reboot.NEVER, 3010, False),
        (Reboot.ALWAYS, 0, True),
    ],
)
def test_a_restart_is_told_of_as_the_manifest_says(bench: Bench, behavior: Reboot, code: int, told: bool) -> None:
    bench.host.ending = lambda _: code
    fix = replace(FIX, commands=(bench.command("x"),), reboot=behavior)
    assert bench.apply(fix).restart_needed is told


def test_on_a_broker_it_is_published_with_it(bench: Bench) -> None:
    bench.apply(replace(FIX, publishes=True))
    folder = bench.folder / "install" / "HotFixes"
    catalog = parse_catalog((folder / "catalog.json").read_bytes(), "catalog.json")
    assert [(one.id, one.revision) for one in catalog.entries] == [("HF001", 1)]
    for one in catalog.entries[0].files:
        assert (folder / "HF001" / "1" / str(one.path)).stat().st_size == one.size
    assert (folder / "catalog.json").stat().st_mode & 0o444 == 0o444
    assert bench.apply(replace(FIX, publishes=True)).published


def test_a_failure_publishes_nothing(bench: Bench) -> None:
    fix = replace(FIX, publishes=True, commands=(failing(bench.command("x", Moment.AFTER)),))
    refused(bench, fix, "command-failed")
    assert not (bench.folder / "install" / "HotFixes").exists()


def test_a_state_folder_within_a_root_is_no_second_root(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.target = replace(bench.target, state=bench.folder / "install" / "state")
    bench.write("install/a.dll", b"old")
    assert bench.apply(Fix(files={"install/a.dll": b"new"})).applied
    bench.uninstall("HF001")
    assert (bench.folder / "install" / "a.dll").read_bytes() == b"old"


def test_a_damaged_record_is_no_empty_history(bench: Bench) -> None:
    bench.apply(FIX)
    plan = bench.plan(Fix("HF002", files={"share/lib.dll": b"another"}))
    record = bench.target.hotfixes / "HF001" / "1" / "record.json"
    document = json.loads(record.read_bytes())
    document["record"]["sequence"] = 5
    record.write_text(json.dumps(document))
    before = bench.tree()
    with pytest.raises(TargetError) as raised:
        apply(plan, bench.target)
    assert raised.value.code == "record-damaged"
    assert bench.tree() == before


def test_a_file_in_use_gets_its_content_at_the_next_restart(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(bench.folder / "share/lib.dll")

    def carried_out(*given: object, **said: object) -> Done:
        done = carry_out(*given, **said)  # type: ignore[arg-type]
        bench.write("share/lib.dll", b"old lib")
        return replace(done, waiting=("\\\\?\\" + path,))

    monkeypatch.setattr("hotfix.carrying.carry_out", carried_out)
    result = bench.apply(FIX)
    assert (result.waiting, result.restart_needed) == ((path,), True)
    assert installed(bench.target.hotfixes)[0].restart_pending
    monkeypatch.undo()
    bench.write("share/lib.dll", b"new lib")
    assert not installed(bench.target.hotfixes)[0].restart_pending

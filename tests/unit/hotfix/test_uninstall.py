from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deploy.change.model import DeleteKey, MakeKey, Moment, ProcessChange, Restart, ServiceChange, SetValue
from deploy.errors import TargetError
from deploy.host.fake import Started
from deploy.host.fakeservices import FakeService
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from deploy.host.services import ServiceState
from hotfix.history import installed, note_waiting
from hotfix.model import CommandEntry, CommandPhase, ExitCode, ExitResult
from hotfix.planned import FileAction, Verdict
from hotfix.removalplan import prepare_uninstall
from hotfix.uninstall import uninstall
from tests.unit.hotfix.bench import KEY, TOOL, Bench, Fix, set_edit, text

FIX = Fix(
    files={
        "install/bin/Router.exe": b"new router",
        "install/bin/gone.dll": None,
        "install/made/deep/new.txt": b"new",
        "install/bin/Router.xml": (set_edit("7"),),
        "share/lib.dll": b"new lib",
    },
    values={"Version": text("new"), "Old": None},
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    one = Bench(tmp_path)
    one.write("install/bin/Router.exe", b"old router", mode=0o755)
    one.write("install/bin/gone.dll", b"goes", mode=0o444)
    one.write("install/bin/Router.xml", b'\xef\xbb\xbf<c><a v="1"/></c>\r\n', mode=0o600, time=1_400_000_000)
    one.write("share/lib.dll", b"old lib", mode=0o640)
    tree = one.host.settings.tree
    for path in (r"SOFTWARE\Mitel", KEY.path):
        tree.make_key(replace(KEY, path=path))
    tree.set_value(KEY, "Old", text("old"))
    return one


def refused(bench: Bench, id: str, *, force: bool = False) -> dict[str, str]:
    """The reasons of a refusal by their codes; nothing is changed."""
    before = bench.world()
    plan = prepare_uninstall(id, bench.target, force=force)
    assert plan.verdict is Verdict.REFUSED
    with pytest.raises(TargetError) as raised:
        uninstall(plan, bench.target)
    assert raised.value.problems == plan.reasons
    assert bench.world() == before
    return {problem.code: problem.message for problem in plan.reasons}


def test_everything_comes_back_byte_for_byte_with_mode_and_time(bench: Bench) -> None:
    before = bench.world()
    bench.apply(FIX)
    result = bench.uninstall("HF001")
    assert (result.id, result.revision, result.restart_needed) == ("HF001", 1, False)
    assert not result.warnings
    assert bench.world() == before


def test_the_plan_says_what_happens_to_each_file(bench: Bench) -> None:
    bench.apply(FIX)
    plan = prepare_uninstall("hf001", bench.target)
    assert plan.verdict is Verdict.READY
    assert {Path(one.path).name: one.action for one in plan.files} == {
        "Router.exe": FileAction.REPLACE,
        "gone.dll": FileAction.CREATE,
        "new.txt": FileAction.DELETE,
        "Router.xml": FileAction.REPLACE,
        "lib.dll": FileAction.REPLACE,
    }
    assert {one.path for one in plan.files} == {str(bench.folder / name) for name in FIX.files}


def test_what_is_not_installed_cannot_be_removed(bench: Bench) -> None:
    bench.apply(Fix("HF007"))
    with pytest.raises(TargetError, match="HF001 is not installed") as raised:
        prepare_uninstall("HF001", bench.target)
    assert "HF007" in raised.value.problems[0].hint


def test_what_came_later_goes_first(bench: Bench) -> None:
    bench.apply(FIX)
    bench.apply(Fix("HF002"))
    bench.apply(Fix("HF003"))
    said = refused(bench, "HF001")
    assert "HF003 revision 1, HF002 revision 1 were installed after" in said["later-hotfixes"]
    # A higher revision keeps the place of the first one.
    bench.apply(replace(FIX, revision=2))
    assert "later-hotfixes" in refused(bench, "HF001")


def test_a_hotfix_that_is_made_to_stay_stays(bench: Bench) -> None:
    bench.apply(replace(FIX, allow_uninstall=False))
    assert "not-removable" in refused(bench, "HF001")
    assert "not-removable" in refused(bench, "HF001", force=True)
    assert not (bench.target.hotfixes / ".originals").exists()
    # What was not kept once does not come back with a later revision either.
    bench.apply(replace(FIX, revision=2))
    assert "not-removable" in refused(bench, "HF001")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("install/bin/Router.exe", b"mine", "was changed since"),
        ("install/bin/Router.exe", None, "was removed since"),
        ("install/made/deep/new.txt", b"mine", "was changed since"),
        ("install/bin/gone.dll", b"mine", "has appeared again since"),
    ],
)
def test_what_others_changed_is_not_taken_back_unless_forced(
    bench: Bench, name: str, data: bytes | None, said: str
) -> None:
    before = bench.world()
    bench.apply(FIX)
    if data is None:
        (bench.folder / name).unlink()
    else:
        bench.write(name, data)
    assert said in refused(bench, "HF001")["changed-since"]
    result = bench.uninstall("HF001", force=True)
    assert [problem.code for problem in result.warnings] == ["changed-since"]
    assert bench.world() == before


def test_a_file_that_is_what_it_was_again_is_no_obstacle(bench: Bench) -> None:
    before = bench.world()
    bench.apply(FIX)
    bench.write("install/bin/Router.exe", b"old router", mode=0o700)
    (bench.folder / "install/made/deep/new.txt").unlink()
    bench.uninstall("HF001")
    assert bench.world() == before


def test_a_value_that_others_changed_is_not_taken_back_unless_forced(bench: Bench) -> None:
    before = bench.world()
    bench.apply(FIX)
    bench.host.settings.set_value(KEY, "Version", text("mine"))
    assert "Version was changed since" in refused(bench, "HF001")["changed-since"]
    bench.uninstall("HF001", force=True)
    assert bench.world() == before


def test_what_changed_since_the_preview_is_refused(bench: Bench) -> None:
    bench.apply(FIX)
    plan = prepare_uninstall("HF001", bench.target)
    bench.write("share/lib.dll", b"mine")
    with pytest.raises(TargetError) as raised:
        uninstall(plan, bench.target)
    assert {problem.code for problem in raised.value.problems} == {"changed-since", "changed"}


def test_a_file_whose_original_is_not_kept_stays_and_is_said(bench: Bench) -> None:
    bench.apply(replace(FIX, unkept=frozenset({"install/bin/Router.exe", "install/made/deep/new.txt"})))
    result = bench.uninstall("HF001")
    assert [problem.code for problem in result.warnings] == ["original-not-kept"]
    assert (bench.folder / "install/bin/Router.exe").read_bytes() == b"new router"
    assert (bench.folder / "share/lib.dll").read_bytes() == b"old lib"
    assert not (bench.folder / "install/made").exists()


def test_what_stays_is_the_hotfix_belows_to_take_back(bench: Bench) -> None:
    before = bench.tree("install", "share")
    bench.apply(FIX)
    second = Fix("HF002", files={"install/bin/Router.exe": b"unkept"}, unkept=frozenset({"install/bin/Router.exe"}))
    bench.apply(second)
    bench.uninstall("HF002")
    assert (bench.folder / "install/bin/Router.exe").read_bytes() == b"unkept"
    bench.uninstall("HF001")
    assert bench.tree("install", "share") == before


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_an_original_that_was_lost_is_a_refusal_before_anything_is_changed(bench: Bench, how: str) -> None:
    bench.apply(FIX)
    (one,) = installed(bench.target.hotfixes)
    original = next(file.before for file in one.files if file.path.endswith("Router.exe"))
    assert original is not None
    kept = bench.target.hotfixes / ".originals" / original.sha256
    if how == "gone":
        kept.unlink()
    else:
        kept.write_bytes(b"0ld router")
    assert "Router.exe" in refused(bench, "HF001")["original-missing"]
    result = bench.uninstall("HF001", force=True)
    assert [problem.code for problem in result.warnings] == ["original-missing"]
    assert (bench.folder / "install/bin/Router.exe").read_bytes() == b"new router"
    assert (bench.folder / "share/lib.dll").read_bytes() == b"old lib"


def test_a_superseded_hotfix_counts_again(bench: Bench) -> None:
    bench.apply(FIX)
    bench.apply(Fix("HF002", replaces=("HF001",)))
    assert prepare_uninstall("HF002", bench.target).restores == ("HF001",)
    assert bench.uninstall("HF002").restores == ("HF001",)
    (one,) = installed(bench.target.hotfixes)
    assert one.superseded_by == ""


def test_folders_with_something_of_others_stay(bench: Bench) -> None:
    bench.apply(FIX)
    bench.write("install/made/other.txt", b"mine")
    bench.uninstall("HF001")
    assert sorted(path.name for path in (bench.folder / "install/made").iterdir()) == ["other.txt"]


def test_services_stand_still_meanwhile_and_run_if_they_ran(bench: Bench) -> None:
    manager = bench.host.manager
    for name, needs in (("Router", ()), ("Agent", ("Router",)), ("Web", ()), ("Watch", ())):
        manager.add(FakeService(name, ServiceState.RUNNING if name != "Web" else ServiceState.STOPPED, needs=needs))
    changes = (
        ServiceChange("Router"),
        ServiceChange("Web", restart=Restart.ALWAYS),
        ServiceChange("Watch", stop=False, restart=Restart.ALWAYS),
        ServiceChange("Gone"),
    )
    manager.add(FakeService("Gone"))
    bench.apply(replace(FIX, services=changes))
    manager.services.pop()
    manager.stop("Web", 1)
    plan = prepare_uninstall("HF001", bench.target)
    assert [(one.name, one.stops, one.starts, one.because) for one in plan.services] == [
        ("Agent", True, True, "Router"),
        ("Router", True, True, ""),
        ("Web", False, False, ""),
    ]
    assert [problem.code for problem in plan.warnings] == ["no-such-service"]
    manager.calls.clear()
    uninstall(plan, bench.target)
    asked = [(call.method, call.name) for call in manager.calls if call.method != "set_start_type"]
    assert asked == [("stop", "Agent"), ("stop", "Router"), ("start", "Router"), ("start", "Agent")]


def test_programs_end_first(bench: Bench) -> None:
    bench.apply(replace(FIX, processes=(ProcessChange("Agent.exe"),)))
    bench.host.programs.run("Agent.exe")
    assert prepare_uninstall("HF001", bench.target).processes[0].running == 1
    bench.uninstall("HF001")
    assert not bench.host.programs.programs


def entry(args: str, *, idempotent: bool = True, **said: object) -> CommandEntry:
    return CommandEntry(TOOL, args, phase=CommandPhase.UNINSTALL, idempotent=idempotent, **said)  # type: ignore[arg-type]


def test_commands_are_taken_back_last_one_first_and_those_of_the_removal_run(bench: Bench) -> None:
    before = bench.world()
    fix = replace(
        FIX,
        commands=(bench.command("one", Moment.BEFORE), bench.command("two")),
        entries=(entry("run goodbye"), entry("run last", idempotent=False)),
    )
    bench.apply(fix)
    bench.host.started.clear()
    new = (bench.folder / "install/bin/Router.exe").read_bytes()
    seen: list[bytes] = []
    run = bench.host.ending

    def watched(one: Started) -> int:
        seen.append((bench.folder / "install/bin/Router.exe").read_bytes())
        return run(one)

    bench.host.ending = watched
    bench.uninstall("HF001")
    assert bench.ran() == ["run goodbye", "undo two", "undo one", "run last"]
    assert seen == [new, new, new, b"old router"]
    assert bench.world() == before


def test_exit_codes_of_a_command_of_the_removal_are_those_of_the_manifest(bench: Bench) -> None:
    codes = (ExitCode(7, ExitResult.SUCCESS), ExitCode(8, ExitResult.ALREADY_INSTALLED, reboot=True))
    bench.apply(replace(FIX, entries=(entry("fail", exit_codes=codes),)))
    (command,) = prepare_uninstall("HF001", bench.target).commands
    assert (command.command.success, command.command.restart) == (frozenset({7}), frozenset({8}))
    assert not bench.uninstall("HF001").restart_needed


def test_a_command_that_nothing_takes_back_is_said(bench: Bench) -> None:
    bench.apply(replace(FIX, commands=(bench.command("index", Moment.AFTER, undo=False),)))
    assert "index" in bench.uninstall("HF001").warnings[0].message


def test_a_failing_command_of_the_removal_leaves_it_installed(bench: Bench) -> None:
    bench.apply(replace(FIX, entries=(entry("fail", idempotent=False),)))
    before = bench.world()
    with pytest.raises(TargetError) as raised:
        bench.uninstall("HF001")
    assert raised.value.code == "command-failed"
    assert bench.world() == before


def test_a_program_that_is_gone_is_a_refusal(bench: Bench) -> None:
    bench.apply(replace(FIX, commands=(bench.command("one"),)))
    (bench.target.hotfixes / "HF001/1/package" / TOOL).unlink()
    assert "command-missing" in refused(bench, "HF001")
    assert [problem.code for problem in bench.uninstall("HF001", force=True).warnings] == ["command-missing"]


def test_files_that_wait_for_a_restart_are_not_taken_back_before_it(bench: Bench) -> None:
    bench.apply(FIX)
    (one,) = installed(bench.target.hotfixes)
    path = str(bench.folder / "share/lib.dll")
    note_waiting(bench.target.hotfixes, one, [path])
    bench.write("share/lib.dll", b"old lib")
    assert installed(bench.target.hotfixes)[0].waiting == (path,)
    assert "restart-pending" in refused(bench, "HF001", force=True)
    with pytest.raises(TargetError) as raised:
        bench.apply(Fix("HF002", files={"share/lib.dll": b"another"}))
    assert raised.value.code == "restart-pending"
    bench.write("share/lib.dll", b"new lib")
    assert installed(bench.target.hotfixes)[0].waiting == ()
    bench.uninstall("HF001")


def test_what_clients_are_offered_is_said(bench: Bench) -> None:
    bench.apply(replace(FIX, publishes=True))
    assert [problem.code for problem in bench.uninstall("HF001").warnings] == ["still-published"]


GOES = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\Goes")
BELOW = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\Goes\Below")
MADE = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\Made\Deep")


def test_keys_come_back_with_everything_in_them_and_made_ones_go(bench: Bench) -> None:
    tree = bench.host.settings.tree
    for key in (GOES, BELOW):
        tree.make_key(key)
    tree.set_value(BELOW, "", RegistryValue(ValueType.BINARY, b"\0\xff"))
    tree.set_value(BELOW, "Many", RegistryValue(ValueType.MULTI, ("a", "")))
    before = bench.world()
    steps = (DeleteKey(GOES), MakeKey(MADE), SetValue(replace(MADE, path=MADE.path + r"\er"), "x", text("y")))
    bench.apply(replace(FIX, steps=steps))
    assert not bench.host.settings.has_key(GOES)
    bench.uninstall("HF001")
    assert bench.world() == before


def test_a_made_key_with_something_of_others_stays(bench: Bench) -> None:
    bench.apply(replace(FIX, steps=(SetValue(MADE, "x", text("y")),)))
    bench.host.settings.set_value(MADE, "other", text("mine"))
    bench.uninstall("HF001")
    assert bench.host.settings.value_names(MADE) == ("other",)

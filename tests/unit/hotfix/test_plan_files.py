"""What happens to each file, on real folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.change.model import InUse
from deploy.relpath import RelPath
from hotfix.planned import FileAction, Verdict
from tests.unit.hotfix.planning import Scene, actions, codes, files, one_file, ready, sha256, warned


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.parametrize(
    ("overwrite", "old", "new", "action"),
    [
        ("always", None, (b"new", None), "create"),
        ("always", (b"old", None), (b"new", None), "replace"),
        ("always", (b"same", "1.0"), (b"same", "2.0"), "keep"),
        ("never", None, (b"new", None), "create"),
        ("never", (b"old", None), (b"new", None), "keep"),
        ("onlyIfExists", None, (b"new", None), "keep"),
        ("onlyIfExists", (b"old", None), (b"new", None), "replace"),
        ("newer", None, (b"new", None), "create"),
        ("newer", (b"old", None), (b"new", None), "replace"),
        ("newer", (b"old", "9.6.1.412"), (b"new", "9.6.1.413"), "replace"),
        ("newer", (b"old", "9.6.1.413"), (b"new", "9.6.1.412"), "keep"),
        ("newer", (b"old", "9.6.1.9"), (b"new", "9.6.1.10"), "replace"),
        ("newer", (b"old", None), (b"new", "1.0"), "replace"),
        ("newer", (b"old", "1.0"), (b"new", None), "keep"),
        ("newer", (b"same", "1.0"), (b"same", "1.0"), "keep"),
    ],
)
def test_overwrite(
    scene: Scene, overwrite: str, old: tuple[bytes, str | None] | None, new: tuple[bytes, str | None], action: str
) -> None:
    if old is not None:
        scene.have("a.dll", *old)
    scene.bring("a.dll", *new)
    file = files(scene.plan(one_file(overwrite=overwrite)))["a.dll"]
    before = None if old is None else sha256(old[0])
    kept = action == "keep"
    assert file.action == action
    assert file.before == before
    assert file.after == (before if kept else sha256(new[0]))
    assert bool(file.reason) is kept
    right = before == sha256(new[0])
    assert file.source == (RelPath(("a.dll",)) if right or not kept else None)
    assert file.size == (0 if file.after is None else len((old or new)[0] if kept else new[0]))


def test_another_file_of_the_same_version_stays_and_is_told(scene: Scene) -> None:
    scene.have("a.dll", b"old", "1.0")
    scene.bring("a.dll", b"rebuilt", "1.0.0.0")
    plan = scene.plan(one_file(overwrite="newer"))
    assert actions(plan) == {"a.dll": "keep"}
    assert warned(plan) == ["same-version"]
    assert plan.warnings[0].line == 3


def test_a_version_of_the_manifest_counts_where_the_file_has_none(scene: Scene) -> None:
    scene.have("a.dll", b"old", "1.5")
    scene.bring("a.dll", b"new")
    assert actions(scene.plan(one_file(overwrite="newer", version="1.4"))) == {"a.dll": "keep"}
    assert actions(scene.plan(one_file(overwrite="newer", version="1.6"))) == {"a.dll": "replace"}


def test_what_the_entry_says_is_in_the_plan(scene: Scene) -> None:
    scene.have("a.dll")
    scene.bring("a.dll")
    file = files(scene.plan(one_file(inUse="reboot", backup="false", outputName="b.dll")))["b.dll"]
    assert (file.in_use, file.backup, file.line) == (InUse.REBOOT, False, 3)
    assert file.path == str(scene.install / "b.dll")
    assert file.source == RelPath(("a.dll",))


def test_wildcards_go_where_setup_config_would_put_them(scene: Scene) -> None:
    for name in ("Client/a.dll", "Client/x.pdb", "Client/sub/b.dll", "Client/sub/README", "other.dll"):
        scene.bring(name)
    entry = (
        r'<file include="client\*.*" exclude="*.pdb;sub\README" subDirs="true" outputFolder="$(InstallDir)Bin\App" />'
    )
    plan = scene.plan(f"<files>{entry}</files>")
    assert actions(plan) == {"Bin/App/a.dll": "create", "Bin/App/sub/b.dll": "create"}


def test_the_later_of_two_entries_for_one_place_counts(scene: Scene) -> None:
    scene.bring("x/a.dll", b"one")
    scene.bring("x/b.dll", b"two")
    scene.bring("y/A.DLL", b"three")
    entries = (
        r'<file include="x\*.*" outputFolder="$(InstallDir)" overwrite="never" />'
        r'<file include="y\A.DLL" outputFolder="$(InstallDir)." inUse="fail" />'
    )
    plan = scene.plan(f"<files>{entries}</files>")
    found = {one.path: one for one in ready(plan).files}
    assert len(found) == 2
    assert found[str(scene.install / "a.dll")].after == sha256(b"three")
    assert found[str(scene.install / "a.dll")].in_use is InUse.FAIL


def test_deletes(scene: Scene) -> None:
    scene.have("bin/old.dll", b"goes")
    plan = scene.plan(
        '<files><delete path="$(InstallDir)bin/old.dll" /><delete path="$(InstallDir)bin/never.dll" /></files>'
    )
    found = files(plan)
    assert actions(plan) == {"bin/old.dll": "delete", "bin/never.dll": "keep"}
    assert (found["bin/old.dll"].before, found["bin/old.dll"].after) == (sha256(b"goes"), None)
    assert found["bin/never.dll"].reason == "it is not there"


def test_a_delete_in_a_folder_that_is_nowhere_near_is_left_out(scene: Scene) -> None:
    scene.bring("a.dll")
    far = scene.base / "far" / "away" / "x.dll"
    plan = scene.plan(f'{one_file()}<files><delete path="{far}" /></files>'.replace("</files><files>", ""))
    assert actions(plan) == {"a.dll": "create"}
    assert plan.roots == (str(scene.install),)


def test_placed_and_deleted_is_a_contradiction(scene: Scene) -> None:
    scene.bring("x/a.dll")
    plan = scene.plan(
        '<files><file include="x/*.*" outputFolder="$(InstallDir)" />\n<delete path="$(InstallDir)a.dll" /></files>'
    )
    assert codes(plan) == ["contradiction"]
    assert plan.reasons[0].line == 4


def test_a_file_cannot_be_a_folder_for_another(scene: Scene) -> None:
    scene.bring("a.dll")
    scene.bring("b.dll")
    plan = scene.plan(
        '<files><file include="a.dll" outputFolder="$(InstallDir)" />'
        '<file include="b.dll" outputFolder="$(InstallDir)A.dll/deep" /></files>'
    )
    assert codes(plan) == ["file-and-folder"]


@pytest.mark.parametrize("action", ["", 'onError="continue"'])
def test_what_stands_in_the_way(scene: Scene, action: str) -> None:
    scene.have("folder.dll/x")
    scene.have("file/x")
    scene.bring("folder.dll")
    scene.bring("y")
    scene.bring("good")
    inner = (
        f'<files><file include="folder.dll" outputFolder="$(InstallDir)" {action} />'
        f'<file include="y" outputFolder="$(InstallDir)file/x/deeper" {action} />'
        '<file include="good" outputFolder="$(InstallDir)" /></files>'
    )
    plan = scene.plan(inner)
    if action:
        assert actions(plan) == {"good": "create"}
        assert warned(plan) == ["in-the-way", "in-the-way"]
    else:
        assert codes(plan) == ["in-the-way", "in-the-way"]
        assert plan.files == ()
        assert str(scene.install / "folder.dll") in plan.reasons[0].message
        assert str(scene.install / "file" / "x") in plan.reasons[1].message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="links and pipes of POSIX")
def test_links_and_pipes_are_not_replaced_but_links_above_are_followed(scene: Scene) -> None:
    scene.bring("a.dll")
    other = scene.base / "other"
    other.mkdir()
    (scene.install / "linked").symlink_to(other)
    plan = scene.plan('<files><file include="a.dll" outputFolder="$(InstallDir)linked" /></files>')
    assert plan.roots == (str(other),)
    assert ready(plan).files[0].path == str(other / "a.dll")
    (scene.install / "a.dll").symlink_to(other / "target")
    assert codes(scene.plan(one_file())) == ["in-the-way"]
    (scene.install / "a.dll").unlink()
    os.mkfifo(scene.install / "a.dll")
    assert codes(scene.plan(one_file())) == ["in-the-way"]


def test_names_are_found_in_any_case(scene: Scene) -> None:
    scene.have("Services/Bin/Router.exe", b"old")
    scene.bring("router.EXE", b"new")
    plan = scene.plan(r'<files><file include="ROUTER.exe" outputFolder="$(InstallDir)services\BIN" /></files>')
    file = ready(plan).files[0]
    assert file.action is FileAction.REPLACE
    assert file.path == str(scene.install / "Services" / "Bin" / "Router.exe")
    assert file.source == RelPath(("router.EXE",))


def test_missing_folders_have_one_spelling(scene: Scene) -> None:
    for name in ("a", "b", "c"):
        scene.bring(name)
    plan = scene.plan(
        r'<files><file include="a" outputFolder="$(InstallDir)New\Deep" />'
        r'<file include="b" outputFolder="$(InstallDir)NEW\deep" />'
        r'<file include="c" outputFolder="$(InstallDir)new" /></files>'
    )
    assert list(actions(plan)) == ["New/Deep/a", "New/Deep/b", "New/c"]
    assert {one.path for one in plan.files} == {str(scene.install / name) for name in actions(plan)}


@pytest.mark.skipif(os.path.normcase("A") == "a", reason="names in one case")
def test_two_spellings_on_disk_and_none_of_them_exact(scene: Scene) -> None:
    scene.have("A.dll")
    scene.have("a.DLL")
    scene.bring("a.dll")
    assert codes(scene.plan(one_file())) == ["ambiguous-name"]
    scene.have("a.dll")
    assert actions(scene.plan(one_file())) == {"a.dll": "replace"}


def test_a_package_that_is_not_what_the_manifest_says(scene: Scene) -> None:
    scene.bring("a.dll", b"wrong", "1.0")
    wanted = sha256(b"right")
    plan = scene.plan(one_file(sha256=wanted, version="2.0", onError="continue"))
    assert sorted(codes(plan)) == ["digest-mismatch", "version-mismatch"]
    said = next(one.message for one in plan.reasons if one.code == "digest-mismatch")
    assert wanted in said
    assert sha256(b"wrong") in said


def test_every_problem_of_package_and_machine_at_once(scene: Scene) -> None:
    inner = (
        '<services><service name="Nobody" /></services>'
        '<files><file include="missing.dll" outputFolder="$(InstallDir)" size="3" /></files>'
        '<commands><execute command="/no/such/program" idempotent="true" /></commands>'
    )
    plan = scene.plan(inner)
    assert plan.verdict is Verdict.REFUSED
    assert sorted(codes(plan)) == ["command-missing", "missing-file", "no-such-service"]


def test_a_path_of_another_system_is_refused(scene: Scene) -> None:
    foreign = r"C:\x" if os.sep == "/" else r"\x"
    scene.bring("a.dll")
    plan = scene.plan(f'<files><file include="a.dll" outputFolder="{foreign}" /></files>')
    assert codes(plan) == ["bad-path"]
    assert plan.reasons[0].line == 3


def test_unwritable_folders_are_told_beforehand(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.have("locked/a.dll")
    scene.bring("a.dll")
    scene.bring("b.dll")
    closed = str(scene.install / "locked")
    monkeypatch.setattr(os, "access", lambda path, mode: os.fspath(path) != closed)
    inner = (
        '<files><file include="a.dll" outputFolder="$(InstallDir)locked" />\n'
        '<file include="b.dll" outputFolder="$(InstallDir)locked/new/deeper" /></files>'
    )
    plan = scene.plan(inner)
    assert codes(plan) == ["cannot-write", "cannot-write"]
    assert all(closed in one.message for one in plan.reasons)
    scene.bring("a.dll", b"old")
    assert codes(scene.plan(inner)) == ["cannot-write"], "what is right already is not written"

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.change.recovery import Outcome, Recovery
from deploy.errors import TargetError
from deploy.lock import only_one
from hotfix import layout
from hotfix.history import installed
from hotfix.recovery import recover, tidy
from hotfix.staging import Note, Staging, read_note, remove_staging, write_note
from tests.unit.hotfix.bench import Bench, Fix

FIX = Fix(files={"install/a.dll": b"new"})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    one = Bench(tmp_path)
    one.write("install/a.dll", b"old")
    one.apply(FIX)
    return one


def leave(bench: Bench, note: Note | None = None) -> None:
    """What a start that was killed before the change leaves."""
    hotfixes = bench.target.hotfixes
    write_note(hotfixes, Note(roots=(str(hotfixes), *bench.roots)) if note is None else note)
    for root in bench.roots:
        (Path(root) / layout.STAGING).mkdir()
        (Path(root) / layout.STAGING / "1").write_bytes(b"x")
        os.chmod(Path(root) / layout.STAGING / "1", 0o444)
    for name in (
        "HF001/1/package-2/x",
        "HF009/1/package/deep/x",
        f".originals/{'0' * 64}",
        f".originals/{'1' * 64}.partial",
    ):
        path = hotfixes / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_nothing_to_do_makes_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert recover(bench.target).outcome is Outcome.NOTHING
    assert not bench.target.state.exists()


def test_what_a_kill_left_is_removed_and_what_is_needed_stays(bench: Bench) -> None:
    before = bench.tree()
    leave(bench)
    assert bench.tree() != before
    assert recover(bench.target).warnings == ()
    assert bench.tree() == before
    assert read_note(bench.target.hotfixes) is None


def test_the_next_installation_tidies_up_too(bench: Bench) -> None:
    leave(bench)
    bench.apply(FIX)
    bench.uninstall("HF001")
    assert set(bench.tree()) == {"install/a.dll"}


def test_where_a_record_cannot_be_read_nothing_it_may_need_goes(bench: Bench) -> None:
    leave(bench)
    record = bench.target.hotfixes / "HF001" / "1" / "record.json"
    record.write_bytes(b"damaged")
    recover(bench.target)
    assert len(os.listdir(bench.target.hotfixes / ".originals")) == 3
    assert (bench.target.hotfixes / "HF001" / "1" / "package").exists()
    assert not any((Path(root) / layout.STAGING).exists() for root in bench.roots)


def test_what_a_link_leads_to_stays(bench: Bench, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "x").write_bytes(b"x")
    (Path(bench.roots[0]) / layout.STAGING).symlink_to(precious)
    remove_staging(bench.roots[0])
    assert (precious / "x").exists()
    assert not (Path(bench.roots[0]) / layout.STAGING).exists()


def test_folders_go_only_once_their_hotfix_is_gone(bench: Bench) -> None:
    made = bench.folder / "install" / "made"
    (made / "deep").mkdir(parents=True)
    folders = (str(made), str(made / "deep"))
    leave(bench, Note(bench.roots, "HF001", 1, folders))
    recover(bench.target)
    assert (made / "deep").exists()
    write_note(bench.target.hotfixes, Note(bench.roots, "HF002", 1, folders))
    (made / "mine.txt").write_bytes(b"x")
    recover(bench.target)
    assert [path.name for path in made.iterdir()] == ["mine.txt"]


def test_a_damaged_note_is_none_that_was_ever_needed(bench: Bench) -> None:
    (bench.target.hotfixes / layout.UNFINISHED).write_bytes(b'{"roots": ["/etc"')
    assert recover(bench.target).warnings == ()
    assert read_note(bench.target.hotfixes) is None


def test_what_cannot_be_removed_is_said_and_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(bench)
    with monkeypatch.context() as patch:
        patch.setattr("hotfix.recovery.remove_staging", _refuse)
        assert {one.code for one in recover(bench.target).warnings} == {"staging-left"}
    assert read_note(bench.target.hotfixes) is not None
    assert recover(bench.target).warnings == ()
    assert read_note(bench.target.hotfixes) is None


def test_nothing_is_tidied_up_while_a_change_is_unfinished(bench: Bench) -> None:
    leave(bench)
    bench.target.home.mkdir()
    assert tidy(bench.target) == ()
    assert (Path(bench.roots[0]) / layout.STAGING).exists()


def test_one_at_a_time(bench: Bench) -> None:
    leave(bench)
    with only_one(bench.target.state / "installer.lock", "a test"), pytest.raises(TargetError) as raised:
        recover(bench.target)
    assert raised.value.code == "busy"


def test_a_staging_folder_that_is_there_already_is_refused(tmp_path: Path) -> None:
    (tmp_path / layout.STAGING).mkdir()
    with pytest.raises(TargetError):
        Staging([str(tmp_path)]).bytes(0, b"x")


def test_files_that_wait_since_a_change_that_was_finished_now_are_noted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.apply(Fix("HF002", files={"install/a.dll": b"newer"}))
    path = str(bench.folder / "install" / "a.dll")
    bench.write("install/a.dll", b"new")
    found = Recovery(Outcome.FINISHED, 1, waiting=("\\\\?\\" + path,))
    monkeypatch.setattr("hotfix.recovery.recover_machine", lambda *given, **said: found)
    leave(bench)
    assert recover(bench.target).waiting == (path,)
    assert [one.waiting for one in installed(bench.target.hotfixes)] == [(), (path,)]


def _refuse(root: str) -> None:
    raise PermissionError(13, "Permission denied", root)

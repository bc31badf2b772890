from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from deploy.change.journal import Journal
from deploy.change.lines import encoded
from deploy.change.model import Command, CommandLine, Moment
from deploy.change.records import Begin, Commit, Failed, Phase
from deploy.change.recovery import Outcome, recover, unfinished
from deploy.change.steps import Delete
from deploy.change.transaction import apply
from deploy.change.work import WORK
from deploy.errors import TargetError
from deploy.relpath import RelPath
from tests.unit.deploy.change.dying import broken_off
from tests.unit.deploy.change.test_transaction import Base


@pytest.fixture
def base(tmp_path: Path) -> Base:
    return Base(tmp_path / "base")


@pytest.fixture
def broken(base: Base) -> Base:
    """A change that was killed when everything was changed."""
    base.has(a=b"old a", d=b"old d")
    broken_off(base.folder, [base.put("a"), base.put("made/b"), Delete(RelPath.parse("d"), None)])
    return base


OLD = {"a": b"old a", "d": b"old d"}


def told(base: Base, insist: bool = False) -> TargetError:
    with pytest.raises(TargetError) as refused:
        recover(base.folder, insist=insist)
    return refused.value


def test_nothing_to_recover(base: Base) -> None:
    assert recover(base.folder).outcome is Outcome.NOTHING
    assert unfinished(base.folder) is None


def test_what_is_unfinished_can_be_looked_at_without_changing_it(broken: Base) -> None:
    before = broken.tree()
    now = unfinished(broken.folder)
    assert now is not None
    assert now.phase is Phase.BACKED
    assert [str(op.target) for op in now.ops] == ["made", "a", "made/b", "d"]
    assert broken.tree() == before
    done = recover(broken.folder)
    assert (done.outcome, done.files, done.warnings) == (Outcome.ROLLED_BACK, 4, ())
    assert broken.tree() == {**OLD, "stage/a": b"new", "stage/made-b": b"new"}


def test_a_committed_change_is_finished(base: Base) -> None:
    base.has(a=b"old")
    broken_off(base.folder, [base.put("a")], "committed")
    assert recover(base.folder).outcome is Outcome.FINISHED
    assert base.tree() == {"a": b"new"}


def test_the_staging_folder_may_be_gone(broken: Base) -> None:
    shutil.rmtree(broken.folder / "stage")
    assert recover(broken.folder).outcome is Outcome.ROLLED_BACK
    assert broken.tree() == OLD


def test_what_was_staged_again_meanwhile_does_not_hide_what_has_to_be_undone(broken: Base) -> None:
    broken.put("a", b"newer")
    broken.put("made/b")
    recover(broken.folder)
    assert broken.tree() == {**OLD, "stage/a": b"newer", "stage/made-b": b"new"}


def test_a_new_file_that_was_written_to_since_is_not_deleted(broken: Base) -> None:
    (broken.folder / "made" / "b").write_bytes(b"settings somebody made")
    recover(broken.folder)
    assert broken.tree() == {**OLD, "stage/a": b"new", "stage/made-b": b"settings somebody made"}


def test_it_is_told_when_it_can_be_put_nowhere(broken: Base) -> None:
    (broken.folder / "made" / "b").write_bytes(b"settings somebody made")
    shutil.rmtree(broken.folder / "stage")
    assert told(broken).code == "needs-attention"
    assert broken.tree().items() >= {"a": b"old a", "made/b": b"settings somebody made"}.items()
    (broken.folder / "made" / "b").unlink()
    assert recover(broken.folder).outcome is Outcome.ROLLED_BACK
    assert broken.tree() == OLD


def test_an_old_file_that_is_neither_in_place_nor_kept_is_named(broken: Base) -> None:
    (broken.folder / WORK / "backup" / "1").unlink()
    refused = told(broken)
    assert refused.code == "needs-attention"
    assert refused.problems[0].file == str(broken.folder / "a")


def test_the_same_content_in_both_versions_is_not_taken_for_a_loss(base: Base) -> None:
    base.has(a=b"same")
    step = base.put("a", b"same")
    os.utime(base.folder / "a", (step.modified or 0, step.modified or 0))
    for checkpoint in ("flushed", "changed"):
        broken_off(base.folder, [step], checkpoint)
        assert recover(base.folder).outcome is Outcome.ROLLED_BACK
        assert base.tree() == {"a": b"same", "stage/a": b"same"}


def test_three_failures_need_attention_until_somebody_insists(broken: Base) -> None:
    journal, _ = Journal.reopen(broken.folder / WORK / "journal")
    for _ in range(3):
        journal.append(Failed("the disk is bad"))
    journal.close()
    before = {name: data for name, data in broken.tree().items() if "ballast" not in name}
    refused = told(broken)
    assert refused.code == "needs-attention"
    assert "3 attempts: the disk is bad" in refused.problems[0].message
    assert broken.tree() == before
    assert recover(broken.folder, insist=True).outcome is Outcome.ROLLED_BACK
    assert broken.tree().items() >= OLD.items()


def test_a_damaged_journal_stops_everything_and_is_named(broken: Base) -> None:
    journal = broken.folder / WORK / "journal"
    journal.write_bytes(journal.read_bytes().replace(b"made/b", b"made/c"))
    refused = told(broken)
    assert (refused.code, refused.problems[0].file) == ("journal-damaged", str(journal))
    assert "line 1" in refused.problems[0].message
    assert (broken.folder / WORK / "backup" / "1").exists()


def test_a_backed_that_is_damaged_on_disk_is_as_good_as_whole(broken: Base) -> None:
    journal = broken.folder / WORK / "journal"
    journal.write_bytes(journal.read_bytes().replace(b"backed", b"bucked"))
    assert recover(broken.folder).outcome is Outcome.ROLLED_BACK
    assert broken.tree().items() >= OLD.items()


@pytest.mark.parametrize("left", [b"", None, b'["torn'])
def test_backups_without_a_journal_are_kept(broken: Base, left: bytes | None) -> None:
    journal = broken.folder / WORK / "journal"
    journal.unlink() if left is None else journal.write_bytes(left)
    assert told(broken).code == "needs-attention"
    assert (broken.folder / WORK / "backup" / "1").read_bytes() == b"old a"


def test_a_journal_that_never_began_is_cleared_away(base: Base) -> None:
    work = base.folder / WORK
    work.mkdir()
    (work / "ballast").write_bytes(b"x")
    assert recover(base.folder).outcome is Outcome.NOTHING
    assert not work.exists()
    work.mkdir()
    (work / "journal").write_bytes(encoded(Begin(()))[:-3])
    assert recover(base.folder).outcome is Outcome.NOTHING
    assert not work.exists()


def test_records_out_of_order_are_damage(base: Base) -> None:
    work = base.folder / WORK
    work.mkdir()
    (work / "journal").write_bytes(encoded(Begin(())) + encoded(Commit()))
    assert told(base).code == "journal-damaged"


def test_a_link_in_place_of_the_work_folder_is_not_followed(base: Base, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious").touch()
    (base.folder / WORK).symlink_to(tmp_path / "other")
    assert told(base).code == "in-the-way"
    assert (tmp_path / "other" / "precious").exists()


@pytest.mark.parametrize(
    "begin",
    [
        Begin((), ("/etc",)),
        Begin((), commands=(Command("x", CommandLine("/bin/sh", "", "/", True, 1), Moment.BEFORE, idempotent=True),)),
    ],
)
def test_a_journal_in_an_installation_cannot_reach_beyond_it(base: Base, begin: Begin) -> None:
    work = base.folder / WORK
    work.mkdir()
    (work / "journal").write_bytes(encoded(begin))
    assert told(base).code == "journal-damaged"


def test_what_could_not_be_cleaned_up_is_not_told_as_undone_again(
    broken: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", busy)
        first = recover(broken.folder)
        assert (first.outcome, first.earlier) == (Outcome.ROLLED_BACK, False)
        assert [one.code for one in first.warnings] == ["staging-left"]
        with pytest.raises(TargetError) as caught:
            apply(broken.folder, [broken.put("a")])
        assert caught.value.code == "staging-left"
    again = unfinished(broken.folder)
    assert again is not None
    assert again.phase is Phase.ROLLED_BACK
    assert apply(broken.folder, [broken.put("a")]) == ()
    assert broken.tree()["a"] == b"new"

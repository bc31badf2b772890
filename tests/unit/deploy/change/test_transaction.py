from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.change import files
from deploy.change.files import BUSY_ATTEMPTS
from deploy.change.recovery import Outcome, recover
from deploy.change.steps import Create, Delete, MakeFolder, Put, Replace, Step
from deploy.change.transaction import apply
from deploy.change.work import WORK
from deploy.digest import sha256_of_bytes
from deploy.errors import TargetError
from deploy.relpath import RelPath
from tests.unit.deploy.change.dying import broken_off

TIME = 1_600_000_000.0


class Base:
    """A base folder with a staging folder in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "stage").mkdir(parents=True)

    def has(self, **contents: bytes) -> Base:
        for name, data in contents.items():
            (self.folder / name).write_bytes(data)
        return self

    def put(self, target: str, data: bytes = b"new") -> Put:
        staged = self.folder / "stage" / target.replace("/", "-")
        staged.write_bytes(data)
        return Put(RelPath.parse(target), str(staged), sha256_of_bytes(data), len(data), TIME)

    def create(self, target: str) -> Create:
        put = self.put(target)
        return Create(put.target, put.staged, put.new, put.size, put.modified)

    def replace(self, target: str) -> Replace:
        put = self.put(target)
        return Replace(put.target, put.staged, None, put.new, put.size, put.modified)

    def tree(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def base(tmp_path: Path) -> Base:
    return Base(tmp_path / "base")


def at(name: str, act: Callable[[], object]) -> Callable[[str], None]:
    """A checkpoint at which something happens."""

    def reached(checkpoint: str) -> None:
        if checkpoint == name:
            act()

    return reached


def refusal(base: Base, *steps: Step, **options: object) -> TargetError:
    with pytest.raises(TargetError) as refused:
        apply(base.folder, steps, **options)  # type: ignore[arg-type]
    return refused.value


def test_all_kinds_of_steps_at_once(base: Base) -> None:
    base.has(a=b"old", d=b"goes")
    steps = [base.replace("a"), base.create("x/y/b"), base.put("c"), Delete(RelPath.parse("d"), None)]
    assert apply(base.folder, [*steps, MakeFolder(RelPath.parse("hollow"))], reread=True) == ()
    assert base.tree() == {"a": b"new", "x/y/b": b"new", "c": b"new"}
    assert (base.folder / "hollow").is_dir()
    assert (base.folder / "a").stat().st_mtime == TIME


def test_no_steps_change_nothing(base: Base) -> None:
    assert apply(base.folder, []) == ()
    assert apply(base.folder, [MakeFolder(RelPath.parse("stage"))]) == ()
    assert os.listdir(base.folder) == ["stage"]


@pytest.mark.parametrize("case", ["create", "replace", "delete", "size", "digest", "folder", "link", "not-a-folder"])
def test_what_is_not_as_it_was_planned_is_refused_before_anything_is_touched(base: Base, case: str) -> None:
    base.has(there=b"old")
    (base.folder / "folder").mkdir()
    (base.folder / "link").symlink_to("there")
    step, code = {
        "create": (base.create("there"), "changed"),
        "replace": (base.replace("missing"), "changed"),
        "delete": (Delete(RelPath.parse("missing"), None), "changed"),
        "size": (base.put("size"), "changed"),
        "digest": (base.put("digest"), "digest-mismatch"),
        "folder": (base.put("folder"), "in-the-way"),
        "link": (base.put("link"), "in-the-way"),
        "not-a-folder": (base.put("there/x"), "in-the-way"),
    }[case]
    (base.folder / "stage/size").write_bytes(b"longer")
    (base.folder / "stage/digest").write_bytes(b"bad")
    before = base.tree()
    refused = refusal(base, base.put("fine"), step, reread=True)
    assert [problem.code for problem in refused.problems] == [code]
    assert base.tree() == {**before, "stage/fine": b"new"}


def test_what_is_staged_has_to_lie_below_the_base(base: Base, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(ValueError, match="not below"):
        apply(base.folder, [Put(RelPath.parse("x"), str(tmp_path / "x"), sha256_of_bytes(b"x"), 1, None)])


class SharingViolationError(PermissionError):
    """What Windows raises while another program has the file open."""

    winerror = 32


def test_a_file_held_for_good_is_told_and_everything_is_as_it_was(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [base.put("a"), base.put("held"), base.put("z")]
    base.has(a=b"old a", held=b"old")
    waits: list[float] = []
    really = os.replace

    def busy(source: str, target: str) -> None:
        if target.endswith("held") and "stage" not in target:
            raise SharingViolationError(13, "in use")
        really(source, target)

    before = base.tree()
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", busy)
        refused = refusal(base, *steps, pause=waits.append)
    assert [problem.code for problem in refused.problems] == ["in-use"]
    assert str(base.folder / "held") in refused.problems[0].message
    assert len(waits) == BUSY_ATTEMPTS - 1
    assert base.tree() == before
    assert apply(base.folder, steps) == ()
    assert base.tree() == {"a": b"new", "held": b"new", "z": b"new"}


def test_a_file_held_for_a_moment_is_waited_for_and_read_only_comes_back(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [base.put("a"), base.put("b")]
    base.has(a=b"old a", b=b"old b")
    (base.folder / "a").chmod(0o444)
    really = os.replace
    held = iter([True, True, True])

    def windows(source: str, target: str) -> None:
        if target == str(base.folder / "b") and next(held, False):
            raise SharingViolationError(13, "held for a moment")
        if os.path.exists(target) and not os.stat(target).st_mode & stat.S_IWRITE:
            raise SharingViolationError(13, "read only")
        really(source, target)

    def interrupt() -> None:
        assert (base.folder / "a").read_bytes() == b"new"
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", windows)
    waits: list[float] = []
    with pytest.raises(KeyboardInterrupt):
        apply(base.folder, steps, pause=waits.append, checkpoint=at("changed", interrupt))
    assert len(waits) == 1
    assert (base.folder / "a").stat().st_mode & 0o777 == 0o444
    assert base.tree() == {"a": b"old a", "b": b"old b", "stage/a": b"new", "stage/b": b"new"}


def test_a_file_that_is_changed_right_after_undoes_everything(base: Base) -> None:
    steps = [base.put("a"), base.put("b")]
    base.has(a=b"old")
    refused = refusal(base, *steps, checkpoint=at("changed", (base.folder / "b").unlink))
    assert [problem.code for problem in refused.problems] == ["not-kept"]
    assert base.tree() == {"a": b"old", "stage/a": b"new"}


def test_bytes_that_are_changed_under_a_kept_size_and_time_are_seen_when_read_again(base: Base) -> None:
    def spoil() -> None:
        (base.folder / "a").write_bytes(b"bad")
        os.utime(base.folder / "a", (TIME, TIME))

    assert refusal(base, base.put("a"), reread=True, checkpoint=at("changed", spoil)).code == "not-kept"
    assert "a" not in base.tree()


def test_what_somebody_else_adds_meanwhile_is_not_removed(base: Base) -> None:
    def add() -> None:
        (base.folder / "made" / "foreign").write_bytes(b"theirs")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(base.folder, [base.put("made/a")], checkpoint=at("changed", add))
    assert base.tree() == {"made/foreign": b"theirs", "stage/made-a": b"new"}


def test_leftovers_of_a_decided_change_are_warned_about_and_removed_by_the_next(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    base.has(a=b"old")

    def no_rmdir(path: Path, dir_fd: int | None = None) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "rmdir", no_rmdir)
        warnings = apply(base.folder, [base.put("a")])
    assert [problem.code for problem in warnings] == ["staging-left"]
    assert (base.folder / WORK).is_dir()
    assert apply(base.folder, [base.put("a", b"newer")]) == ()
    assert base.tree() == {"a": b"newer"}


def test_a_change_that_finds_a_broken_off_one_undoes_it_and_asks_to_be_planned_again(base: Base) -> None:
    base.has(a=b"old")
    broken_off(base.folder, [base.put("a")])
    assert (base.folder / "a").read_bytes() == b"new"
    assert refusal(base, base.put("b")).code == "changed"
    assert base.tree() == {"a": b"old", "stage/a": b"new", "stage/b": b"new"}
    assert recover(base.folder).outcome is Outcome.NOTHING


def test_a_failed_undo_is_told_besides_and_the_next_start_goes_on(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [base.put("a"), base.put("z")]
    base.has(a=b"old")
    really = os.replace

    def bad_disk(source: str, target: str) -> None:
        if target.endswith("z") or "backup" in source:
            raise OSError(5, "Input/output error")
        really(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", bad_disk)
        refused = refusal(base, *steps)
    assert [problem.code for problem in refused.problems] == ["cannot-write", "cannot-write"]
    assert "could not be undone yet" in refused.problems[1].message
    assert recover(base.folder).outcome is Outcome.ROLLED_BACK
    assert base.tree() == {"a": b"old", "stage/a": b"new", "stage/z": b"new"}


def test_a_copy_is_made_where_there_are_no_hard_links_but_never_across_volumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").write_bytes(b"x" * 3_000_000)
    assert files.back_up(str(tmp_path / "old"), str(tmp_path / "second")) is False
    assert os.path.samefile(tmp_path / "old", tmp_path / "second")
    for code, copied in ((1, True), (18, False)):

        def no_link(source: str, target: str, code: int = code) -> None:
            raise OSError(code, "no")

        monkeypatch.setattr(os, "link", no_link)
        if copied:
            assert files.back_up(str(tmp_path / "old"), str(tmp_path / "copy")) is True
            assert (tmp_path / "copy").read_bytes() == b"x" * 3_000_000
            assert (tmp_path / "copy").stat().st_mtime_ns == (tmp_path / "old").stat().st_mtime_ns
        else:
            with pytest.raises(OSError, match="no"):
                files.back_up(str(tmp_path / "old"), str(tmp_path / "other"))

from __future__ import annotations

import ctypes
import errno
import os
import stat
from pathlib import Path

import pytest

from deploy import atomic
from deploy.atomic import flush_tree, fsync_folder, write_atomic


class Synced:
    """Which files and folders were flushed, by inode, and through which call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inodes: list[int] = []
        real = os.fsync

        def fsync(descriptor: int) -> None:
            self.inodes.append(os.fstat(descriptor).st_ino)
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)

    def holds(self, path: Path) -> bool:
        return path.stat().st_ino in self.inodes


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Synced:
    return Synced(monkeypatch)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_is_written_durably_for_the_owner_only(tmp_path: Path, synced: Synced) -> None:
    path = tmp_path / "record.json"
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert synced.holds(path)
    assert synced.holds(tmp_path)
    assert leftovers(tmp_path) == ["record.json"]


def test_an_old_file_is_replaced_not_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_atomic(path, b"new and longer")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new and longer"


def test_the_mode_may_be_given(tmp_path: Path) -> None:
    write_atomic(tmp_path / "x", b"", mode=0o640)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    link = tmp_path / "link"
    link.symlink_to(target)
    write_atomic(link, b"new")
    assert target.read_bytes() == b"precious"
    assert not link.is_symlink()


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_refusal_leaves_the_old_content_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == ["record.json"]


def test_a_folder_that_is_not_there_is_the_callers_to_make(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "no" / "record", b"")


@pytest.fixture
def tree(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"folder-{number % 3}" / f"{number}" for number in range(atomic.MANY + 4)]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return paths


def test_few_files_are_flushed_one_by_one_with_their_folders(tree: list[Path], tmp_path: Path, synced: Synced) -> None:
    few = tree[: atomic.MANY - 1]
    flush_tree(few, tmp_path)
    assert all(synced.holds(path) for path in [*few, tmp_path, *(path.parent for path in few)])
    assert not any(synced.holds(path) for path in tree[atomic.MANY - 1 :])


def test_many_files_take_one_flush_of_the_file_system(tree: list[Path], tmp_path: Path, synced: Synced) -> None:
    if not hasattr(ctypes.CDLL(None), "syncfs"):
        pytest.skip("no syncfs here")
    flush_tree(tree, tmp_path)
    assert synced.inodes == []


def test_without_syncfs_many_files_are_flushed_one_by_one(
    tree: list[Path], tmp_path: Path, synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    flush_tree(tree, tmp_path)
    assert all(synced.holds(path) for path in [*tree, tmp_path, *(path.parent for path in tree)])


class FailingLibrary:
    """A C library whose syncfs fails with an error number."""

    def __init__(self, code: int) -> None:
        self._code = code

    def syncfs(self, _: object) -> int:
        ctypes.set_errno(self._code)
        return -1


def test_a_failed_syncfs_is_an_error(tree: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: FailingLibrary(errno.EIO))
    with pytest.raises(OSError, match="Input/output") as raised:
        flush_tree(tree, tmp_path)
    assert raised.value.errno == errno.EIO


def test_a_syncfs_the_kernel_does_not_know_is_made_up_for(
    tree: list[Path], tmp_path: Path, synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: FailingLibrary(errno.ENOSYS))
    flush_tree(tree, tmp_path)
    assert all(synced.holds(path) for path in tree)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        flush_tree([tmp_path / "gone"], tmp_path)


def test_where_folders_cannot_be_opened_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_DIRECTORY")
    fsync_folder(tmp_path / "gone")


@pytest.mark.parametrize(("code", "silent"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_a_file_system_may_not_know_how_to_flush_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, silent: bool
) -> None:
    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    if silent:
        fsync_folder(tmp_path)
    else:
        with pytest.raises(OSError, match=os.strerror(code)):
            fsync_folder(tmp_path)


def test_what_a_kill_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    names = [".a.json.0123456789abcdef.tmp", ".b.json.0123456789abcdef.tmp", "a.json", ".a.json.keep"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    atomic.sweep(tmp_path / "a.json")
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(names[1:])
    atomic.sweep(tmp_path / "missing" / "a.json")

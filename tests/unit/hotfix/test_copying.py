from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from deploy.digest import sha256_of_bytes
from deploy.errors import TargetError
from hotfix import copying
from hotfix.installed import Installed, InstalledFile, Original
from hotfix.originals import Originals, needed_by


def test_a_copy_is_what_was_hashed_and_counted(tmp_path: Path) -> None:
    data = os.urandom(600_000)
    (tmp_path / "a").write_bytes(data)
    counted: list[int] = []
    copied = copying.copy(str(tmp_path / "a"), str(tmp_path / "b"), counted.append)
    assert (copied.sha256, copied.size, sum(counted)) == (sha256_of_bytes(data), len(data), len(data))
    assert (tmp_path / "b").read_bytes() == data


def test_an_empty_file_is_copied(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    assert copying.copy(str(tmp_path / "a"), str(tmp_path / "b")).size == 0


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(name.encode())
    with pytest.raises(TargetError):
        copying.copy(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "b").read_bytes() == b"b"


@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_only_regular_files_are_read_and_nothing_is_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "odd"
    if kind == "fifo":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no pipes with names here")
        os.mkfifo(path)
    elif kind == "link":
        (tmp_path / "real").write_bytes(b"x")
        path.symlink_to(tmp_path / "real")
    else:
        path.mkdir()
    with pytest.raises(TargetError):
        copying.original_of(str(path))


def test_no_file_and_no_folder_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert copying.original_of(str(tmp_path / "gone")) is None
    assert copying.original_of(str(tmp_path / "gone" / "x")) is None


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10)

    def refuse(descriptor: int, data: memoryview) -> None:
        os.write(descriptor, data[:3])
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(copying, "write_all", refuse)
    with pytest.raises(TargetError) as raised:
        copying.copy(str(tmp_path / "a"), str(tmp_path / "b"))
    assert raised.value.code == ("disk-full" if code == errno.ENOSPC else "cannot-write")
    with pytest.raises(TargetError):
        copying.write(b"x" * 10, str(tmp_path / "b"))
    assert os.listdir(tmp_path) == ["a"]


def original(data: bytes) -> Original:
    return Original(sha256_of_bytes(data), len(data), 0, 0o644)


def needing(*contents: bytes) -> Installed:
    files = tuple(InstalledFile(f"/x/{number}", original(data), None) for number, data in enumerate(contents))
    return Installed("HF001", 1, files=files)


@pytest.fixture
def originals(tmp_path: Path) -> Originals:
    (tmp_path / "hotfixes").mkdir()
    return Originals(tmp_path / "hotfixes")


def test_a_content_is_kept_once(tmp_path: Path, originals: Originals) -> None:
    (tmp_path / "a").write_bytes(b"old")
    originals.keep(original(b"old"), str(tmp_path / "a"))
    originals.keep_bytes(original(b"made").sha256, b"made")
    originals.flush()
    assert originals.is_intact(original(b"old"))
    assert originals.is_intact(original(b"made"))
    assert not originals.is_kept(original(b"other"))
    assert [one.sha256 for one in needed_by([needing(b"old", b"old")])] == [original(b"old").sha256]


def test_what_changed_meanwhile_is_not_kept(tmp_path: Path, originals: Originals) -> None:
    (tmp_path / "a").write_bytes(b"new")
    with pytest.raises(TargetError) as raised:
        originals.keep(original(b"old"), str(tmp_path / "a"))
    assert raised.value.code == "changed"
    assert os.listdir(tmp_path / "hotfixes" / ".originals") == []


def test_the_rest_of_a_kill_is_not_taken_for_the_content(tmp_path: Path, originals: Originals) -> None:
    (tmp_path / "a").write_bytes(b"old")
    originals.keep(original(b"old"), str(tmp_path / "a"))
    kept = Path(originals.path(original(b"old").sha256))
    kept.write_bytes(b"0ld")
    assert not originals.is_intact(original(b"old"))
    kept.with_name(kept.name + ".partial").write_bytes(b"half")
    originals.keep(original(b"old"), str(tmp_path / "a"))
    assert originals.is_intact(original(b"old"))


def test_what_no_record_needs_goes(originals: Originals) -> None:
    for data in (b"one", b"two"):
        originals.keep_bytes(original(data).sha256, data)
    originals.tidy([needing(b"one")])
    assert originals.is_intact(original(b"one"))
    assert not originals.is_kept(original(b"two"))
    assert originals.missing([needing(b"one", b"two")])[0].code == "original-missing"
    originals.tidy([])
    assert not Path(originals.path(original(b"one").sha256)).parent.exists()

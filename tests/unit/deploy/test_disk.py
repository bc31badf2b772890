from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from deploy.disk import disk_full, free_space, readable_size, target_error, write_all


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_is_disk_full_with_the_amounts(tmp_path: Path, code: int) -> None:
    problem = target_error(OSError(code, os.strerror(code)), tmp_path / "x", 5 * 1024 * 1024).problems[0]
    assert problem.code == "disk-full"
    assert "5.0 MiB needed" in problem.hint
    assert "free" in problem.hint
    assert problem.file == str(tmp_path / "x")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EIO, errno.EPERM])
def test_everything_else_is_cannot_write_and_says_why(tmp_path: Path, code: int) -> None:
    problem = target_error(OSError(code, os.strerror(code)), tmp_path).problems[0]
    assert problem.code == "cannot-write"
    assert os.strerror(code) in problem.message
    assert problem.hint


def test_unknown_amounts_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise OSError(errno.EACCES, "no")

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    assert disk_full(tmp_path, None).problems[0].hint == "make room there, then run the same command again"


def test_free_space_of_what_is_not_there_yet(tmp_path: Path) -> None:
    free = free_space(tmp_path / "not" / "there" / "yet")
    assert free is not None
    assert free > 0


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1 << 20, "1.0 MiB"),
        (5 << 50, "5120.0 TiB"),
    ],
)
def test_sizes_read_well(size: int, text: str) -> None:
    assert readable_size(size) == text


def test_a_short_write_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []

    def write(_: int, data: bytes) -> int:
        written.append(bytes(data[:3]))
        return len(written[-1])

    monkeypatch.setattr(os, "write", write)
    write_all(1, b"abcdefgh")
    assert written == [b"abc", b"def", b"gh"]

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.inventory import LocalFile, local_path, look, obstacles
from deploy.relpath import RelPath

FILE = RelPath.parse("Solidus/Bin/a.exe")


def make(base: Path, output: RelPath, data: bytes = b"x") -> Path:
    path = Path(local_path(base, output))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_regular_file_is_seen_with_size_and_time(tmp_path: Path) -> None:
    path = make(tmp_path, FILE, b"12345")
    os.utime(path, ns=(0, 1_600_000_000_123_456_789))
    assert look(tmp_path, FILE) == LocalFile(5, 1_600_000_000_123_456_789)


def test_nothing_a_folder_and_a_link_are_no_files(tmp_path: Path) -> None:
    assert look(tmp_path, FILE) is None
    assert look(tmp_path, RelPath.BASE) is None
    make(tmp_path, FILE)
    (tmp_path / "link").symlink_to(local_path(tmp_path, FILE))
    assert look(tmp_path, RelPath.parse("link")) is None


def test_a_clear_way_has_no_obstacles(tmp_path: Path) -> None:
    make(tmp_path, FILE)
    assert obstacles(tmp_path, [FILE, RelPath.parse("new/deep/b"), RelPath.parse("c")]) == ()


@pytest.mark.parametrize("where", ["Solidus", "Solidus/Bin"])
def test_a_folder_that_is_a_link_is_an_obstacle_told_once(tmp_path: Path, where: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    base = tmp_path / "base"
    link = base / where
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    (problem,) = obstacles(base, [FILE, RelPath.parse("Solidus/Bin/b.exe")])
    assert problem.code == "in-the-way"
    assert str(link) in problem.message


def test_a_file_where_a_folder_is_to_be_and_the_reverse(tmp_path: Path) -> None:
    make(tmp_path, RelPath.parse("Solidus"))
    (tmp_path / "c").mkdir()
    problems = obstacles(tmp_path, [FILE, RelPath.parse("c")])
    assert [one.code for one in problems] == ["in-the-way", "in-the-way"]
    assert [one.hint != "" for one in problems] == [True, True]

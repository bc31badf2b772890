from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.errors import TargetError
from deploy.place import BUSY_ATTEMPTS, Placement, place
from deploy.relpath import RelPath


def staged(folder: Path, name: str, data: bytes) -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return str(folder / name)


def test_files_move_to_their_names_with_their_times_and_nothing_is_left(tmp_path: Path) -> None:
    stage, base = tmp_path / "stage", tmp_path / "base"
    base.mkdir()
    (base / "old").write_bytes(b"old")
    place(
        base,
        [
            Placement(staged(stage, "1", b"new"), RelPath.parse("old"), 1_600_000_000.0),
            Placement(staged(stage, "2", b"deep"), RelPath.parse("a/b/c/d"), None),
        ],
    )
    assert (base / "old").read_bytes() == b"new"
    assert (base / "old").stat().st_mtime == 1_600_000_000.0
    assert (base / "a/b/c/d").read_bytes() == b"deep"
    assert list(stage.iterdir()) == []


def test_what_cannot_be_placed_is_named_and_stays_staged(tmp_path: Path) -> None:
    stage, base = tmp_path / "stage", tmp_path / "base"
    (base / "taken").mkdir(parents=True)
    (base / "taken" / "x").touch()
    files = [
        Placement(staged(stage, "1", b"1"), RelPath.parse("a"), None),
        Placement(staged(stage, "2", b"2"), RelPath.parse("taken"), None),
    ]
    with pytest.raises(TargetError) as refused:
        place(base, files)
    assert refused.value.code == "cannot-write"
    assert "1 of 2" in refused.value.problems[0].message
    assert (stage / "2").read_bytes() == b"2"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    stage, base = tmp_path / "stage", tmp_path / "base"
    base.mkdir()
    (base / "a").touch()
    with pytest.raises(TargetError) as refused:
        place(base, [Placement(staged(stage, "1", b"1"), RelPath.parse("a/b"), None)])
    assert str(base / "a" / "b") not in os.listdir(base)
    assert refused.value.code == "cannot-write"


class SharingViolationError(PermissionError):
    """What Windows raises while another program has the file open."""

    winerror = 32


def test_a_file_held_for_a_moment_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, base = tmp_path / "stage", tmp_path / "base"
    base.mkdir()
    waits: list[float] = []
    really = os.replace

    def busy(source: str, target: str) -> None:
        if len(waits) < 3:
            raise SharingViolationError(13, "in use")
        really(source, target)

    monkeypatch.setattr(os, "replace", busy)
    place(base, [Placement(staged(stage, "1", b"1"), RelPath.parse("a"), None)], pause=waits.append)
    assert (base / "a").read_bytes() == b"1"
    assert len(waits) == 3


def test_a_file_held_for_good_is_told_as_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, base = tmp_path / "stage", tmp_path / "base"
    base.mkdir()
    waits: list[float] = []

    def busy(source: str, target: str) -> None:
        raise SharingViolationError(13, "in use")

    monkeypatch.setattr(os, "replace", busy)
    with pytest.raises(TargetError) as refused:
        place(base, [Placement(staged(stage, "1", b"1"), RelPath.parse("a"), None)], pause=waits.append)
    assert refused.value.code == "in-use"
    assert len(waits) == BUSY_ATTEMPTS - 1

from __future__ import annotations

import json
from pathlib import Path

from deploy import record
from deploy.record import InstalledFile
from deploy.transport.contract import Validators

FILE = InstalledFile(
    "Solidus/Ägent é.exe",
    "http://server/a%20b",
    "ab" * 32,
    7,
    1_700_000_000_123_456_789,
    Validators(7, '"e"', 1.5, 60),
    2.5,
)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = record.record_path(tmp_path, tmp_path / "base")
    assert record.save(path, tmp_path / "base", {FILE.key: FILE}) == ()
    assert record.load(path) == ({FILE.key: FILE}, ())


def test_no_record_is_no_problem(tmp_path: Path) -> None:
    assert record.load(tmp_path / "none.json") == ({}, ())


def test_every_base_has_its_own_record(tmp_path: Path) -> None:
    assert record.record_path(tmp_path, tmp_path / "a") != record.record_path(tmp_path, tmp_path / "b")


def test_a_record_cut_at_any_byte_or_of_another_format_is_set_aside_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    record.save(path, tmp_path, {FILE.key: FILE})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        files, (problem,) = record.load(path)
        assert (files, problem.code, problem.is_error) == ({}, "record-unreadable", False)
    for document in ([], {"format": 2, "files": []}, {"format": 1, "files": [["x"]]}, {"format": 1}, 7):
        path.write_text(json.dumps(document))
        assert record.load(path)[0] == {}


def test_a_state_folder_in_the_way_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    (problem,) = record.save(tmp_path / "state" / "r.json", tmp_path, {})
    assert (problem.code, problem.is_error) == ("record-not-kept", False)

"""The publisher's memory: what was kept comes back, anything else counts as nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.digest import Sha256
from deploy.errors import TargetError
from deploy.site.packing import KnownPack, Member, Usage
from deploy.site.publish_index import Index, KnownFile, KnownForeign, LocalStat, ManifestNote, load, save
from deploy.transport.contract import Validators

A, B = Sha256("a" * 64), Sha256("b" * 64)
STAT = LocalStat(5, 1_000_000_000_000_000_000, 3, 4)
FULL = Index(
    files={"/a/\udcff.dll": KnownFile(STAT, A, 1_000_000_100.0)},
    foreign={"http:x:80:/a": KnownForeign(7, B, Validators(7, '"e"', 12.5, 1.0), 99.0)},
    packs={A: KnownPack(A, 10, frozenset({"", "acme"}), (Member(B, 3, 7),))},
    manifests={"acme": ManifestNote(STAT, Usage({A: 7}, frozenset({B})))},
    unused={"packs/aa/x": 5.0},
)


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    save(path, FULL)
    assert load(path) == FULL
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_known_where_there_is_nothing(tmp_path: Path) -> None:
    assert load(tmp_path / "index.json") == Index()


def test_whatever_is_damaged_counts_as_nothing(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    save(path, FULL)
    whole = path.read_bytes()
    for cut in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:cut])
        assert load(path) == Index()
    path.write_bytes(b"[" * 100_000)
    assert load(path) == Index()


@pytest.mark.parametrize("name", ["files", "foreign", "packs", "manifests", "unused"])
def test_a_row_of_another_kind_counts_as_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / "index.json"
    save(path, FULL)
    document = json.loads(path.read_bytes())
    row = document[name][0]
    for position in range(len(row)):
        for value in (None, [], {"x": 1}, [["x"]]):
            if row[position] == value or (isinstance(row[position], list) and value == []):
                continue
            changed = {**document, name: [[*row[:position], value, *row[position + 1 :]]]}
            path.write_text(json.dumps(changed))
            assert load(path) == Index(), (position, value)


def test_a_content_outside_of_its_pack_counts_as_nothing(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    for member in (Member(B, 4, 7), Member(B, -1, 5), Member(B, 0, 0)):
        save(path, Index(packs={A: KnownPack(A, 10, frozenset({""}), (member,))}))
        assert load(path) == Index()


def test_a_folder_that_takes_nothing_is_an_error_of_this_computer(tmp_path: Path) -> None:
    with pytest.raises(TargetError):
        save(tmp_path / "no/index.json", FULL)


class TestKnownFile:
    def test_a_file_is_known_when_it_was_long_at_rest(self) -> None:
        mtime = STAT.mtime_ns / 1e9
        assert KnownFile(STAT, A, mtime + 61).holds(STAT)
        assert not KnownFile(STAT, A, mtime + 59).holds(STAT)

    def test_any_change_of_its_looks_makes_it_unknown(self) -> None:
        known = KnownFile(STAT, A, STAT.mtime_ns / 1e9 + 1000)
        for now in (
            LocalStat(6, STAT.mtime_ns, 3, 4),
            LocalStat(5, STAT.mtime_ns + 1, 3, 4),
            LocalStat(5, STAT.mtime_ns, 2, 4),
            LocalStat(5, STAT.mtime_ns, 3, 5),
        ):
            assert not known.holds(now)

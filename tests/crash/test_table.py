"""The counts in docs/reliability.md: all of them are there, and none is of something half done."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.crash import tally as kept
from tests.crash.table import BEGIN, DOCUMENT, END, GROUPS, filled, table
from tests.crash.tally import Tally


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines() if line[:1] == "|"]


def test_every_row_of_the_document_is_a_place_of_the_matrices() -> None:
    written = rows(DOCUMENT.read_text("utf-8").split(BEGIN)[1].split(END)[0])
    known = {words for group in GROUPS for words in group.places.values()}
    places = [row[0] for row in written if row[0] != "where" and not set(row[0]) <= {"-"}]
    assert set(places) <= known


def test_no_point_in_the_document_is_missing_or_half_done() -> None:
    written = rows(DOCUMENT.read_text("utf-8").split(BEGIN)[1].split(END)[0])
    for row in written:
        if row[0] == "where" or set(row[0]) <= {"-"}:
            continue
        numbers = [0 if cell == "-" else int(cell.replace(",", "")) for cell in row[1:]]
        *points, old, new, other = numbers
        assert sum(points) == old + new > 0
        assert other == 0


def test_what_was_neither_old_nor_new_would_be_seen() -> None:
    counts = Counter({("change", "kill", "old"): 7, ("change", "kill", "new"): 1000, ("change", "eio", "mixed"): 2})
    assert rows(table(GROUPS[0], counts))[2] == ["a hotfix's change", "1,007", "-", "-", "2", "-", "7", "1,000", "2"]
    assert table(GROUPS[1], counts) == ""


def test_only_the_counts_of_a_document_are_replaced() -> None:
    text = f"before\n{BEGIN}old counts\n{END}after\n"
    once = filled(text, Counter({("change", "kill", "old"): 1}))
    assert once.startswith(f"before\n{BEGIN}\n### ")
    assert once.endswith(f"{END}after\n")
    assert "old counts" not in once
    assert filled(once, Counter({("change", "kill", "old"): 1})) == once


def test_what_one_test_counts_is_kept_until_it_runs_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    for _ in range(2):
        counted = Tally("one")
        counted.add("change", "kill", ["old", "old"])
        counted.add("change", "kill", ["new"])
    Tally("two").add("change", "kill", ["new"])
    assert kept.saved() == {("change", "kill", "old"): 2, ("change", "kill", "new"): 2}
    assert json.loads((tmp_path / "two.json").read_text()) == [["change", "kill", "new", 1]]

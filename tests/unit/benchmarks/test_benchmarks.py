"""The measuring itself: equal data every time, right medians and ratios, memory of the whole tree."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks import contenders, large_documents, measure, report, trees
from benchmarks.contenders import OURS, Contender
from benchmarks.measure import Memory, Timing

pytestmark = pytest.mark.skipif(os.name == "nt", reason="measured on Linux")

MIB = 1024 * 1024
LINUX = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="reads Linux's /proc")


def contender(name: str, *code: str, target: Path = Path("nowhere")) -> Contender:
    return Contender(name, (sys.executable, "-c", *code), target)


def timing(name: str, *seconds: float) -> Timing:
    return Timing(contender(name), seconds, tuple(one + 1 for one in seconds))


def test_a_tree_is_the_same_every_time(tmp_path: Path) -> None:
    one = trees.many_small(tmp_path / "one", count=120)
    other = trees.many_small(tmp_path / "other", count=120)
    assert one.files == other.files
    assert len(one.files) == 120
    assert one.size == sum((one.root / name).stat().st_size for name in one.files)
    one.check(other.root)


def test_a_copy_with_one_wrong_byte_is_found(tmp_path: Path) -> None:
    tree = trees.few_large(tmp_path / "one", count=2, size=300_000)
    copy = trees.few_large(tmp_path / "other", count=2, size=300_000).root
    with (copy / tree.files[1]).open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(AssertionError, match=tree.files[1]):
        tree.check(copy)
    (copy / tree.files[1]).unlink()
    with pytest.raises(AssertionError, match=tree.files[1]):
        tree.check(copy)


def test_medians_and_ratios() -> None:
    timings = [timing(OURS, 3.0, 1.0, 2.0), timing("fast", 1.0, 1.0, 9.0), timing("slow", 4.0, 4.0, 4.0)]
    assert report.best_ratio(timings) == 2.0
    table = report.table(timings, durable=True).splitlines()
    assert table[2] == "| fast | 1.00 | 1.00 to 9.00 | 2.00 | 2.00 | 1.50 |"
    assert table[3] == f"| {OURS} | 2.00 | 1.00 to 3.00 | 1.00 | 3.00 | 1.00 |"
    assert table[4].startswith("| slow | 4.00 |")


def test_a_table_is_put_between_its_markers_only(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("a\n<!-- measured F -->\nold\n<!-- end F -->\n<!-- measured B -->\nkept\n<!-- end B -->\n")
    report.put(page, "F", "new \\1")
    assert page.read_text() == (
        "a\n<!-- measured F -->\nnew \\1\n<!-- end F -->\n<!-- measured B -->\nkept\n<!-- end B -->\n"
    )
    with pytest.raises(ValueError, match="measured X"):
        report.put(page, "X", "new")


def test_rounds_alternate_and_the_first_is_checked(tmp_path: Path) -> None:
    log = tmp_path / "log"
    both = [
        contender(name, f"open({str(log)!r}, 'a').write({name!r})", target=tmp_path / name / "t") for name in ("a", "b")
    ]
    checked: list[str] = []
    timings = measure.alternate(both, 2, prepare=measure.clean, check=lambda one: checked.append(one.name))
    assert log.read_text() == "ababab"
    assert checked == ["a", "b"]
    assert [len(one.seconds) for one in timings] == [2, 2]
    assert all(whole >= part > 0 for one in timings for part, whole in zip(one.seconds, one.synced, strict=True))


def test_a_contender_that_fails_is_not_timed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"x ended with 3:\nno luck"):
        measure.run(contender("x", "import sys; sys.stderr.write('no luck'); sys.exit(3)"))


@LINUX
def test_memory_counts_the_processes_below() -> None:
    child = "import time; held = bytearray(b'x') * (40 << 20); time.sleep(0.5)"
    found = measure.memory(contender("x", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"))
    assert found.processes == 2
    assert found.shared_once > 40 * MIB
    assert found.summed >= found.shared_once
    assert report.memory_table([("x", Memory(3 * MIB, 4 * MIB, 2))]).endswith("| x | 3 | 4 | 2 |")


def test_peers_that_are_not_installed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = trees.many_small(tmp_path / "tree", count=3)
    monkeypatch.setenv("PATH", str(tmp_path))
    found, missing = contenders.peers(tree, "http://127.0.0.1:1", tmp_path)
    assert found == []
    assert missing == ["wget2", "curl", "rclone", "aria2c", "lftp"]


def test_the_large_document_is_one_the_program_takes() -> None:
    document = large_documents.large_document()
    assert len(document) <= 1024 * 1024
    plan = large_documents.parse_and_plan(document)
    assert len({str(file.output) for file in plan.files}) == large_documents.ENTRIES

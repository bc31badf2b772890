"""The tables: medians and ratios as Markdown, put between markers of docs/performance.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contenders import OURS
from benchmarks.measure import Memory, Timing
from benchmarks.trees import MIB


def table(timings: Sequence[Timing], *, durable: bool) -> str:
    """One row for each contender, fastest first; the ratio is our time divided by its time.

    `durable` adds what each takes until the file system has flushed, for folders on a disk.
    """
    mine = next(timing for timing in timings if timing.contender.name == OURS)
    heads = ["program", "median s", "fastest to slowest s", "micce-deploy / program"]
    if durable:
        heads += ["median s with sync", "micce-deploy / program, with sync"]
    rows = []
    for timing in sorted(timings, key=lambda one: one.median):
        note = f" ({timing.contender.note})" if timing.contender.note else ""
        row = [
            timing.contender.name + note,
            f"{timing.median:.2f}",
            f"{min(timing.seconds):.2f} to {max(timing.seconds):.2f}",
            f"{mine.median / timing.median:.2f}",
        ]
        if durable:
            row += [f"{timing.median_synced:.2f}", f"{mine.median_synced / timing.median_synced:.2f}"]
        rows.append(row)
    return _markdown(heads, rows)


def best_ratio(timings: Sequence[Timing]) -> float:
    """Our median divided by the fastest peer's; 0 when there is no peer."""
    mine = next(timing.median for timing in timings if timing.contender.name == OURS)
    others = [timing.median for timing in timings if timing.contender.name != OURS]
    return mine / min(others) if others else 0.0


def memory_table(rows: Sequence[tuple[str, Memory]]) -> str:
    """Peaks in MiB, one row for each kind of work."""
    return _markdown(
        ["work", "peak MiB, shared pages counted once", "peak MiB, every process's own peak added up", "processes"],
        [[name, f"{one.shared_once / MIB:.0f}", f"{one.summed / MIB:.0f}", str(one.processes)] for name, one in rows],
    )


def seconds_table(rows: Sequence[tuple[str, float]]) -> str:
    """One median for each piece of work."""
    return _markdown(["work", "median s"], [[name, f"{seconds:.3f}"] for name, seconds in rows])


def put(document: Path, case: str, text: str) -> None:
    """Replace what stands between the markers of `case`; raises `ValueError` when they are missing."""
    begin, end = f"<!-- measured {case} -->", f"<!-- end {case} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    before = document.read_text("utf-8")
    if not pattern.search(before):
        raise ValueError(f"{document} has no markers {begin} and {end}")
    document.write_text(pattern.sub(lambda _: f"{begin}\n{text.strip()}\n{end}", before), "utf-8")


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

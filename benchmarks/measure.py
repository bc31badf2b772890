"""Run command lines in turn and say how long they took, and how much memory a whole process tree held."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Contender

SAMPLE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall times of one contender in seconds; `synced` ends when the file system has flushed."""

    contender: Contender
    seconds: tuple[float, ...]
    synced: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def median_synced(self) -> float:
        return statistics.median(self.synced)


@dataclass(frozen=True, slots=True)
class Memory:
    """Peaks of a process tree in bytes.

    `shared_once` is the largest sum of proportional set sizes seen in one sample; `summed` adds up
    every process's own peak resident size, as if all peaks fell together and nothing were shared.
    """

    shared_once: int
    summed: int
    processes: int


def run(contender: Contender) -> None:
    """Run to the end; raises `RuntimeError` with what it said when it fails."""
    done = subprocess.run(contender.command, env={**os.environ, **contender.env}, capture_output=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace")[-2000:]
        raise RuntimeError(f"{contender.name} ended with {done.returncode}:\n{said}")


def clean(contender: Contender) -> None:
    """Make the next run a cold one: no target, nothing remembered."""
    for path in (contender.target, *contender.forget):
        shutil.rmtree(path, ignore_errors=True)
    contender.target.parent.mkdir(parents=True, exist_ok=True)


def alternate(
    contenders: Sequence[Contender],
    rounds: int,
    *,
    prepare: Callable[[Contender], None],
    check: Callable[[Contender], None],
) -> list[Timing]:
    """Every contender once in every round, so that all meet the same drift of the machine.

    A first round warms caches and is checked, not timed; `prepare` is not part of the time.
    """
    for contender in contenders:
        clean(contender)
        run(contender)
        check(contender)
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    synced: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            prepare(contender)
            _flush(contender.target.parent)
            start = time.perf_counter()
            run(contender)
            seconds[contender.name].append(time.perf_counter() - start)
            _flush(contender.target.parent)
            synced[contender.name].append(time.perf_counter() - start)
    return [
        Timing(contender, tuple(seconds[contender.name]), tuple(synced[contender.name])) for contender in contenders
    ]


def _flush(folder: Path) -> None:
    """syncfs of the file system that holds `folder`."""
    subprocess.run(["sync", "-f", str(folder)], check=True)


def memory(contender: Contender) -> Memory:
    """Run once and watch the process tree through /proc."""
    process = subprocess.Popen(
        contender.command, env={**os.environ, **contender.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    peaks: dict[int, int] = {}
    largest = 0
    while process.poll() is None:
        proportional = 0
        for pid in _tree(process.pid):
            peak, share = _sizes(pid)
            peaks[pid] = max(peaks.get(pid, 0), peak)
            proportional += share
        largest = max(largest, proportional)
        time.sleep(SAMPLE_SECONDS)
    if process.returncode != 0:
        raise RuntimeError(f"{contender.name} ended with {process.returncode}")
    return Memory(largest, sum(peaks.values()), len(peaks))


def tree_memory(pid: int) -> int:
    """The proportional set sizes of a process and all below it, in bytes."""
    return sum(_sizes(one)[1] for one in _tree(pid))


def _tree(pid: int) -> list[int]:
    """The process and all below it."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        children = [
            int(child)
            for thread in threads
            for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return [pid]
    return [pid, *(below for child in children for below in _tree(child))]


def _sizes(pid: int) -> tuple[int, int]:
    """(peak resident size, proportional set size) in bytes; zeros when the process has gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        shares = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0, 0
    return _kib(status, "VmHWM:"), _kib(shares, "Pss:")


def _kib(text: str, name: str) -> int:
    for line in text.splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0

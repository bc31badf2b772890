"""Worker processes, real ones, over files of this computer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest

from deploy import download as download_module
from deploy.crew import CrewSettings
from deploy.download import DownloadOptions, FetchJob, Workers, download
from deploy.errors import TargetError, error
from deploy.events import Event, Failed, Fetched, Progress, Stopped
from deploy.jobs import StagedFile, Task
from deploy.messages import Report
from deploy.pool import WorkerProcess
from deploy.stage import Stage
from deploy.transport.contract import TransportSettings, Validators
from deploy.transport.location import Credentials, Location, Scheme
from deploy.transport.retry import RetryPolicy
from tests.sim.trees import TreeShape, content, grow

SHAPE = TreeShape(files=300, least=0, most=9000)
SECONDS = 60
PROJECT = Path(download_module.__file__).parent.parent


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    grow(root, SHAPE)
    return root


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "staging")


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers.prestart([Scheme.FILE], count=2) as started:
        yield started


def jobs_of(root: Path) -> list[FetchJob]:
    origin = Location(Scheme.FILE, anchor="/", segments=root.parts[1:])
    jobs = []
    for path in sorted(root.rglob("*.dat")):
        parts = path.relative_to(root).parts
        known = Validators(path.stat().st_size, None, path.stat().st_mtime, 1e-6)
        jobs.append(FetchJob("/".join(parts), origin.with_segments((*origin.segments, *parts)), known))
    return jobs


def fetched(events: Iterable[Event]) -> dict[str, Fetched]:
    return {event.key: event for event in events if isinstance(event, Fetched)}


def check(done: dict[str, Fetched], tree: Path) -> None:
    assert len(done) == SHAPE.files
    for key, one in done.items():
        assert Path(one.path).read_bytes() == (tree / key).read_bytes()


def test_processes_share_the_work(tree: Path, stage: Stage, workers: Workers) -> None:
    events = list(download(jobs_of(tree), stage, TransportSettings(), workers=workers))
    check(fetched(events), tree)
    journals = [path.read_bytes().count(b"\n") for path in stage.folder.glob("journal-*")]
    assert sum(journals) == SHAPE.files
    assert len(journals) == 2
    assert min(journals) > 0
    last = events[-1]
    assert isinstance(last, Progress)
    assert last == Progress(SHAPE.files, SHAPE.files, last.bytes_done, last.bytes_done, last.bytes_done)
    assert workers.processes == []


def test_a_big_download_starts_processes_of_its_own(tree: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[WorkerProcess] = []
    start = Workers.start

    def noting(workers: Workers) -> WorkerProcess | None:
        process = start(workers)
        assert process is not None
        started.append(process)
        return process

    monkeypatch.setattr(Workers, "start", noting)
    check(fetched(download(jobs_of(tree), stage, TransportSettings(), DownloadOptions(processes=3))), tree)
    assert len(started) == 3
    for process in started:
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


def test_a_second_run_reads_no_source(tree: Path, stage: Stage, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    grow(copy, SHAPE)
    jobs = jobs_of(copy)
    options = DownloadOptions(processes=2)
    check(fetched(download(jobs, stage, TransportSettings(), options)), copy)
    for job in jobs:
        (copy / job.key).chmod(0)
        (copy / job.key).unlink()
    done = fetched(download(jobs, stage, TransportSettings(), options))
    check(done, tree)
    assert {one.transferred for one in done.values()} == {0}


def test_where_no_process_can_be_started_threads_do_the_work(tree: Path, stage: Stage) -> None:
    with Workers.prestart(count=0) as none:
        check(fetched(download(jobs_of(tree), stage, TransportSettings(), DownloadOptions(), workers=none)), tree)


def test_failures_come_through_with_their_problems(tree: Path, stage: Stage, workers: Workers) -> None:
    jobs = jobs_of(tree)
    jobs[7] = replace(jobs[7], location=jobs[7].location.child("nothing"))
    events = list(download(jobs, stage, TransportSettings(), workers=workers))
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert failed.key == jobs[7].key
    assert failed.problems[0].code == "not-found"
    assert "nothing" in failed.problems[0].message
    assert not any(isinstance(event, Stopped) for event in events)
    assert len(fetched(events)) == SHAPE.files - 1


class Vanishing(Stage):
    """A stage whose folder is taken away under the workers."""

    def load(self, keys: Iterable[str] | None = None) -> dict[str, StagedFile]:
        known = super().load(keys)
        (self.folder / "files").rmdir()
        return known


def test_what_this_machine_refuses_ends_the_download(tree: Path, tmp_path: Path, workers: Workers) -> None:
    with pytest.raises(TargetError) as raised:
        list(download(jobs_of(tree), Vanishing(tmp_path / "s"), TransportSettings(), workers=workers))
    assert raised.value.code == "cannot-write"
    assert workers.processes == []


def test_the_work_of_a_killed_process_is_done_by_another(tree: Path, stage: Stage, workers: Workers) -> None:
    victim = workers.processes[0].pid
    os.kill(victim, signal.SIGSTOP)
    events = []
    for event in download(jobs_of(tree), stage, TransportSettings(), workers=workers):
        if not events:
            os.kill(victim, signal.SIGKILL)
        events.append(event)
    check(fetched(events), tree)
    assert len(fetched(events)) == sum(isinstance(event, Fetched) for event in events)


def test_processes_that_die_over_and_over_are_given_up(
    tree: Path, stage: Stage, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Workers.start

    def doomed(pool: Workers) -> WorkerProcess | None:
        process = start(pool)
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr(Workers, "start", doomed)
    with pytest.raises(TargetError) as raised:
        list(download(jobs_of(tree), stage, TransportSettings(), DownloadOptions(processes=2)))
    assert raised.value.code == "worker-lost"
    assert "exit code -9" in raised.value.problems[0].message


def test_a_mistake_in_a_worker_is_told(stage: Stage) -> None:
    words: SimpleQueue[str] = SimpleQueue()
    stage.create()
    with Workers.prestart(count=1) as workers:
        (process,) = workers.processes
        settings = CrewSettings(1, TransportSettings(), RetryPolicy())
        process.begin(stage, settings, lambda _: None, words.put)
        process._send(["jobs", ["key", 0, ["x"], [None, None, None, 1.0]]])
        assert "IndexError" in words.get(timeout=SECONDS)


def test_credentials_stay_out_of_the_argument_list(tmp_path: Path, stage: Stage, workers: Workers) -> None:
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("no /proc here")
    stage.create()
    reports: SimpleQueue[Report] = SimpleQueue()
    (process, _) = workers.processes
    (tmp_path / "x").write_bytes(b"x")
    location = Location(
        Scheme.FILE, anchor="/", segments=(*tmp_path.parts[1:], "x"), credentials=Credentials("me", "canary")
    )
    process.begin(stage, CrewSettings(1, TransportSettings(), RetryPolicy()), reports.put, lambda _: None)
    process.submit([Task(FetchJob("x", location))])
    assert reports.get(timeout=SECONDS).outcomes
    for name in ("cmdline", "environ"):
        assert b"canary" not in Path(f"/proc/{process.pid}/{name}").read_bytes()


def test_a_dropped_origin_is_asked_no_more(tmp_path: Path, stage: Stage, workers: Workers) -> None:
    stage.create()
    reports: SimpleQueue[Report] = SimpleQueue()
    (process, _) = workers.processes
    (tmp_path / "x").write_bytes(b"x")
    location = Location(Scheme.FILE, anchor="/", segments=(*tmp_path.parts[1:], "x"))
    process.begin(stage, CrewSettings(1, TransportSettings(), RetryPolicy()), reports.put, lambda _: None)
    process.drop(location.with_segments(()), error("unreachable", "the disk is gone", "find it"))
    process.submit([Task(FetchJob("x", location))])
    (failed,) = reports.get(timeout=SECONDS).outcomes
    assert isinstance(failed, Failed)
    assert failed.problems[0].code == "unreachable"
    assert "the disk is gone" in failed.problems[0].message
    assert failed.problems[0].hint == "find it"


def test_a_process_ends_with_its_input_and_not_by_an_interrupt(workers: Workers) -> None:
    first, second = workers.processes
    for process in (first, second):
        os.kill(process.pid, signal.SIGINT)
    first.end()
    assert first._process.wait(SECONDS) == 0
    assert second._process.poll() is None
    second.stop()
    assert second._process.returncode == 0


def test_a_worker_imports_no_more_than_it_needs() -> None:
    code = "import deploy.worker, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"httpx", "typer", "lxml", "rich", "smbprotocol", "asyncio", "subprocess", "ssl", "logging"}


def test_content_differs_between_files() -> None:
    assert content(1, "a", 100) != content(1, "b", 100)
    assert content(1, "a", 100_000) == content(1, "a", 100_000)

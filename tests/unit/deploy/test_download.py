from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from deploy import download as download_module
from deploy.digest import sha256_of_bytes
from deploy.download import DownloadOptions, FetchJob, download
from deploy.errors import SourceError, TargetError
from deploy.events import Current, Event, Failed, Fetched, Progress, Retrying, Stopped
from deploy.partfile import CHECKPOINT
from deploy.stage import Stage
from deploy.throttle import BURST_SECONDS
from deploy.transport.contract import Body, TransportSettings, Unchanged, Validators
from deploy.transport.location import Location, Scheme
from deploy.transport.memory import MemorySource, MemoryTransport
from deploy.transport.retry import RetryPolicy
from tests.sim.trees import TreeShape, content, planned

ROOT = Location(Scheme.HTTP, "server")
OTHER = Location(Scheme.HTTP, "other")
SHAPE = TreeShape(files=60, least=0, most=20_000)
QUICK = DownloadOptions(jobs=4, retry=RetryPolicy(attempts=3, first_delay=0.001, longest_delay=0.001))


def tree_source(shape: TreeShape = SHAPE) -> MemorySource:
    return MemorySource({path: content(shape.seed, path, size) for path, size in planned(shape)})


def jobs_of(source: MemorySource, paths: Iterable[str], root: Location = ROOT) -> list[FetchJob]:
    return [FetchJob(path, root.with_segments(tuple(path.split("/"))), source.validators(path)) for path in paths]


def paths_of(shape: TreeShape = SHAPE) -> list[str]:
    return [path for path, _ in planned(shape)]


class Run:
    """What a download said."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = list(events)
        self.fetched = {one.key: one for one in self.events if isinstance(one, Fetched)}
        self.failed = {one.key: one for one in self.events if isinstance(one, Failed)}
        self.current = {one.key for one in self.events if isinstance(one, Current)}
        self.progress = [one for one in self.events if isinstance(one, Progress)]
        self.retrying = [one for one in self.events if isinstance(one, Retrying)]
        self.stopped = [one for one in self.events if isinstance(one, Stopped)]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "staging")


@pytest.fixture
def run(stage: Stage) -> Callable[..., Run]:
    def start(source: MemorySource, jobs: Sequence[FetchJob], options: DownloadOptions = QUICK, **more: object) -> Run:
        opener = more.get("opener", source.open_transport)
        return Run(download(jobs, stage, TransportSettings(), options, opener=opener))  # type: ignore[arg-type]

    return start


Start = Callable[..., Run]


def fetch_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("fetch-")]


def test_every_file_arrives_once(run: Start, stage: Stage) -> None:
    source = tree_source()
    done = run(source, jobs_of(source, paths_of()))
    assert done.fetched.keys() == set(paths_of())
    for path, size in planned(SHAPE):
        data = content(SHAPE.seed, path, size)
        assert Path(done.fetched[path].path).read_bytes() == data
        assert done.fetched[path].sha256 == sha256_of_bytes(data)
    total = sum(size for _, size in planned(SHAPE))
    assert source.given == total
    assert set(source.opened.values()) == {1}
    assert source.transports <= QUICK.jobs
    assert (done.failed, done.retrying, done.stopped) == ({}, [], [])
    assert done.progress[0] == Progress(0, SHAPE.files, 0, total, 0)
    assert done.progress[-1] == Progress(SHAPE.files, SHAPE.files, total, total, total)
    assert done.events[-1] == done.progress[-1]
    assert fetch_threads() == []
    assert {path.name for path in (stage.folder / "files").iterdir()} == {
        os.path.basename(one.path) for one in done.fetched.values()
    }


def test_nothing_happens_before_the_first_event(stage: Stage) -> None:
    source = tree_source()
    events = download(jobs_of(source, paths_of()), stage, TransportSettings(), QUICK, opener=source.open_transport)
    assert not stage.folder.exists()
    assert source.transports == 0
    assert isinstance(next(events), Progress)
    events.close()


def test_no_jobs_are_done_at_once(run: Start) -> None:
    done = run(MemorySource(), [])
    assert done.events == [Progress(0, 0, 0, 0, 0)] * 2


def test_a_second_run_asks_for_nothing(run: Start) -> None:
    source = tree_source()
    jobs = jobs_of(source, paths_of())
    first = run(source, jobs)
    source.asked.clear()
    second = run(source, jobs)
    assert source.asked.total() == 0
    assert {one.transferred for one in second.fetched.values()} == {0}
    assert {key: one.sha256 for key, one in second.fetched.items()} == {
        key: one.sha256 for key, one in first.fetched.items()
    }
    assert second.progress[-1].bytes_done == second.progress[-1].bytes_total
    assert second.progress[-1].received == 0


def test_held_files_are_current(run: Start) -> None:
    source = tree_source()
    jobs = [FetchJob(job.key, job.location, job.known, unless=job.known) for job in jobs_of(source, paths_of())]
    source.put(jobs[0].key, b"changed")
    done = run(source, jobs)
    assert done.current == set(paths_of()[1:])
    assert done.fetched.keys() == {jobs[0].key}
    assert source.given == len(b"changed")


def test_two_jobs_with_one_key_are_a_mistake(run: Start, stage: Stage) -> None:
    source = tree_source()
    job = jobs_of(source, paths_of()[:1])[0]
    with pytest.raises(ValueError, match="one key"):
        run(source, [job, job])
    assert not stage.folder.exists()


def test_the_largest_files_are_fetched_first(run: Start) -> None:
    sizes = {"small": 10, "large": 3000, "middle": 200, "unknown": 5}
    source = MemorySource({name: bytes(size) for name, size in sizes.items()})
    order: list[str] = []

    class Noting(MemoryTransport):
        def open(self, file: Location, **how: object) -> Body | Unchanged:
            order.append(file.name)
            return super().open(file, **how)  # type: ignore[arg-type]

    jobs = [*jobs_of(source, ["small", "large", "middle"]), FetchJob("unknown", ROOT.child("unknown"))]
    one = DownloadOptions(jobs=1)
    done = run(source, jobs, one, opener=lambda *_: Noting(source))
    assert order == ["unknown", "large", "middle", "small"]
    assert done.progress[-1].bytes_total is None


def test_a_retry_is_told_with_its_reason(run: Start) -> None:
    source = tree_source()
    path = paths_of()[3]
    source.fail("timed-out", path, times=2)
    done = run(source, jobs_of(source, paths_of()))
    assert done.fetched.keys() == set(paths_of())
    assert [(one.key, one.problem.code, one.attempt) for one in done.retrying] == [
        (path, "timed-out", 1),
        (path, "timed-out", 2),
    ]


def test_every_failure_names_its_file_and_the_others_arrive(run: Start) -> None:
    source = tree_source()
    missing = set(paths_of()[::6])
    jobs = jobs_of(source, paths_of())
    for path in missing:
        source.remove(path)
    done = run(source, jobs)
    assert done.failed.keys() == missing
    assert done.fetched.keys() == set(paths_of()) - missing
    for path, failure in done.failed.items():
        assert failure.problems[0].code == "not-found"
        assert path in failure.problems[0].message
    assert done.progress[-1].done == SHAPE.files
    assert done.stopped == []


def test_many_failures_end_the_download(run: Start) -> None:
    shape = TreeShape(files=500, least=0, most=100)
    source = tree_source(shape)
    jobs = jobs_of(source, paths_of(shape))
    for path in paths_of(shape):
        source.remove(path)
    done = run(source, jobs, DownloadOptions(jobs=2, most_failures=5))
    assert 5 <= len(done.failed) < 200
    (stopped,) = done.stopped
    assert done.events[-1] == stopped
    assert stopped.problem.code == "too-many-failures"
    assert stopped.unfinished == 500 - len(done.failed)
    assert fetch_threads() == []


def test_an_origin_that_does_not_answer_is_asked_no_more(run: Start) -> None:
    shape = TreeShape(files=200, least=0, most=100)
    dead, alive = tree_source(shape), tree_source(SHAPE)
    dead.fail("unreachable", times=10**6)
    jobs = jobs_of(dead, paths_of(shape)) + [
        FetchJob(f"alive/{job.key}", job.location, job.known) for job in jobs_of(alive, paths_of(), OTHER)
    ]

    def opener(origin: Location, settings: TransportSettings) -> MemoryTransport:
        return (dead if origin.host == "server" else alive).open_transport(origin, settings)

    done = run(dead, jobs, opener=opener)
    assert done.failed.keys() == set(paths_of(shape))
    assert {failure.problems[0].code for failure in done.failed.values()} == {"unreachable"}
    assert done.fetched.keys() == {f"alive/{path}" for path in paths_of()}
    assert done.stopped == []
    # Each connection may have been in the middle of its attempts, and one more may have begun.
    assert dead.asked.total() <= QUICK.jobs * QUICK.retry.attempts * 2


def test_one_unreachable_file_among_others_does_not_end_its_origin(run: Start) -> None:
    shape = TreeShape(files=40, least=0, most=100)
    source = tree_source(shape)
    bad = "zz/bad"
    source.put(bad, b"x")
    source.fail("timed-out", bad, times=10**6)
    patient = DownloadOptions(jobs=4, retry=RetryPolicy(attempts=3, first_delay=0.2, longest_delay=0.2, jitter=0.0))
    done = run(source, jobs_of(source, [bad, *paths_of(shape)]), patient)
    assert done.failed.keys() == {bad}
    assert done.fetched.keys() == set(paths_of(shape))


def test_a_full_disk_ends_everything_at_once(run: Start, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = TreeShape(files=300, least=1000, most=1000)
    source = tree_source(shape)
    room = itertools.count()

    def write(*_: object) -> None:
        if next(room) >= 20:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("deploy.fetch.write_all", write)
    with pytest.raises(TargetError) as raised:
        run(source, jobs_of(source, paths_of(shape)))
    problem = raised.value.problems[0]
    assert problem.code == "disk-full"
    assert "needed" in problem.hint
    assert "free" in problem.hint
    assert source.asked.total() < 40
    assert fetch_threads() == []
    assert stage.folder.exists()


def test_too_little_room_is_said_before_the_first_byte(
    run: Start, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MemorySource({"a": bytes(3 * CHECKPOINT), "b": bytes(1000)})
    jobs = jobs_of(source, ["a", "b"])
    room = 3 * CHECKPOINT + 999
    monkeypatch.setattr(download_module, "free_space", lambda _: room)
    with pytest.raises(TargetError) as raised:
        run(source, jobs)
    assert raised.value.code == "disk-full"
    assert source.asked.total() == 0
    source.fail("access-denied", "a", after=2 * CHECKPOINT, transient=False)
    room += 1
    assert run(source, jobs).failed.keys() == {"a"}
    room = CHECKPOINT
    assert run(source, jobs).fetched.keys() == {"a", "b"}
    held = [FetchJob(job.key, job.location, job.known, unless=job.known) for job in jobs]
    stage.discard()
    room = 0
    assert run(source, held).current == {"a", "b"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_in_a_transport_is_not_swallowed(run: Start) -> None:
    class Broken(MemoryTransport):
        def open(self, file: Location, **how: object) -> Body | Unchanged:
            raise ZeroDivisionError(file.name)

    source = tree_source()
    with pytest.raises(ZeroDivisionError):
        run(source, jobs_of(source, paths_of()), opener=lambda *_: Broken(source))


class Gated(MemoryTransport):
    """Lets the bodies of a source pass one by one."""

    def __init__(self, source: MemorySource, gate: threading.Semaphore) -> None:
        super().__init__(source)
        self._gate = gate

    def open(self, file: Location, **how: object) -> Body | Unchanged:
        if not self._gate.acquire(timeout=60):
            raise SourceError(())
        return super().open(file, **how)  # type: ignore[arg-type]


def test_closing_the_iterator_stops_and_keeps_what_arrived(stage: Stage) -> None:
    source = tree_source()
    jobs = jobs_of(source, paths_of())
    gate = threading.Semaphore(10)
    events = download(jobs, stage, TransportSettings(), QUICK, opener=lambda *_: Gated(source, gate))
    seen: list[str] = []
    for event in events:
        if isinstance(event, Fetched):
            seen.append(event.key)
        if len(seen) == 10:
            break
    gate.release(QUICK.jobs)
    events.close()  # type: ignore[attr-defined]
    assert fetch_threads() == []
    asked = source.asked.total()
    assert asked <= 10 + QUICK.jobs
    rest = Run(download(jobs, stage, TransportSettings(), QUICK, opener=source.open_transport))
    assert rest.fetched.keys() == set(paths_of())
    kept = {key for key, one in rest.fetched.items() if one.transferred == 0}
    assert kept >= set(seen)
    assert source.opened.total() == asked + len(jobs) - len(kept)


def test_an_interrupt_while_waiting_stops_too(stage: Stage) -> None:
    source = tree_source()
    events = download(jobs_of(source, paths_of()), stage, TransportSettings(), QUICK, opener=source.open_transport)
    next(events)
    with pytest.raises(KeyboardInterrupt):
        events.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert fetch_threads() == []
    assert stage.folder.exists()


def test_a_rate_limit_is_kept_over_all_connections(run: Start) -> None:
    source = MemorySource({str(number): bytes(50_000) for number in range(8)})
    began = time.monotonic()
    done = run(source, jobs_of(source, map(str, range(8))), DownloadOptions(jobs=4, limit_rate=400_000))
    assert len(done.fetched) == 8
    assert time.monotonic() - began >= 1.0 - BURST_SECONDS


def test_waiting_for_another_attempt_does_not_hold_up_the_end(stage: Stage) -> None:
    source = tree_source()
    source.fail("unreachable", times=10**6)
    patient = DownloadOptions(jobs=4, retry=RetryPolicy(attempts=3, first_delay=3600, longest_delay=3600, jitter=0.0))
    events = download(jobs_of(source, paths_of()), stage, TransportSettings(), patient, opener=source.open_transport)
    assert next(event for event in events if isinstance(event, Retrying)).delay == 3600
    events.close()  # type: ignore[attr-defined]
    assert fetch_threads() == []


def test_a_limited_download_uses_threads_only(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "MANY_FILES", 1)
    (tmp_path / "x").write_bytes(b"1")
    (tmp_path / "y").write_bytes(b"2")
    root = Location(Scheme.FILE, anchor="/", segments=tuple(tmp_path.parts[1:]))
    jobs = [FetchJob(name, root.child(name)) for name in "xy"]

    def none(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(download_module.Workers, "prestart", none)
    for options in (DownloadOptions(limit_rate=10**9), DownloadOptions(processes=0), DownloadOptions(jobs=1)):
        done = Run(download(jobs, stage, TransportSettings(), options))
        assert done.fetched.keys() == {"x", "y"}


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert fetch_threads() == []


def test_the_validators_of_an_answer_are_told(run: Start) -> None:
    source = MemorySource()
    source.put("a", b"12345", etag='"v1"', modified=1.25e9)
    done = run(source, jobs_of(source, ["a"]))
    assert done.fetched["a"].validators == Validators(5, '"v1"', 1.25e9)

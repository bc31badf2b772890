"""The download engine: many files at once into a staging folder, told as a stream of events.

Few or small jobs are fetched by threads of this process, many or large ones by worker processes too
(`deploy.pool`). Work is handed out in batches to whoever has little left, the largest files first,
so that all end together. An origin that cannot be reached is asked no more after one file gave up on
it; a full disk ends everything at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Protocol

from deploy.crew import Crew, CrewSettings
from deploy.disk import disk_full, free_space
from deploy.errors import Problem, TargetError, error
from deploy.events import Event, Failed, Progress, Retrying, Stopped
from deploy.fetch import Opener
from deploy.jobs import FetchJob, StagedFile, Task
from deploy.messages import Outcome, Report
from deploy.pool import WorkerProcess, Workers
from deploy.stage import Stage
from deploy.transport.contract import TransportSettings
from deploy.transport.location import Location, Origin
from deploy.transport.registry import open_transport
from deploy.transport.retry import RetryPolicy

__all__ = ["DownloadOptions", "FetchJob", "Workers", "download"]

MANY_FILES = 200
MANY_BYTES = 64 * 1024 * 1024
MOST_LOST = 3
QUEUED_FILES = 128
QUEUED_BYTES = 8 * 1024 * 1024
BATCH_FILES = 64
GUESSED_SIZE = 64 * 1024
PROGRESS_SECONDS = 0.1
POLL_SECONDS = 0.5
WHOLE_ORIGIN = frozenset({"unreachable", "timed-out", "certificate-refused"})


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How to download.

    `jobs` is the number of connections, `limit_rate` in bytes a second over all of them.
    `processes` is how many worker processes to use where they pay (None: one for each CPU, at most
    four; 0: threads only). After `most_failures` files that could not be had the rest is not tried.
    """

    jobs: int = 8
    limit_rate: int | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    most_failures: int = 20
    processes: int | None = None


class _Hands(Protocol):
    """Whoever fetches: a crew of this process, or a worker process."""

    @property
    def threads(self) -> int: ...
    def submit(self, tasks: Sequence[Task]) -> None: ...
    def drop(self, origin: Location, problem: Problem) -> None: ...
    def stop(self) -> None: ...


@dataclass(slots=True, eq=False)
class _Load:
    """What one pair of hands has to do: its tasks by key and their bytes."""

    hands: _Hands
    tasks: dict[str, Task] = field(default_factory=dict)
    size: int = 0

    def wants_more(self) -> bool:
        if len(self.tasks) < self.hands.threads:
            return True
        return len(self.tasks) < QUEUED_FILES and self.size < QUEUED_BYTES

    def give(self, tasks: Sequence[Task]) -> None:
        self.tasks.update((task.job.key, task) for task in tasks)
        self.size += sum(map(_size, tasks))
        self.hands.submit(tasks)

    def take(self, key: str) -> Task | None:
        task = self.tasks.pop(key, None)
        if task is not None:
            self.size -= _size(task)
        return task


_Word = Report | BaseException | str


def download(
    jobs: Sequence[FetchJob],
    stage: Stage,
    settings: TransportSettings,
    options: DownloadOptions | None = None,
    *,
    workers: Workers | None = None,
    opener: Opener | None = None,
    staged: Mapping[str, StagedFile] | None = None,
) -> Iterator[Event]:
    """Fetch every job into `stage`; nothing happens before the first event is asked for.

    Yields `Fetched`, `Current` or `Failed` once for each job, `Progress` and `Retrying` in between,
    and `Stopped` last if it gave up; jobs without an outcome were then not tried to the end. What
    earlier runs left in the stage is used. Closing the iterator, or an exception such as
    KeyboardInterrupt, stops everything and leaves the stage to the next run.

    `workers` are processes started before, ended here; `opener` makes transports instead of the
    registry, in this process only; `staged` is what the caller loaded from the stage already. Raises
    `TargetError` (disk-full, cannot-write, in-the-way, busy, worker-lost), `ValueError` for two jobs
    with one key.
    """
    options = options or DownloadOptions()
    try:
        keys = {job.key for job in jobs}
        if len(keys) != len(jobs):
            raise ValueError("two jobs with one key")
        if staged is None:
            stage.create()
            staged = stage.load(keys)
        tasks = sorted((Task(job, staged.get(job.key)) for job in jobs), key=_size)
        _check_room(tasks, stage)
        threads_only = opener is not None or not _pays(tasks, options, workers)
        with _Engine(tasks, stage, settings, options) as engine:
            if threads_only:
                engine.use_threads(opener or open_transport)
            else:
                engine.use_processes(workers or Workers.prestart(count=options.processes))
            yield from engine.events()
    finally:
        if workers is not None:
            workers.close()


class _Engine:
    """One download: hands tasks out, takes outcomes in."""

    def __init__(self, tasks: list[Task], stage: Stage, settings: TransportSettings, options: DownloadOptions) -> None:
        self._waiting = tasks  # smallest first: taken from the end
        self._stage = stage
        self._settings = settings
        self._options = options
        self._inbox: SimpleQueue[tuple[_Load, _Word]] = SimpleQueue()
        self._loads: list[_Load] = []
        self._pool: Workers | None = None
        self._lost = 0
        self._failures = 0
        self._tally = _Tally.of(tasks)
        self._trouble = _Trouble()

    def __enter__(self) -> _Engine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.close()
        for load in self._loads:
            load.hands.stop()

    def use_threads(self, opener: Opener) -> None:
        """Let threads of this process do the work."""
        threads = max(1, min(self._options.jobs, len(self._waiting)))
        settings = CrewSettings(threads, self._settings, self._options.retry, self._options.limit_rate)
        inbox = self._inbox

        def tell(word: _Word) -> None:
            inbox.put((load, word))

        crew = Crew(self._stage, settings, opener, tell, tell)
        load = _Load(crew)
        self._loads.append(load)
        crew.start()

    def use_processes(self, pool: Workers) -> None:
        """Let worker processes do the work; threads where there are none."""
        self._pool = pool
        if not pool.processes:
            self.use_threads(open_transport)
        processes = pool.processes[: self._options.jobs]
        for number, process in enumerate(processes):
            more = number < self._options.jobs % len(processes)
            self._employ(process, self._options.jobs // len(processes) + more)

    def _employ(self, process: WorkerProcess, threads: int) -> None:
        load = _Load(process)
        inbox = self._inbox

        def tell(word: _Word) -> None:
            inbox.put((load, word))

        process.begin(self._stage, CrewSettings(threads, self._settings, self._options.retry), tell, tell)
        for root, problem in self._trouble.dropped.values():
            process.drop(root, problem)
        self._loads.append(load)

    def events(self) -> Iterator[Event]:
        """Work until every task has its outcome or there is no sense in going on."""
        yield self._tally.progress()
        self._hand_out()
        while any(load.tasks for load in self._loads):
            try:
                load, word = self._inbox.get(timeout=POLL_SECONDS)
            except Empty:
                continue
            if isinstance(word, BaseException):
                raise word
            if isinstance(word, str):
                self._replace(load, word)
                continue
            if word.halted:
                raise self._halted(word.halted)
            self._tally.count(word)
            for outcome in word.outcomes:
                self._settle(load, outcome)
            if self._failures >= self._options.most_failures:
                yield from word.outcomes
                yield self._give_up()
                return
            self._hand_out()
            yield from word.outcomes
            if self._tally.is_due():
                yield self._tally.progress()
        yield self._tally.progress()

    def _settle(self, load: _Load, outcome: Outcome) -> None:
        """Book one outcome."""
        if isinstance(outcome, Retrying):
            self._trouble.began(outcome.key)
            return
        task = load.take(outcome.key)
        if task is None:
            return
        self._tally.done += 1
        origin = task.job.location.origin
        if not isinstance(outcome, Failed):
            self._trouble.answered(origin)
            return
        if origin in self._trouble.dropped:
            return
        self._failures += 1
        problem = outcome.problems[0]
        if problem.code in WHOLE_ORIGIN and self._trouble.is_silent(origin, outcome.key):
            root = task.job.location.with_segments(())
            self._trouble.dropped[origin] = (root, problem)
            for other in self._loads:
                other.hands.drop(root, problem)

    def _hand_out(self) -> None:
        """Fill up whoever has little left to do."""
        loads = [load for load in self._loads if load.wants_more()]
        while self._waiting and loads:
            load = min(loads, key=lambda one: one.size)
            load.give(self._batch())
            if not load.wants_more():
                loads.remove(load)

    def _batch(self) -> list[Task]:
        """The largest waiting tasks: few of them when few are left, so that the last end together."""
        most = max(1, min(BATCH_FILES, len(self._waiting) // (4 * len(self._loads))))
        batch: list[Task] = []
        size = 0
        while self._waiting and len(batch) < most and size < QUEUED_BYTES // 2:
            batch.append(self._waiting.pop())
            size += _size(batch[-1])
        return batch

    def _replace(self, load: _Load, words: str) -> None:
        """A process ended by itself: another does what it had to do."""
        self._lost += 1
        self._loads.remove(load)
        self._waiting.extend(load.tasks.values())
        process = self._pool.start() if self._pool is not None and self._lost <= MOST_LOST else None
        if self._pool is None or process is None:
            hint = "run the same command again; if it happens again, use one connection (--jobs 1)"
            raise TargetError(error("worker-lost", f"a transfer process ended by itself: {words}", hint))
        self._pool.processes.append(process)
        self._employ(process, load.hands.threads)
        self._hand_out()

    def _halted(self, problems: tuple[Problem, ...]) -> TargetError:
        if problems[0].code != "disk-full":
            return TargetError(problems)
        tasks = [*self._waiting, *(task for load in self._loads for task in load.tasks.values())]
        return disk_full(self._stage.folder, sum(map(_size, tasks)))

    def _give_up(self) -> Stopped:
        unfinished = len(self._waiting) + sum(len(load.tasks) for load in self._loads)
        said = f"{self._failures} files could not be had, {unfinished} more were not tried"
        hint = "see what is wrong with the first of them and run the same command again: nothing is transferred twice"
        return Stopped(error("too-many-failures", said, hint), unfinished)


@dataclass(slots=True)
class _Tally:
    """How far the download is; sizes in bytes."""

    files: int
    bytes_total: int | None
    done: int = 0
    moved: int = 0
    received: int = 0
    shown: float = 0.0

    @classmethod
    def of(cls, tasks: Sequence[Task]) -> _Tally:
        sizes = [task.job.expected_size for task in tasks]
        known = [size for size in sizes if size is not None]
        return cls(len(tasks), sum(known) if len(known) == len(sizes) else None)

    def count(self, report: Report) -> None:
        self.received += report.received
        self.moved += report.moved

    def is_due(self) -> bool:
        return time.monotonic() - self.shown >= PROGRESS_SECONDS

    def progress(self) -> Progress:
        self.shown = time.monotonic()
        return Progress(self.done, self.files, max(self.moved, 0), self.bytes_total, self.received)


class _Trouble:
    """Which origins still answer (a circuit breaker); times are of the monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: dict[str, float] = {}
        self._answered: dict[Origin, float] = {}
        self.dropped: dict[Origin, tuple[Location, Problem]] = {}

    def began(self, key: str) -> None:
        """The first attempt at a file failed."""
        self._began.setdefault(key, self._clock())

    def answered(self, origin: Origin) -> None:
        self._answered[origin] = self._clock()

    def is_silent(self, origin: Origin, key: str) -> bool:
        """Whether no file came from the origin while this one was tried in vain."""
        return self._answered.get(origin, float("-inf")) < self._began.get(key, self._clock())


def _size(task: Task) -> int:
    size = task.job.expected_size
    return GUESSED_SIZE if size is None else size


def _pays(tasks: Sequence[Task], options: DownloadOptions, workers: Workers | None) -> bool:
    """Whether worker processes are worth their start; one limit for all is kept by one process only."""
    if options.processes == 0 or options.limit_rate is not None or options.jobs < 2 or len(tasks) < 2:
        return False
    if workers is not None and workers.processes:
        return True
    return len(tasks) >= MANY_FILES or sum(map(_size, tasks)) >= MANY_BYTES


def _check_room(tasks: Sequence[Task], stage: Stage) -> None:
    """Say before the first byte that the disk is too small, going by what surely has to be written."""
    needed = sum(
        max(_size(task) - stage.held(task.job.key), 0)
        for task in tasks
        if task.staged is None and task.job.unless is None and task.job.expected_size is not None
    )
    free = free_space(stage.folder)
    if free is not None and needed > free:
        raise disk_full(stage.folder, needed)

"""Threads that fetch tasks from one queue, each with connections of its own."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from deploy.errors import MicceError, Problem, SourceError, TargetError, error
from deploy.events import Failed, Retrying
from deploy.fetch import BUFFER, Fetcher, FetchSettings, Opener, StoppedError
from deploy.jobs import FetchJob, Task
from deploy.messages import Outcome, Report
from deploy.stage import Journal, Stage
from deploy.throttle import Throttle, chunk_for
from deploy.transport.contract import TransportSettings
from deploy.transport.location import Location
from deploy.transport.retry import RetryPolicy

REPORT_SECONDS = 0.1
REPORT_OUTCOMES = 24
STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class CrewSettings:
    """How a crew works. `limit_rate` is in bytes a second for all its threads together."""

    threads: int
    transport: TransportSettings
    retry: RetryPolicy
    limit_rate: int | None = None


class Crew:
    """Fetches tasks into a stage and reports, now and then, from one of its threads.

    `report` is called from any of the threads, `broken` with an error of the program itself, after
    which one thread less works. A full disk or the like ends the whole crew, and is in the report.
    """

    def __init__(
        self,
        stage: Stage,
        settings: CrewSettings,
        opener: Opener,
        report: Callable[[Report], None],
        broken: Callable[[BaseException], None],
    ) -> None:
        self._stage = stage
        self._settings = settings
        self._opener = opener
        self._report = report
        self._broken = broken
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._throttle = None if settings.limit_rate is None else Throttle(settings.limit_rate)
        self._changed = threading.Condition()
        self._stopping = False
        self._dropped: dict[object, Problem] = {}
        self._pending = threading.Lock()
        self._outcomes: list[Outcome] = []
        self._received = 0
        self._moved = 0
        self._halted: tuple[Problem, ...] = ()
        self._journal: Journal = stage.open_journal()
        names = [f"fetch-{number}" for number in range(settings.threads)]
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        self._reporter = threading.Thread(target=self._report_regularly, name="fetch-report", daemon=True)

    @property
    def threads(self) -> int:
        return self._settings.threads

    def start(self) -> None:
        """Begin to work."""
        for thread in (*self._threads, self._reporter):
            thread.start()

    def submit(self, tasks: Sequence[Task]) -> None:
        """More to do, in this order."""
        for task in tasks:
            self._tasks.put(task)

    def drop(self, origin: Location, problem: Problem) -> None:
        """Fail what is left to do of an origin at once, for the reason given."""
        with self._changed:
            self._dropped[origin.origin] = problem
            self._changed.notify_all()

    def stop(self) -> None:
        """End as soon as no byte is on its way; the stage keeps what arrived."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for _ in self._threads:
            self._tasks.put(None)
        until = time.monotonic() + STOP_SECONDS
        for thread in (*self._threads, self._reporter):
            thread.join(max(until - time.monotonic(), 0.0))
        if not any(thread.is_alive() for thread in self._threads):
            self._journal.close()

    def received(self, count: int) -> None:
        """See `deploy.fetch.Watch`."""
        with self._pending:
            self._received += count
            self._moved += count
        if self._throttle is not None and (seconds := self._throttle.owed(count)):
            self._wait(seconds, None)
        elif self._stopping:
            raise StoppedError

    def moved(self, count: int) -> None:
        """See `deploy.fetch.Watch`."""
        with self._pending:
            self._moved += count

    def pause(self, job: FetchJob, problem: Problem, attempt: int, seconds: float) -> None:
        """See `deploy.fetch.Watch`."""
        self._tell(Retrying(job.key, problem, attempt, seconds))
        self._wait(seconds, job.location)

    def _wait(self, seconds: float, location: Location | None) -> None:
        origin = None if location is None else location.origin
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or origin in self._dropped, seconds)
            if self._stopping:
                raise StoppedError
            if location is not None and origin in self._dropped:
                raise _given_up(location, self._dropped[origin])

    def _work(self) -> None:
        done = False
        chunk = chunk_for(self._settings.limit_rate, BUFFER)
        settings = FetchSettings(self._settings.transport, self._settings.retry, chunk)
        fetcher = Fetcher(self._stage, self._journal, settings, self._opener, self)
        try:
            while (task := self._next()) is not None:
                self._do(fetcher, task)
            done = True
        finally:
            wrong = None if done else sys.exception()
            if wrong is not None:
                self._broken(wrong)
            fetcher.close()

    def _next(self) -> Task | None:
        """The next task; what is known is reported before waiting for it."""
        if self._stopping:
            return None
        try:
            return self._tasks.get_nowait()
        except Empty:
            self._flush()
            return self._tasks.get()

    def _do(self, fetcher: Fetcher, task: Task) -> None:
        try:
            problem = self._dropped.get(task.job.location.origin) if self._dropped else None
            if problem is not None:
                raise _given_up(task.job.location, problem)
            self._tell(fetcher.fetch(task))
        except SourceError as wrong:
            self._tell(Failed(task.job.key, wrong.problems))
        except TargetError as wrong:
            self._halt(wrong)
        except StoppedError:
            return

    def _tell(self, outcome: Outcome) -> None:
        with self._pending:
            self._outcomes.append(outcome)
            many = len(self._outcomes) >= REPORT_OUTCOMES
        if many:
            self._flush()

    def _halt(self, wrong: MicceError) -> None:
        with self._pending:
            self._halted = self._halted or wrong.problems
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._flush()

    def _flush(self) -> None:
        with self._pending:
            if not (self._outcomes or self._received or self._moved or self._halted):
                return
            report = Report(tuple(self._outcomes), self._received, self._moved, self._halted)
            self._outcomes, self._received, self._moved, self._halted = [], 0, 0, ()
        self._report(report)

    def _report_regularly(self) -> None:
        with self._changed:
            while not self._changed.wait_for(lambda: self._stopping, REPORT_SECONDS):
                self._flush()


def _given_up(location: Location, problem: Problem) -> SourceError:
    return SourceError(error("unreachable", f"{location}: not tried: {problem.message}", problem.hint))

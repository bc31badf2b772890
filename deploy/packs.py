"""Fetching what lies in packs: a run of files with one request, split and verified while it arrives.

One thread begins, for they only hinder each other where the processor is what takes the time; another
joins while those there are mostly wait for the network.

A file is written when its bytes are whole and have the promised digest, and noted in the journal of the
staging folder: what was finished before a kill is not asked for again. A run that breaks off goes on
behind its last finished file.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from random import random

from deploy.digest import sha256_of_bytes
from deploy.disk import target_error, write_all
from deploy.errors import Problem, SourceError, error
from deploy.events import Event, Failed, Fetched, Progress, Retrying
from deploy.fetch import Opener, StoppedError
from deploy.jobs import StagedFile, source_of
from deploy.runs import PackedFile, Run, runs_of
from deploy.stage import FILE_MODE, Journal, Stage, is_intact, open_flags
from deploy.throttle import Throttle
from deploy.transport.contract import Body, Resume, Transport, TransportSettings, Unchanged, Validators
from deploy.transport.retry import RetryPolicy, delays, wait_before

PIECE = 256 * 1024
MOST_THREADS = 4
PROGRESS_SECONDS = 0.1
WAITING_SHARE = 0.5
JUDGED_SECONDS = 0.25
TOLD_AT_ONCE = 64
_WHOLE_ORIGIN = frozenset({"unreachable", "timed-out", "certificate-refused"})


@dataclass(frozen=True, slots=True)
class PackSettings:
    """How to fetch: `threads` connections at once, `limit_rate` in bytes a second over all of them."""

    transport: TransportSettings
    retry: RetryPolicy
    threads: int = MOST_THREADS
    limit_rate: int | None = None


def fetch_packed(
    files: Sequence[PackedFile], stage: Stage, staged: Mapping[str, StagedFile], settings: PackSettings, opener: Opener
) -> Iterator[Event]:
    """Have every file in the staging folder.

    Yields `Fetched` or `Failed` once for each, `Progress` and `Retrying` in between. `staged` is what
    earlier runs left. Raises `TargetError` (disk-full, cannot-write). Closing the iterator stops everything.
    """
    missing: list[PackedFile] = []
    done = moved = 0
    total = sum(file.size for file in files)
    for file in files:
        known = staged.get(file.key)
        path = stage.path_of(file.key)
        if known is not None and known.sha256 == file.sha256 and is_intact(path, known):
            done, moved = done + 1, moved + file.size
            yield _fetched(file, path, known.fetched_at, 0)
        else:
            missing.append(file)
    yield Progress(done, len(files), moved, total, 0)
    if not missing:
        return
    with _Fetching(stage, settings, opener) as fetching:
        shown = time.monotonic()
        for event in fetching.events(runs_of(missing)):
            yield event
            if isinstance(event, (Fetched, Failed)):
                done += 1
                moved += event.size if isinstance(event, Fetched) else 0
            if time.monotonic() - shown >= PROGRESS_SECONDS:
                shown = time.monotonic()
                yield Progress(done, len(files), moved, total, fetching.received)
        yield Progress(done, len(files), moved, total, fetching.received)


class _Fetching:
    """The threads of one fetch; each has a connection of its own and takes one run after another."""

    def __init__(self, stage: Stage, settings: PackSettings, opener: Opener) -> None:
        self._stage = stage
        self._settings = settings
        self._opener = opener
        self._journal: Journal = stage.open_journal()
        self._throttle = None if settings.limit_rate is None else Throttle(settings.limit_rate)
        self._most = min(settings.threads, MOST_THREADS)
        self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="pack")
        self._mine = threading.local()
        self._open: list[Transport] = []
        self._stop = threading.Event()
        self._inbox: SimpleQueue[Sequence[Event] | BaseException | None] = SimpleQueue()
        self._lost: SourceError | None = None
        self._doubted: set[str] = set()
        self._runs: deque[Run] = deque()
        self._threads = 0
        self._began = time.monotonic()
        self._waited = 0.0
        self.received = 0

    def __enter__(self) -> _Fetching:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for transport in self._open:
            transport.close()
        self._pool.shutdown(cancel_futures=True)
        self._journal.close()

    def events(self, runs: Sequence[Run]) -> Iterator[Event]:
        """What becomes of the runs, as it happens."""
        self._runs.extend(runs)
        self._join()
        left = len(runs)
        while left:
            try:
                word = self._inbox.get(timeout=1.0)
            except Empty:
                continue
            if word is None:
                left -= 1
            elif isinstance(word, BaseException):
                raise word
            else:
                yield from word

    def _join(self) -> None:
        """Have one more thread take runs, and judge anew from then on."""
        self._threads += 1
        self._began, self._waited = time.monotonic(), 0.0
        self._pool.submit(self._work)

    def _work(self) -> None:
        """One run after another to its end, whatever that is."""
        while True:
            try:
                run = self._runs.popleft()
            except IndexError:
                return
            try:
                self._mine.told = []
                self._fetch(run, list(run.files))
            except StoppedError:
                return
            except BaseException as wrong:  # It belongs to whoever waits for the events.
                self._inbox.put(wrong)
                raise
            finally:
                self._inbox.put(self._mine.told)
                self._inbox.put(None)

    def _tell(self, event: Event) -> None:
        """Many at once: whoever waits for them would take the processor for each."""
        told: list[Event] = self._mine.told
        told.append(event)
        if len(told) >= TOLD_AT_ONCE or not isinstance(event, Fetched):
            self._inbox.put(told)
            self._mine.told = []

    def _judge(self) -> None:
        """Another thread pays while those there are wait for most of the time, all together."""
        elapsed = time.monotonic() - self._began
        if elapsed < JUDGED_SECONDS or not self._runs or self._threads >= self._most:
            return
        if self._waited > WAITING_SHARE * elapsed * self._threads:
            self._join()
        else:
            self._began, self._waited = time.monotonic(), 0.0

    def _fetch(self, run: Run, pending: list[PackedFile]) -> None:
        waits: Iterator[float] = iter(())
        failed, reached = 0, len(pending) + 1
        while pending:
            try:
                self._stream(run, pending)
                continue
            except SourceError as wrong:
                if self._stop.is_set():
                    raise StoppedError from None
                if len(pending) < reached:
                    waits, failed, reached = delays(self._settings.retry, random), 0, len(pending)
                wait = next(waits, None)
                if wait is None or not wrong.transient or self._lost is not None:
                    self._give_up(pending, self._lost or wrong)
                    return
                failed += 1
                seconds, problem = wait_before(self._settings.retry, wait, wrong), wrong.problems[0]
            self._tell(Retrying(pending[0].key, problem, failed, seconds))
            if self._stop.wait(seconds):
                raise StoppedError

    def _give_up(self, pending: list[PackedFile], wrong: SourceError) -> None:
        if wrong.code in _WHOLE_ORIGIN:
            self._lost = wrong
        for file in pending:
            self._tell(Failed(file.key, wrong.problems))
        pending.clear()

    def _stream(self, run: Run, pending: list[PackedFile]) -> None:
        """Read from the first pending file on until all are had or the stream cannot give the next one."""
        if self._lost is not None:
            raise self._lost
        start = pending[0].offset
        began = time.time()
        resume = Resume(start, Validators(), by_name=True) if start else None
        body = self._transport(run).open(run.pack, resume=resume)
        assert not isinstance(body, Unchanged)
        try:
            position = body.offset
            while pending and pending[0].offset >= position:
                file = pending[0]
                self._skip(run, body, file.offset - position)
                data = self._read(run, body, file.size)
                position = file.offset + file.size
                while pending and (pending[0].offset, pending[0].size) == (file.offset, file.size):
                    self._finish(pending[0], data, began)
                    del pending[0]
        finally:
            body.close()

    def _skip(self, run: Run, body: Body, count: int) -> None:
        while count:
            count -= len(self._read(run, body, min(count, PIECE)))

    def _read(self, run: Run, body: Body, size: int) -> bytearray:
        """Exactly so many bytes; raises `SourceError` (cut-off) where the pack ends before."""
        data = bytearray(size)
        view, filled = memoryview(data), 0
        while filled < size:
            if self._stop.is_set():
                raise StoppedError
            asked = time.monotonic()
            count = body.readinto(view[filled : filled + PIECE])
            self._waited += time.monotonic() - asked
            if not count:
                said = f"{run.pack} ends before what the manifest says lies in it"
                hint = "run the command again; if it stays, publish the release again with --verify"
                raise SourceError(error("cut-off", said, hint), transient=True)
            filled += count
            self.received += count
            if self._throttle is not None and self._stop.wait(self._throttle.owed(count)):
                raise StoppedError
        return data

    def _finish(self, file: PackedFile, data: bytearray, began: float) -> None:
        """Write a file if it is the promised one; one that is not is asked for once more."""
        if sha256_of_bytes(data) != file.sha256:
            problem = _wrong_digest(file)
            if file.key not in self._doubted:
                self._doubted.add(file.key)
                raise SourceError(problem, transient=True)
            self._tell(Failed(file.key, (problem,)))
            return
        path = self._stage.path_of(file.key)
        try:
            descriptor = os.open(path, open_flags(os.O_TRUNC), FILE_MODE)
            try:
                write_all(descriptor, data)
            finally:
                os.close(descriptor)
        except OSError as wrong:
            raise target_error(wrong, path) from wrong
        found = _fetched(file, path, began, file.size)
        self._journal.record(
            StagedFile(file.key, source_of(file.pack), file.size, file.sha256, found.validators, began)
        )
        self._tell(found)
        self._judge()

    def _transport(self, run: Run) -> Transport:
        found: Transport | None = getattr(self._mine, "transport", None)
        if found is None:
            found = self._mine.transport = self._opener(run.pack.with_segments(()), self._settings.transport)
            self._open.append(found)
        return found


def _fetched(file: PackedFile, path: str, began: float, transferred: int) -> Fetched:
    known = Validators(file.size, f'"{file.sha256}"')
    return Fetched(file.key, path, file.size, file.sha256, known, began, transferred)


def _wrong_digest(file: PackedFile) -> Problem:
    said = f"{file.key}: the bytes that came do not have the promised SHA-256 {file.sha256}"
    hint = "publish the release again with --verify, and look for a proxy or virus scanner that alters files on the way"
    return error("digest-mismatch", said, hint)

"""One file through a Transport into the staging folder: hashed while written, tried again, resumed.

A file that fits the buffer is written at once when it is whole; a larger one goes to a part file. What
arrived before a connection broke is kept and only the rest asked for, if the source can prove that it
is still the same file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import random
from typing import Protocol

from deploy.digest import Digest, Sha256
from deploy.disk import target_error, write_all
from deploy.errors import Problem, SourceError, error
from deploy.events import Current, Fetched
from deploy.freshness import Freshness, freshness
from deploy.jobs import FetchJob, StagedFile, Task, source_of
from deploy.partfile import Origin, PartFile, forget
from deploy.stage import FILE_MODE, Journal, Stage, is_intact, open_flags
from deploy.transport.contract import Body, Resume, Transport, TransportSettings, Unchanged, Validators
from deploy.transport.location import Location
from deploy.transport.retry import RetryPolicy, delays, wait_before

BUFFER = 1024 * 1024
ENOUGH_PROGRESS = 256 * 1024

Opener = Callable[[Location, TransportSettings], Transport]


class StoppedError(Exception):
    """The fetch was told to stop; what arrived stays for the next run."""


class Watch(Protocol):
    """What a running fetch reports to, and obeys: `received` and `pause` may raise `StoppedError`, `pause` also
    the `SourceError` that makes waiting pointless."""

    def received(self, count: int) -> None:
        """`count` body bytes came; waits as long as a rate limit asks for."""
        ...

    def moved(self, count: int) -> None:
        """`count` bytes are had without receiving them; negative when they have to come again."""
        ...

    def pause(self, job: FetchJob, problem: Problem, attempt: int, seconds: float) -> None:
        """Wait before another attempt; `attempt` is the 1-based one that failed."""
        ...


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """How to fetch. `chunk` is the most bytes read at once, at most `BUFFER`."""

    transport: TransportSettings
    retry: RetryPolicy
    chunk: int = BUFFER


class Intake:
    """The bytes of one file as they arrive; raises `TargetError` when the disk refuses them.

    `size` is how many there are. Up to a buffer of them are held in memory, more in a part file.
    """

    def __init__(self, path: str, source: str, buffer: memoryview, watch: Watch) -> None:
        self.path = path
        self.source = source
        self._buffer = buffer
        self._watch = watch
        self._filled = 0
        self._part: PartFile | None = None
        self.validators = Validators()
        self.began = 0.0
        self.transferred = 0
        self.mismatches = 0

    @property
    def size(self) -> int:
        return self._filled if self._part is None else self._part.size + self._filled

    def pick_up(self, known: Validators) -> None:
        """Go on with the part an earlier run left, unless the listing proves it to be of another version."""
        try:
            part = PartFile.resume(self.path, self.source)
            if part is None:
                return
            if freshness(part.origin.validators, part.origin.began, known) is Freshness.STALE:
                part.close()
                forget(self.path)
                return
        except OSError as wrong:
            raise target_error(wrong, self.path) from wrong
        self._part, self.validators, self.began = part, part.origin.validators, part.origin.began
        self._watch.moved(part.size)

    def room(self, chunk: int) -> memoryview:
        """Where the next bytes go."""
        return self._buffer[self._filled : self._filled + chunk]

    def add(self, count: int) -> None:
        """So many bytes were put into `room`."""
        self._filled += count
        self.transferred += count
        if self._filled == len(self._buffer):
            self._spill()

    def restart(self) -> None:
        """Forget every byte: the file is not the one they came from."""
        self._watch.moved(-self.size)
        self._filled = 0
        if self._part is not None:
            self._part.close()
            self._part = None
            try:
                forget(self.path)
            except OSError as wrong:
                raise target_error(wrong, self.path) from wrong

    def finish(self, expected: Sha256 | None) -> Sha256 | None:
        """Give the file its staged name if it has the expected digest; None, and forget it, if not."""
        rest = self._buffer[: self._filled]
        try:
            if self._part is None:
                digest = Digest()
                digest.update(rest)
                if expected is None or digest.value == expected:
                    _write_whole(self.path, rest)
                    return digest.value
            else:
                self._part.write(rest)
                self._filled = 0
                if expected is None or self._part.digest.value == expected:
                    self._part.finish()
                    return self._part.digest.value
        except OSError as wrong:
            raise target_error(wrong, self.path) from wrong
        self.mismatches += 1
        self.restart()
        return None

    def leave(self) -> None:
        """Stop here; a part file stays for a later run."""
        self._watch.moved(-self.size)
        if self._part is not None:
            self._part.close()

    def _spill(self) -> None:
        try:
            if self._part is None:
                self._part = PartFile.begin(self.path, Origin(self.source, self.validators, self.began))
            self._part.write(self._buffer)
        except OSError as wrong:
            raise target_error(wrong, self.path) from wrong
        self._filled = 0


class Fetcher:
    """Fetches one job after another with connections of its own; for one thread."""

    def __init__(
        self,
        stage: Stage,
        journal: Journal,
        settings: FetchSettings,
        opener: Opener,
        watch: Watch,
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random,
    ) -> None:
        self._stage = stage
        self._journal = journal
        self._settings = settings
        self._opener = opener
        self._watch = watch
        self._clock = clock
        self._chance = chance
        self._buffer = memoryview(bytearray(BUFFER))
        self._transports: dict[object, Transport] = {}

    def fetch(self, task: Task) -> Fetched | Current:
        """Have the file of a task.

        Raises `SourceError` (of the transport, or size-mismatch, digest-mismatch), `TargetError`
        (disk-full, cannot-write) or `StoppedError`.
        """
        job, staged = task.job, task.staged
        path = self._stage.path_of(job.key)
        unless = job.unless
        if staged is not None:
            judged = _judge(job, staged)
            if judged is Freshness.STALE or not is_intact(path, staged):
                staged = None
            elif judged is Freshness.FRESH:
                return self._as_staged(path, staged)
            else:
                unless = staged.validators
        answer = self._transfer(job, path, unless)
        if isinstance(answer, Fetched):
            return answer
        if staged is not None:
            return self._as_staged(path, staged)
        self._watch.moved(job.expected_size or 0)
        return Current(job.key, answer.validators)

    def close(self) -> None:
        """Give up every connection."""
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()

    def _as_staged(self, path: str, staged: StagedFile) -> Fetched:
        self._watch.moved(staged.size)
        return Fetched(staged.key, path, staged.size, staged.sha256, staged.validators, staged.fetched_at, 0)

    def _transfer(self, job: FetchJob, path: str, unless: Validators | None) -> Fetched | Unchanged:
        """Attempt after attempt; the count begins anew whenever the file came a good step further."""
        intake = Intake(path, source_of(job.location), self._buffer, self._watch)
        whole = False
        try:
            if _may_have_part(job):
                intake.pick_up(job.known)
            waits: Iterator[float] = iter(())
            failed, reached = 0, -ENOUGH_PROGRESS
            while True:
                try:
                    answer = self._attempt(job, unless, intake)
                    whole = True
                    return answer
                except SourceError as wrong:
                    if not wrong.transient:
                        raise
                    if intake.size >= reached + ENOUGH_PROGRESS:
                        waits, failed, reached = delays(self._settings.retry, self._chance), 0, intake.size
                    wait = next(waits, None)
                    if wait is None:
                        raise
                    failed += 1
                    seconds = wait_before(self._settings.retry, wait, wrong)
                    problem = wrong.problems[0]
                self._watch.pause(job, problem, failed, seconds)
        finally:
            if not whole:
                intake.leave()

    def _attempt(self, job: FetchJob, unless: Validators | None, intake: Intake) -> Fetched | Unchanged:
        transport = self._transport(job.location)
        asked = self._clock()
        if intake.size:
            body = transport.open(job.location, resume=Resume(intake.size, intake.validators))
        else:
            body = transport.open(job.location, unless=unless)
        if isinstance(body, Unchanged):
            return body
        try:
            if body.offset != intake.size:
                if body.offset:
                    raise _wrong_offset(job, intake.size, body.offset)
                intake.restart()
            if not intake.size:
                intake.began, intake.validators = asked, body.validators
            self._pump(job, body, intake)
        finally:
            body.close()
        return self._finished(job, intake)

    def _pump(self, job: FetchJob, body: Body, intake: Intake) -> None:
        declared = body.validators.size
        if job.size is not None and declared not in (None, job.size):
            raise _wrong_size(job, job.size, f"the source has {declared}")
        most = job.size if job.size is not None else declared
        chunk, received = self._settings.chunk, self._watch.received
        while count := body.readinto(intake.room(chunk)):
            intake.add(count)
            if most is not None and intake.size > most:
                break
            received(count)
        if most is None or intake.size == most:
            return
        said = f"{intake.size} came" if intake.size < most else "more came"
        raise _wrong_size(job, most, said) if most == job.size else _cut_off(job, most, said)

    def _finished(self, job: FetchJob, intake: Intake) -> Fetched:
        size = intake.size
        sha256 = intake.finish(job.sha256)
        if sha256 is None:
            raise _wrong_digest(job, again=intake.mismatches < 2)
        validators = intake.validators
        if validators.size is None:
            validators = replace(validators, size=size)
        self._journal.record(StagedFile(job.key, intake.source, size, sha256, validators, intake.began))
        return Fetched(job.key, intake.path, size, sha256, validators, intake.began, intake.transferred)

    def _transport(self, location: Location) -> Transport:
        transport = self._transports.get(location.origin)
        if transport is None:
            transport = self._opener(location.with_segments(()), self._settings.transport)
            self._transports[location.origin] = transport
        return transport


def _judge(job: FetchJob, staged: StagedFile) -> Freshness:
    """Whether a staged file is what the job asks for; a promised digest settles it."""
    if job.sha256 is not None:
        return Freshness.FRESH if staged.sha256 == job.sha256 else Freshness.STALE
    if staged.source != source_of(job.location) or job.size not in (None, staged.size):
        return Freshness.STALE
    return freshness(staged.validators, staged.fetched_at, job.known)


def _may_have_part(job: FetchJob) -> bool:
    """A small file never has one; most files are small, and looking costs a system call."""
    return job.expected_size is None or job.expected_size > BUFFER


def _write_whole(path: str, data: memoryview) -> None:
    descriptor = os.open(path, open_flags(os.O_TRUNC), FILE_MODE)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


def _wrong_offset(job: FetchJob, asked: int, given: int) -> SourceError:
    said = f"{job.location}: asked for the bytes from {asked} on, the source sent those from {given} on"
    return SourceError(error("bad-answer", said, "look for a broken proxy on the way"), transient=True)


def _wrong_size(job: FetchJob, promised: int, said: str) -> SourceError:
    return SourceError(
        error(
            "size-mismatch",
            f"{job.location}: {promised} bytes were promised, {said}",
            "run the command again once nobody changes the files there",
        )
    )


def _cut_off(job: FetchJob, announced: int, said: str) -> SourceError:
    said = f"{job.location}: {announced} bytes were announced, {said}"
    return SourceError(
        error("cut-off", said, "run the command again; look for a broken proxy on the way"), transient=True
    )


def _wrong_digest(job: FetchJob, *, again: bool) -> SourceError:
    return SourceError(
        error(
            "digest-mismatch",
            f"{job.location}: the bytes that came do not have the promised SHA-256 {job.sha256}",
            "publish the release again, and look for a proxy or virus scanner that alters files on the way",
        ),
        transient=again,
    )

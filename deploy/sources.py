"""Ask the sources what they hold: listings for wildcards, a look at single files, whole documents.

Several threads, each with its own connections. A folder is listed once however many entries
name it, and a server that cannot be reached is given up for all entries at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from deploy.errors import MicceError, Problem, SourceError, error, warning
from deploy.plan import FileFound, Findings, FolderFound, PlannedFile, Selection, subfolders
from deploy.transport.anycase import find
from deploy.transport.contract import Body, Listing, Transport, TransportSettings, Unchanged, Validators
from deploy.transport.location import Location, Origin
from deploy.transport.registry import open_transport
from deploy.transport.retry import RetryingTransport, RetryPolicy

DEEPEST = 64
MOST_NAMES = 2_000_000
GIVEN_UP = ("unreachable", "timed-out")

_Answer = TypeVar("_Answer")


class Sources:
    """Connections to sources for one command; a context manager that closes them.

    `jobs` is the number of requests under way at once.
    """

    def __init__(
        self,
        settings: TransportSettings,
        *,
        jobs: int = 8,
        retry: RetryPolicy | None = None,
        opener: Callable[[Location, TransportSettings], Transport] = open_transport,
    ) -> None:
        self._settings = settings
        self._retry = retry or RetryPolicy()
        self._opener = opener
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="source")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[Transport] = []
        self._lost: dict[Origin, SourceError] = {}

    def __enter__(self) -> Sources:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        for transport in self._open:
            transport.close()

    def read(self, location: Location, cap: int) -> bytes:
        """A whole small document; raises `SourceError` (too-large above `cap` bytes, and the contract's)."""
        return self._pool.submit(self._asking, location, lambda transport, at: _read(transport, at, cap)).result()

    def gather(self, selections: Sequence[Selection]) -> tuple[Findings, ...]:
        """What every selection finds, in their order; what a source refuses is a problem of its entry."""
        return _Search(self, selections).run()

    def measured(self, files: Sequence[PlannedFile]) -> tuple[PlannedFile, ...]:
        """The files with the size filled in where a listing did not tell it; raises `SourceError`."""
        asked = [
            None
            if file.validators.size is not None
            else self.submit(file.source, lambda transport, at: transport.stat(at))
            for file in files
        ]
        return tuple(
            file if answer is None else replace(file, validators=answer.result())
            for file, answer in zip(files, asked, strict=True)
        )

    def submit(self, location: Location, ask: Callable[[Transport, Location], _Answer]) -> Future[_Answer]:
        """Ask on a thread of the pool with that thread's connection to the location's origin."""
        return self._pool.submit(self._asking, location, ask)

    def _asking(self, location: Location, ask: Callable[[Transport, Location], _Answer]) -> _Answer:
        lost = self._lost.get(location.origin)
        if lost is not None:
            raise lost
        try:
            return ask(self._transport(location), location)
        except SourceError as wrong:
            if wrong.code in GIVEN_UP:
                self._lost[location.origin] = wrong
            raise

    def _transport(self, location: Location) -> Transport:
        mine: dict[Origin, Transport] = self._local.__dict__.setdefault("transports", {})
        transport = mine.get(location.origin)
        if transport is None:
            transport = RetryingTransport(self._opener(location, self._settings), self._retry)
            mine[location.origin] = transport
            with self._lock:
                self._open.append(transport)
        return transport


class _Search:
    """One gathering: listings on the way, and what came back for each selection."""

    def __init__(self, sources: Sources, selections: Sequence[Selection]) -> None:
        self._sources = sources
        self._selections = selections
        self._listings: dict[Location, Future[Listed]] = {}
        self._answers: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._outstanding = 0
        self._names = 0
        self._folders: list[list[FolderFound]] = [[] for _ in selections]
        self._files: list[FileFound | None] = [None for _ in selections]
        self._problems: list[list[Problem]] = [[] for _ in selections]

    def run(self) -> tuple[Findings, ...]:
        for number, selection in enumerate(self._selections):
            if selection.source.wildcard:
                self._list(number, selection.source.folder, ())
            else:
                self._expect(self._sources.submit(selection.source.file, _stat), partial(self._stated, number))
        while self._outstanding:
            self._answers.get()()
            self._outstanding -= 1
        return tuple(map(self._finding, range(len(self._selections))))

    def _finding(self, number: int) -> Findings:
        selection, problems = self._selections[number], self._problems[number]
        if any(problem.is_error for problem in problems):
            return Findings(selection, None, tuple(problems))
        if not selection.source.wildcard:
            return Findings(selection, self._files[number], tuple(problems))
        folders = sorted(self._folders[number], key=lambda one: one.below)
        return Findings(selection, tuple(folders), tuple(problems))

    def _expect(self, future: Future[_Answer], then: Callable[[Future[_Answer]], None]) -> None:
        self._outstanding += 1
        future.add_done_callback(lambda done: self._answers.put(partial(then, done)))

    def _list(self, number: int, folder: Location, below: tuple[str, ...]) -> None:
        future = self._listings.get(folder)
        if future is None:
            future = self._sources.submit(folder, _list_any_case if not below else _list)
            self._listings[folder] = future
        self._expect(future, partial(self._listed, number, below))

    def _listed(self, number: int, below: tuple[str, ...], future: Future[Listed]) -> None:
        try:
            listed = future.result()
        except MicceError as wrong:
            self._problems[number].extend(wrong.problems)
            return
        self._problems[number].extend(listed.problems)
        found = FolderFound(below, listed.listing)
        self._folders[number].append(found)
        self._names += len(listed.listing.entries)
        if len(below) >= DEEPEST or self._names > MOST_NAMES:
            said = f"{listed.listing.folder} goes deeper than {DEEPEST} folders or holds over {MOST_NAMES} names"
            self._problems[number].append(
                error("listing-too-large", said, "look for a link that leads back, or name a smaller folder")
            )
            return
        for folder, deeper in subfolders(self._selections[number], found):
            self._list(number, folder, deeper)

    def _stated(self, number: int, future: Future[Stated]) -> None:
        try:
            stated = future.result()
        except MicceError as wrong:
            self._problems[number].extend(wrong.problems)
            return
        self._problems[number].extend(stated.problems)
        self._files[number] = FileFound(stated.location, stated.validators)


@dataclass(frozen=True, slots=True)
class Listed:
    """A listing, and a warning when the folder is spelled otherwise on its server."""

    listing: Listing
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Stated:
    """What is known of one file, under the spelling its server has."""

    location: Location
    validators: Validators
    problems: tuple[Problem, ...] = ()


def _list(transport: Transport, folder: Location) -> Listed:
    return Listed(transport.list(folder))


def _list_any_case(transport: Transport, folder: Location) -> Listed:
    listing, problems = _any_case(transport, folder, transport.list)
    return Listed(listing, problems)


def _stat(transport: Transport, file: Location) -> Stated:
    def look(at: Location) -> Stated:
        return Stated(at, transport.stat(at))

    stated, problems = _any_case(transport, file, look)
    return replace(stated, problems=problems)


def _any_case(
    transport: Transport, location: Location, ask: Callable[[Location], _Answer]
) -> tuple[_Answer, tuple[Problem, ...]]:
    """Ask at the address as written, and where nothing is there at the address as the server spells it."""
    try:
        return ask(location), ()
    except SourceError as wrong:
        if wrong.code != "not-found":
            raise
        spelled = find(transport, location)
        if spelled is None or spelled == location:
            raise
    hint = f"write it as {spelled}"
    return ask(spelled), (warning("other-spelling", f"{location} is found under another spelling", hint),)


def _read(transport: Transport, file: Location, cap: int) -> bytes:
    def whole(at: Location) -> bytes:
        body = transport.open(at)
        assert not isinstance(body, Unchanged)
        try:
            return _capped(body, at, cap)
        finally:
            body.close()

    return _any_case(transport, file, whole)[0]


def _capped(body: Body, at: Location, cap: int) -> bytes:
    content = bytearray(cap + 1)
    view, filled = memoryview(content), 0
    while filled <= cap:
        count = body.readinto(view[filled:])
        if count == 0:
            return bytes(content[:filled])
        filled += count
    raise SourceError(error("too-large", f"{at} is larger than {cap} bytes", "this is not a Setup.config"))

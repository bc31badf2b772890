"""Files of foreign servers, fetched once by this server so that clients need not ask there.

What was fetched before and provably is still the same is not fetched again; the rules are those of an
installation (`deploy.freshness`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from deploy.download import DownloadOptions, download
from deploy.errors import Problem
from deploy.events import Current, Event, Failed, Fetched, Stopped
from deploy.freshness import Freshness, freshness
from deploy.jobs import FetchJob, source_of
from deploy.plan import PlannedFile
from deploy.site.packing import Content
from deploy.site.publish_index import KnownForeign
from deploy.site.publish_stock import Stock
from deploy.stage import Stage
from deploy.transport.contract import TransportSettings

IN_THIS_PROCESS = DownloadOptions(processes=0)
FOLDER = "ingest"


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of the foreign files of a customer.

    `paths` are staged files by digest; `failed` are problems by source (see `deploy.jobs.source_of`).
    """

    paths: Mapping[str, str]
    failed: Mapping[str, tuple[Problem, ...]]
    stopped: tuple[Problem, ...] = ()


@dataclass(slots=True)
class Ingestion:
    """Fetches for one publication. `known` is what earlier ones fetched, by source; it is brought up to date.

    What lies in the tree of `stock`, whoever's it is, need not be fetched again.
    """

    known: dict[str, KnownForeign]
    settings: TransportSettings
    stock: Stock
    clock: Callable[[], float] = time.time
    used: set[str] = field(default_factory=set)

    def stage(self, customer: str) -> Stage:
        """Where the files of a customer are kept until they are in the published tree; `customer` in lower case."""
        return Stage(self.stock.tree.work / FOLDER / customer)

    def fetch(self, customer: str, files: Iterable[PlannedFile], tell: Callable[[Event], None]) -> Ingested:
        """Have every file, or the problems of those that could not be had. Raises `TargetError`."""
        by_source = {source_of(file.source): file for file in files}
        self.used.update(by_source)
        jobs = [job for source, file in by_source.items() for job in self._job(source, file)]
        if not jobs:
            return Ingested({}, {})
        began = self.clock()
        paths: dict[str, str] = {}
        failed: dict[str, tuple[Problem, ...]] = {}
        stopped: tuple[Problem, ...] = ()
        for event in download(jobs, self.stage(customer), self.settings, IN_THIS_PROCESS):
            tell(event)
            match event:
                case Fetched(source, path, size, sha256, validators, fetched_at):
                    self.known[source] = KnownForeign(size, sha256, validators, fetched_at)
                    paths[sha256] = path
                case Current(source):
                    self.known[source] = replace(self.known[source], fetched_at=began)
                case Failed(source, problems):
                    failed[source] = problems
                case Stopped(problem):
                    stopped = (problem,)
        return Ingested(paths, failed, stopped)

    def forget_others(self) -> None:
        """Drop what nobody asked for in this publication."""
        for source in self.known.keys() - self.used:
            del self.known[source]

    def _job(self, source: str, file: PlannedFile) -> Iterator[FetchJob]:
        known = self.known.get(source)
        if known is None or self.stock.piece(Content(known.sha256, known.size)) is None:
            yield FetchJob(source, file.source, file.validators)
            return
        state = freshness(known.validators, known.fetched_at, file.validators)
        if state is not Freshness.FRESH:
            unless = known.validators if state is Freshness.ASK else None
            yield FetchJob(source, file.source, file.validators, unless)

"""Publish customers: from their Setup.config and what the server can see to the tree that clients install from.

Contents first, the manifest of a customer last, by one rename: a reader has the old release or the new
one, whole, whenever it comes and whenever a publisher is killed. A customer that cannot be published keeps
what was published before, and the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from deploy.errors import MicceError, Problem, Severity, TargetError
from deploy.events import Event
from deploy.relpath import fold
from deploy.site import publish_index
from deploy.site.model import Customer, ServerSettings
from deploy.site.publish_customer import Later, Publishing
from deploy.site.publish_ingest import Ingestion
from deploy.site.publish_reading import Reader
from deploy.site.publish_result import CustomerResult, PublishResult, State, Step, Tell
from deploy.site.publish_sources import Memory, Opener, OurFolders
from deploy.site.publish_stock import Stock
from deploy.site.publish_tree import Checkpoint, Tree
from deploy.site.publish_upkeep import collect, drift, repack, scrub
from deploy.site.resolving import Resolver
from deploy.sources import Sources
from deploy.transport.contract import TransportSettings

__all__ = ["CustomerResult", "PublishResult", "State", "Step", "publish"]

GRACE = 24 * 3600.0  # seconds in which readers of an old manifest come to an end
ROUNDS = 6
INDEX = "index.json"


@dataclass(frozen=True, slots=True)
class Means:
    """What a publication reaches out with: POSIX time, a pause in seconds, and how to ask foreign servers."""

    clock: Callable[[], float] = time.time
    wait: Callable[[float], None] = time.sleep
    transport: TransportSettings = field(default_factory=TransportSettings)


def _silent(_: Step | CustomerResult | Event) -> None:
    return


def _pass_by(_: str) -> None:
    return


def publish(
    settings: ServerSettings,
    customers: Sequence[Customer],
    tell: Tell = _silent,
    checkpoint: Checkpoint = _pass_by,
    *,
    complete: bool = False,
    verify: bool = False,
    grace: float = GRACE,
    means: Means | None = None,
) -> PublishResult:
    """Publish customers into `settings.published`, one after another.

    `complete` says that these are all there are: what is published for a customer that has no folder any
    more is taken back. `verify` reads every content of the tree again first; what is damaged is written anew
    from its source. Contents that nobody refers to are removed after `grace` seconds.

    Raises `TargetError` (busy, disk-full, cannot-write) where the tree cannot be written at all.
    """
    means = means or Means()
    tree = Tree(settings.published, checkpoint)
    with tree.writing():
        return _Publication(settings, tree, tell, means).run(customers, complete=complete, verify=verify, grace=grace)


class _Publication:
    """One publication, under the lock of its tree."""

    def __init__(self, settings: ServerSettings, tree: Tree, tell: Tell, means: Means) -> None:
        self._settings = settings
        self._tell = tell
        self._means = means
        self._index_path = tree.work / INDEX
        self._stock = Stock(tree, publish_index.load(self._index_path))
        self._results: list[CustomerResult] = []

    def run(self, customers: Sequence[Customer], *, complete: bool, verify: bool, grace: float) -> PublishResult:
        stock = self._stock
        stock.take()
        damaged = scrub(stock, self._tell) if verify else frozenset[str]()
        self._publish_all(customers, forget=complete)
        problems: list[Problem] = []
        if complete:
            problems += _softly(lambda: self._take_back(customers))
        if stock.changed:
            problems += _softly(lambda: repack(stock, self._tell))
        problems += _softly(lambda: collect(stock, self._means.clock(), grace, self._tell))
        problems += drift(stock, damaged)
        problems += _softly(lambda: publish_index.save(self._index_path, stock.index))
        return PublishResult(
            customers=tuple(self._results),
            written=len(stock.written),
            bytes_written=sum(stock.written.values()),
            removed=stock.removed,
            problems=tuple(problems),
        )

    def _publish_all(self, customers: Sequence[Customer], *, forget: bool) -> None:
        """Publish each; those whose files are just being written wait, all together."""
        settings, index, clock = self._settings, self._stock.index, self._means.clock
        ours, memory = OurFolders(settings), Memory()
        reader = Reader(index.files, settings.quiet, clock)
        ingestion = Ingestion(index.foreign, self._means.transport, self._stock, clock)
        with Sources(self._means.transport, opener=Opener(ours, memory)) as sources:
            resolver = Resolver(settings, ours, sources)
            work = Publishing(settings, ours, resolver, memory, reader, ingestion, self._stock, self._tell, clock)
            waiting = [(one, Later(())) for one in customers]
            for left in reversed(range(ROUNDS)):
                waiting = [(one, outcome) for one, _ in waiting if isinstance(outcome := self._one(work, one), Later)]
                if not waiting or not left:
                    break
                self._tell(Step("wait"))
                self._means.wait(settings.quiet)
                memory.forget()
            for one, later in waiting:
                self._settle(CustomerResult(one.id, State.REFUSED, later.problems))
        if forget and not any(one.state is State.REFUSED for one in self._results):
            reader.forget_others()
            ingestion.forget_others()

    def _one(self, work: Publishing, customer: Customer) -> CustomerResult | Later:
        try:
            outcome = work.publish(customer)
        except MicceError as wrong:
            outcome = CustomerResult(customer.id, State.REFUSED, wrong.problems)
        if isinstance(outcome, CustomerResult):
            self._settle(outcome)
        return outcome

    def _settle(self, result: CustomerResult) -> None:
        self._results.append(result)
        self._tell(result)

    def _take_back(self, customers: Sequence[Customer]) -> None:
        """Take back what is published for customers that have no folder; nothing where no folder is to be seen."""
        try:
            folders = {fold(one.name) for one in self._settings.root.iterdir() if one.is_dir()}
        except OSError:
            return
        known = folders | {fold(one.id) for one in customers}
        for id_ in self._stock.tree.customers() if folders else ():
            if fold(id_) not in known and self._stock.tree.manifest_stat(id_) is not None:
                self._stock.take_back(id_)
                self._settle(CustomerResult(id_, State.REMOVED))


def _softly(work: Callable[[], tuple[Problem, ...] | None]) -> tuple[Problem, ...]:
    """Do what can be done the next time as well; what is in its way is a warning."""
    try:
        return work() or ()
    except TargetError as wrong:
        return tuple(replace(one, severity=Severity.WARNING) for one in wrong.problems)

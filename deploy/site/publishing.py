"""Publishing beside a running server: everybody at the start, then whoever has something new."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from deploy.errors import MicceError
from deploy.events import Event
from deploy.host.current import current
from deploy.machine_file import gather_machine, transport_settings
from deploy.relpath import fold
from deploy.site.customers import Customers
from deploy.site.model import Customer, CustomerDirectory, ServerSettings
from deploy.site.publish import Means, publish
from deploy.site.publish_result import CustomerResult, PublishResult, State, Step
from deploy.site.publish_sources import OurFolders
from deploy.site.resolving import read_from
from deploy.site.watch import Watch, signature
from deploy.transport.contract import TransportSettings

_LOG = logging.getLogger("micce.site")
SHORTEST_PAUSE = 1.0  # seconds between two looks
LOOKING_SHARE = 10  # a look may take one part in so many of the time
REFRESH = 3600.0  # seconds after which everybody is published again: foreign servers tell nobody of changes
FIRST_RETRY, LAST_RETRY = 2.0, 60.0  # seconds after a publication that could not be: twice as long each time


class _StoppedError(Exception):
    """The server ends; what was begun is dropped, and readers have what was published before."""


class Publisher:
    """Publishes for a server until it is stopped; what goes wrong is told to the log "micce.site"."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        at_start: bool = True,
        customers: CustomerDirectory | None = None,
        means: Means | None = None,
    ) -> None:
        self._settings = settings
        self._at_start = at_start
        self._customers = Customers(settings.root) if customers is None else customers
        self._means = means
        self._ours = OurFolders(settings)
        self._watch = Watch(settings.quiet)
        self._retry = FIRST_RETRY

    def run(self, stop: threading.Event) -> None:
        """Publish until `stop` is set: everybody first if so wished, and with `settings.watch` what changes."""
        try:
            self._run(stop, self._means or Means(transport=_transport()))
        except _StoppedError:
            return

    def _run(self, stop: threading.Event, means: Means) -> None:
        means = replace(means, wait=lambda seconds: _pause(stop, seconds))
        uses = self._look()
        while self._at_start and not self._publish(stop, means, self._customers.all(), uses, complete=True):
            _pause(stop, self._retry)
        last = time.monotonic()
        pause = SHORTEST_PAUSE
        while self._settings.watch:
            _pause(stop, pause)
            begun = time.monotonic()
            before, uses = uses, self._look()
            pause = max(SHORTEST_PAUSE, LOOKING_SHARE * (time.monotonic() - begun))
            everybody = begun - last > REFRESH or not before.keys() <= uses.keys()
            last = begun if everybody else last
            due = set(uses if everybody else self._watch.due(time.monotonic(), uses))
            if due:
                wanted = [one for one in self._customers.all() if one.id in due]
                if not self._publish(stop, means, wanted, uses, complete=everybody):
                    pause = max(pause, self._retry)

    def _look(self) -> Mapping[str, frozenset[Path]]:
        """Look at every folder somebody reads from; returns which those are for each customer."""
        customers = self._customers.all()
        folders = {fold(one.id): one.folder for one in customers}
        uses = {one.id: self._folders(one, folders) for one in customers}
        watched = frozenset[Path]().union(*uses.values())
        self._watch.seen(time.monotonic(), {folder: signature(folder) for folder in watched})
        return uses

    def _folders(self, customer: Customer, folders: Mapping[str, Path]) -> frozenset[Path]:
        read = () if customer.config is None else read_from(customer.config, self._ours)
        others = (one.folder if one.customer is None else folders.get(one.customer, customer.folder) for one in read)
        return frozenset({customer.folder, *others})

    def _publish(
        self,
        stop: threading.Event,
        means: Means,
        customers: Sequence[Customer],
        uses: Mapping[str, Iterable[Path]],
        *,
        complete: bool,
    ) -> bool:
        """Whether the tree could be written to; where not, `_retry` is how long to wait."""

        def checkpoint(_: str) -> None:
            if stop.is_set():
                raise _StoppedError

        try:
            result = publish(self._settings, customers, _tell, checkpoint, complete=complete, means=means)
        except MicceError as wrong:
            for problem in wrong.problems:
                _LOG.log(logging.ERROR, "%s", problem)
            self._retry = min(2 * self._retry, LAST_RETRY)
            return False
        self._retry = FIRST_RETRY
        self._book(result, uses)
        return True

    def _book(self, result: PublishResult, uses: Mapping[str, Iterable[Path]]) -> None:
        for problem in result.problems:
            _LOG.log(logging.WARNING, "%s", problem)
        for one in result.customers:
            if any(problem.code == "changed" for problem in one.problems):
                self._watch.forget(one.customer)
            elif one.customer in uses:
                self._watch.offer(one.customer, uses[one.customer])


def _pause(stop: threading.Event, seconds: float) -> None:
    if stop.wait(seconds):
        raise _StoppedError


def _tell(what: Step | CustomerResult | Event) -> None:
    if not isinstance(what, CustomerResult):
        return
    if what.state is State.REFUSED:
        _LOG.log(logging.ERROR, "%s cannot be published and keeps what was published before", what.customer)
    elif what.state is not State.UNCHANGED:
        _LOG.log(logging.INFO, "%s: %s (%d files, %d bytes)", what.customer, what.state.value, what.files, what.size)
    for problem in what.problems:
        _LOG.log(logging.WARNING, "%s: %s", what.customer, problem)


def _transport() -> TransportSettings:
    host = current()
    return transport_settings(gather_machine(host), host)

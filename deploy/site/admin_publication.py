"""Publishing from a page: begun there, done beside it, and what became of it kept for every process to show."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from deploy.atomic import write_atomic
from deploy.disk import target_error
from deploy.errors import MicceError, Problem, TargetError
from deploy.host.current import current
from deploy.lock import only_one
from deploy.machine_file import gather_machine, transport_settings
from deploy.messages import problem_of, problem_row
from deploy.site.model import Customer, CustomerDirectory, ServerSettings
from deploy.site.publish import Means, publish
from deploy.site.publish_result import PublishResult

_NOTE = "publication.json"
_LOCK = "publication.lock"
_WHAT = "publishing from the pages of administrators"
LARGEST = 4 * 1024 * 1024  # bytes
PATIENCE = 5.0  # seconds until it is noted that one was begun
_LOGGER = logging.getLogger("micce.site")


Publishing = Callable[[ServerSettings, Sequence[Customer]], PublishResult]
"""Publishes customers, who are all there are; raises `MicceError`."""


def publish_all(settings: ServerSettings, customers: Sequence[Customer]) -> PublishResult:
    """Publish as this machine reaches other servers; raises `MicceError`."""
    host = current()
    means = Means(transport=transport_settings(gather_machine(host), host))
    return publish(settings, customers, complete=True, means=means)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last publication that was begun from a page.

    `by` is the account, times are UTC. `customers` holds id and state of each; `ended` is None while it
    runs, and after it was broken off, which `running` tells apart.
    """

    by: str
    begun: datetime
    ended: datetime | None = None
    running: bool = False
    customers: tuple[tuple[str, str], ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """How many customers came to what."""
        states = [state for _, state in self.customers]
        return tuple((state, states.count(state)) for state in dict.fromkeys(states))

    @property
    def is_well(self) -> bool:
        return self.ended is not None and not any(one.is_error for one in self.problems)


class PublishNow:
    """Publishes every customer, one publication at a time."""

    def __init__(
        self,
        settings: ServerSettings,
        customers: CustomerDirectory,
        publishing: Publishing | None = None,
    ) -> None:
        self._settings = settings
        self._customers = customers
        self._publishing = publish_all if publishing is None else publishing
        self._note = settings.state / _NOTE
        self._lock = settings.state / _LOCK

    def begin(self, account: str) -> threading.Thread:
        """Begin, and return the thread that does it; where one runs already that one goes on alone.

        It ends with the process: what was published until then stays, and the rest is as it was.
        """
        noted = threading.Event()
        thread = threading.Thread(target=self._run, args=(account, noted), name="publish now", daemon=True)
        thread.start()
        noted.wait(PATIENCE)
        return thread

    def last(self) -> Outcome | None:
        """What became of the last one; None where there was none, or what was noted cannot be read."""
        try:
            with self._note.open("rb") as file:
                found = _outcome(file.read(LARGEST))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return replace(found, running=self._is_running()) if found.ended is None else found

    def _run(self, account: str, noted: threading.Event) -> None:
        try:
            with only_one(self._lock, _WHAT):
                outcome = Outcome(account, _now())
                self._keep(outcome)
                noted.set()
                self._keep(self._published(outcome))
        except TargetError as wrong:
            # Another one runs, which the page shows, or nothing can be written here.
            for problem in wrong.problems:
                _LOGGER.log(logging.WARNING, "publishing was not begun or not noted: %s", problem)
        finally:
            noted.set()

    def _published(self, outcome: Outcome) -> Outcome:
        try:
            result = self._publishing(self._settings, self._customers.all())
        except MicceError as wrong:
            return replace(outcome, ended=_now(), problems=wrong.problems)
        problems = (*(problem for one in result.customers for problem in one.problems), *result.problems)
        customers = tuple((one.customer, one.state.value) for one in result.customers)
        return replace(outcome, ended=_now(), customers=customers, problems=problems)

    def _is_running(self) -> bool:
        try:
            with only_one(self._lock, _WHAT):
                return False
        except MicceError:
            return True

    def _keep(self, outcome: Outcome) -> None:
        row = {
            "by": outcome.by,
            "begun": outcome.begun.isoformat(),
            "ended": None if outcome.ended is None else outcome.ended.isoformat(),
            "customers": outcome.customers,
            "problems": [problem_row(one) for one in outcome.problems],
        }
        _write(self._note, json.dumps(row).encode("ascii"))


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomic(path, data)
    except OSError as wrong:
        raise target_error(wrong, path) from wrong


def _outcome(data: bytes) -> Outcome:
    row = json.loads(data)
    ended = row["ended"]
    return Outcome(
        by=str(row["by"]),
        begun=datetime.fromisoformat(row["begun"]),
        ended=None if ended is None else datetime.fromisoformat(ended),
        customers=tuple((str(id), str(state)) for id, state in row["customers"]),
        problems=tuple(problem_of(one) for one in row["problems"]),
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)

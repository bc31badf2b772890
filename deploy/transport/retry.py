"""Trying again: how often, how long apart, and a Transport that does it.

The policy is pure: delays come from a source of randomness that is handed in. Waits grow twofold
and are jittered (exponential backoff with full jitter), so that clients that failed together do not
come back together. A body that breaks off in the middle is the download's to resume, by the same policy.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from deploy.errors import SourceError
from deploy.transport.contract import Body, Listing, Resume, Transport, Unchanged, Validators
from deploy.transport.location import Location

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient to be. Times in seconds.

    `attempts` counts the first one too. `jitter` is the share of each delay that is left to chance:
    1 is full jitter, 0 none. `longest_asked` caps what a server may ask for by Retry-After.
    """

    attempts: int = 4
    first_delay: float = 0.5
    longest_delay: float = 20.0
    jitter: float = 1.0
    longest_asked: float = 120.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 <= self.jitter <= 1 or min(self.first_delay, self.longest_delay) < 0:
            raise ValueError(f"not a retry policy: {self}")


@dataclass(frozen=True, slots=True)
class Retry:
    """One more attempt about to be made: the 1-based number of the one that failed, why, and the wait in seconds."""

    attempt: int
    wait: float
    wrong: SourceError


def delays(policy: RetryPolicy, chance: Callable[[], float]) -> Iterator[float]:
    """The `attempts - 1` waits between attempts, in seconds; `chance` gives numbers in [0, 1)."""
    ceiling = min(policy.first_delay, policy.longest_delay)
    for _ in range(policy.attempts - 1):
        yield ceiling * (1 - policy.jitter) + ceiling * policy.jitter * chance()
        ceiling = min(ceiling * 2, policy.longest_delay)


def wait_before(policy: RetryPolicy, delay: float, wrong: SourceError) -> float:
    """The wait after `wrong`: the policy's, on top of what the server asked for (RFC 9110 section 10.2.3), capped."""
    if wrong.retry_after is None:
        return delay
    return min(max(wrong.retry_after, 0.0), policy.longest_asked) + delay


def attempt(
    ask: Callable[[], _Answer],
    policy: RetryPolicy,
    *,
    sleep: Callable[[float], None] = time.sleep,
    chance: Callable[[], float] = random.random,
    on_retry: Callable[[Retry], None] | None = None,
) -> _Answer:
    """Ask until there is an answer, an error that is not transient, or no attempt is left.

    Raises the last `SourceError`.
    """
    for number, delay in enumerate(delays(policy, chance), start=1):
        try:
            return ask()
        except SourceError as wrong:
            if not wrong.transient:
                raise
            wait = wait_before(policy, delay, wrong)
            if on_retry is not None:
                on_retry(Retry(number, wait, wrong))
        sleep(wait)
    return ask()


class RetryingTransport:
    """A Transport that asks another one again when an error is transient. It owns the other and closes it."""

    def __init__(
        self,
        transport: Transport,
        policy: RetryPolicy,
        *,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        on_retry: Callable[[Retry], None] | None = None,
    ) -> None:
        self._transport = transport
        self._policy = policy
        self._sleep = sleep
        self._chance = chance
        self._on_retry = on_retry

    def list(self, folder: Location) -> Listing:
        return self._attempt(lambda: self._transport.list(folder))

    def stat(self, file: Location) -> Validators:
        return self._attempt(lambda: self._transport.stat(file))

    def open(
        self, file: Location, *, resume: Resume | None = None, unless: Validators | None = None
    ) -> Body | Unchanged:
        return self._attempt(lambda: self._transport.open(file, resume=resume, unless=unless))

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _attempt(self, ask: Callable[[], _Answer]) -> _Answer:
        return attempt(ask, self._policy, sleep=self._sleep, chance=self._chance, on_retry=self._on_retry)

"""A shared limit on bytes a second: a token bucket that hands out waits in the order they are asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BURST_SECONDS = 0.25
STEPS_A_SECOND = 8
LEAST_CHUNK = 4096


class Throttle:
    """`rate` in bytes a second, for all threads together; each waits for its own bytes only."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._paid_until = clock()

    def owed(self, count: int) -> float:
        """Seconds to wait after receiving `count` bytes; up to a quarter of a second is lent."""
        now = self._clock()
        with self._lock:
            self._paid_until = max(self._paid_until, now - BURST_SECONDS) + count / self._rate
            return max(self._paid_until - now, 0.0)


def chunk_for(rate: int | None, most: int) -> int:
    """How many bytes to read at once under a limit, so that several connections take turns."""
    return most if rate is None else max(LEAST_CHUNK, min(most, rate // STEPS_A_SECOND))

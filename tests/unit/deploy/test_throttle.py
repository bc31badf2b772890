from __future__ import annotations

import pytest

from deploy.throttle import BURST_SECONDS, LEAST_CHUNK, Throttle, chunk_for


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_each_byte_is_paid_for_once() -> None:
    clock = Clock()
    throttle = Throttle(1000, clock)
    assert throttle.owed(1000) == pytest.approx(1.0)
    clock.now += 1.0
    assert throttle.owed(500) == pytest.approx(0.5)
    clock.now += 0.2
    assert throttle.owed(100) == pytest.approx(0.4)


def test_connections_that_come_together_wait_one_after_the_other() -> None:
    throttle = Throttle(1000, Clock())
    assert [throttle.owed(100) for _ in range(4)] == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_idle_time_is_lent_only_shortly() -> None:
    clock = Clock()
    throttle = Throttle(1000, clock)
    clock.now += 3600
    assert throttle.owed(int(1000 * BURST_SECONDS)) == 0.0
    assert throttle.owed(1000) == pytest.approx(1.0)


@pytest.mark.parametrize(("rate", "chunk"), [(None, 65536), (10, LEAST_CHUNK), (80_000, 10_000), (10**9, 65536)])
def test_chunks_shrink_with_the_rate(rate: int | None, chunk: int) -> None:
    assert chunk_for(rate, 65536) == chunk

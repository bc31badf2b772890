"""The stall rule and the deadline that ends a wait."""

from __future__ import annotations

import threading

from deploy.transport.deadline import Deadline
from deploy.transport.pace import Pace


class TestPace:
    def test_a_window_of_silence_is_a_stall(self) -> None:
        pace = Pace(window=10, least_rate=64)
        assert pace.patience == 10
        assert pace.record(4, 0)
        assert pace.patience == 6
        assert not pace.record(6, 0)

    def test_the_least_rate_is_enough_for_ever(self) -> None:
        pace = Pace(window=10, least_rate=64)
        assert all(pace.record(5, 320) for _ in range(100))

    def test_less_is_not(self) -> None:
        pace = Pace(window=10, least_rate=64)
        assert pace.record(5, 319)
        assert not pace.record(5, 320)

    def test_each_window_counts_for_itself(self) -> None:
        pace = Pace(window=10, least_rate=64)
        assert pace.record(10, 1_000_000)
        assert not pace.record(10, 10)

    def test_one_late_read_is_judged_by_what_it_brought(self) -> None:
        assert Pace(window=10, least_rate=64).record(30, 640)

    def test_patience_is_never_nothing(self) -> None:
        pace = Pace(window=10, least_rate=64)
        pace.record(9.9999, 0)
        assert pace.patience > 0


class TestDeadline:
    def test_it_ends_the_wait_and_says_so(self) -> None:
        ended = threading.Event()
        deadline = Deadline(ended.set, 0.01)
        assert ended.wait(20)
        assert deadline.expired

    def test_cancelled_it_does_nothing(self) -> None:
        ended = threading.Event()
        deadline = Deadline(ended.set, 3600)
        deadline.renew()
        deadline.cancel()
        assert not ended.is_set()
        assert not deadline.expired
        assert not any(isinstance(one, threading.Timer) and one.interval == 3600 for one in _alive_after_join())


def _alive_after_join() -> list[threading.Thread]:
    for one in threading.enumerate():
        if isinstance(one, threading.Timer) and one.interval == 3600:
            one.join(20)
    return [one for one in threading.enumerate() if one.is_alive()]

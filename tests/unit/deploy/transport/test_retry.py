"""Trying again: how often, how long apart, what is given up at once."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.errors import SourceError, error
from deploy.transport.contract import Body, Unchanged, Validators
from deploy.transport.location import Location, Scheme
from deploy.transport.memory import MemorySource
from deploy.transport.retry import Retry, RetryingTransport, RetryPolicy, attempt, delays, wait_before

ROOT = Location(Scheme.HTTP, "server")
POLICY = RetryPolicy(attempts=4, first_delay=1, longest_delay=3, jitter=0)


def transient(code: str = "unreachable", retry_after: float | None = None) -> SourceError:
    return SourceError(error(code, "x"), transient=True, retry_after=retry_after)


class TestPolicy:
    def test_waits_double_up_to_the_longest(self) -> None:
        policy = RetryPolicy(attempts=6, first_delay=1, longest_delay=5, jitter=0)
        assert list(delays(policy, lambda: 0.99)) == [1, 2, 4, 5, 5]

    def test_full_jitter_leaves_everything_to_chance(self) -> None:
        policy = RetryPolicy(attempts=4, first_delay=1, longest_delay=10)
        assert list(delays(policy, lambda: 0.0)) == [0, 0, 0]
        assert list(delays(policy, lambda: 0.5)) == [0.5, 1, 2]

    def test_half_a_jitter_keeps_half(self) -> None:
        policy = RetryPolicy(attempts=3, first_delay=1, longest_delay=10, jitter=0.5)
        assert list(delays(policy, lambda: 0.0)) == [0.5, 1]

    def test_one_attempt_waits_never(self) -> None:
        assert list(delays(RetryPolicy(attempts=1), lambda: 0.5)) == []

    def test_what_the_server_asks_for_comes_first_and_is_capped(self) -> None:
        policy = RetryPolicy(longest_asked=60)
        assert wait_before(policy, 0.25, transient()) == 0.25
        assert wait_before(policy, 0.25, transient(retry_after=10)) == 10.25
        assert wait_before(policy, 0.25, transient(retry_after=86400)) == 60.25
        assert wait_before(policy, 0.25, transient(retry_after=-5)) == 0.25

    @pytest.mark.parametrize("wrong", [{"attempts": 0}, {"jitter": 1.5}, {"first_delay": -1}, {"longest_delay": -1}])
    def test_a_policy_that_is_none(self, wrong: dict[str, float]) -> None:
        with pytest.raises(ValueError, match="not a retry policy"):
            RetryPolicy(**wrong)  # type: ignore[arg-type]

    @given(
        st.builds(
            RetryPolicy,
            attempts=st.integers(1, 20),
            first_delay=st.floats(0, 100),
            longest_delay=st.floats(0, 1000),
            jitter=st.floats(0, 1),
        ),
        st.lists(st.floats(0, 1, exclude_max=True), min_size=20),
    )
    def test_waits_stay_within_their_bounds(self, policy: RetryPolicy, chances: list[float]) -> None:
        left = iter(chances)
        made = list(delays(policy, lambda: next(left)))
        ceilings = list(delays(RetryPolicy(policy.attempts, policy.first_delay, policy.longest_delay, 0), lambda: 0.0))
        assert len(made) == policy.attempts - 1
        assert all(one <= other for one, other in pairwise(ceilings))
        for wait, ceiling in zip(made, ceilings, strict=True):
            slack = 1e-9 * (1 + ceiling)
            assert ceiling * (1 - policy.jitter) - slack <= wait <= ceiling + slack <= policy.longest_delay + 2 * slack


class TestAttempt:
    def test_until_there_is_an_answer(self) -> None:
        errors = [transient(), transient(retry_after=7)]
        waits: list[float] = []
        told: list[Retry] = []

        def ask() -> str:
            if errors:
                raise errors.pop(0)
            return "answer"

        assert attempt(ask, POLICY, sleep=waits.append, on_retry=told.append) == "answer"
        assert waits == [1, 9]
        assert [(one.attempt, one.wait, one.wrong.code) for one in told] == [
            (1, 1, "unreachable"),
            (2, 9, "unreachable"),
        ]

    def test_until_no_attempt_is_left(self) -> None:
        asked: list[SourceError] = []
        waits: list[float] = []

        def ask() -> str:
            asked.append(transient())
            raise asked[-1]

        with pytest.raises(SourceError) as wrong:
            attempt(ask, POLICY, sleep=waits.append)
        assert wrong.value is asked[-1]
        assert (len(asked), waits) == (4, [1, 2, 3])

    def test_what_lasts_is_given_up_at_once(self) -> None:
        waits: list[float] = []

        def ask() -> str:
            raise SourceError(error("not-found", "x"))

        with pytest.raises(SourceError):
            attempt(ask, POLICY, sleep=waits.append)
        assert waits == []

    def test_nothing_else_is_caught(self) -> None:
        def ask() -> str:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            attempt(ask, POLICY, sleep=lambda _: None)


class TestTransport:
    def test_every_call_is_tried_again(self) -> None:
        source = MemorySource({"folder/a": b"12"})
        source.fail("unreachable", "folder/a", times=2)
        inner = source.open_transport(ROOT, None)  # type: ignore[arg-type]
        closed: list[bool] = []
        inner.close = lambda: closed.append(True)  # type: ignore[method-assign]
        with RetryingTransport(inner, POLICY, sleep=lambda _: None) as transport:
            file = ROOT.with_segments(("folder", "a"))
            assert [one.name for one in transport.list(ROOT.child("folder")).entries] == ["a"]
            assert transport.stat(file).size == 2
            body = transport.open(file)
            assert not isinstance(body, Unchanged)
            assert body.validators.size == 2
            assert source.asked["open", file.segments] == 3
            assert isinstance(transport.open(file, unless=body.validators), Unchanged)
        assert closed == [True]

    def test_listing_and_looking_too(self) -> None:
        tries = {"list": 0, "stat": 0}

        class Failing:
            def list(self, folder: Location) -> None:
                tries["list"] += 1
                raise transient("timed-out")

            def stat(self, file: Location) -> Validators:
                tries["stat"] += 1
                raise transient("cut-off")

            def open(self, file: Location, **_: object) -> Body:
                raise AssertionError

            def close(self) -> None: ...

        transport = RetryingTransport(Failing(), POLICY, sleep=lambda _: None)  # type: ignore[arg-type]
        for ask in (transport.list, transport.stat):
            with pytest.raises(SourceError):
                ask(ROOT)
        assert tries == {"list": 4, "stat": 4}

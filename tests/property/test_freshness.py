"""Whatever a source does between copy and listing: a copy called fresh has the bytes that are there."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from deploy.freshness import MARGIN, Freshness, freshness
from deploy.transport.contract import Validators

PRECISIONS = (1e-6, 1.0, 2.0, 60.0, 86400.0)


@dataclass(frozen=True)
class Version:
    """A state of a file on its source from time `at` on."""

    at: float
    content: int
    size: int


def described(version: Version, precision: float, etags: bool) -> Validators:
    modified = math.floor(version.at / precision) * precision if precision >= 1 else version.at
    etag = f'"{version.content}"' if etags else None
    return Validators(version.size, etag, modified, precision)


times = st.floats(0, 500_000, allow_nan=False).map(lambda value: round(value, 3))
histories = st.lists(st.tuples(times, st.integers(1, 3)), min_size=1, max_size=6, unique_by=lambda item: item[0])


@given(
    histories,
    times,
    times,
    st.sampled_from(PRECISIONS),
    st.sampled_from(PRECISIONS),
    st.booleans(),
    st.floats(0, MARGIN - 1),
)
def test_fresh_means_the_same_bytes(
    history: list[tuple[float, int]],
    first: float,
    second: float,
    copy_precision: float,
    list_precision: float,
    etags: bool,
    ahead: float,
) -> None:
    versions = [Version(at, number, size) for number, (at, size) in enumerate(sorted(history))]
    copied_at, listed_at = sorted((first, second))
    at_copy = [version for version in versions if version.at <= copied_at]
    at_list = [version for version in versions if version.at <= listed_at]
    if not at_copy:
        return
    recorded = described(at_copy[-1], copy_precision, etags)
    listed = described(at_list[-1], list_precision, etags)
    judged = freshness(recorded, copied_at + ahead, listed)
    if judged is Freshness.FRESH:
        assert at_copy[-1].content == at_list[-1].content
    if judged is Freshness.STALE:
        assert at_copy[-1].content != at_list[-1].content


validators = st.builds(
    Validators,
    st.none() | st.integers(0, 3),
    st.sampled_from([None, '"a"', '"b"', 'W/"a"']),
    st.none() | st.sampled_from([0.0, 1.0, 60.0, 3600.0]),
    st.sampled_from(PRECISIONS),
)


@given(validators, validators, st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_later_copy_is_never_less_trusted(one: Validators, other: Validators, at: float, later: float) -> None:
    if freshness(one, at, other) is Freshness.FRESH:
        assert freshness(one, at + later, other) is Freshness.FRESH


@given(validators, validators, st.floats(-1e6, 1e6))
def test_the_two_descriptions_may_be_exchanged(one: Validators, other: Validators, at: float) -> None:
    assert freshness(one, at, other) is freshness(other, at, one)

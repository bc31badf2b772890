from __future__ import annotations

import math

import pytest

from deploy.freshness import MARGIN, Freshness, freshness
from deploy.transport.contract import Validators

MODIFIED = 1_700_000_000.0
LATER = MODIFIED + 10 * MARGIN


@pytest.mark.parametrize(
    ("recorded", "listed", "expected"),
    [
        (Validators(5, '"a"'), Validators(5, '"a"'), Freshness.FRESH),
        (Validators(None, '"a"'), Validators(5, '"a"'), Freshness.FRESH),
        (Validators(5, '"a"'), Validators(5, '"b"'), Freshness.STALE),
        (Validators(5, '"a"', MODIFIED), Validators(5, '"b"', MODIFIED), Freshness.STALE),
        (Validators(5, '"a"'), Validators(6, '"a"'), Freshness.STALE),
        (Validators(5, 'W/"a"'), Validators(5, 'W/"a"'), Freshness.ASK),
        (Validators(5, 'W/"a"', MODIFIED), Validators(5, 'W/"b"', MODIFIED), Freshness.FRESH),
        (Validators(5, None, MODIFIED), Validators(5, None, MODIFIED), Freshness.FRESH),
        (Validators(5, '"a"', MODIFIED), Validators(5, None, MODIFIED), Freshness.FRESH),
        (Validators(5, None, MODIFIED), Validators(6, None, MODIFIED), Freshness.STALE),
        (Validators(5, None, MODIFIED), Validators(5, None, MODIFIED + 1), Freshness.ASK),
        (Validators(5, None, MODIFIED), Validators(5, None, MODIFIED - 1), Freshness.ASK),
        (Validators(None, None, MODIFIED), Validators(5, None, MODIFIED), Freshness.ASK),
        (Validators(5, None, MODIFIED), Validators(None, None, MODIFIED), Freshness.ASK),
        (Validators(5), Validators(5), Freshness.ASK),
        (Validators(), Validators(), Freshness.ASK),
    ],
)
def test_what_two_descriptions_prove(recorded: Validators, listed: Validators, expected: Freshness) -> None:
    assert freshness(recorded, LATER, listed) is expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (math.nan, Freshness.ASK),
        (-5.0, Freshness.ASK),
        (0.0, Freshness.ASK),
        (MARGIN + 0.9, Freshness.ASK),
        (MARGIN + 1.0, Freshness.FRESH),
    ],
)
def test_a_time_too_near_to_the_copy_proves_nothing(after: float, expected: Freshness) -> None:
    same = Validators(5, None, MODIFIED)
    assert freshness(same, MODIFIED + after, same) is expected


def test_a_listing_in_minutes_needs_another_minute() -> None:
    minute = Validators(5, None, MODIFIED - MODIFIED % 60.0, precision=60.0)
    exact = Validators(5, None, (minute.modified or 0.0) + 37.0)
    assert freshness(exact, (exact.modified or 0.0) + MARGIN + 59.0, minute) is Freshness.ASK
    assert freshness(exact, (exact.modified or 0.0) + MARGIN + 60.0, minute) is Freshness.FRESH


@pytest.mark.parametrize(("offset", "expected"), [(0, True), (59.999, True), (60, False), (-0.001, False)])
def test_a_coarse_time_is_the_beginning_of_its_granule(offset: float, expected: bool) -> None:
    coarse = Validators(5, None, MODIFIED, precision=60.0)
    fine = Validators(5, None, MODIFIED + offset)
    for recorded, listed in ((coarse, fine), (fine, coarse)):
        assert (freshness(recorded, LATER, listed) is Freshness.FRESH) is expected


def test_an_old_copy_by_day_listing() -> None:
    day = Validators(5, None, MODIFIED - MODIFIED % 86400, precision=86400.0)
    exact = Validators(5, None, MODIFIED)
    assert freshness(exact, MODIFIED + 3600, day) is Freshness.ASK
    assert freshness(exact, MODIFIED + 2 * 86400, day) is Freshness.FRESH

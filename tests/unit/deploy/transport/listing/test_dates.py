"""Times as listings state them."""

from __future__ import annotations

import pytest

from deploy.transport.listing.dates import day_comes_first, http_date, stated

MOMENT = 1_700_000_000.0
MINUTE = MOMENT - 20
AHEAD = 14 * 3600.0


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("14-Nov-2023 22:13", MINUTE),
        ("14-Nov-2023 22:13:20", MOMENT),
        ("2023-11-14 22:13", MINUTE),
        ("2023-11-14 22:13:20", MOMENT),
        ("2023-Nov-14 22:13:20", MOMENT),
        ("14.11.2023 22:13", MINUTE),
        ("14.11.2023    22:13", MINUTE),
        ("14-11-2023 22:13", MINUTE),
        ("14. 11. 2023 22:13", MINUTE),
        ("2023/11/14 22:13", MINUTE),
        ("2023.11.14. 22:13", MINUTE),
        ("Tuesday, November 14, 2023 10:13 PM", MINUTE),
        ("Tuesday, November 14, 2023 22:13", MINUTE),
    ],
)
def test_forms(text: str, when: float) -> None:
    precision = 1.0 if when == MOMENT else 60.0
    assert stated(text, True) == (when, precision)
    assert stated(f"  {text} ", False) == (when - AHEAD, 26 * 3600.0 + precision)


@pytest.mark.parametrize("text", ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20.123456789Z"])
def test_a_time_that_says_its_zone(text: str) -> None:
    assert stated(text, False) == (MOMENT, 1.0)


@pytest.mark.parametrize(
    ("text", "day_first", "when"),
    [
        ("11/14/2023 10:13 PM", False, MINUTE),
        ("14/11/2023 22:13", True, MINUTE),
        ("11/14/2023 10:13 p.m.", False, MINUTE),
        ("11/14/2023 12:13 AM", False, MINUTE - 22 * 3600),
        ("11/14/2023 12:13 PM", False, MINUTE - 10 * 3600),
        ("11/14/2023 10:13 PM", None, None),
        ("11/14/2023 10:13 PM", True, None),
    ],
)
def test_dates_whose_order_the_page_tells(text: str, day_first: bool | None, when: float | None) -> None:
    told = stated(text, True, day_first)
    assert (None if told is None else told[0]) == when


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "soon",
        "14-Foo-2023 22:13",
        "31-Feb-2023 22:13",
        "14-Nov-2023 25:13",
        "14-Nov-2023",
        "1/2/23 4:05",
        "14.11.23 22:13",
    ],
)
def test_no_times(text: str) -> None:
    assert stated(text, True) is None


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["1/2/2023 1:00", "13/2/2023 1:00"], True),
        (["1/2/2023 1:00", "2/13/2023 1:00"], False),
        (["1/2/2023 1:00", "12/12/2023 1:00"], None),
        (["13.2.2023 1:00", "2023/13/02 1:00"], None),
        (["what", ""], None),
        ([], None),
    ],
)
def test_the_order_of_day_and_month(texts: list[str], order: bool | None) -> None:
    assert day_comes_first(texts) is order


def test_http_dates() -> None:
    assert http_date("Tue, 14 Nov 2023 22:13:20 GMT") == (MOMENT, 1.0)
    assert http_date("2023-11-14T22:13:20Z") == (MOMENT, 1.0)
    assert http_date("yesterday") is None
    assert http_date(None) is None

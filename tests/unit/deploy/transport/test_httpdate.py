from __future__ import annotations

import pytest

from deploy.transport.httpdate import format_http_date, parse_http_date, posix_seconds

NOVEMBER = 784111777.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", NOVEMBER),
        ("Sunday, 06-Nov-94 08:49:37 GMT", NOVEMBER),
        ("Sun Nov  6 08:49:37 1994", NOVEMBER),
        ("Sun, 6 Nov 1994 08:49:37 UTC", NOVEMBER),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thursday, 01-Jan-70 00:00:00 GMT", 0.0),
        ("Friday, 01-Jan-69 00:00:00 GMT", 3124224000.0),
        ("Sat, 29 Feb 2020 23:59:60 GMT", 1583020800.0),
        ("Fri, 29 Feb 1900 00:00:00 GMT", None),
        ("Wed, 30 Feb 2022 00:00:00 GMT", None),
        ("Wed, 01 Foo 2022 00:00:00 GMT", None),
        ("Wed, 01 Jan 2022 24:00:00 GMT", None),
        ("Wed, 01 Jan 2022 00:00:00 CET", None),
        ("Wed, 01 Jan 2022 00:00:00", None),
        ("0", None),
        ("-1", None),
        ("", None),
    ],
)
def test_parse(text: str, seconds: float | None) -> None:
    assert parse_http_date(text) == seconds


@pytest.mark.parametrize("when", [0, 1, NOVEMBER, 951782400, 951868800, 4102444799, 1583020799.75, -1])
def test_what_is_written_is_read(when: float) -> None:
    text = format_http_date(when)
    assert text.endswith(" GMT")
    assert len(text) == 29
    assert parse_http_date(text) == float(int(when))


def test_the_day_of_the_week_is_right() -> None:
    assert format_http_date(NOVEMBER) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert format_http_date(1795393580) == "Mon, 23 Nov 2026 00:26:20 GMT"


def test_no_such_date() -> None:
    assert posix_seconds(2023, 2, 29, 0, 0) is None
    assert posix_seconds(2023, 0, 1, 0, 0) is None
    assert posix_seconds(2023, 13, 1, 0, 0) is None
    assert posix_seconds(2000, 2, 29, 0, 0) == 951782400.0

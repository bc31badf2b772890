"""Times as listings state them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from deploy.transport.contract import Validators
from deploy.transport.httpdate import MONTH_NUMBERS, parse_http_date, posix_seconds
from deploy.transport.listing.links import NOTHING_KNOWN

# Clocks go from 12 hours behind UTC to 14 hours before it.
MOST_AHEAD = 14 * 3600.0
UNKNOWN_ZONE = 26 * 3600.0
_CLOCK = r"(\d{1,2}):(\d\d)(?::(\d\d))?"
_DAY_NAMED_MONTH = re.compile(rf"(\d{{1,2}})-([A-Za-z]{{3}})-(\d{{4}}) {_CLOCK}")
_YEAR_NAMED_MONTH = re.compile(rf"(\d{{4}})-([A-Za-z]{{3}})-(\d{{1,2}}) {_CLOCK}")
_ISO = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d)[ T]{_CLOCK}(?:\.\d+)?(Z)?")
_LOCAL = re.compile(rf"(\d{{1,4}})([./-]) ?(\d{{1,2}})\2 ?(\d{{1,4}})\.?\s+{_CLOCK}(?:\s*([AaPp])\.?[Mm]\.?)?")
_LONG = re.compile(rf"[A-Za-z]+, ([A-Za-z]+) (\d{{1,2}}), (\d{{4}})\s+{_CLOCK}(?:\s*([AaPp])\.?[Mm]\.?)?")


@lru_cache(maxsize=4096)
def stated(text: str, zone_known: bool, day_first: bool | None = None) -> tuple[float, float] | None:
    """(POSIX seconds, precision) of a time in one of the forms of index pages; None if it is in none.

    The true time lies between the seconds and as many more as the precision. `zone_known` says that the
    page's times are UTC; one ending in Z is anyway. `day_first` reads 3/4/2026; without it such a date is
    no date.
    """
    text = text.strip()
    fields = _fields(text, day_first)
    if fields is None:
        return None
    year, month, day, hour, minute, second = fields
    modified = posix_seconds(year, month, day, hour, minute, second or 0)
    if modified is None:
        return None
    precision = 60.0 if second is None else 1.0
    if zone_known or text.endswith("Z"):
        return modified, precision
    return modified - MOST_AHEAD, UNKNOWN_ZONE + precision


def known(size: int | None, time: tuple[float, float] | None) -> Validators:
    """Validators of what a row tells."""
    if time is None:
        return NOTHING_KNOWN if size is None else Validators(size)
    return Validators(size, None, time[0], time[1])


def http_date(text: str | None) -> tuple[float, float] | None:
    """(POSIX seconds, 1.0) of an HTTP-date or an ISO 8601 time in UTC."""
    if text is None:
        return None
    modified = parse_http_date(text.strip())
    return stated(text, True) if modified is None else (modified, 1.0)


def day_comes_first(texts: Iterable[str]) -> bool | None:
    """Whether dates like 13/4/2026 put the day first, as far as the texts tell; None if they do not."""
    for text in texts:
        match = _LOCAL.match(text.strip())
        if match is None or match[2] != "/" or len(match[1]) > 2:
            continue
        if int(match[1]) > 12:
            return True
        if int(match[3]) > 12:
            return False
    return None


_Fields = tuple[int, int, int, int, int, int | None]


def _fields(text: str, day_first: bool | None) -> _Fields | None:
    """Year, month, day, hour, minute, second (None if only minutes are told)."""
    match = _DAY_NAMED_MONTH.fullmatch(text)
    if match is not None:
        return _with_clock(match[3], MONTH_NUMBERS.get(match[2].lower(), 0), match[1], match.groups()[3:])
    match = _ISO.fullmatch(text)
    if match is not None:
        return _with_clock(match[1], int(match[2]), match[3], match.groups()[3:6])
    match = _YEAR_NAMED_MONTH.fullmatch(text)
    if match is not None:
        return _with_clock(match[1], MONTH_NUMBERS.get(match[2].lower(), 0), match[3], match.groups()[3:])
    match = _LONG.fullmatch(text)
    if match is not None:
        return _with_clock(match[3], MONTH_NUMBERS.get(match[1][:3].lower(), 0), match[2], match.groups()[3:])
    match = _LOCAL.fullmatch(text)
    return None if match is None else _local(match, day_first)


def _local(match: re.Match[str], day_first: bool | None) -> _Fields | None:
    """A date of numbers only, as Windows writes it by locale."""
    first, separator, second, third = match.group(1, 2, 3, 4)
    clock = match.groups()[4:]
    if len(first) == 4:
        return _with_clock(first, int(second), third, clock)
    if len(third) != 4:
        return None
    if separator == "/":
        if day_first is None:
            return None
        day, month = (first, second) if day_first else (second, first)
        return _with_clock(third, int(month), day, clock)
    return _with_clock(third, int(second), first, clock)


def _with_clock(year: str, month: int, day: str, clock: tuple[str | None, ...]) -> _Fields:
    hour, minute, second, half = (*clock, None) if len(clock) == 3 else clock
    hours = int(hour or 0)
    if half is not None:
        hours = hours % 12 + (12 if half in "Pp" else 0)
    return int(year), month, int(day), hours, int(minute or 0), None if second is None else int(second)

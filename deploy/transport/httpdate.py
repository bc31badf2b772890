"""HTTP-date, read and written (RFC 9110 section 5.6.7). Pure, and quick: every answer carries two."""

from __future__ import annotations

import re
from functools import lru_cache

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}
_CLOCK = r"(\d\d):(\d\d):(\d\d)"
_IMF = re.compile(rf"[A-Za-z]{{3,9}}, (\d{{1,2}})[ -]([A-Za-z]{{3}})[ -](\d{{4}}|\d\d) {_CLOCK} (?:GMT|UTC)")
_ASCTIME = re.compile(rf"[A-Za-z]{{3}} ([A-Za-z]{{3}}) ([ \d]\d) {_CLOCK} (\d{{4}})")
_MONTH_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@lru_cache(maxsize=512)
def parse_http_date(text: str) -> float | None:
    """POSIX seconds of any of the three forms; None if it is none of them or no real date."""
    match = _IMF.fullmatch(text)
    if match is not None:
        day, month, year, hour, minute, second = match.groups()
        return posix_seconds(
            _full_year(year), MONTH_NUMBERS.get(month.lower(), 0), *map(int, (day, hour, minute, second))
        )
    match = _ASCTIME.fullmatch(text)
    if match is not None:
        month, day, hour, minute, second, year = match.groups()
        return posix_seconds(int(year), MONTH_NUMBERS.get(month.lower(), 0), *map(int, (day, hour, minute, second)))
    return None


def format_http_date(when: float) -> str:
    """IMF-fixdate of POSIX seconds, fractions cut off."""
    days, second = divmod(int(when), 86400)
    year, month, day = _civil(days)
    hour, second = divmod(second, 3600)
    minute, second = divmod(second, 60)
    name = _DAYS[(days + 3) % 7]
    return f"{name}, {day:02d} {_MONTHS[month - 1]} {year:04d} {hour:02d}:{minute:02d}:{second:02d} GMT"


def posix_seconds(year: int, month: int, day: int, hour: int, minute: int, second: int = 0) -> float | None:
    """POSIX seconds of a UTC date and time; None if there is no such date. A leap second counts as the next second."""
    if not (1 <= month <= 12 and 1 <= day <= _MONTH_LENGTHS[month - 1] and hour < 24 and minute < 60 and second <= 60):
        return None
    if month == 2 and day == 29 and not (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)):
        return None
    return float(_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second)


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar; the year is taken to begin in March."""
    shifted = year - (month <= 2)
    leaps = shifted // 4 - shifted // 100 + shifted // 400
    return shifted * 365 + leaps + (153 * ((month - 3) % 12) + 2) // 5 + day - 1 - 719468


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970-01-01."""
    era, of_era = divmod(days + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return era * 400 + year + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def _full_year(text: str) -> int:
    """Two digits are of the obsolete form: 70 and later are of the last century."""
    year = int(text)
    return year if len(text) == 4 else year + (1900 if year >= 70 else 2000)

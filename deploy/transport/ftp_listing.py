"""What an FTP server says of a folder: MLSD facts (RFC 3659), `ls -l` rows, DOS rows.

Pure. Times that carry no zone are read as UTC; a row's date without a year is its latest occurrence.
Names keep every byte, blanks at either end included. A row that cannot be read is an error, since a
file might be missing without it; a month in a language we do not read only leaves the time unknown.
"""

from __future__ import annotations

import calendar
import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.transport.contract import Validators

MINUTE, DAY = 60.0, 86400.0

_UNIX = re.compile(
    r"(?P<kind>[-dlbcpsDCMnP?])[-rwxsStTlL]{9}[@+.]?\s*"
    r"(?P<owners>.*?)(?<=\s)(?P<size>\d+)\s+"
    r"(?:"
    r"(?P<month>(?:[^\W\d]|[\udc80-\udcff]){1,20}\.?|\d{1,2}[月월])\s+(?P<day>\d{1,2})\.?\s+(?P<when>\d{1,2}:\d\d|\d{4})"
    r"|(?P<day2>\d{1,2})\.?\s+(?P<month2>(?:[^\W\d]|[\udc80-\udcff]){1,20}\.?)\s+(?P<when2>\d{1,2}:\d\d|\d{4})"
    r"|(?P<iso>\d{4}-\d\d-\d\d)\s+(?P<clock>\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:\s(?P<zone>[+-]\d{4}))?"
    r")\s(?P<name>.+)",
    re.DOTALL,
)
_DOS = re.compile(
    r"(?P<a>\d{1,4})[-/.](?P<b>\d{1,2})[-/.](?P<c>\d{2,4})\s+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::\d\d)?\s*(?P<half>[AaPp][Mm]?)?\s+"
    r"(?:<(?P<mark>[A-Z]+)>(?: {10}|\s+)|(?P<size>[\d,.]*\d) )(?P<name>.+)",
    re.DOTALL,
)
_TOTAL = re.compile(r"[^\W\d]+:? +\d+(?:[.,]\d+)?[KMGkmg]?")
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?")
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_LINK_TYPES = ("os.unix=slink", "os.unix=symlink", "os.unix=link")
_UNKNOWN = Validators()
LONGEST_ROW = 8192


class Kind(enum.Enum):
    """What a row stands for. A LINK leads to a file, a folder or nowhere; the row does not say which."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Row:
    """One name of a listing, wire-true, and what its row says of it."""

    name: str
    kind: Kind
    validators: Validators = _UNKNOWN


class UnreadableRowError(ValueError):
    """A row in no dialect known here; `row` is the text, shortened."""

    def __init__(self, row: str) -> None:
        self.row = row[:200].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        super().__init__(self.row)


def parse_mlsd(data: bytes) -> tuple[Row, ...]:
    """Read an MLSD listing; raises `UnreadableRowError`."""
    return tuple(row for line in _lines(data) if (row := parse_facts(line)) is not None)


def parse_facts(line: str) -> Row | None:
    """Read one row of facts (RFC 3659 section 7.2); None for the folder itself and its parent."""
    # Some servers put the target of a link into its type, blanks and all: the facts end at "; ".
    facts, end, name = ("", " ", line[1:]) if line.startswith(" ") else line.partition("; ")
    if not end or not name:
        raise UnreadableRowError(line)
    known = {}
    for fact in facts.split(";"):
        key, equals, value = fact.partition("=")
        if equals:
            known[key.lower()] = value
    described = known.get("type", "").lower()
    if described in ("cdir", "pdir") or name in (".", ".."):
        return None
    if described == "dir":
        return Row(name, Kind.FOLDER)
    size = known.get("size", "")
    validators = Validators(int(size) if _is_number(size) else None, modified=parse_time(known.get("modify", "")))
    if described == "file":
        return Row(name, Kind.FILE, validators)
    return Row(name, Kind.LINK if described.startswith(_LINK_TYPES) else Kind.OTHER)


def parse_time(text: str) -> float | None:
    """Read `YYYYMMDDHHMMSS[.sss]` in UTC (RFC 3659 section 2.3) as POSIX seconds; None if it is not that."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    whole = _posix(year, month, day, (hour, minute, second))
    return None if whole is None else whole + float(match[7] or 0)


def parse_list(data: bytes, now: float) -> tuple[Row, ...]:
    """Read a LIST listing in Unix or DOS style; `now` in POSIX seconds dates the rows without a year.

    Raises `UnreadableRowError`.
    """
    rows = []
    for number, line in enumerate(_lines(data)):
        if not line.strip() or (number == 0 and _TOTAL.fullmatch(line)):
            continue
        row = _unix_row(line, now) or _dos_row(line)
        if row is None:
            raise UnreadableRowError(line)
        if row.name not in (".", ".."):
            rows.append(row)
    return tuple(rows)


def _lines(data: bytes) -> Iterator[str]:
    for line in data.split(b"\n"):
        text = line.removesuffix(b"\r").decode("utf-8", "surrogateescape")
        if len(text) > LONGEST_ROW:
            raise UnreadableRowError(text)
        if text:
            yield text


def _unix_row(line: str, now: float) -> Row | None:
    match = _UNIX.fullmatch(line)
    if match is None:
        return None
    name, kind = match["name"], match["kind"]
    if kind == "l":
        return Row(name.partition(" -> ")[0] or name, Kind.LINK)
    if kind == "d":
        return Row(name, Kind.FOLDER)
    if kind != "-":
        return Row(name, Kind.OTHER)
    modified, precision = _unix_time(match, now)
    return Row(name, Kind.FILE, Validators(int(match["size"]), modified=modified, precision=precision))


def _unix_time(match: re.Match[str], now: float) -> tuple[float | None, float]:
    if match["iso"]:
        return _iso_time(match), MINUTE
    name, day, when = (
        match["month"] or match["month2"],
        match["day"] or match["day2"],
        match["when"] or match["when2"],
    )
    month_number = _MONTHS.get(name.rstrip(".").lower())
    if month_number is None:
        return None, DAY
    hours, colon, minutes = when.partition(":")
    if not colon:
        return _posix(int(when), month_number, int(day)), DAY
    return _latest(now, month_number, int(day), (int(hours), int(minutes))), MINUTE


def _iso_time(match: re.Match[str]) -> float | None:
    """`2024-01-31 10:15`, with the zone that `ls --time-style=full-iso` adds."""
    year, month, day = (int(part) for part in match["iso"].split("-"))
    hour, minute = (int(part) for part in match["clock"].split(":"))
    local = _posix(year, month, day, (hour, minute))
    zone = match["zone"]
    if local is None or not zone:
        return local
    east = int(zone[1:3]) * 3600 + int(zone[3:]) * 60
    return local - east if zone[0] == "+" else local + east


def _latest(now: float, month: int, day: int, clock: tuple[int, int]) -> float | None:
    """The last such moment that is not more than a day away in the future (the server's zone is not known)."""
    year = 1970 + int(max(now, 0) // (365.2425 * DAY)) + 1
    for candidate in range(year, max(year - 10, 1970), -1):
        moment = _posix(candidate, month, day, clock)
        if moment is not None and moment <= now + DAY:
            return moment
    return None


def _dos_row(line: str) -> Row | None:
    match = _DOS.fullmatch(line)
    if match is None:
        return None
    if match["mark"]:
        return Row(match["name"], Kind.FOLDER) if match["mark"] == "DIR" else _dos_link(match["name"])
    hour, half = int(match["hour"]), (match["half"] or "").lower()[:1]
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    year, month, day = _dos_date(match["a"], match["b"], match["c"])
    size = int(re.sub(r"[,.]", "", match["size"]))
    modified = _posix(year, month, day, (hour, int(match["minute"])))
    return Row(match["name"], Kind.FILE, Validators(size, modified=modified, precision=MINUTE))


def _dos_link(name: str) -> Row:
    """`<JUNCTION>`, `<SYMLINK>` and `<SYMLINKD>` rows end in the target in brackets."""
    return Row(re.sub(r"(?<=.) \[[^\[\]]*\]$", "", name), Kind.LINK)


def _dos_date(a: str, b: str, c: str) -> tuple[int, int, int]:
    """Year first, or month and day; the day comes first only where it can be no month."""
    if len(a) == 4:
        return int(a), int(b), int(c)
    month, day = (int(b), int(a)) if int(a) > 12 else (int(a), int(b))
    year = int(c)
    if len(c) == 2:
        year += 1900 if year >= 70 else 2000
    return year, month, day


def _posix(year: int, month: int, day: int, clock: tuple[int, ...] = ()) -> float | None:
    """POSIX seconds of a moment in UTC, or None if there is no such moment; second 60 is a leap second."""
    hour, minute, second = (*clock, 0, 0, 0)[:3]
    if not (1 <= month <= 12 and 1 <= year <= 9999 and hour < 24 and minute < 60 and second <= 60):
        return None
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return float(calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0)))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,19}", text) is not None

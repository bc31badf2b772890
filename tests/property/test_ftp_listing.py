"""Whatever a server writes is read as it was meant, or refused; never misread, never an accident."""

from __future__ import annotations

import calendar
import time

from hypothesis import example, given
from hypothesis import strategies as st

from deploy.transport.ftp_listing import Kind, Row, UnreadableRowError, parse_list, parse_mlsd

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NOW = float(calendar.timegm((2024, 3, 15, 12, 0, 0)))

# Any bytes but line ends and NUL, as a wire-true name; rows cannot carry the folder's own names.
names = (
    st.binary(min_size=1, max_size=60)
    .map(lambda raw: raw.translate(None, b"\r\n\0").decode("utf-8", "surrogateescape"))
    .filter(lambda name: name not in ("", ".", ".."))
)
sizes = st.integers(0, 2**63 - 1)
moments = st.integers(0, 4_000_000_000)
owners = st.sampled_from(("root", "1000", "Domain Users", "o'brien", "ftp"))


def encoded(line: str) -> bytes:
    return line.encode("utf-8", "surrogateescape") + b"\r\n"


@given(names, sizes, moments, owners, owners)
def test_unix_rows_with_a_year(name: str, size: int, moment: int, owner: str, group: str) -> None:
    day = time.gmtime(moment)
    date = f"{MONTHS[day.tm_mon - 1]} {day.tm_mday:2}  {day.tm_year:04}"
    (row,) = parse_list(encoded(f"-rw-r--r--    1 {owner:8} {group:8} {size:12} {date} {name}"), NOW)
    assert (row.name, row.kind, row.validators.size) == (name, Kind.FILE, size)
    assert row.validators.modified == moment - moment % 86400
    assert row.validators.precision == 86400


@given(names, sizes, st.integers(int(NOW) - 300 * 86400, int(NOW)))
def test_unix_rows_without_a_year(name: str, size: int, moment: int) -> None:
    day = time.gmtime(moment)
    date = f"{MONTHS[day.tm_mon - 1]} {day.tm_mday:2} {day.tm_hour:02}:{day.tm_min:02}"
    (row,) = parse_list(encoded(f"-rw-r--r-- 1 u g {size} {date} {name}"), NOW)
    assert (row.name, row.validators.size) == (name, size)
    assert row.validators.modified == moment - moment % 60


@given(names, sizes, st.integers(0, 3_000_000_000))
def test_dos_rows(name: str, size: int, moment: int) -> None:
    day = time.gmtime(moment)
    half = "AM" if day.tm_hour < 12 else "PM"
    stamp = f"{day.tm_mon:02}-{day.tm_mday:02}-{day.tm_year:04}  {(day.tm_hour - 1) % 12 + 1:02}:{day.tm_min:02}{half}"
    (row,) = parse_list(encoded(f"{stamp} {size:20} {name}"), NOW)
    assert (row.name, row.kind, row.validators.size) == (name, Kind.FILE, size)
    assert row.validators.modified == moment - moment % 60
    assert parse_list(encoded(f"{stamp}       <DIR>          {name}"), NOW) == (Row(name, Kind.FOLDER),)


@given(names, sizes, moments)
def test_facts(name: str, size: int, moment: int) -> None:
    stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(moment))
    (row,) = parse_mlsd(encoded(f"modify={stamp};perm=r;size={size};type=file;unique=1g2; {name}"))
    assert (row.name, row.kind, row.validators.size, row.validators.modified) == (name, Kind.FILE, size, moment)


@given(st.lists(names, max_size=20, unique=True))
def test_no_row_is_lost(several: list[str]) -> None:
    data = b"".join(encoded(f"-rw-r--r-- 1 u g 1 Jan  1  2020 {name}") for name in several)
    assert [row.name for row in parse_list(b"total 4\r\n" + data, NOW)] == several
    facts = b"".join(encoded(f"type=file;size=1; {name}") for name in several)
    assert [row.name for row in parse_mlsd(facts)] == several


@given(st.one_of(st.binary(max_size=300), st.text("-rwxd 0123456789:JanFebDIR<>APM./;=type\n").map(str.encode)))
@example(b"-rwxrwxrwx 1 1 Jan 1 0000 a")
@example(b"-rwxrwxrwx 1 1 Jan 1 9999 a")
@example(b"99-99-9999 99:99 1 a")
@example("-rwxrwxrwx 1 \u0661 Jan \u0661 2020 a".encode())
def test_nothing_else_is_raised(data: bytes) -> None:
    for read in (lambda: parse_list(data, NOW), lambda: parse_mlsd(data)):
        try:
            rows = read()
        except UnreadableRowError:
            continue
        assert all(row.name for row in rows)

"""Listing dialects, row by row."""

from __future__ import annotations

import calendar

import pytest

from deploy.transport.contract import Validators
from deploy.transport.ftp_listing import Kind, Row, UnreadableRowError, parse_list, parse_mlsd, parse_time

# 15 March 2024, 12:00 UTC
NOW = float(calendar.timegm((2024, 3, 15, 12, 0, 0)))


def utc(*moment: int) -> float:
    return float(calendar.timegm((*moment, 0, 0, 0)[:6]))


def file(name: str, size: int, modified: float | None, precision: float) -> Row:
    return Row(name, Kind.FILE, Validators(size, modified=modified, precision=precision))


def listed(line: str) -> Row:
    (row,) = parse_list(line.encode("utf-8", "surrogateescape") + b"\r\n", NOW)
    return row


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("-rw-r--r--    1 0        0              12 Jan 05 10:00 a.txt", file("a.txt", 12, utc(2024, 1, 5, 10), 60)),
        ("-rw-r--r--   1 user group  12 Dec 31 23:59 a.txt", file("a.txt", 12, utc(2023, 12, 31, 23, 59), 60)),
        ("-rw-r--r-- 1 u g 0 Mar 16 11:59 soon", file("soon", 0, utc(2024, 3, 16, 11, 59), 60)),
        ("-rw-r--r-- 1 u g 0 Mar 16 12:01 later", file("later", 0, utc(2023, 3, 16, 12, 1), 60)),
        ("-rw-r--r-- 1 u g 0 Feb 29 12:00 leap", file("leap", 0, utc(2024, 2, 29, 12), 60)),
        ("-rw-r--r-- 1 u g 5368709120 Jan  1  2020 big", file("big", 5368709120, utc(2020, 1, 1), 86400)),
        ("-rw-r--r-- 1 u g 1 Jan  1  2020  two blanks ", file(" two blanks ", 1, utc(2020, 1, 1), 86400)),
        ("-rw-r--r-- 1 Domain Users 7 Jan  1  2020 a", file("a", 7, utc(2020, 1, 1), 86400)),
        ("-rw-r--r-- 1 12 34 7 Jan  1  2020 a", file("a", 7, utc(2020, 1, 1), 86400)),
        ("-rw-r--r-- 1 owner 7 Jan  1  2020 a", file("a", 7, utc(2020, 1, 1), 86400)),
        ("-rw-rw-r--+ 1 u g 7 Jan  1  2020 a", file("a", 7, utc(2020, 1, 1), 86400)),
        ("-rwsr-sr-t 1 u g 7 Jan  1  2020 a", file("a", 7, utc(2020, 1, 1), 86400)),
        ("-rw-r--r-- 1 u g 7 Jan  1  2020 a -> b", file("a -> b", 7, utc(2020, 1, 1), 86400)),
        ("-rw-r--r-- 1 u g 7 Jan  1  2020 5 Jan  1  2021 b", file("5 Jan  1  2021 b", 7, utc(2020, 1, 1), 86400)),
        ("-rw-r--r-- 1 u g 7 2024-01-31 10:15 a", file("a", 7, utc(2024, 1, 31, 10, 15), 60)),
        ("-rw-r--r-- 1 u g 7 2024-01-31 10:15:30.5 +0130 a", file("a", 7, utc(2024, 1, 31, 8, 45), 60)),
        ("-rw-r--r-- 1 u g 7 2024-01-31 10:15:30 -0130 a", file("a", 7, utc(2024, 1, 31, 11, 45), 60)),
        ("-rw-r--r-- 1 u g 7 1 Jan  2020 a", file("a", 7, utc(2020, 1, 1), 86400)),
        ("-rw-r--r-- 1 u g 7 Jan. 1 2020 a", file("a", 7, utc(2020, 1, 1), 86400)),
        ("-rw-r--r-- 1 u g 7 JAN 01 2020 a", file("a", 7, utc(2020, 1, 1), 86400)),
        ("drwxr-xr-x 2 u g 4096 Jan  1  2020 sub folder", Row("sub folder", Kind.FOLDER)),
        ("lrwxrwxrwx 1 u g 3 Jan  1  2020 a -> ../b", Row("a", Kind.LINK)),
        ("lrwxrwxrwx 1 u g 3 Jan  1  2020 bare", Row("bare", Kind.LINK)),
        ("crw-rw-rw- 1 root root 1, 3 Jan  1  2020 null", Row("null", Kind.OTHER)),
        ("prw-r--r-- 1 u g 0 Jan  1  2020 pipe", Row("pipe", Kind.OTHER)),
        ("srw-r--r-- 1 u g 0 Jan  1  2020 socket", Row("socket", Kind.OTHER)),
    ],
)
def test_unix_rows(line: str, row: Row) -> None:
    assert listed(line) == row


@pytest.mark.parametrize("month", ["déc.", "Mär", "févr.", "мар", "3月", "Xyz", "d\udce9c"])
def test_a_month_in_another_language_only_hides_the_time(month: str) -> None:
    for line in (f"-rw-r--r-- 1 u g 7 {month} 24 2020 name x", f"-rw-r--r-- 1 u g 7 {month} 24 10:00 name x"):
        assert listed(line) == file("name x", 7, None, 86400)


@pytest.mark.parametrize(
    "date", ["Feb 30  2020", "Jan 32  2020", "Jan  0 10:00", "Jan  1 24:00", "Jan  1 10:60", "Feb 30 10:00"]
)
def test_a_day_that_never_was_hides_the_time(date: str) -> None:
    assert listed(f"-rw-r--r-- 1 u g 7 {date} a").validators.modified is None


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("01-31-24  10:15AM       <DIR>          name x", Row("name x", Kind.FOLDER)),
        ("01-31-24  12:15AM                  12 a b.txt", file("a b.txt", 12, utc(2024, 1, 31, 0, 15), 60)),
        ("01-31-24  12:15PM                  12 a", file("a", 12, utc(2024, 1, 31, 12, 15), 60)),
        ("01-31-2024  10:15PM           1,234,567  blank", file(" blank", 1234567, utc(2024, 1, 31, 22, 15), 60)),
        ("01-31-99  10:15AM                  12 a", file("a", 12, utc(1999, 1, 31, 10, 15), 60)),
        ("31.01.2024  22:15             1.234 a", file("a", 1234, utc(2024, 1, 31, 22, 15), 60)),
        ("2024-01-31  22:15             1234 a", file("a", 1234, utc(2024, 1, 31, 22, 15), 60)),
        ("2024/01/31  22:15:59             1234 a", file("a", 1234, utc(2024, 1, 31, 22, 15), 60)),
        ("01-31-24  10:15AM       <JUNCTION>     old [C:\\new]", Row("old", Kind.LINK)),
        ("01-31-24  10:15AM       <SYMLINK>      f [x] [C:\\new]", Row("f [x]", Kind.LINK)),
        ("01-31-24  10:15AM       <DIR>           lead", Row(" lead", Kind.FOLDER)),
    ],
)
def test_dos_rows(line: str, row: Row) -> None:
    assert listed(line) == row


@pytest.mark.parametrize("total", ["total 12", "total 0", "insgesamt 12", "итого 4,0K", "总用量 12"])
def test_the_total_is_no_row(total: str) -> None:
    assert parse_list(f"{total}\r\n-rw-r--r-- 1 u g 7 Jan  1  2020 a\r\n".encode(), NOW)[0].name == "a"
    with pytest.raises(UnreadableRowError):
        parse_list(f"-rw-r--r-- 1 u g 7 Jan  1  2020 a\r\n{total}\r\n".encode(), NOW)


def test_the_folder_itself_is_no_row() -> None:
    data = b"drwxr-xr-x 2 u g 1 Jan  1  2020 .\ndrwxr-xr-x 2 u g 1 Jan  1  2020 ..\n01-31-24  10:15AM  <DIR>  .\n\n"
    assert parse_list(data, NOW) == ()
    assert parse_list(b"", NOW) == ()


@pytest.mark.parametrize(
    "line", ["ls: cannot open directory '.'", "-rw-r--r--", "a.txt", "-rw-r--r-- 1 u g big Jan 1 2020 a", "x" * 10_000]
)
def test_a_row_in_no_known_dialect(line: str) -> None:
    with pytest.raises(UnreadableRowError) as wrong:
        parse_list(line.encode(), NOW)
    assert wrong.value.row == line[:200]


@pytest.mark.parametrize(
    "line", ["-rw-r--r-- 1 u g 1" + " " * 8000, "1-" * 4000, "9 " * 4000, "-rwxrwxrwx" + "5 " * 4000]
)
def test_rows_made_to_be_slow_are_refused_soon(line: str) -> None:
    """With anything worse than quadratic time this would not end."""
    with pytest.raises(UnreadableRowError):
        parse_list(line.encode(), NOW)


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("type=file;size=12;modify=20240131101530; a b", file("a b", 12, utc(2024, 1, 31, 10, 15, 30), 1)),
        ("Type=File;Size=0;Modify=20240131101530.500; a", file("a", 0, utc(2024, 1, 31, 10, 15, 30) + 0.5, 1)),
        ("type=file;size=1; a; b", file("a; b", 1, None, 1)),
        ("type=file;  two blanks", Row(" two blanks", Kind.FILE)),
        ("type=file;size=x;modify=2024; a;b=c d", Row("a;b=c d", Kind.FILE)),
        ("type=dir;sizd=4096; sub", Row("sub", Kind.FOLDER)),
        ("type=OS.unix=slink:/x y;size=3; a", Row("a", Kind.LINK)),
        ("type=OS.unix=symlink; a", Row("a", Kind.LINK)),
        ("type=OS.unix=chr-1/3; null", Row("null", Kind.OTHER)),
        ("size=3; untyped", Row("untyped", Kind.OTHER)),
        (" bare", Row("bare", Kind.OTHER)),
    ],
)
def test_facts(line: str, row: Row) -> None:
    assert parse_mlsd(line.encode() + b"\r\n") == (row,)


def test_facts_of_the_folder_itself_are_no_row() -> None:
    assert parse_mlsd(b"type=cdir; /x\r\ntype=pdir; /\r\ntype=dir; .\r\ntype=dir; ..\r\n") == ()


@pytest.mark.parametrize("line", ["type=file;size=1", "type=file;size=1;", "nonsense here", "type=file; "])
def test_facts_that_are_none(line: str) -> None:
    with pytest.raises(UnreadableRowError):
        parse_mlsd(line.encode())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("19700101000000", 0.0),
        ("20240229235960", utc(2024, 3, 1)),
        ("20240131101530.25", utc(2024, 1, 31, 10, 15, 30) + 0.25),
        ("20230229000000", None),
        ("20241301000000", None),
        ("2024013110153", None),
        ("19124013110153", None),
        ("", None),
    ],
)
def test_times(text: str, seconds: float | None) -> None:
    assert parse_time(text) == seconds

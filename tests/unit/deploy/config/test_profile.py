"""Files of sections and keys, read as Windows reads them."""

from __future__ import annotations

import pytest

from deploy.config.profile import LONGEST_VALUE, SIZE_CAP, Encoding, read, value_problem, write
from deploy.errors import ConfigError

# A line or two below [Section], and what Windows answers for Key; tests/windows asks it.
LINES = [
    ("Key=value", "value"),
    ("KEY = value", "value"),
    ("\t key\t=\t value \t", "value"),
    ("Key=a b", "a b"),
    ("Key=a=b", "a=b"),
    ("Key=value ; no comment", "value ; no comment"),
    ("Key=;value", ";value"),
    ("Key=#value", "#value"),
    ("Key=%TEMP%\\%%x", "%TEMP%\\%%x"),
    ("Key=a\\nb\\", "a\\nb\\"),
    ("Key=", ""),
    ("Key=   ", ""),
    ('Key=" value "', " value "),
    ("Key=' value '", " value "),
    ('Key="a"', "a"),
    ('Key=""a""', '"a"'),
    ("Key='\"a\"'", '"a"'),
    ('Key="a', '"a'),
    ("Key='a\"", "'a\""),
    ('Key="a" ; b', '"a" ; b'),
    ('Key="', '"'),
    ('Key=""', ""),
    ('Key="a" b"', 'a" b'),
    ("Key=\x0b\x0cvalue\x1a", "value"),
    ("Key=\x01value\x01", "\x01value\x01"),
    ("Key", None),
    ("Key: value", None),
    (";Key=value", None),
    ("  ;Key=value", None),
    ("#Key=value", None),
    ("=value", None),
    ("Other=1\nKey=2\nKey=3", "2"),
    ("Key=2\nkEY=3", "2"),
    ("[Other]\nKey=1", None),
    ("[Section]\nKey=1", None),
    (" [ Other ] x\nKey=1", None),
    ("[Other\nKey=1", None),
    ("Key=1\r[Other]", "1"),
    ("Other=1\rKey=2", "2"),
]


@pytest.mark.parametrize(("line", "value"), LINES)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_a_value_is_what_windows_answers(line: str, value: str | None, end: str) -> None:
    text = f"Key=before\n[Section]\n{line}{end}"
    assert read(text.encode()).get("section", "key") == value


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("[Section]", "Section"),
        ("  \t[Section]", "Section"),
        ("[ \tSection ]", "Section"),
        ("[Section] Key=x", "Section"),
        ("[Section]]", "Section"),
        ("[Section", "Section"),
        ("[Section   ", "Section"),
        ("[[Section]", "[Section"),
        ('["Section"]', '"Section"'),
        ("[]", ""),
        ("[Sec;tion]", "Sec;tion"),
        ("[Sec=tion]", "Sec=tion"),
    ],
)
def test_the_name_of_a_section_ends_at_the_first_bracket_or_with_the_line(header: str, name: str) -> None:
    profile = read(f"{header}\nKey=1\n".encode())
    assert [section.name for section in profile.sections] == [name]
    assert profile.get(name.upper(), "Key") == "1"


def test_only_the_first_section_of_a_name_counts() -> None:
    profile = read(b"[a]\nx=1\n[b]\n[A]\nx=2\ny=3\n")
    assert (profile.get("a", "x"), profile.get("a", "y"), profile.get("b", "x")) == ("1", None, None)
    assert [(section.name, section.line) for section in profile.sections] == [("a", 1), ("b", 3), ("A", 4)]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_lines_are_counted_as_an_editor_does(end: str) -> None:
    text = end.join(["; first", "", "early=1", "[a]", "", "x=1", "y", ";z", "z=2"])
    profile = read(text.encode())
    assert [(entry.key, entry.line) for entry in profile.before] == [("early", 3)]
    (section,) = profile.sections
    assert section.line == 4
    assert [(entry.key, entry.value, entry.line) for entry in section.entries] == [
        ("x", "1", 6),
        ("y", None, 7),
        ("z", "2", 9),
    ]


@pytest.mark.parametrize(
    ("data", "encoding", "value"),
    [
        (b"[a]\nk=x", Encoding.ASCII, "x"),
        ("[a]\nk=ä€日".encode(), Encoding.UTF8, "ä€日"),
        ("\ufeff[a]\nk=ä€日".encode(), Encoding.UTF8_MARKED, "ä€日"),
        ("\ufeff[a]\nk=ä€日🙂".encode("utf-16-le"), Encoding.UTF16LE, "ä€日🙂"),
        ("\ufeff[a]\nk=ä€日🙂".encode("utf-16-be"), Encoding.UTF16BE, "ä€日🙂"),
        (b"[a]\nk=\xe4 \x80\x9f", Encoding.ANSI, "ä €Ÿ"),
        (b"[a]\nk=\x81\x8d\x8f\x90\x9d\xa0x", Encoding.ANSI, "\x81\x8d\x8f\x90\x9d\xa0x"),
        (b"[a]\nk=\xa0x\xa0", Encoding.ANSI, "\xa0x\xa0"),
    ],
)
def test_a_mark_decides_the_encoding_else_utf_8_else_the_ansi_code_page(
    data: bytes, encoding: Encoding, value: str
) -> None:
    profile = read(data)
    assert (profile.encoding, profile.get("a", "k")) == (encoding, value)


def test_the_ansi_code_page_is_windows_1252() -> None:
    for byte in range(0x80, 0x100):
        value = read(b"[a]\nk=x\xff" + bytes([byte])).get("a", "k")
        try:
            assert value == b"x\xff".decode("cp1252") + bytes([byte]).decode("cp1252")
        except UnicodeDecodeError:
            assert value == "xÿ" + chr(byte)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\xff\xfe[\0a\0]\0x", 1),
        ("\ufeff[a]\r\nk=".encode("utf-16-le") + b"\x00\xd8", 2),
        ("\ufeff[a]\nk=1\n".encode() + b"\xff", 3),
        ("[a]\nk=1\n".encode("utf-16-le"), 1),
        (b"[a]\n\nk=a\0b", 3),
        ("\ufeff[a]".encode("utf-32-le"), 1),
    ],
)
def test_what_is_no_text_is_refused_with_its_line(data: bytes, line: int) -> None:
    with pytest.raises(ConfigError) as refused:
        read(data)
    assert refused.value.code == "document-encoding"
    assert refused.value.problems[0].line == line


def test_a_file_has_a_largest_size() -> None:
    assert read(b";" * SIZE_CAP).sections == ()
    with pytest.raises(ConfigError) as refused:
        read(b";" * (SIZE_CAP + 1))
    assert refused.value.code == "document-too-large"


def test_an_empty_file_holds_nothing() -> None:
    for data in (b"", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\r\n\r\n", b"; only\r\n"):
        profile = read(data)
        assert (profile.sections, profile.before) == ((), ())


def test_what_was_read_shows_no_values() -> None:
    assert "secret" not in repr(read(b"secret=1\n[a]\npassword=secret\nsecret line"))


def test_a_file_is_written_in_ascii_where_that_is_enough() -> None:
    assert write([("a", [("x", "1"), ("y", "")]), ("b", [("z", "a b")])]) == b"[a]\r\nx=1\r\ny=\r\n\r\n[b]\r\nz=a b\r\n"


def test_else_in_utf_16_with_a_mark() -> None:
    data = write([("a", [("x", "ä🙂")])])
    assert data == b"\xff\xfe" + "[a]\r\nx=ä🙂\r\n".encode("utf-16-le")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("a", "a"),
        (" a", '" a"'),
        ("a ", '"a "'),
        (" ", '" "'),
        ("\xa0a", '"\xa0a"'),
        ('"', '"""'),
        ('"a"', '""a""'),
        ("'a'", "\"'a'\""),
        ("a'", '"a\'"'),
        ('a"b', 'a"b'),
        (";a", ";a"),
        ("[a]", "[a]"),
        ("a=b", "a=b"),
        ("%a%", "%a%"),
    ],
)
def test_what_would_be_lost_at_an_end_stands_in_quotation_marks(value: str, line: str) -> None:
    data = write([("a", [("x", value)])])
    assert f"\nx={line}\r\n" in data.decode("utf-16" if data[:1] == b"\xff" else "ascii")
    assert read(data).get("a", "x") == value


@pytest.mark.parametrize(
    "value",
    [
        "a\rb",
        "a\nb",
        "a\r\n[b]\r\nx=1",
        "a\0b",
        "\0",
        "\n",
        "a\x1a",
        "a\tb",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "\ufeffa",
        "\ud800",
        "x" * (LONGEST_VALUE + 1),
        "🙂" * (LONGEST_VALUE // 2 + 1),
    ],
)
def test_what_would_be_read_as_something_else_is_refused_and_not_shown(value: str) -> None:
    assert value_problem(value) is not None
    with pytest.raises(ConfigError) as refused:
        write([("a", [("x", value), ("good", "1"), ("y", "also\nbad")])])
    assert [problem.code for problem in refused.value.problems] == ["unwritable-value"] * 2
    assert "bad" not in str(refused.value)
    assert "also" not in str(refused.value)


def test_the_longest_value_comes_back() -> None:
    longest = "x" * LONGEST_VALUE
    assert read(write([("a", [("x", longest)])])).get("a", "x") == longest


@pytest.mark.parametrize("name", ["", " a", "a ", "a=b", "[a", ";a", "a]b", "a\nb", "a\0"])
def test_a_name_that_would_be_read_as_something_else_is_a_mistake_of_the_program(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        write([(name, [])])
    with pytest.raises(ValueError, match="not a name"):
        write([("a", [(name, "x")])])

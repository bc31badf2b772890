"""Which names are taken, which paths stay below their base, and how names compare."""

from __future__ import annotations

import pickle

import pytest

from deploy.errors import ConfigError
from deploy.relpath import LONGEST_NAME, LOOK_ALIKES, RelPath, fold, segment_problem

GOOD = [
    "ClientSetup.exe",
    "a",
    ".gitignore",
    "..a",
    "a..b",
    " leading blank",
    "100% sure & more #1 + 2.txt",
    "Grüße.txt",
    "設定.ini",
    "😀.png",
    "CONSOLE",
    "CON1",
    "COM",
    "COM10",
    "COMX.txt",
    "LPT",
    "AUXILIARY.TXT",
    "xCON",
    "x.CON",
    "CONIN",
    "NULL",
    "COM⁴",
    "¥.txt",
    "a\u00a0b",
    "SOLIDU~1",
    "x" * LONGEST_NAME,
    "ü" * LONGEST_NAME,
    "😀" * (LONGEST_NAME // 2),
]

BAD = [
    "",
    ".",
    "..",
    "a/b",
    "a\\b",
    "/",
    "\\",
    "a:b",
    "C:",
    "a*",
    "a?",
    'a"b',
    "a<b",
    "a>b",
    "a|b",
    "a ",
    "a.",
    "a. .",
    "...",
    "   ",
    "a\0b",
    "a\nb",
    "a\x1fb",
    "a\x7fb",
    "a\x85b",
    "a\u2028b",
    "\ud800",
    "a\udcffb",
    "CON",
    "con",
    "Prn.txt",
    "AUX.tar.gz",
    "nul",
    "NUL .txt",
    "CONIN$",
    "conout$.log",
    "COM1",
    "com0",
    "LPT9.prn",
    "COM¹",
    "lpt².txt",
    "COM³ .a",
    "\uff0e\uff0e",
    "\u2025",
    "x" * (LONGEST_NAME + 1),
    "ü" * (LONGEST_NAME + 1),
    "😀" * (LONGEST_NAME // 2 + 1),
    *(f"a{sign}b" for sign in LOOK_ALIKES),
    *(f"a{sign}exe" for sign in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"),
]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_name_is_taken(name: str) -> None:
    assert segment_problem(name) is None
    assert RelPath((name,)).segments == (name,)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_name_is_refused_however_a_path_is_made(name: str) -> None:
    assert segment_problem(name)
    for make in (
        lambda: RelPath((name,)),
        lambda: RelPath(("a", name)),
        lambda: RelPath.BASE.child(name),
        lambda: RelPath.BASE.join(("a", name)),
    ):
        with pytest.raises(ConfigError) as raised:
            make()
        assert raised.value.code == "unsafe-path"
        assert raised.value.problems[0].hint


def test_the_reason_names_the_character() -> None:
    assert segment_problem("a:b") == "it holds a character Windows does not allow (:)"
    assert segment_problem("a\u202eb") == "it holds a character that turns the direction of reading (U+202E)"
    assert segment_problem("a\x07") == "it holds a control character (U+0007)"


@pytest.mark.parametrize("text", ["", ".", "./", ".\\", "././."])
def test_the_base_is_written_empty_or_as_a_dot(text: str) -> None:
    assert RelPath.parse(text) == RelPath.BASE


@pytest.mark.parametrize(
    "text", ["Solidus/Bin", "Solidus\\Bin", "Solidus\\Bin\\", "./Solidus//Bin", "Solidus\\.\\Bin", "Solidus/\\Bin"]
)
def test_both_separators_mean_the_same(text: str) -> None:
    assert RelPath.parse(text).segments == ("Solidus", "Bin")


@pytest.mark.parametrize(
    "text",
    [
        "..",
        "../a",
        "a\\..\\b",
        "a/..",
        "/etc",
        "\\Windows",
        "C:\\Windows",
        "c:x",
        "C:",
        "\\\\server\\share",
        "//server/share",
        "\\\\?\\C:\\x",
        "\\\\.\\NUL",
        "a\\NUL",
        "CON\\a",
        "a:stream",
        "a\\b::$DATA",
        "a /b",
        "a./b",
        " ",
        "a\nb",
        "http://x/y",
    ],
)
def test_a_path_that_could_leave_or_mislead_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        RelPath.parse(text)
    assert raised.value.code == "unsafe-path"
    assert "\n" not in raised.value.problems[0].message


def test_the_refusal_shows_the_whole_path_and_the_name() -> None:
    with pytest.raises(ConfigError) as raised:
        RelPath.parse("Solidus\\NUL.txt")
    assert raised.value.problems[0].message == (
        r"'Solidus\NUL.txt' cannot be used, because of 'NUL.txt': Windows keeps that name for a device"
    )


@pytest.mark.parametrize("text", ["C:\\Windows", "c:x", "/etc", "\\\\server\\share"])
def test_the_refusal_of_an_absolute_path_says_so(text: str) -> None:
    with pytest.raises(ConfigError, match="it is an absolute path or names a drive"):
        RelPath.parse(text)


def test_parts_of_a_path() -> None:
    path = RelPath.parse("a\\b\\c.txt")
    assert (path.name, str(path.parent), str(path)) == ("c.txt", "a/b", "a/b/c.txt")
    assert path.parent.child("c.txt") == path
    assert RelPath.BASE.join(("a", "b", "c.txt")) == path
    assert (RelPath.BASE.name, RelPath.BASE.parent, str(RelPath.BASE), RelPath.BASE.key) == ("", RelPath.BASE, ".", "")


def test_equality_is_exact_and_the_key_is_in_any_case() -> None:
    one, other = RelPath.parse("Solidus/Übung.TXT"), RelPath.parse("SOLIDUS\\übung.txt")
    assert one != other
    assert one.key == other.key
    assert len({one, other}) == 2


def test_a_path_travels_to_another_process() -> None:
    path = RelPath.parse("a/b")
    assert pickle.loads(pickle.dumps(path)) == path


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("readme.TXT", "README.txt", True),
        ("Übung", "üBUNG", True),
        ("ÿ", "Ÿ", True),
        ("σ", "Σ", True),
        ("ς", "Σ", True),
        ("ж", "Ж", True),
        ("ａ", "Ａ", True),
        ("ǆ", "Ǆ", True),
        ("ß", "ss", False),
        ("ß", "SS", False),
        ("ﬁ", "fi", False),
        ("ı", "i", False),
        ("İ", "i", False),
        ("ſ", "s", False),
        ("\u212a", "k", False),
        ("µ", "μ", False),
        ("é", "e\u0301", False),
        ("𐐨", "𐐀", False),
    ],
)
def test_names_compare_character_by_character_as_on_ntfs(one: str, other: str, same: bool) -> None:
    assert (fold(one) == fold(other)) is same


def test_folding_keeps_the_length_and_is_final() -> None:
    for character in map(chr, range(0x10000)):
        folded = fold(character)
        assert len(folded) == 1
        assert fold(folded) == folded, hex(ord(character))

"""`*` and `?` as Windows reads them, and the exclude rules."""

from __future__ import annotations

import itertools
import re

import pytest

from deploy.errors import ConfigError
from deploy.wildcard import LONGEST_PATTERN, Exclude, Pattern, _regex, has_wildcard
from tests.property.dos_wildcards import is_in_expression


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*.*", "README", True),
        ("*.*", "a.b", True),
        ("*", ".hidden", True),
        ("*.txt", "a.txt", True),
        ("*.txt", "a.txtbak", False),
        ("*.htm", "x.html", False),
        ("a?", "a", True),
        ("a??", "a", True),
        ("a?", "abc", False),
        ("a?.txt", "a.txt", True),
        ("a?.txt", "ab.txt", True),
        ("?a", "a", False),
        ("a?b", "ab", False),
        ("a.*", "a", True),
        ("a.?", "a", True),
        ("readme.*", "readme", True),
        ("readme.*", "readme.txt", True),
        ("readme.*", "readmes", False),
        ("*.", "readme", True),
        ("*.", "a.b", False),
        ("a*.", "abc", True),
        ("a*.", "a.b.c", False),
        ("*a*.", "xa.y", False),
        ("*a*.", "x.ya", True),
        ("**.", "a.b", True),
        ("*.CONFIG", "x.config", True),
        ("Client*.ini", "clientsetup.INI", True),
        ("*ü*", "GRÜSSE", True),
        ("*ß", "strass", False),
        ("[ab].txt", "a.txt", False),
        ("[ab].txt", "[AB].txt", True),
        ("a+(b).txt", "a+(b).txt", True),
        ("*.*", "", False),
        ("", "", False),
        ("😀?", "😀x", True),
        ("a*", "a\nb", True),
    ],
)
def test_what_a_pattern_means(pattern: str, name: str, fits: bool) -> None:
    assert Pattern(pattern).matches(name) is fits


def disagreements(longest_pattern: int, longest_name: int) -> list[tuple[str, str]]:
    names = [name for name in texts("ab.", longest_name) if not name.endswith(".")]
    patterns = (pattern for pattern in texts("ab.*?", longest_pattern, shortest=0))
    return [
        (pattern.text, name)
        for pattern in map(Pattern, patterns)
        for name in names
        if pattern.matches(name) is not is_in_expression(name.upper(), pattern.text.upper())
    ]


def texts(alphabet: str, longest: int, shortest: int = 1) -> list[str]:
    return ["".join(text) for n in range(shortest, longest + 1) for text in itertools.product(alphabet, repeat=n)]


def test_every_short_pattern_agrees_with_the_protocol_on_every_short_name() -> None:
    assert disagreements(4, 4) == []


@pytest.mark.deep
def test_every_longer_pattern_agrees_with_the_protocol_on_every_longer_name() -> None:
    assert disagreements(6, 5) == []


def test_case_makes_no_difference() -> None:
    for pattern, name in itertools.product(["CLIENT*.ini", "Setup?.EXE"], ["clientsetup.INI", "SETUP1.exe"]):
        answers = {
            Pattern(p).matches(n)
            for p in (pattern, pattern.lower(), pattern.upper())
            for n in (name, name.lower(), name.upper())
        }
        assert len(answers) == 1


@pytest.mark.parametrize(
    "pattern",
    ["*a*a*a*a*b", "*a?a*" * 40 + "b", "?" * 1000 + "b", "*?" * 500 + "b", "*.a" * 300 + "*.", "*a" * 511 + "."],
)
def test_nothing_but_the_last_piece_is_ever_tried_twice(pattern: str) -> None:
    """The bound by structure: what repeats is atomic, but for one `.*` with only atomic parts after it."""
    regex = _regex(pattern.upper())
    outside = _without_atomic_groups(regex)
    assert len(re.findall(r"[*+]|\{\d", outside)) <= 1, outside
    inside = set(re.findall(r"\(\?>\.\*\??|\(\?>\.\*", regex))
    assert inside <= {"(?>.*?", "(?>.*"}


def _without_atomic_groups(regex: str) -> str:
    """The expression with its atomic groups (innermost first), lookaheads and escapes taken out."""
    regex = re.sub(r"\\.", "x", regex)
    before = ""
    while before != regex:
        before = regex
        regex = re.sub(r"\(\?[>=][^()]*\)", "x", regex)
    return regex


@pytest.mark.parametrize("stars", [5, 30, 200])
def test_a_pattern_that_would_take_ages_when_backtracking_comes_back(stars: int) -> None:
    # 255 choose 30 ways to place the stars; a backtracking match would not end.
    assert not Pattern("*a" * stars + "*b").matches("a" * 255)
    assert not Pattern("*a?" * stars + "b").matches("a" * 255)
    assert not Pattern("*a" * stars + "*.").matches("a" * 254 + ".")
    assert Pattern("*a" * stars + "*b").matches("a" * 254 + "b")


def test_a_pattern_is_compiled_once_and_only_when_asked() -> None:
    pattern = Pattern("*.txt")
    assert pattern == Pattern("*.txt")
    assert pattern._compiled is None
    pattern.matches("a")
    compiled = pattern._compiled
    pattern.matches("b")
    assert pattern._compiled is compiled is not None
    assert pattern == Pattern("*.txt")


def test_a_pattern_has_a_length() -> None:
    assert Pattern("?" * LONGEST_PATTERN).matches("x" * 255)
    with pytest.raises(ConfigError) as raised:
        Pattern("?" * (LONGEST_PATTERN + 1))
    assert raised.value.code == "bad-pattern"


@pytest.mark.parametrize(("text", "holds"), [("a*", True), ("?", True), ("a.b", False), ("", False)])
def test_what_is_a_wildcard(text: str, holds: bool) -> None:
    assert has_wildcard(text) is holds


@pytest.mark.parametrize(
    ("rules", "path", "left_out"),
    [
        ("", "a.txt", False),
        (" ; ;; ", "a.txt", False),
        ("*.pdb", "a.PDB", True),
        ("*.pdb", "deep/er/a.pdb", True),
        ("*.pdb", "a.pdb/x", False),
        (" *.pdb ; *.lib ", "x.lib", True),
        ("*.pdb;*.lib", "x.txt", False),
        ("docs\\*.txt", "docs/a.txt", True),
        ("docs/*.txt", "DOCS/A.TXT", True),
        ("docs/*.txt", "docs/sub/a.txt", False),
        ("docs/*.txt", "x/docs/a.txt", False),
        ("*\\temp\\*.log", "a/temp/b.log", True),
        ("*\\temp\\*.log", "temp/b.log", False),
        ("docs\\", "docs/a.txt", True),
        ("docs/", "docs/deep/er/a.txt", True),
        ("docs/", "docs", False),
        ("docs/", "x/docs/a.txt", False),
        ("docs/", "docs2/a.txt", False),
        ("d*/sub/", "docs/sub/a", True),
        ("d*/sub/", "docs/a", False),
        ("\\readme.txt", "readme.txt", True),
        (".\\readme.txt", "readme.txt", True),
        ("/readme.txt", "sub/readme.txt", False),
        ("docs//a.txt", "docs/a.txt", True),
        ("read me.txt", "read me.txt", True),
    ],
)
def test_what_is_left_out(rules: str, path: str, left_out: bool) -> None:
    assert Exclude.parse(rules).matches(tuple(path.split("/"))) is left_out


@pytest.mark.parametrize(
    ("rules", "folder", "covered"),
    [
        ("docs/", "docs", True),
        ("docs/", "DOCS/deep", True),
        ("docs/", "other", False),
        ("docs/sub/", "docs", False),
        ("docs/*.txt", "docs", False),
        ("*.pdb", "a.pdb", False),
        ("d*/", "docs", True),
        ("docs/sub", "docs/sub", False),
    ],
)
def test_which_folders_need_no_look(rules: str, folder: str, covered: bool) -> None:
    assert Exclude.parse(rules).covers(tuple(folder.split("/"))) is covered


def test_the_included_folder_itself_is_always_looked_at() -> None:
    assert not Exclude.parse("docs/;*.txt").covers(())


def test_every_rule_that_cannot_be_meant_is_said() -> None:
    with pytest.raises(ConfigError) as raised:
        Exclude.parse("*.txt; ..\\a ; \\ ; a/../b ; ./")
    assert [problem.code for problem in raised.value.problems] == ["bad-exclude"] * 4
    assert all(problem.hint for problem in raised.value.problems)

"""Splitting arguments as a Windows program does, and quoting them back."""

from __future__ import annotations

import itertools

import pytest

from deploy.config.command import quote_arguments, split_arguments


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        # The table of "Parsing C command-line arguments".
        ('"a b c" d e', ["a b c", "d", "e"]),
        (r'"ab\"c" "\\" d', ['ab"c', "\\", "d"]),
        (r'a\\\b d"e f"g h', [r"a\\\b", "de fg", "h"]),
        (r"a\\\"b c d", [r"a\"b", "c", "d"]),
        (r'a\\\\"b c" d e', [r"a\\b c", "d", "e"]),
        ('a"b"" c d', ['ab" c d']),
        # The manual's own, and what people write.
        ("/Q /F /C:ClientSetup.ini", ["/Q", "/F", "/C:ClientSetup.ini"]),
        (r'/D:"C:\Program Files\X." /Q', [r"/D:C:\Program Files\X.", "/Q"]),
        ('/D:"C:\\Program Files\\X\\" /Q', ['/D:C:\\Program Files\\X" /Q']),
        ("", []),
        (" \t ", []),
        ("\t a  \t b ", ["a", "b"]),
        ('""', [""]),
        ('a "" b', ["a", "", "b"]),
        ('"a b', ["a b"]),
        ('"', [""]),
        ('"""', ['"']),
        ('"a"""', ['a"']),
        ('"a""b c"', ['a"b c']),
        ('"a" "b"', ["a", "b"]),
        ('"a"\\""b c"', ['a"b c']),
        ('"a"\\\\"b c"', ["a\\b c"]),
        (r"\\server\share", [r"\\server\share"]),
        ("a\\", ["a\\"]),
        ('a\\\\" b', ["a\\ b"]),
        ("a\nb", ["a\nb"]),
        ("a\u00a0b 'c d'", ["a\u00a0b", "'c", "d'"]),
        ("^& %PATH%", ["^&", "%PATH%"]),
    ],
)
def test_arguments_are_split_as_a_windows_program_splits_them(text: str, arguments: list[str]) -> None:
    assert list(split_arguments(text)) == arguments


@pytest.mark.parametrize(
    ("argument", "quoted"),
    [
        ("a", "a"),
        ("", '""'),
        ("a b", '"a b"'),
        ("C:\\x\\", "C:\\x\\"),
        ("C:\\x y\\", '"C:\\x y\\\\"'),
        ('say "hi"', r'"say \"hi\""'),
        (r"a\"b", r'"a\\\"b"'),
        (r"\\server\a b", r'"\\server\a b"'),
    ],
)
def test_an_argument_is_quoted_only_where_it_must_be(argument: str, quoted: str) -> None:
    assert quote_arguments([argument]) == quoted


def test_every_short_argument_comes_back() -> None:
    texts = ["".join(text) for n in range(6) for text in itertools.product('a" \\', repeat=n)]
    for text in texts:
        assert split_arguments(quote_arguments(["x", text, text])) == ("x", text, text)


def test_a_megabyte_of_backslashes_is_read_and_quoted() -> None:
    slashes = "\\" * (1024 * 1024)
    assert split_arguments(slashes + "a " + slashes) == (slashes + "a", slashes)
    assert quote_arguments([slashes + "a b"]) == f'"{slashes}a b"'

"""Where the keys of a TOML document stand."""

from __future__ import annotations

import tomllib

import pytest

from deploy.toml_lines import key_lines, line_of

DOCUMENT = '''\
# state = "no"
state = "/x" # [a]
roles = [
  "A", # = b
  ["b"],
]
a."b.c".d = """
x = 1
[no]
quoted \\""" = 2
"""
'literal key' = \'\'\'
[nor this]
\'\'\'
  [ identifiers ]
  InstallDir = 'C:\\x'
[[smb]]
host = "a"
[[smb]]

host = "b"
[smb.sub]
x = {y = 1, z = [1,
 2]}
last = 1'''


def test_every_table_and_key_has_its_line() -> None:
    tomllib.loads(DOCUMENT)
    assert key_lines(DOCUMENT) == {
        ("state",): 2,
        ("roles",): 3,
        ("a",): 7,
        ("a", "b.c"): 7,
        ("a", "b.c", "d"): 7,
        ("literal key",): 12,
        ("identifiers",): 15,
        ("identifiers", "InstallDir"): 16,
        ("smb",): 17,
        ("smb", 0): 17,
        ("smb", 0, "host"): 18,
        ("smb", 1): 19,
        ("smb", 1, "host"): 21,
        ("smb", 1, "sub"): 22,
        ("smb", 1, "sub", "x"): 23,
        ("smb", 1, "sub", "last"): 25,
    }


@pytest.mark.parametrize(
    ("path", "line"), [(("smb", 1, "port"), 19), (("smb", 1, "sub", "x", "y"), 23), (("missing",), None), ((), None)]
)
def test_a_key_without_a_line_has_that_of_what_holds_it(path: tuple[str | int, ...], line: int | None) -> None:
    assert line_of(key_lines(DOCUMENT), path) == line


def test_an_empty_document_has_no_lines() -> None:
    assert key_lines("") == key_lines("\n# only a comment\n") == {}

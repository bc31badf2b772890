"""Paths and command lines of a manifest."""

from __future__ import annotations

import pytest

from deploy.errors import ConfigError
from deploy.relpath import RelPath
from hotfix.paths import check_absolute, join_command_line, packaged_program, split_command_line


@pytest.mark.parametrize(
    "text", ["C:\\a\\b.c", "c:/a", "/opt/micce\\Services/Bin", "\\a", "C:\\", "C:\\a\\.\\b\\", "/"]
)
def test_absolute_paths(text: str) -> None:
    check_absolute(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad-path"),
        ("a\\b", "bad-path"),
        ("C:a", "bad-path"),
        ("http://server/x", "bad-path"),
        ("\\\\server\\share", "bad-path"),
        ("//server/share", "bad-path"),
        ("C:\\a\\..\\b", "unsafe-path"),
        ("C:\\a:b", "unsafe-path"),
        ("C:\\a\\NUL", "unsafe-path"),
        ("C:\\a*", "unsafe-path"),
        ("C:\\a.", "unsafe-path"),
    ],
)
def test_other_paths_are_refused(text: str, code: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check_absolute(text)
    assert raised.value.code == code


def test_names_of_this_machine_are_its_own_affair() -> None:
    check_absolute("/srv/a:b/c", names=False)
    with pytest.raises(ConfigError):
        check_absolute("/srv/../c", names=False)


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("tools\\x.exe", RelPath(("tools", "x.exe"))),
        ("./x.cmd", RelPath(("x.cmd",))),
        ('"my tools/x.exe"', RelPath(("my tools", "x.exe"))),
        ("C:\\Windows\\System32\\net.exe", None),
        ("/usr/bin/true", None),
    ],
)
def test_programs(command: str, path: RelPath | None) -> None:
    assert packaged_program(command) == path


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("http://server/x.exe", "bad-command"),
        ("x.exe /q", "bad-command"),
        (".", "bad-command"),
        ("..\\x.exe", "unsafe-path"),
        ("D:x.exe", "unsafe-path"),
        ("\\\\server\\x.exe", "bad-path"),
    ],
)
def test_what_is_no_program_is_refused(command: str, code: str) -> None:
    with pytest.raises(ConfigError) as raised:
        packaged_program(command)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("text", "program", "args"),
    [
        ("x.exe", "x.exe", ""),
        ("  x.exe  /a  /b ", "x.exe", "/a  /b"),
        ('"a b\\x.exe" /a', "a b\\x.exe", "/a"),
        ('"a b', "a b", ""),
        ("", "", ""),
    ],
)
def test_a_command_line_is_taken_apart(text: str, program: str, args: str) -> None:
    assert split_command_line(text) == (program, args)
    if program:
        assert split_command_line(join_command_line(program, args)) == (program, args)

"""Which files an entry selects."""

from __future__ import annotations

import pytest

from deploy.relpath import RelPath
from hotfix.model import FileEntry
from hotfix.selection import Selection


def selected(path: str, include: str, exclude: str = "", deep: bool = False, name: str = "") -> str | None:
    output = Selection(FileEntry(include, "$(InstallDir)", exclude, deep, name)).output(RelPath.parse(path))
    return None if output is None else str(output)


@pytest.mark.parametrize(
    ("path", "include", "output"),
    [
        ("A.dll", "a.DLL", "a.DLL"),
        ("x/a.dll", "X\\a.dll", "a.dll"),
        ("x/a.dll", "a.dll", None),
        ("a.dll", "x/a.dll", None),
        ("x/a.dll", "x\\*.*", "a.dll"),
        ("x/a", "x\\*.*", "a"),
        ("x/y/a.dll", "x\\*.dll", None),
        ("xy/a.dll", "x\\*.dll", None),
        ("x", "x\\*", None),
    ],
)
def test_files(path: str, include: str, output: str | None) -> None:
    assert selected(path, include) == output


def test_subfolders_stay_below_the_output_folder() -> None:
    assert selected("x/y/z/a.dll", "x/*.dll", deep=True) == "y/z/a.dll"
    assert selected("x/a.dll", "*.dll", deep=True) == "x/a.dll"


def test_exclusions_count_from_the_included_folder() -> None:
    for rule in ("*.dll", "Y\\", "y/z/a.dll"):
        assert selected("x/y/z/a.dll", "x/*", rule, deep=True) is None
    assert selected("x/y/z/a.dll", "x/*", "x\\;z\\", deep=True) == "y/z/a.dll"
    assert selected("a.dll", "a.dll", "*.dll") == "a.dll"


def test_another_name() -> None:
    assert selected("a.dll", "a.dll", name="b.dll") == "b.dll"


def test_whole_subtrees_need_not_be_looked_into() -> None:
    selection = Selection(FileEntry("x/*", "$(InstallDir)", "y\\", True))
    assert selection.leaves_out(RelPath.parse("x/y"))
    assert not selection.leaves_out(RelPath.parse("x/z"))
    assert selection.matches_name("any")
    assert not Selection(FileEntry("a", "$(InstallDir)")).matches_name("a")

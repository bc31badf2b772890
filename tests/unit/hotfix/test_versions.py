from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotfix.model import Versions
from hotfix.versions import INSTALLER, is_newer, is_same, is_within, parse_version, shown

NUMBERS = st.integers(0, 65535)
VERSIONS = st.lists(NUMBERS, min_size=1, max_size=4).map(lambda numbers: ".".join(map(str, numbers)))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("9.6.1.413", (9, 6, 1, 413)),
        ("9.6", (9, 6, 0, 0)),
        ("10.0.19045", (10, 0, 19045, 0)),
        ("6.1.0.18.2", (6, 1, 0, 18)),
        ("65536.4294967295", (65536, 4294967295, 0, 0)),
        ("007", (7, 0, 0, 0)),
        ("", None),
        ("9.", None),
        ("9.6-rc1", None),
        ("9,6", None),
        ("v9", None),
        ("٩.1", None),
        (" 9", None),
    ],
)
def test_reading(text: str, version: tuple[int, int, int, int] | None) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("version", "minimum", "maximum", "inside"),
    [
        ("9.6.1.0", "9.6.1.0", "9.6.1.65535", True),
        ("9.6.2.0", "9.6.1.0", "9.6.1.65535", False),
        ("9.6.1.413", "", "9.6.1.412", False),
        ("9.6.1.412", "", "9.6.1.412", True),
        ("9.6.1.413", "9.6", "9.6", True),
        ("9.7", "9.6", "9.6", False),
        ("9.10", "9.9", "", True),
        ("9.5", "9.6", "", False),
        ("", "9.6", "", False),
        ("none", "", "9.6", False),
        ("", "", "", True),
    ],
)
def test_ranges(version: str, minimum: str, maximum: str, inside: bool) -> None:
    assert is_within(version, Versions(minimum, maximum)) is inside


@pytest.mark.parametrize(
    ("new", "old", "newer"),
    [
        ("9.6.1.413", "9.6.1.412", True),
        ("9.6.1.412", "9.6.1.413", False),
        ("9.6", "9.6.0.0", False),
        ("9.10", "9.9", True),
        ("1", "", True),
        ("", "1", False),
        ("", "", False),
    ],
)
def test_newer(new: str, old: str, newer: bool) -> None:
    assert is_newer(new, old) is newer


@given(VERSIONS, VERSIONS)
def test_two_versions_are_the_same_or_one_is_newer(one: str, other: str) -> None:
    assert [is_same(one, other), is_newer(one, other), is_newer(other, one)].count(True) == 1


@given(VERSIONS, VERSIONS, VERSIONS)
def test_a_range_holds_what_lies_between_its_bounds(version: str, minimum: str, maximum: str) -> None:
    if is_within(version, Versions(minimum, maximum)):
        assert not is_newer(minimum, version)
        assert is_within(version, Versions(minimum, ""))
        assert is_within(version, Versions("", maximum))
    assert is_within(version, Versions(version, version))


@given(VERSIONS, NUMBERS)
def test_a_shorter_maximum_holds_everything_below_it(version: str, last: int) -> None:
    if version.count(".") < 3:
        assert is_within(f"{version}.{last}", Versions("", version))


def test_a_range_in_words() -> None:
    assert shown(Versions("9.6", "9.7")) == "9.6 to 9.7"
    assert shown(Versions("9.6", "9.6")) == "9.6"
    assert shown(Versions("9.6", "")) == "9.6 or higher"
    assert shown(Versions("", "9.7")) == "9.7 or lower"
    assert shown(Versions()) == "any version"


def test_the_version_of_the_installer_is_one() -> None:
    assert parse_version(INSTALLER) is not None

"""Guessing which name was meant."""

from __future__ import annotations

import pytest

from deploy.config.spelling import LONGEST_GUESS, nearest

KNOWN = ("include", "exclude", "subDirs", "outputFolder")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Include", "include"),
        ("includ", "include"),
        (" subdirs ", "subDirs"),
        ("outputfolder", "outputFolder"),
        ("outFolder", "outputFolder"),
        ("xyz", None),
        ("", None),
        ("include" * LONGEST_GUESS, None),
    ],
)
def test_the_nearest_name(name: str, meant: str | None) -> None:
    assert nearest(name, KNOWN) == meant

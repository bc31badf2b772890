"""What no file of the project says: where it was made, and by what."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

BINARY = frozenset({".png", ".ico", ".zip", ".gz", ".exe", ".dll", ".whl", ".p12", ".jpg"})

# Written in parts, so that this file does not hold what it looks for.
FORBIDDEN = (
    "clau" + "de",
    "anthro" + "pic",
    "open" + r"ai\b",
    "chat" + "gpt",
    "co" + r"pilot\b",
    r"\bll" + r"ms?\b",
    "sub" + "-?agents?",
    "ai-" + "generated",
    r"\bai ass" + "istant",
    r"\bthe br" + r"ief\b",
    r"\bissue" + r" ?#?\d+",
    r"\bthis ses" + r"sion (wrote|added|built)",
    "integ" + "rator",
    "pypi" + r"\.org",
    "python" + "hosted",
    "deb.deb" + r"ian\.org",
    "npm" + r"js\.org",
    r"(?<![\w.])/wo" + "rk/",
    r"(?<![\w.$])/ro" + "ot/",
    r"(?<![\w.$])/ho" + r"me/(user|ubuntu|runner|dev|debian)\b",
    "/opt/" + "(pypi|wheels)",
    r"c:[\\/]us" + r"ers[\\/](?!public|default)[a-z]",
)
PATTERN = re.compile("|".join(FORBIDDEN), re.IGNORECASE)


@cache
def project_files() -> tuple[Path, ...]:
    """Every file git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    paths = (ROOT / name for name in listed.decode("utf-8").split("\0") if name)
    return tuple(path for path in paths if path.is_file() and path.suffix not in BINARY)


def test_no_file_says_what_it_should_not() -> None:
    found = []
    for path in project_files():
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), start=1):
            match = PATTERN.search(line)
            if match is not None:
                found.append(f"{path.relative_to(ROOT)}:{number}: {match.group()!r}")
    assert found == []


def test_the_files_looked_at_are_the_projects() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in project_files()}
    assert {"Makefile", "README.md", "deploy/errors.py", ".ci/run"} <= names


@pytest.mark.parametrize(
    "text", ["see /wo" + "rk/x", "fixes is" + "sue #12", "the BR" + "IEF says", "C:\\Us" + "ers\\bob"]
)
def test_a_forbidden_word_is_found(text: str) -> None:
    assert PATTERN.search(text)


@pytest.mark.parametrize(
    "text", ["the Agent application", "network/work/x", "a TLS session", "$HOME/x", "/var/lib/micce", "tool"]
)
def test_ordinary_words_are_not(text: str) -> None:
    assert not PATTERN.search(text)

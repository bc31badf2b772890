"""Every code the product can say is explained in docs/reference/errors.md, and nothing else is."""

from __future__ import annotations

import re

import pytest

from tests.architecture.codes import KEBAB, codes
from tests.architecture.source import ROOT, modules, parse

REFERENCE = ROOT / "docs" / "reference" / "errors.md"


def documented() -> set[str]:
    """The codes that have a row in the reference."""
    return set(re.findall(r"^\| `([a-z0-9-]+)` \|", REFERENCE.read_text("utf-8"), flags=re.MULTILINE))


def test_every_code_can_be_read_from_the_source() -> None:
    assert codes(modules()).unclear == ()


def test_every_code_of_the_source_is_documented() -> None:
    said = codes(modules()).said
    assert {code: said[code] for code in said.keys() - documented()} == {}


def test_every_documented_code_is_said_by_the_source() -> None:
    assert documented() - codes(modules()).said.keys() == set()


def test_a_code_is_documented_once() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|", REFERENCE.read_text("utf-8"), flags=re.MULTILINE)
    assert sorted(rows) == sorted(set(rows))


def test_every_row_says_what_to_do() -> None:
    rows = [line for line in REFERENCE.read_text("utf-8").splitlines() if re.match(r"\| `[a-z]", line)]
    assert [row for row in rows if len([cell for cell in row.split(" | ") if cell.strip("| ")]) != 3] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("error('disk-full', 'x')", {"disk-full"}),
        ("error(code='disk-full', message='x')", {"disk-full"}),
        ("Problem(ERROR, 'no-match', 'x')", {"no-match"}),
        ("error('a' if x else 'b-c', 'x')", {"a", "b-c"}),
        ("_CODES = {550: 'not-found', 530: 'access-denied'}\nerror(_CODES[n], 'x')", {"not-found", "access-denied"}),
        ("_CODES = {550: 'not-found'}\nerror(_CODES.get(n, 'bad-answer'), 'x')", {"not-found", "bad-answer"}),
        ("def wrong(code: str): return error(code, 'x')\nwrong('in-use')", {"in-use"}),
        ("class T:\n    def _no(self, code: str): ...\n    def g(self): self._no('cut-off')", {"cut-off"}),
        ("def wrong(key: str, *, code: str = 'bad-setting'): return error(code, 'x')\nwrong('k')", {"bad-setting"}),
        ("log(3, 'disk-full')", set()),
    ],
)
def test_a_code_is_read_however_it_is_given(text: str, said: set[str]) -> None:
    tree = "def error(code: str, message: str): ...\nclass Problem:\n    severity: int\n    code: str\n" + text
    assert codes([parse("deploy.x", tree)]).said.keys() == said


def test_a_code_made_up_at_run_time_is_noticed() -> None:
    module = parse("deploy.x", "def error(code: str): ...\nerror(f'disk-{x}')")
    assert codes([module]).unclear == ("deploy/x.py:2: f'disk-{x}'",)


def test_functions_of_one_name_in_two_modules_are_told_apart() -> None:
    one = parse("deploy.x", "def wrong(key: str, code: str): ...\nwrong('not-a-code', 'said-here')")
    other = parse("deploy.y", "class T:\n    def wrong(self, code: str, key: str): ...\nT().wrong('said-there', 'key')")
    third = parse("deploy.z", "def wrong(what: str): ...\nwrong('nothing', x)")
    assert codes([one, other, third]).said.keys() == {"said-here", "said-there"}


def test_codes_are_kebab_case() -> None:
    assert not any(KEBAB.fullmatch(wrong) for wrong in ("Disk-Full", "disk_full", "disk--full", "-disk", "disk full"))

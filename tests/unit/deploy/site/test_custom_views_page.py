"""docs/reference/custom-views.md says what is so: its views are taken, its lists are the source's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.site.jinja_view import FILTERS
from deploy.site.razor_cursor import DEEPEST
from deploy.site.view_context import NAMES, SAMPLE, Limits
from deploy.site.views import check_view, render_view
from tests.architecture.documents import Block, documents
from tests.architecture.source import ROOT

PAGE = next(document for document in documents() if document.name == "docs/reference/custom-views.md")
FILES = {"jinja": "Index.html.j2", "cshtml": "Index.cshtml"}
SHOWN = [block for block in PAGE.blocks() if block.language in FILES]


@pytest.mark.parametrize("block", SHOWN, ids=[block.language for block in SHOWN])
def test_every_view_shown_is_taken(block: Block, tmp_path: Path) -> None:
    view = tmp_path / FILES[block.language]
    view.write_text(block.text, "utf-8")
    assert check_view(view) == ()
    page = render_view(view, SAMPLE)
    assert page.startswith("<!DOCTYPE html>")
    assert {SAMPLE.customer_name, SAMPLE.release, SAMPLE.files, SAMPLE.total_size} <= {
        value for value in SAMPLE.values().values() if value in page
    }


def test_both_kinds_are_shown_and_the_razor_one_is_the_page_of_the_product() -> None:
    assert {block.language for block in SHOWN} == set(FILES)
    razor = next(block for block in SHOWN if block.language == "cshtml")
    assert razor.text == (ROOT / "tests" / "corpora" / "views" / "Index.cshtml").read_text("utf-8")


def test_names_filters_and_limits_are_those_of_the_source() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.text, flags=re.MULTILINE)
    assert tuple(row for row in rows if row in NAMES) == NAMES
    (listed,) = re.findall(r"^Filters: (.*?)All tests", PAGE.text, flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"`(\w+)`", listed) == [*FILTERS, "lines"]
    limits = Limits()
    table = PAGE.text.partition("## Limits")[2]
    for said in (
        f"{limits.template >> 10} KiB",
        f"{limits.seconds:g} seconds",
        f"{limits.memory >> 20} MB",
        f"{limits.output >> 20} MiB",
        f"| {DEEPEST} |",
    ):
        assert said in table

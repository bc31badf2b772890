"""Razor views as tests need them: read and rendered in this process, without a layout around them."""

from __future__ import annotations

from dataclasses import replace

from deploy.site.razor import ParsedRazor, parse_razor
from deploy.site.razor_page import pieces
from deploy.site.view_context import NAMES, SAMPLE

ROOT = "/App/"


def parsed(text: str) -> ParsedRazor:
    return parse_razor(text, "Index.cshtml", NAMES, ROOT)


def page(text: str, **values: str) -> str:
    """What a view without problems writes; `values` by the names that views use."""
    found = parsed(text)
    assert found.problems == ()
    assert found.page is not None
    return "".join(pieces(replace(found.page, own_page=True), SAMPLE.values() | values, ROOT))


def said(text: str) -> list[tuple[int | None, str]]:
    """The lines and codes of what is wrong with a view."""
    return [(problem.line, problem.code) for problem in parsed(text).problems]

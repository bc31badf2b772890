"""Where a value may stand, on every way through a template."""

from __future__ import annotations

import pytest

from deploy.site.markup_places import Apart, Fixed, Part, Repeat, Value, Ways, place_problems
from deploy.site.markup_state import MarkupState, Where

VALUE = Value(7)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", Where.TEXT),
        ("a < b <3 <> <-", Where.TEXT),
        ("<", Where.TAG_NAME),
        ("</", Where.TAG_NAME),
        ("<p", Where.TAG_NAME),
        ("<p ", Where.TAG),
        ("<p a", Where.ATTRIBUTE_NAME),
        ("<p a ", Where.AFTER_NAME),
        ("<p a /", Where.TAG),
        ("<p a = ", Where.BEFORE_VALUE),
        ("<p a=", Where.BEFORE_VALUE),
        ("<p a=b/", Where.UNQUOTED),
        ("<p a='b\" >", Where.QUOTED),
        ("<p a='b'", Where.TAG),
        ("<p =a='", Where.QUOTED),
        ("<p a='b'>", Where.TEXT),
        ("<script>", Where.RAW),
        ("<script/>", Where.RAW),
        ("<p/>", Where.TEXT),
        ("<!-->", Where.TEXT),
        ("<!--->", Where.TEXT),
        ("<!-- --!>", Where.TEXT),
        ("<!-- <p a=", Where.COMMENT),
        ("<script></scripty", Where.RAW),
        ("<SCRIPT></ScRiPt >", Where.TEXT),
        ("<title><p>", Where.RAW),
        ("<!-- > --", Where.COMMENT),
        ("<!-- -->", Where.TEXT),
        ("<!doctype", Where.DECLARATION),
        ("<?x >", Where.TEXT),
    ],
)
def test_the_state_after_a_text(text: str, where: Where) -> None:
    assert MarkupState().after(text).where is where


@pytest.mark.parametrize(
    ("parts", "codes"),
    [
        ([VALUE], []),
        ([Fixed("<p a='"), VALUE, Fixed("'>"), VALUE], []),
        ([Fixed("<p a="), VALUE], ["unquoted-value"]),
        ([Fixed("<p a="), VALUE, Fixed(">"), VALUE], ["unquoted-value"]),
        ([Fixed("<p a"), VALUE, Fixed("='"), VALUE], ["unquoted-value"]),
        ([Fixed("<script>"), VALUE], ["value-in-script"]),
        ([Fixed('<p OnClick="'), VALUE], ["value-in-script"]),
        # Only one of the ways leads into the tag.
        ([Ways(((Fixed("<p a="),), ()), 1), VALUE], ["unquoted-value"]),
        ([Ways(((Fixed("<p>"),), (Fixed("<b>"),)), 1), VALUE], []),
        ([Ways(((Fixed("<p a='"),), (Fixed("<p a="),)), 1), VALUE], ["unquoted-value"]),
        ([Fixed("<p a="), Ways(((Fixed("'"),), ()), 1), VALUE], ["unquoted-value"]),
        # The second time round, and when there is no first time.
        ([Repeat((VALUE, Fixed("<p a=")), 1)], ["unquoted-value"]),
        ([Fixed("<p a="), Repeat((Fixed("'>"),), 1), VALUE], ["unquoted-value"]),
        ([Repeat((Fixed("<li>"), VALUE, Fixed("</li>")), 1), VALUE], []),
        ([Repeat((Fixed("<a"),), 1), VALUE], ["uneven-markup"]),
        ([Fixed("<p "), Apart((VALUE,)), Fixed(">")], []),
        ([Apart((Fixed("<p "), VALUE)), VALUE], ["unquoted-value"]),
    ],
)
def test_a_value_is_looked_at_on_every_way(parts: list[Part], codes: list[str]) -> None:
    assert [problem.code for problem in place_problems(parts)] == codes


def test_a_value_is_told_once() -> None:
    inner = Repeat((Fixed("<p a="), VALUE, Fixed(">")), 1)
    assert [problem.line for problem in place_problems([Repeat((inner,), 1), inner])] == [7]

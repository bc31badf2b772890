"""Whatever is in a file, it is taken or named; whatever is in a value, it stays text."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from deploy.site.markup_places import Fixed, Value, place_problems
from deploy.site.markup_state import MarkupState
from deploy.site.razor_page import encode, pieces
from deploy.site.view_context import SAMPLE
from tests.unit.deploy.site.razor_pages import ROOT, page, parsed

FRAGMENTS = (
    "@", "@@", "@*", "*@", "@{", "}", "{", "@(", ")", "(", "@:", "\n", "\r\n", " ", ";", "\"", "'", "<p>", "</p>",
    "<text>", "</text>", "<br/>", "<a href=", "<script>", "</script>", "<!--", "-->", "@if (true) {", "else",
    "@else", "if (", "@foreach (var x in Model.Files) {", "@x", "@Model.CustomerName", "Model.Release",
    "@ViewBag.Title", "ViewBag.Title = ", "\"text\"", "@\"verbatim\"", "@Html.Raw(", "@Url.Content(\"~/\")",
    "@model A.B\n", "Layout = null;", "==", "!=", "&&", "||", "!", "?", ":", "+", "new[] {",
    "String.IsNullOrEmpty(", "@section X {", "@for (", "a@b.c", 'é', '\u2028', '\ud800', '\x00', "//", "/*", "*/",
    "=", ".", "-", "<", ">", "/", "~/", "@using X\n", "\\", "@functions {", "'x'", "[", "]", "null", "1",
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join),
    st.text(max_size=60),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=4)), max_size=30).map("".join),
)
VALUES = st.text(st.one_of(st.sampled_from("<>&\"'=/ -!;\n\\`"), st.characters()), max_size=20)


@given(TEXTS)
def test_any_text_is_a_page_or_is_named(text: str) -> None:
    found = parsed(text)
    lines = text.count("\n") + text.count("\r") + 1
    assert all(problem.line is None or 1 <= problem.line <= lines for problem in found.problems)
    assert all(problem.code and problem.message for problem in found.problems)
    assert all(problem.message.isprintable() for problem in found.problems)
    assert (found.page is None) == any(problem.is_error for problem in found.problems)
    if found.page is not None:
        "".join(pieces(found.page, SAMPLE.values(), ROOT)).encode("utf-8")


@given(st.text(st.characters(exclude_characters="@~\ufeff", exclude_categories=["Cs"]), max_size=80))
def test_text_without_signs_of_code_stays_as_it_is(text: str) -> None:
    assert page(text) == text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="~\ufeff"), max_size=80))
def test_with_every_at_sign_doubled_text_stays_as_it_is(text: str) -> None:
    assert page(text.replace("@", "@@")) == text


class _Events(HTMLParser):
    """What a reader of HTML sees, texts told apart from structure."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shape: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, [name for name, _ in attrs]))

    def handle_endtag(self, tag: str) -> None:
        self.shape.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.shape.append("comment")


def shape(written: str) -> list[object]:
    events = _Events()
    events.feed(written)
    events.close()
    return events.shape


VIEW = """<p title="@Model.CustomerName" class='@Model.CustomerID x'>@Model.Release</p>
@if (Model.Release != "") { <b id="@Model.Release">@Model.Release</b> }
@foreach (var x in Model.Files) { <i title='@x'>@x</i> }
<textarea>@Model.TotalSize</textarea><!-- @Model.TotalSize --><u>@(Model.TotalSize + Model.Release)</u>"""


@given(VALUES, VALUES)
def test_no_value_becomes_markup(one: str, other: str) -> None:
    values = {"CustomerName": one, "CustomerID": other, "Release": one + "x", "Files": "1", "TotalSize": other}
    plain = {"CustomerName": "a", "CustomerID": "a", "Release": "a", "Files": "1", "TotalSize": "a"}
    assert shape(page(VIEW, **values)) == shape(page(VIEW, **plain))


@given(st.text(max_size=40))
def test_what_was_encoded_reads_as_the_value(value: str) -> None:
    written = encode(value)
    assert not set(written) & set("<>\"'")
    whole = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    # A reader of HTML replaces what no page may hold, so only what may be in a page comes back.
    if whole.isprintable():
        assert unescape(written) == whole


MARKUP = st.lists(
    st.sampled_from(
        ["<", ">", "a", "p", " ", "=", '"', "'", "/", "!--", "-->", "script", "</script>", "<p ", "x=", "~/", "\n"]
    ),
    max_size=20,
).map("".join)


@given(MARKUP, VALUES)
def test_where_a_value_is_taken_it_changes_nothing_around_it(before: str, value: str) -> None:
    """The rules of places, against a reader of HTML of its own."""
    if place_problems([Fixed(before), Value(1)]):
        return
    after = " b=\"c\" d='e'></script></p>--><q>"
    assert shape(before + encode("a" + value + "a") + after) == shape(before + "aa" + after)


@given(MARKUP, MARKUP)
def test_pieces_are_followed_like_the_whole(one: str, other: str) -> None:
    if one[-1:] in ("<", "/", "-", "t"):
        return  # the sign that says what the next one means is in the other piece
    apart = MarkupState()
    apart.feed(one)
    apart.feed(other)
    assert apart.after("") == MarkupState().after(one + other)

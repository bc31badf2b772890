"""A whole view as its visitor gets it: the encoding, the layout, a realistic page."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from deploy.site.razor_page import encode, pieces
from deploy.site.view_context import SAMPLE
from tests.unit.deploy.site.razor_pages import ROOT, page, parsed

CORPUS = Path(__file__).parents[3] / "corpora" / "views"


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("plain ~ text", "plain ~ text"),
        ("<a href=\"x\" title='y'>&</a>", "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;&lt;/a&gt;"),
        ("\u009f\u00a0\u00e4\u00ff\u0100\u20ac", "\u009f&#160;&#228;&#255;\u0100\u20ac"),
        ("\U0001f600", "&#128512;"),
        ("\ud83d\ude00", "&#128512;"),
        ("\ud83d|\ude00", "\ufffd|\ufffd"),
        ("a\0b\r\n`+={}", "a\0b\r\n`+={}"),
    ],
)
def test_values_are_encoded_as_net_does_it(value: str, encoded: str) -> None:
    assert encode(value) == encoded


def test_a_literal_of_the_view_is_encoded_where_razor_does_it() -> None:
    assert page('ä@("ä<")@Html.Raw("ä<")<') == "ä&#228;&lt;ä<<"


def whole(text: str) -> str:
    found = parsed(text)
    assert found.page is not None
    return "".join(pieces(found.page, SAMPLE.values() | {"CustomerName": "A<B"}, ROOT))


def test_a_view_without_a_page_of_its_own_gets_one() -> None:
    written = whole('@{ ViewBag.Title = "x & y"; }<h1>@Model.CustomerName</h1>')
    assert written.startswith("<!DOCTYPE html>\n<html")
    assert "<title>x &amp; y</title>" in written
    assert '<link rel="stylesheet" href="/App/static/site.css">' in written
    assert "<h1>A&lt;B</h1>\n</main>" in written
    assert "<title>A&lt;B</title>" in whole("<h1>x</h1>")


@pytest.mark.parametrize("setting", ["null", '"~/Views/Shared/_Layout.cshtml"'])
def test_the_layout_is_as_the_view_says(setting: str) -> None:
    written = whole(f"@{{ Layout = {setting}; }}<p>x</p>")
    assert (written == "<p>x</p>") == (setting == "null")


@pytest.mark.parametrize("text", ["<html><p>x</p></html>", "<!DOCTYPE html><p>x</p>", "@{ }<HTML lang='en'>"])
def test_a_whole_page_stays_as_it_is(text: str) -> None:
    assert whole(text) == text.removeprefix("@{ }")


class _Outline(HTMLParser):
    """Start and end tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def outline(written: str) -> _Outline:
    found = _Outline()
    found.feed(written)
    found.close()
    assert found.open == []
    return found


def test_the_page_that_comes_with_the_product_is_taken() -> None:
    text = (CORPUS / "Index.cshtml").read_text("utf-8")
    found = outline(page(text, CustomerName="Müller & <Söhne>"))
    assert found.text.split("\n")[1:] != []
    said = " ".join(found.text.split())
    assert "MiCC Enterprise - Müller & <Söhne>" in said
    assert "Release 9.7.1: 412 files, 350.2 MiB." in said
    assert "Start it & wait." in said
    assert "Questions? support@example.com or @acmesupport." in said
    assert "@media print" in said
    assert "Nothing is ready" not in said
    tags = dict(found.seen)
    assert tags["link"]["href"] == "/App/static/site.css"
    assert tags["img"]["src"] == "/App/static/icon.svg"
    assert ("a", {"class": "button", "href": SAMPLE.install_url + "?script=windows"}) in found.seen
    assert [tag for tag, _ in found.seen].count("li") == 3


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"Release": "", "Files": "12"}, "12 files are ready."),
        ({"Release": "", "Files": "0"}, "Please call again \u2014 soon."),
        ({"CustomerName": ""}, "Client installation "),
        ({"TenantID": "-1"}, "Release"),
    ],
)
def test_its_other_ways_are_whole_pages_too(values: dict[str, str], expected: str) -> None:
    found = outline(page((CORPUS / "Index.cshtml").read_text("utf-8"), **values))
    assert expected in " ".join(found.text.split()) + " "
    place = next(attributes for tag, attributes in found.seen if attributes.get("id") == "main")
    assert ("default" in str(place["class"])) == (values.get("TenantID") == "-1")

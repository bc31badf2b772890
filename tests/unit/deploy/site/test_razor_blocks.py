"""Where markup and code meet: elements, `<text>` and `@:` inside code, code inside elements, and the blanks."""

from __future__ import annotations

import pytest

from tests.unit.deploy.site.razor_pages import page, said


@pytest.mark.parametrize(
    ("text", "written"),
    [
        # Elements inside code end with their own end tag.
        ("@if (true) { <p>a } b</p> }", " <p>a } b</p> "),
        ("@if (true) { <p><p>a</p>}</p> }", " <p><p>a</p>}</p> "),
        ("@if (true) { <div><br>}<img src='>'>}</div> }", " <div><br>}<img src='>'>}</div> "),
        ("@if (true) { <br><hr/> }", " <br><hr/> "),
        ("@if (true) { <p title=\"</p>}\">x</p> }", " <p title=\"</p>}\">x</p> "),
        ("@if (true) { <P>x</p> }", " <P>x</p> "),
        ("@if (true) { <p\n>x</p\n> }", " <p\n>x</p\n> "),
        ("@if (true) { <li><b>a</li> }", " <li><b>a</li> "),
        ("@if (true) { <!-- } <p> --> }", " <!-- } <p> --> "),
        ("@if (true) { <script>if (a < b) { \"<p>\" }</script> }", " <script>if (a < b) { \"<p>\" }</script> "),
        ("@if (true) { <textarea><p></textarea> }", " <textarea><p></textarea> "),
        ("@if (true) { <p>1 < 2 &amp; 3</p> }", " <p>1 < 2 &amp; 3</p> "),
        ("@if (true) { <p>don't \"say</p> }", " <p>don't \"say</p> "),
        ("@if (true) { <p>// no comment</p> /* one */ }", " <p>// no comment</p> "),
        # Code inside these elements, markup inside that code.
        ("@if (true) { <p>@Model.Release</p> }", " <p>9.7.1</p> "),
        ("@if (true) { <p>@@ a@b.c @* } *@</p> }", " <p>@ a@b.c </p> "),
        ("@if (true) { <p>@if (true) { <b>@Model.Release</b> } }</p> }", " <p> <b>9.7.1</b>  }</p> "),
        ("@if (true) { <a href=\"@Model.InstallUrl\">x</a> }",
         " <a href=\"http://server.example/MiCCEInstallation/install/acmecorp\">x</a> "),
        ("@if (true) { <a href=\"~/x\">x</a> }", " <a href=\"/App/x\">x</a> "),
        ("@if (true) { @Model.Release <b>x</b> @Html.Raw(\"<i>\") @(\"<\") }", "9.7.1 <b>x</b> <i>&lt;"),
        # <text>.
        ("@if (true) { <text>a</text> }", "a"),
        ("@if (true) { <TEXT >a<b>c</b></Text> }", "a<b>c</b>"),
        ("@if (true) { <text></text> }", ""),
        ("@if (true) { <text/> }", ""),
        ("@if (true) { <text>a } @Model.Release</text> }", "a } 9.7.1"),
        ("@if (true) { <text><text>a</text></text> }", "<text>a</text>"),
        ("@if (true) { <text>a</text> <text>b</text> }", "ab"),
        ("<text>a</text>", "<text>a</text>"),
        # @: takes the rest of its line, whatever is in it.
        ("@if (true) {\n@:a } <b> @Model.Release\n}", "a } <b> 9.7.1\n"),
        ("@if (true) {\n  @:a\r\n  @: b\r\n}", "  a\r\n   b\r\n"),
        ("@if (true) {\n@:@(Model.Release\n)x\n}", "9.7.1x\n"),
        ("@if (true) {\n@:a @if (true) { <b>c</b> } d\n}", "a  <b>c</b>  d\n"),
        ("@if (true) {\n@:\n}", "\n"),
        # In an attribute, blanks count.
        ('<p class="a @if (true) { <text>b</text> } c">', '<p class="a b c">'),
        ('<option @if (true) { <text>selected</text> }>x</option>', "<option selected>x</option>"),
        ('<option @(Model.Release == "1" ? "selected" : "")>', "<option >"),
    ],
)  # fmt: skip
def test_markup_inside_code(text: str, written: str) -> None:
    assert page(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<ul>\n  @foreach (var x in new[] { \"1\", \"2\" }) {\n    <li>@x</li>\n  }\n</ul>\n",
         "<ul>\n    <li>1</li>\n    <li>2</li>\n</ul>\n"),
        ("a\n  @{ ViewBag.X = \"1\"; }  \n  b", "a\n  b"),
        ("a\n  @* c *@  \r\nb", "a\nb"),
        ("a @* c *@\nb", "a \nb"),
        ("a @{ } b", "a  b"),
        ("a\n@if (true)\n{\n  <p>b</p>\n}\nelse\n{\n  <p>c</p>\n}\nd", "a\n  <p>b</p>\nd"),
        ("@if (true) { <p>a</p> }\n\nb", " <p>a</p> \nb"),
        ("x\r\n@model A\r\ny", "x\r\ny"),
        ("@if (false) { }\n x", " x"),
        ("  @Model.Release  \n", "  9.7.1  \n"),
    ],
)  # fmt: skip
def test_lines_of_code_leave_no_blank_lines(text: str, written: str) -> None:
    assert page(text) == written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@if (true) { <p>a }", [(1, "razor-syntax")]),
        ("@if (true) {\n <p>\n }\n", [(2, "razor-syntax")]),
        ("@if (true) { </p> }", [(1, "razor-syntax")]),
        ("@if (true) { <p></b> }", [(1, "razor-syntax")]),
        ("@if (true) { <text>a }", [(1, "razor-syntax")]),
        ("@if (true) { plain text }", [(1, "razor-unsupported"), (1, "razor-syntax")]),
        ("@if (true) { @: a }", [(1, "razor-syntax")]),
        ("@if (true) { <p", [(1, "razor-syntax")]),
        ("@if (true) { <p title=\"}", [(1, "razor-syntax")]),
        ("@if (true) { <script> }", [(1, "razor-syntax")]),
    ],
)  # fmt: skip
def test_markup_that_does_not_end_is_named(text: str, expected: list[tuple[int, str]]) -> None:
    assert said(text)[:1] == expected[:1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p title=@Model.Release>", [(1, "unquoted-value")]),
        ("<p @Model.Release>", [(1, "unquoted-value")]),
        ("<p\n a='x' @Model.Release='y'>", [(2, "unquoted-value")]),
        ("<@Model.Release>", [(1, "unquoted-value")]),
        ("</@Model.Release>", [(1, "unquoted-value")]),
        ("<p title=x@(Model.Release)>", [(1, "unquoted-value")]),
        ("<p title= @Model.Release>", [(1, "unquoted-value")]),
        ("<p @if (true) { @Model.Release }>", [(1, "unquoted-value")]),
        ("<p title=@if (Model.Files == \"1\") { <text>'</text> }@Model.Release'>", [(1, "unquoted-value")]),
        ("@foreach (var x in Model.Files) {\n@:@x <p title=\n}", [(2, "unquoted-value")]),
        ("<script>var x = '@Model.Release';</script>", [(1, "value-in-script")]),
        ("<style>p { color: @Model.Release }</style>", [(1, "value-in-script")]),
        ("<p onclick='go(\"@Model.Release\")'>", [(1, "value-in-script")]),
        ("<p style=\"color: @Model.Release\">", [(1, "value-in-script")]),
        ("@Html.Raw(\"<p title=\")@Model.Release", [(1, "unquoted-value")]),
        ("@foreach (var x in Model.Files) {\n@Html.Raw(\"<a\")\n}", [(1, "uneven-markup")]),
    ],
)  # fmt: skip
def test_a_value_where_encoding_does_not_protect_is_named(text: str, expected: list[tuple[int, str]]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "<p title='@Model.Release'>",
        "<p title=\"a @Model.Release\" data-x='@Model.Files'>@Model.Release</p>",
        "<title>@Model.Release</title><textarea>@Model.Release</textarea><!-- @Model.Release -->",
        "a < b @Model.Release",
        "<p>1 <@@ @Model.Release</p>",
        "<br/>@Model.Release<script>x</script>@Model.Release",
        '<p title=@Url.Content("~/x")>',
        "<p title=a>@Model.Release",
        '@if (Model.Files == "1") { @:<p>\n } else { @:<div>\n }\n@Model.Release',
        "<SCRIPT>x</SCRIPT >@Model.Release",
    ],
)
def test_a_value_where_encoding_protects_is_taken(text: str) -> None:
    page(text)

"""The constructs of the Razor subset, one by one: what they write, and what is named."""

from __future__ import annotations

import pytest

from tests.unit.deploy.site.razor_pages import page, parsed, said

VALUES = {"CustomerName": "A & B <c>", "Release": "9.7", "Files": "a\nb\r\n\nc"}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("plain < text & more", "plain < text & more"),
        # Values.
        ("@Model.CustomerName", "A &amp; B &lt;c&gt;"),
        ("x@(Model.Release)y", "x9.7y"),
        ("@Model.Release.", "9.7."),
        ("@Model.Release, @Model.Release!", "9.7, 9.7!"),
        ("@Model.Release@Model.Release", "9.79.7"),
        ("@Model.Release-@Model.Release", "9.7-9.7"),
        ("@ViewBag.Release", "9.7"),
        ("@( /* why */ Model.Release // so\n )", "9.7"),
        ('@("<" + Model.Release + ">")', "&lt;9.7&gt;"),
        (r'@("\u00e9\t\"\\x")', "&#233;\t&quot;\\x"),
        ('@(@"c:\\dir ""x""")', "c:\\dir &quot;x&quot;"),
        ('@(Model.Release == "9.7" ? "yes" : "no")', "yes"),
        ('@(!(Model.Release != "9.7") && false ? "a" : true ? "b" : "c")', "b"),
        ("@(12)", "12"),
        ("@(null)", ""),
        # Escapes, comments, addresses of people.
        ("@@", "@"),
        ("@@Model.Release", "@Model.Release"),
        ("a@@b", "a@b"),
        ("@@@Model.Release", "@9.7"),
        ("user@example.com", "user@example.com"),
        ("a1@b2@c", "a1@b2@c"),
        ("é@ü", "é@ü"),
        ("(@Model.Release)", "(9.7)"),
        ("_@Model.Release", "_9.7"),
        ("a@* b @Model.No *@c", "ac"),
        ("a @* b\n\n *@ c", "a  c"),
        ("@**@", ""),
        # Addresses.
        ('@Url.Content("~/")', "/App/"),
        ('@Url.Content("~/a b")', "/App/a b"),
        ('@Url.Content("http://x/~/")', "http://x/~/"),
        ('@(Url.Content("~/") + Model.Release)', "/App/9.7"),
        ('<a href="~/x">~/</a>', '<a href="/App/x">~/</a>'),
        ("<a href = '~/x' b=~/y>", "<a href = '/App/x' b=/App/y>"),
        ('<a href="x~/y ~/z">', '<a href="x~/y ~/z">'),
        ('<a href="~/i/@Model.Release">', '<a href="/App/i/9.7">'),
        # Raw.
        ('@Html.Raw("<b>&nbsp;</b>")', "<b>&nbsp;</b>"),
        ('@Html.Raw(@"<i class=""x"">")', '<i class="x">'),
        # Directives and settings.
        ("@model A.B<C.D>\nx", "x"),
        ("  @model A\r\nx", "x"),
        ('@{ ViewBag.Title = "a<b"; Layout = null; }@ViewBag.Title', "a&lt;b"),
        ("@{ ViewBag.T = Model.Release; ViewBag.T = ViewBag.T + ViewBag.T; }@ViewBag.T", "9.79.7"),
        ("@{ ViewBag.Release = null; }[@ViewBag.Release]@Model.Release", "[]9.7"),
        ("@{}@{ ; }@{ /* x */ }", ""),
        # Decisions.
        ('@if (Model.Release == "9.7") { <b>a</b> }', " <b>a</b> "),
        ('@if (Model.Release == "9") { <b>a</b> } else { <i>b</i> }', " <i>b</i> "),
        ('@if (Model.Release == "9") { } else if (true) { <i>b</i> } else { <u>c</u> }', " <i>b</i> "),
        ("@if (string.IsNullOrEmpty(Model.Release)) { } else { @Model.Release }", "9.7"),
        ('@if (String.IsNullOrWhiteSpace(" \\t")) { @: yes\n}', "  yes\n"),
        ('@if (String.IsNullOrEmpty(" ")) { } else { <b></b> }', " <b></b> "),
        ("@if (Model.TenantID == 1 && Model.TenantID != -1) { @Model.TenantID }", "1"),
        ('@if (("9.7" == Model.Release) == false || Model.Release == null) { <b/> }x', "x"),
        ("@{ if (true) { ViewBag.A = \"1\"; } }@ViewBag.A", "1"),
        ("@{ if (false) { ViewBag.A = \"1\"; } }[@ViewBag.A]", "[]"),
        # Loops.
        ("@foreach (var x in Model.Files) { <b>@x</b> }", " <b>a</b>  <b>b</b>  <b>c</b> "),
        ("@foreach (string x in Model.Release.Split('.')) { @: @x;\n}", "  9;\n  7;\n"),
        ("@foreach (var x in Model.Release.Split('.', '9')) { @x<i/> }", "<i/> <i/> 7<i/> "),
        ("@foreach (var x in Model.CustomerName.Split()) { @x<i/> }", "A<i/> &amp;<i/> B<i/> &lt;c&gt;<i/> "),
        ('@foreach (var x in new[] { "<", Model.Release, }) { @x }', "&lt;9.7"),
        ('@foreach (var x in new string[] { }) { @x }', ""),
        ('@foreach (var x in new[] {"1","2"}) { foreach (var y in new[] {"a","b"}) { @x@y } }', "1a1b2a2b"),
        ('@foreach (var x in new[] {"1"}) { foreach (var x in new[] {"a"}) { @x } @x }', "a1"),
    ],
)  # fmt: skip
def test_what_a_construct_writes(text: str, written: str) -> None:
    assert page(text, **VALUES) == written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Names.
        ("@Model.Nothing", [(1, "unknown-value")]),
        ("\n@ViewBag.Nothing", [(2, "unknown-value")]),
        ("@Model.customername", [(1, "unknown-value")]),
        ("@{ @ViewBag.A }@{ ViewBag.A = \"x\"; }", [(1, "unknown-value")]),
        ("@Model", [(1, "razor-unsupported")]),
        ("@model", [(1, "razor-unsupported")]),
        ("@foo", [(1, "razor-unsupported")]),
        ("@media print {}", [(1, "razor-unsupported")]),
        # More of C# than a view may use.
        ("@Model.Release.ToUpper()", [(1, "razor-unsupported")]),
        ("@Model.Release[0]", [(1, "razor-unsupported")]),
        ("@DateTime.Now.Year", [(1, "razor-unsupported")]),
        ("@System.IO.File.ReadAllText(\"/etc/passwd\")", [(1, "razor-unsupported")]),
        ('@Html.Raw(Model.CustomerName)', [(1, "razor-unsupported")]),
        ('@Html.Raw("a" + Model.CustomerName)', [(1, "razor-unsupported")]),
        ('@Html.Partial("x")', [(1, "razor-unsupported")]),
        ('@Url.Action("x")', [(1, "razor-unsupported")]),
        ("@Url.Content(Model.Release)", [(1, "razor-unsupported")]),
        ('@($"{Model.Release}")', [(1, "razor-unsupported")]),
        ('@(Model.Release ?? "x")', [(1, "razor-unsupported")]),
        ("@(1 + )", [(1, "razor-unsupported")]),
        ("@()", [(1, "razor-unsupported")]),
        ("@(true)", [(1, "razor-unsupported")]),
        ('@("\\q")', [(1, "razor-syntax")]),
        ("@if (Model.Release) { }", [(1, "razor-unsupported")]),
        ("@if (Model.Release.Length > 0) { }", [(1, "razor-unsupported")]),
        ("@if (true == Model.Release) { }", [(1, "razor-unsupported")]),
        ("@foreach (var x in Model) { }", [(1, "razor-unsupported")]),
        ("@foreach (int x in Model.Files) { }", [(1, "razor-unsupported")]),
        ("@foreach (var x of Model.Files) { @x }", [(1, "razor-unsupported")]),
        ("@foreach (var x in Model.Files.Split(\",\")) { @x }", [(1, "razor-unsupported")]),
        ("@foreach (var x in Model.Files) { }@x", [(1, "razor-unsupported")]),
        ("@for (int i = 0; i < 3; i++) { <p>@i</p> } @Model.No", [(1, "razor-unsupported"), (1, "unknown-value")]),
        ("@while (true) { }", [(1, "razor-unsupported")]),
        ("@switch (Model.Release) { case \"a\": break; }", [(1, "razor-unsupported")]),
        ("@using System.IO", [(1, "razor-unsupported")]),
        ("@using (Html.BeginForm()) { <p></p> }", [(1, "razor-unsupported")]),
        ("@try { } catch { }", [(1, "razor-unsupported")]),
        ("@{ var x = 1; }", [(1, "razor-unsupported")]),
        ("@{ System.Diagnostics.Process.Start(\"x\"); }", [(1, "razor-unsupported")]),
        ("@{ ViewBag.A += \"x\"; }", [(1, "razor-unsupported")]),
        ("@{ ViewBag.A.B = \"x\"; }", [(1, "razor-unsupported")]),
        ("@{ Layout = \"Other.cshtml\"; }", [(1, "razor-unsupported")]),
        ("@inherits X\n@functions { int A() { return 1; } }\n@section B { <p> }\n@helper C() { }\nx",
         [(1, "razor-unsupported"), (2, "razor-unsupported"), (3, "razor-unsupported"), (4, "razor-unsupported")]),
        # What Razor itself refuses.
        ("a @ b", [(1, "razor-syntax")]),
        ("a @", [(1, "razor-syntax")]),
        ("@<p></p>", [(1, "razor-syntax")]),
        ("@-1", [(1, "razor-syntax")]),
        ("\n\n@* never", [(3, "razor-syntax")]),
        ("@(1", [(1, "razor-syntax")]),
        ("@Html.Raw(\"x)", [(1, "razor-syntax")]),
        ("@{ ", [(1, "razor-syntax")]),
        ("@if true { }", [(1, "razor-syntax")]),
        ("@if (true) <p></p>", [(1, "razor-syntax")]),
        ("@else { }", [(1, "razor-syntax")]),
        ("@if (true) { @if (true) { } }", [(1, "razor-syntax")]),
        ("@{ @{ } }", [(1, "razor-syntax")]),
        ("@{ ViewBag.A = \"x\" }", [(1, "razor-syntax")]),
        ("@model A\n@model B", [(2, "razor-syntax")]),
        ("@model \nx", [(1, "razor-syntax")]),
    ],
)  # fmt: skip
def test_what_is_no_part_of_the_subset_is_named_with_its_line(text: str, expected: list[tuple[int, str]]) -> None:
    assert said(text) == expected
    assert parsed(text).page is None


def test_a_name_that_was_nearly_right_is_proposed() -> None:
    assert parsed("@Model.customername").problems[0].hint == "write Model.CustomerName"
    assert parsed('@{ ViewBag.Heading = "x"; }@ViewBag.heading').problems[0].hint == "write ViewBag.Heading"


def test_everything_is_named_at_once_in_the_order_of_the_lines() -> None:
    text = '@Model.A\n<p title=@Model.Release>\n@if (Model.B == "") {\n <p>@Model.C</p>\n x();\n}\n@Html.Raw(Model.D)\n'
    assert said(text) == [
        (1, "unknown-value"),
        (2, "unquoted-value"),
        (3, "unknown-value"),
        (4, "unknown-value"),
        (5, "razor-unsupported"),
        (7, "razor-unsupported"),
    ]


def test_of_very_many_problems_the_first_are_told() -> None:
    problems = parsed("@Model.A\n" * 1000).problems
    assert len(problems) == 101
    assert [problem.line for problem in problems[:3]] == [1, 2, 3]
    assert problems[-1].code == "more-problems"


def test_what_is_told_is_short_and_on_one_line() -> None:
    (problem,) = parsed("@(" + "very\nlong" * 1000 + ")").problems
    assert "\n" not in problem.message
    assert len(problem.message) < 200


@pytest.mark.parametrize("text", ["@(" + "(" * 200 + "1" + ")" * 200 + ")", "@(" + "!" * 200 + "true ? 1 : 2)"])
def test_nested_expressions_have_a_limit(text: str) -> None:
    assert said(text) == [(1, "view-too-deep")]


@pytest.mark.parametrize(
    "text",
    [
        "@if (true) " + "{ if (true) " * 200 + "{ " + "}" * 201,
        "@{" + "{" * 200 + "}" * 201,
        "@{" + "<text>@if (true) {" * 100 + "}</text>" * 100 + "}",
    ],
)
def test_nested_blocks_have_a_limit(text: str) -> None:
    assert said(text) == [(1, "view-too-deep")]


def test_an_expression_is_long_rather_than_deep() -> None:
    assert page("@(" + " + ".join(['"x"'] * 5000) + ")") == "x" * 5000

"""What a Jinja2 view may hold, what is named before it runs, and what the sandbox refuses should it run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.exceptions import SecurityError, TemplateSyntaxError, UndefinedError

from deploy.site.jinja_view import FILTERS, ViewEnvironment, compile_template, examine, pieces
from deploy.site.view_context import NAMES, SAMPLE
from tests.unit.deploy.site.test_razor_property import shape

VALUES = SAMPLE.values() | {"CustomerName": "A & B <c> \"d\" 'e'", "Files": "a\nb\r\n\nc"}


def page(source: str, **values: str) -> str:
    assert examine(source, "x.j2", NAMES) == ()
    return "".join(pieces(compile_template(source), VALUES | values))


def said(source: str) -> list[tuple[int | None, str]]:
    return [(problem.line, problem.code) for problem in examine(source, "x.j2", NAMES)]


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("{{ CustomerName }}", "A &amp; B &lt;c&gt; &#34;d&#34; &#39;e&#39;"),
        ("<p title=\"{{ Release }}\">{{ TotalSize|upper }}</p>", "<p title=\"9.7.1\">350.2 MIB</p>"),
        ("{% if TenantID == '1' and Release %}a{% else %}b{% endif %}", "a"),
        ("{% for x in Files|lines %}{{ loop.index }}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
         "1a, 2b, 3c"),
        ("{% for x in '' %}{% else %}none{% endfor %}", "none"),
        ("{% macro m(x) %}<b>{{ x }}</b>{% endmacro %}{{ m(CustomerID) }}{{ m('<') }}", "<b>acmecorp</b><b>&lt;</b>"),
        ("{% set x %}<i>{{ '<' }}</i>{% endset %}{{ x }}", "<i>&lt;</i>"),
        ("{% set x = '<i>' ~ Release %}{{ x }}", "&lt;i&gt;9.7.1"),
        ("{% block a %}{{ Release }}{% endblock %}{{ self.a() }}", "9.7.19.7.1"),
        ("{% raw %}{{ x }}{% endraw %}{# {{ nothing }} #}", "{{ x }}"),
        ("{{ (Files|lines|length + 1) * 2 }}{{ 7 % 4 }}", "83"),
        ("{{ Release[0] }}{{ Release[:3] }}", "99.7"),
        ("<a href=\"{{ InstallUrl|urlencode }}\">",
         "<a href=\"http%3A//server.example/MiCCEInstallation/install/acmecorp\">"),
        ("<option {{ 'selected' if TenantID == '1' else '' }}>", "<option selected>"),
        ("{{ CustomerName|replace('A', '<')|e }}", "&lt; &amp; B &lt;c&gt; &#34;d&#34; &#39;e&#39;"),
    ],
)  # fmt: skip
def test_what_a_view_may_say(source: str, written: str) -> None:
    assert page(source) == written


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% if %}", [(1, "jinja-syntax")]),
        ("\n{{ CustomerName", [(2, "jinja-syntax")]),
        ("{% nonsense %}", [(1, "jinja-syntax")]),
        ("{{ Nothing }}\n{{ customername }}", [(1, "unknown-value"), (2, "unknown-value")]),
        ("{% for x in y %}{{ x }}{% endfor %}\n{{ z }}", [(1, "unknown-value"), (2, "unknown-value")]),
        ("{{ range(3) }}{{ lipsum() }}{{ cycler }}{{ dict() }}{{ namespace() }}{{ joiner }}",
         [(1, "unknown-value")] * 6),
        ("{{ config }}{{ request }}{{ get_flashed_messages }}", [(1, "unknown-value")] * 3),
        ("{% include 'x' %}\n{% import 'x' as y %}\n{% from 'x' import y %}\n{% extends 'x' %}",
         [(1, "jinja-unsupported"), (2, "jinja-unsupported"), (3, "jinja-unsupported"), (4, "jinja-unsupported")]),
        ("{{ CustomerName|safe }}", [(1, "jinja-unsupported")]),
        ("{% filter safe %}{{ CustomerName }}{% endfilter %}", [(1, "jinja-unsupported")]),
        ("{% autoescape false %}{{ CustomerName }}{% endautoescape %}", [(1, "jinja-unsupported")]),
        ("{{ CustomerName|attr('__class__') }}", [(1, "jinja-unsupported")]),
        ("{{ Files|map('upper')|list }}", [(1, "jinja-unsupported")]),
        ("{{ '%s'|format(CustomerName) }}", [(1, "jinja-unsupported")]),
        ("{{ Files is nonsense }}", [(1, "jinja-unsupported")]),
        ("{{ CustomerName.upper() }}", [(1, "jinja-unsupported")]),
        ("{{ ''.__class__ }}", [(1, "jinja-unsupported")]),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", [(1, "jinja-unsupported")] * 3),
        ("{{ '{0.__class__}'.format(CustomerName) }}", [(1, "jinja-unsupported")]),
        ("{{ CustomerName['upper']() }}", [(1, "jinja-unsupported")]),
        ("{{ CustomerName() }}", [(1, "jinja-unsupported")]),
        ("<p title={{ CustomerName }}>", [(1, "unquoted-value")]),
        ("<p {{ 'a' if Release else CustomerName }}>", [(1, "unquoted-value")]),
        ("{% for x in Files %}\n{{ x }}<p title=\n{% endfor %}", [(2, "unquoted-value")]),
        ("<script>var x = '{{ CustomerName }}'</script>", [(1, "value-in-script")]),
    ],
)  # fmt: skip
def test_what_a_view_may_not_say_is_named_with_its_line(source: str, expected: list[tuple[int, str]]) -> None:
    assert said(source) == expected


def test_what_was_nearly_right_is_proposed() -> None:
    assert examine("{{ customername }}", "x", NAMES)[0].hint == "write CustomerName"
    assert examine("{{ Release|uper }}", "x", NAMES)[0].hint == "write upper"
    assert examine("{{ Release.upper() }}", "x", NAMES)[0].hint == "use the filter: |upper"


def test_of_very_many_problems_the_first_are_told() -> None:
    problems = examine("{{ a }}\n" * 1000, "x", NAMES)
    assert len(problems) == 101
    assert problems[-1].code == "more-problems"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ CustomerName['__init__']['__globals__'] }}",
        "{{ CustomerName.upper() }}",
        "{{ CustomerName['format'](1) }}",
        "{{ self.__init__.__globals__ }}",
        "{{ self['__init__'] }}",
        "{{ self._TemplateReference__context }}",
        "{% for x in 'a' %}{{ loop.__class__ }}{% endfor %}",
        "{% for x in 'a' %}{{ loop.__init__.__globals__ }}{% endfor %}",
        "{% for x in 'a' %}{{ loop._iterator }}{% endfor %}",
        "{% macro m() %}{% endmacro %}{{ m._func }}",
        "{% macro m() %}{% endmacro %}{{ m.__call__.__globals__ }}",
        "{% set x %}a{% endset %}{{ x.__html__.__globals__ }}",
        "{% set x %}a{% endset %}{{ x.format_map(x) }}",
        "{{ (1).__class__ }}",
        "{{ [].append(1) }}",
        "{{ {}.update(a=1) }}",
        "{{ (''|lines).__class__ }}",
        "{{ ''|lines|attr('append') }}",
        "{{ 'x' * 10 }}",
        "{{ 10 * 'x' }}",
        "{{ [1] * 10 }}",
        "{{ 2 ** 3 }}",
        "{{ '%d' % 3 }}",
    ],
)  # fmt: skip
def test_the_sandbox_holds_by_itself(source: str) -> None:
    """Without the look at the template that comes first."""
    with pytest.raises((SecurityError, UndefinedError, TemplateSyntaxError, TypeError)):
        "".join(pieces(compile_template(source), VALUES))


def test_nothing_is_global_and_filters_are_the_ones_documented() -> None:
    environment = ViewEnvironment()
    assert environment.globals == {}
    assert environment.filters.keys() == {*FILTERS, "lines"}
    assert environment.loader is None


def test_one_view_cannot_change_the_next() -> None:
    compile_template("{% set CustomerName = 'x' %}{{ CustomerName }}")
    assert page("{{ Release }}") == "9.7.1"
    assert ViewEnvironment().globals == {}


VIEW = """<p title="{{ CustomerName }}" class='{{ CustomerID }} x'>{{ Release }}</p>
{% if Release %}<b id="{{ Release|upper }}">{{ Release|title }}</b>{% endif %}
{% for x in Files|lines %}<i title='{{ x }}'>{{ x|truncate(4) }}</i>{% endfor %}
{% macro m(x) %}<u>{{ x }}</u>{% endmacro %}{{ m(CustomerName ~ '<') }}{{ m(CustomerName)|replace('u', CustomerID) }}
{% set y %}<s>{{ CustomerName }}</s>{% endset %}{{ y }}{{ y|striptags }}{{ [y, CustomerID]|join(Release) }}
<textarea>{{ TotalSize }}</textarea><!-- {{ TotalSize }} -->"""
ANY = st.text(st.one_of(st.sampled_from("<>&\"'=/ -!;\\`{}%"), st.characters(exclude_categories=["Cs"])), max_size=20)


@given(ANY, ANY)
def test_no_value_becomes_markup(one: str, other: str) -> None:
    values = {"CustomerName": one, "CustomerID": "i" + other, "Release": one + "x", "Files": "1", "TotalSize": other}
    source = VIEW.replace("|replace('u', CustomerID)", "")
    plain = {"CustomerName": "a", "CustomerID": "a", "Release": "a", "Files": "1", "TotalSize": "a"}
    assert shape(page(source, **values)) == shape(page(source, **plain))


FRAGMENTS = (
    "{{", "}}", "{%", "%}", "{#", "#}", " ", "\n", "CustomerName", "Release", "if", "endif", "for x in", "endfor",
    "set x =", "macro m()", "endmacro", "m()", "|", "upper", "safe", "lines", "(", ")", "[", "]", ".", "__class__",
    "'", "\"", "~", "*", "**", "+", "1", "==", "not", "else", "<p title=", ">", "include", "raw", "endraw",
    "block a", "endblock", "self", "loop", "is", "defined", ",", "{", "}", "caller()", "call m()", "endcall",
    "filter upper", "endfilter", "with", "endwith", "%",
)  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=3)), max_size=25).map("".join))
def test_any_text_is_taken_or_named(source: str) -> None:
    problems = examine(source, "x.j2", NAMES)
    assert all(problem.code and problem.message.isprintable() for problem in problems)
    lines = source.count("\n") + source.count("\r") + 1
    assert all(problem.line is None or 1 <= problem.line <= lines for problem in problems)

"""Views that try everything a view could try: (name, file name, text). None may cost more than its limits."""

from __future__ import annotations

J, R = "Index.html.j2", "Index.cshtml"
BIG = "{% set x = 'xxxxxxxxxx' %}" + "{% set x = x ~ x %}" * 7


def _loops(depth: int, body: str) -> str:
    return BIG + "{% for a in x %}" * depth + body + "{% endfor %}" * depth


def _razor_loops(depth: int, body: str) -> str:
    inner = "".join(f"foreach (var v{n} in new[] {{ {', '.join(['1'] * 200)} }}) {{ " for n in range(depth))
    return "@{ " + inner + body + " }" * depth + " }"


# Bounded by the clock, memory or the size of the page: these run until they are stopped.
COSTLY = [
    ("loops in loops that write nothing", J, _loops(4, "")),
    ("loops in loops that write", J, _loops(4, "y")),
    ("a text that doubles", J, "{% set x = 'xxxxxxxxxxxxxxxx' %}" + "{% set x = x ~ x %}" * 40),
    ("a list that doubles", J, "{% set x = [1, 2] %}" + "{% set x = x + x %}" * 40),
    ("a number that squares", J, "{% set x = 99999999999 %}" + "{% set x = x * x %}" * 40 + "{{ x }}"),
    ("a text that is replaced into itself", J, BIG + "{% set x = x|replace('x', x) %}" * 4 + "{{ x|length }}"),
    ("a joined text", J, BIG + "{% set y = x|join(x) %}{% set y = y|join(y) %}{{ y|length }}"),
    ("a truncated giant", J, BIG + "{% set y = x|join(x)|join(x) %}{{ y|truncate(3) }}"),
    ("macros that multiply", J, "".join(
        f"{{% macro m{n}() %}}" + f"{{{{ m{n - 1}() }}}}" * 20 + "{% endmacro %}" if n else
        "{% macro m0() %}{% for a in 'xxxxxxxxxx' %}{% endfor %}{% endmacro %}" for n in range(9)) + "{{ m8() }}"),
    ("Razor loops that write nothing", R, _razor_loops(8, "ViewBag.X = Model.Files;")),
    ("Razor loops that write", R, _razor_loops(4, "<b>x</b>")),
    ("a Razor text that doubles", R,
     '@{ ViewBag.X = "xxxxxxxxxxxxxxxx"; ' + "ViewBag.X = ViewBag.X + ViewBag.X; " * 40 + "}"),
]  # fmt: skip

# Named before or while they run, in no time.
REFUSED = [
    ("a text times a number", J, "{{ 'x' * 10**9 }}"),
    ("a list times a number", J, "{{ [0] * 999999999 }}"),
    ("a power", J, "{{ 9 ** 9 ** 9 }}"),
    ("a width", J, "{{ '%999999999d' % 1 }}"),
    ("a format", J, "{{ '{:>999999999}'.format('x') }}"),
    ("a format by subscript", J, "{{ '{:>999999999}'['format']('x') }}"),
    ("a filter with a width", J, "{{ 'x'|center(999999999) }}"),
    ("a filter that indents", J, "{{ 'x'|indent(999999999, true) }}"),
    ("range", J, "{% for x in range(999999999) %}{{ x }}{% endfor %}"),
    ("lipsum", J, "{{ lipsum(n=999999) }}"),
    ("classes", J, "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    ("classes by subscript", J, "{{ ''['__class__']['__mro__'] }}"),
    ("classes by attr", J, "{{ ''|attr('__class__') }}"),
    ("classes by map", J, "{{ ['x']|map(attribute='__class__')|list }}"),
    ("globals of a macro", J, "{% macro m() %}{% endmacro %}{{ m.__globals__ }}"),
    ("globals of a filter", J, "{{ self.__init__.__globals__['__builtins__'] }}"),
    ("the template itself", J, "{{ self._TemplateReference__context.environment }}"),
    ("format of attributes", J, "{{ '{0.__class__.__init__.__globals__}'.format(CustomerName) }}"),
    ("other files", J, "{% include '/etc/passwd' %}{% import '/etc/passwd' as x %}{% extends '/etc/passwd' %}"),
    ("macros that call themselves", J, "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
    ("macros that call each other", J,
     "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}"),
    ("a block that shows itself", J, "{% block a %}{{ self.a() }}{% endblock %}"),
    ("a loop that calls itself", J, "{% for x in 'ab' recursive %}{{ loop('ab') }}{% endfor %}"),
    ("deep brackets", J, "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}"),
    ("deep lists", J, "{{ " + "[" * 5000 + "]" * 5000 + " }}"),
    ("deep blocks", J, "{% if true %}" * 2000 + "{% endif %}" * 2000),
    ("deep loops", J, "{% for x in 'a' %}" * 30 + "{% endfor %}" * 30),
    ("a long sum", J, "{{ " + "1 + " * 20_000 + "1 }}"),
    ("a division by zero", J, "{{ 1 / 0 }}"),
    ("a number too long to write", J, "{{ 9" + "9" * 5000 + " }}"),
    ("a call of a text", J, "{{ CustomerName() }}"),
    ("no encoding", J, "{{ CustomerName|safe }}{% autoescape false %}{{ CustomerName }}{% endautoescape %}"),
    ("Python code", R, "@{ System.Diagnostics.Process.Start(\"calc\"); }@System.IO.File.ReadAllText(\"/etc/passwd\")"),
    ("reflection", R, "@Model.GetType().Assembly.GetTypes()"),
    ("an endless loop", R, "@while (true) { <p></p> }@for (;;) { }"),
    ("deep Razor brackets", R, "@(" + "(" * 50_000 + "1" + ")" * 50_000 + ")"),
    ("deep Razor blocks", R, "@{" + "{" * 50_000 + "}" * 50_001),
    ("deep Razor elements", R, "@{" + "<b>@if (true) {" * 5_000 + "}</b>" * 5_000 + "}"),
    ("Razor negations", R, "@if (" + "!" * 50_000 + "true) { }"),
    ("Razor comparisons", R, "@if (true" + " == true" * 20_000 + ") { }"),
    ("Razor choices", R, "@(" + "true ? 1 : " * 10_000 + "1)"),
    ("brackets that never close", R, "@Html.Raw(" * 20_000),
    ("quotation marks that never close", R, "@{ " + '@" ' * 80_000),
    ("quotation marks behind backslashes", R, '@{ "' + '\\"' * 100_000),
    ("verbatim texts that never close", R, "@( " + '@"a ' * 60_000),
    ("comments of Razor that never close", R, "@{ " + "@* " * 60_000),
    ("comments that never close", R, "@{ " + "/* " * 60_000),
    ("a template of a megabyte", J, "x" * (1 << 20)),
    ("a Razor template of a megabyte", R, "x" * (1 << 20)),
]  # fmt: skip

# Odd, and nothing is wrong with them.
HARMLESS = [
    ("nothing", J, ""),
    ("nothing in Razor", R, ""),
    ("as large as a view may be", J, "x" * (256 * 1024)),
    ("as large as a Razor view may be", R, "x" * (256 * 1024)),
    ("many values", J, "{{ CustomerName }}" * 10_000),
    ("many Razor values", R, "@Model.CustomerName " * 10_000),
    ("many doubled signs", R, "@@" * 120_000),
    ("many addresses", R, "a@a" * 80_000),
    ("many loose brackets", R, "<" * 250_000),
    ("many attributes", R, "<p " + "a='~/' " * 30_000 + ">"),
    ("many lines", R, "@{" + "\n@:a\n" * 30_000 + "}"),
    ("many comments", R, "  @* *@  \n" * 20_000),
    ("much space", R, "@if (true) {" + " " * 200_000 + "}" + " " * 50_000),
    ("many tags in code", R, "@{" + "<p>x</p>" * 20_000 + "}"),
    ("many decisions", R, "@if (true) { <b>x</b> }\n" * 5_000),
    ("many ends", J, "%}" * 50_000),
    ("NUL", R, "a\0b@Model.Release\0"),
]

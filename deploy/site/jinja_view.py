"""Jinja2 views: which templates are taken, and how they are rendered.

A view is one template without a loader, in an immutable sandbox without globals, with values that are
plain texts. What a template could use to undo the encoding, to reach into Python or to grow without
need is named before it runs; what is left is bounded by the process around it (deploy.site.view_worker).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType

from jinja2 import Environment, StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from deploy.config.spelling import nearest
from deploy.errors import Problem, error, quoted, warning
from deploy.site.markup_places import Apart, Fixed, Part, Repeat, Value, Ways, place_problems

MOST_PROBLEMS = 100
LONGEST = 1000
FILTERS = (
    "abs", "capitalize", "count", "d", "default", "e", "escape", "first", "float", "int", "join", "last",
    "length", "list", "lower", "replace", "reverse", "round", "sort", "string", "striptags", "title", "trim",
    "truncate", "unique", "upper", "urlencode", "wordcount",
)  # fmt: skip
"""The filters of Jinja2 that views may use; `lines` is one more."""
SYNTAX_HINT = "see the Jinja2 template documentation; write {{ '{{' }} for plain braces"
OPERATORS = ("*", "**", "%")
_CALLERS = frozenset({"loop", "self"})
_LINE = re.compile(r"\r\n|[\r\n]")
_FORBIDDEN: Mapping[type[nodes.Node], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.EvalContextModifier: "autoescape",
    nodes.ScopedEvalContextModifier: "autoescape",
}


class ViewEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox of views."""

    intercepted_binops = frozenset(OPERATORS)

    def __init__(self) -> None:
        super().__init__(autoescape=True, undefined=StrictUndefined, loader=None, extensions=(), cache_size=0)
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in FILTERS} | {"lines": lines}

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        """Only a loop has attributes: a plain text needs none, for there are filters."""
        return isinstance(obj, LoopContext) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: object) -> Callable[..., str] | None:  # noqa: ARG002
        """No `format` for texts, not even the sandbox's own: a width in it makes giants."""
        return None

    def call_binop(self, context: object, operator: str, left: object, right: object) -> object:  # noqa: ARG002
        """Numbers only: a text times a number is how giants are made."""
        if operator == "**" or not all(isinstance(one, int | float) for one in (left, right)):
            raise SecurityError(f"{operator} is not available for these")
        return self.binop_table[operator](left, right)


def lines(value: object) -> list[str]:
    """The filter `lines`: the lines of a text, empty ones left out."""
    return [one for one in _LINE.split(str(value)) if one]


def examine(source: str, file: str, names: Iterable[str]) -> tuple[Problem, ...]:
    """Every problem of a template that can be seen without rendering it, by line.

    Errors: jinja-syntax, jinja-unsupported, unknown-value, unquoted-value, uneven-markup,
    view-too-deep. Warnings: value-in-script, more-problems.
    """
    environment = ViewEnvironment()
    known = frozenset(names)
    try:
        tree = environment.parse(source)
        found = [*_walk(tree, environment, known), *place_problems(_parts(tree.body))]
        if not any(problem.is_error for problem in found):
            found += _unknown(tree, known)
    except TemplateSyntaxError as wrong:
        found = [error("jinja-syntax", plain(wrong.message or "it cannot be read"), SYNTAX_HINT, line=wrong.lineno)]
    except RecursionError:
        found = [error("view-too-deep", "the view is nested too deeply", "write it simpler")]
    found.sort(key=lambda problem: problem.line or 0)
    if len(found) > MOST_PROBLEMS:
        more = warning("more-problems", "there are more problems than these", "correct these first")
        found = [*sorted(found, key=lambda problem: not problem.is_error)[:MOST_PROBLEMS], more]
    return tuple(problem.at(file) for problem in found)


def compile_template(source: str) -> Template:
    """The template. Raises what Jinja2 and Python raise for a text they do not take."""
    return ViewEnvironment().from_string(source)


def pieces(template: Template, values: Mapping[str, str]) -> Iterator[str]:
    """The page in pieces. Raises whatever the template's expressions raise."""
    yield from template.root_render_func(template.new_context(dict(values)))


def line_of(trace: TracebackType | None) -> int | None:
    """The line of the template in which an exception was raised."""
    found = None
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template):
            found = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return found


def plain(message: str) -> str:
    """A message of Jinja2 or Python fit for people: on one line, cut, what does not print escaped."""
    return quoted(" ".join(message[:LONGEST].split()))[1:-1]


def _walk(tree: nodes.Template, environment: Environment, known: frozenset[str]) -> Iterator[Problem]:
    """What may not be in a view, wherever it stands."""
    for node in tree.find_all(nodes.Node):
        name = _FORBIDDEN.get(type(node))
        if name is not None:
            yield _unsupported(node, f"{{% {name} %}}", "a view is one file, and always escapes its values")
        elif isinstance(node, nodes.Filter) and node.name not in environment.filters:
            yield _unsupported(node, f"the filter {node.name}", _meant(node.name, environment.filters))
        elif isinstance(node, nodes.Test) and node.name not in environment.tests:
            yield _unsupported(node, f"the test {node.name}", _meant(node.name, environment.tests))
        elif isinstance(node, nodes.Getattr) and not _is_name(node.node, _CALLERS):
            meant = nearest(node.attr, environment.filters)
            hint = f"use the filter: |{meant}" if meant else "a value is a plain text; use filters"
            yield _unsupported(node, f".{node.attr}", hint)
        elif isinstance(node, nodes.Call) and not _may_be_called(node.node, known):
            yield _unsupported(node, "a call of a value", "a value is a plain text")


def _may_be_called(node: nodes.Node, known: frozenset[str]) -> bool:
    # An attribute has been looked at as one.
    return isinstance(node, nodes.Getattr) or (isinstance(node, nodes.Name) and node.name not in known)


def _is_name(node: nodes.Node, names: frozenset[str]) -> bool:
    return isinstance(node, nodes.Name) and node.name in names


def _meant(name: str, known: Iterable[str]) -> str:
    meant = nearest(name, known)
    return f"write {meant}" if meant else f"there are {', '.join(sorted(known))}"


def _unsupported(node: nodes.Node, what: str, hint: str) -> Problem:
    return error("jinja-unsupported", f"{plain(what)} is not available in a view", hint, line=node.lineno)


def _unknown(tree: nodes.Template, known: frozenset[str]) -> Iterator[Problem]:
    missing = find_undeclared_variables(tree) - known
    for node in tree.find_all(nodes.Name):
        if node.name in missing and node.ctx == "load":
            meant = nearest(node.name, known)
            hint = f"write {meant}" if meant else f"there are {', '.join(sorted(known))}"
            yield error("unknown-value", f"there is no value {plain(node.name)}", hint, line=node.lineno)


def _parts(body: Iterable[nodes.Node]) -> Iterator[Part]:
    """The template as the tree in which the places of its values are looked at."""
    for node in body:
        match node:
            case nodes.Output():
                yield from map(_output, node.nodes)
            case nodes.If():
                ways = (node.body, *(other.body for other in node.elif_), node.else_)
                yield Ways(tuple(tuple(_parts(way)) for way in ways), node.lineno)
            case nodes.For():
                yield Repeat(tuple(_parts(node.body)), node.lineno)
                yield Ways((tuple(_parts(node.else_)), ()), node.lineno)
            case nodes.Macro() | nodes.AssignBlock() | nodes.CallBlock() | nodes.FilterBlock():
                yield Apart(tuple(_parts(node.body)))
            case nodes.Block() | nodes.With() | nodes.Scope():
                yield from _parts(node.body)


def _output(node: nodes.Expr) -> Part:
    if isinstance(node, nodes.TemplateData):
        return Fixed(node.data)
    texts = _texts(node)
    return Value(node.lineno) if texts is None else Ways(tuple((Fixed(text),) for text in texts), node.lineno)


def _texts(node: nodes.Node | None) -> tuple[str, ...] | None:
    """Every text an expression can be, if it is made of texts of the view only."""
    if isinstance(node, nodes.Const):
        return (html.escape(str(node.value)),)
    if isinstance(node, nodes.CondExpr):
        first, second = _texts(node.expr1), _texts(node.expr2) if node.expr2 is not None else ("",)
        return None if first is None or second is None else (*first, *second)
    return None

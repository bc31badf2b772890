r"""The part of XPath 1.0 that a manifest may use, as a tree: enough to find elements, bounded in what it costs.

Pure. A path begins at the root: `/a/b`, `//b`, `*`, `..`, prefixes, `@name` as its end, and predicates of
positions, `last()`, paths below, `@name`, `.`, `text()`, `=` and `!=` with a text in quotation marks,
`and`, `or`, `not()`, `contains()`, `starts-with()`, `normalize-space()`, `local-name()`, `name()`. There
are no other axes, functions or variables, and no `//` inside predicates. What is read here means what
XPath says it means (https://www.w3.org/TR/1999/REC-xpath-19991116/).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.errors import ConfigError, error, quoted

LONGEST = 2000
DEEPEST = 16
MOST_STEPS = 64

_NAME = r"[^\W\d][\w.\-]*"
_TOKEN = re.compile(
    rf"""\s*(?:(?P<mark>//|\.\.|!=|[/.@*\[\](),=])|(?P<text>"[^"]*"|'[^']*')|(?P<number>\d{{1,9}})"""
    rf"""|(?P<name>{_NAME}(?::(?!:)(?:{_NAME}|\*))?))"""
)
_KNOWN = "steps, predicates, =, !=, and, or, not(), contains(), starts-with(), last() and numbers are understood"
_XML = "http://www.w3.org/XML/1998/namespace"


class Axis(enum.Enum):
    """Where a step goes."""

    CHILD = enum.auto()
    PARENT = enum.auto()


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `deep` after `//`; `name` is "*", "name", "{namespace}name" or "{namespace}*"."""

    axis: Axis
    name: str
    deep: bool = False
    predicates: tuple[Predicate, ...] = ()


class Reading(enum.Enum):
    """Which text an operand reads of what it finds."""

    VALUE = enum.auto()
    TEXT = enum.auto()
    LOCAL_NAME = enum.auto()
    NAME = enum.auto()


@dataclass(frozen=True, slots=True)
class Operand:
    """Texts below the element that is judged: of elements, of their `attribute`, or of text nodes.

    `normalized` for `normalize-space()`, which reads the first of them.
    """

    steps: tuple[Step, ...] = ()
    attribute: str | None = None
    reading: Reading = Reading.VALUE
    normalized: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """`[3]`, or `[last()]` with None."""

    number: int | None


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether an operand finds anything."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Compare:
    """Whether any of the texts is (or with `equal` false, is not) `text`."""

    operand: Operand
    equal: bool
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """Whether the first text contains, or (`at_start`) begins with, `text`."""

    operand: Operand
    at_start: bool
    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: Condition


@dataclass(frozen=True, slots=True)
class Every:
    """`and`."""

    inner: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """`or`."""

    inner: tuple[Condition, ...]


Condition = Exists | Compare | Part | Not | Every | Any
Predicate = Position | Condition


@dataclass(frozen=True, slots=True)
class XPath:
    """A whole path; `attribute` where it ends in `@name`."""

    text: str
    steps: tuple[Step, ...]
    attribute: str | None = None


def parse_xpath(text: str, namespaces: Mapping[str, str]) -> XPath:
    """Read a path; `namespaces` are the prefixes it may use. Raises `ConfigError` (bad-xpath)."""
    parser = _Parser(text, namespaces)
    return parser.path()


def attribute_name(name: str, namespaces: Mapping[str, str]) -> str:
    """The name of an attribute as a step has it; raises `ConfigError` (bad-xpath) for what is no name."""
    try:
        path = parse_xpath(f"/x/@{name}", namespaces)
    except ConfigError as wrong:
        hint = 'write it without @, as in attribute="value"; declare a prefix with xmlns'
        raise ConfigError(error("bad-xpath", f"{quoted(name)} is not the name of an attribute", hint)) from wrong
    return path.attribute or name


class _Parser:
    """Recursive descent over the tokens of one path."""

    def __init__(self, text: str, namespaces: Mapping[str, str]) -> None:
        self._text = text
        self._namespaces = {"xml": _XML, **namespaces}
        self._tokens: list[tuple[str, str]] = []
        self._place = 0
        self._depth = 0
        self._steps = 0
        if len(text) > LONGEST:
            raise self._wrong(f"has more than {LONGEST} characters", "write a shorter path")
        place, end = 0, len(text.rstrip())
        while place < end:
            found = _TOKEN.match(text, place)
            if found is None or found.lastgroup is None:
                raise self._wrong(f"is not understood at {quoted(text[place:].strip()[:20])}", _KNOWN)
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()

    def path(self) -> XPath:
        if self._next() not in ("/", "//"):
            raise self._wrong("does not begin at the root", "begin with / or //, as in /configuration/appSettings")
        steps, attribute = self._walk(absolute=True)
        if self._place < len(self._tokens):
            raise self._unexpected()
        if not steps:
            raise self._wrong("names no element", "name at least the root element")
        return XPath(self._text, steps, attribute)

    def _walk(self, *, absolute: bool) -> tuple[tuple[Step, ...], str | None]:
        """Steps, then perhaps `@name`; a relative walk stops before `text()`."""
        steps: list[Step] = []
        deep = False
        if absolute:
            deep = self._take() == "//"
        while True:
            if self._next() == "@":
                if deep:
                    raise self._wrong("has // before an attribute", "write /*/@name or name the element")
                self._take()
                return tuple(steps), self._test("an attribute", wildcard=False)
            if not absolute and self._calls("text"):
                return tuple(steps), None
            steps.append(self._step(deep))
            if self._next() not in ("/", "//"):
                return tuple(steps), None
            deep = self._take() == "//"
            if deep and not absolute:
                raise self._wrong("has // inside a predicate", "write the path out")

    def _step(self, deep: bool) -> Step:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise self._wrong(f"has more than {MOST_STEPS} steps", "write a shorter path")
        if self._next() == "..":
            self._take()
            if deep:
                raise self._wrong("has .. after //", "name the element")
            return Step(Axis.PARENT, "*")
        name = self._test("an element", wildcard=True)
        predicates = []
        while self._next() == "[":
            self._take()
            predicates.append(self._predicate())
            self._expect("]")
        return Step(Axis.CHILD, name, deep, tuple(predicates))

    def _test(self, what: str, *, wildcard: bool) -> str:
        kind, name = self._token()
        if wildcard and name == "*" and kind == "mark":
            self._place += 1
            return "*"
        if kind != "name":
            raise self._unexpected(f"where the name of {what} belongs")
        self._place += 1
        prefix, colon, local = name.partition(":")
        if not colon:
            return prefix
        if prefix not in self._namespaces:
            hint = f"declare it on the element: xmlns:{prefix}=\"...\", or write *[local-name()='{local}']"
            raise self._wrong(f"has the prefix {prefix}, which is not declared", hint)
        if local == "*" and not wildcard:
            raise self._unexpected()
        return f"{{{self._namespaces[prefix]}}}{local}"

    def _predicate(self) -> Predicate:
        kind, text = self._token()
        after = self._tokens[self._place + 1][1] if self._place + 1 < len(self._tokens) else ""
        if kind == "number" and after == "]":
            self._place += 1
            return Position(int(text))
        if self._calls("last"):
            self._place += 3
            return Position(None)
        return self._any()

    def _any(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong("is nested too deeply", "write a simpler path")
        found = [self._every()]
        while self._next() == "or":
            self._take()
            found.append(self._every())
        self._depth -= 1
        return found[0] if len(found) == 1 else Any(tuple(found))

    def _every(self) -> Condition:
        found = [self._one()]
        while self._next() == "and":
            self._take()
            found.append(self._one())
        return found[0] if len(found) == 1 else Every(tuple(found))

    def _one(self) -> Condition:
        if self._next() == "(":
            return self._in_brackets()
        if self._calls("not", empty=False):
            self._take()
            return Not(self._in_brackets())
        for name in ("contains", "starts-with"):
            if self._calls(name, empty=False):
                self._place += 2
                operand = self._operand()
                self._expect(",")
                text = self._literal()
                self._expect(")")
                return Part(operand, name == "starts-with", text)
        operand = self._operand()
        if self._next() in ("=", "!="):
            return Compare(operand, self._take() == "=", self._literal())
        if operand.normalized or operand.reading in (Reading.NAME, Reading.LOCAL_NAME):
            raise self._wrong("has a text where a condition belongs", "compare it, as in [local-name()='value']")
        return Exists(operand)

    def _in_brackets(self) -> Condition:
        self._expect("(")
        inner = self._any()
        self._expect(")")
        return inner

    def _operand(self) -> Operand:
        if self._calls("normalize-space"):
            self._place += 3
            return Operand(normalized=True)
        if self._calls("normalize-space", empty=False):
            self._place += 2
            inner = self._operand()
            self._expect(")")
            return Operand(inner.steps, inner.attribute, inner.reading, normalized=True)
        for name, reading in (("local-name", Reading.LOCAL_NAME), ("name", Reading.NAME), ("text", Reading.TEXT)):
            if self._calls(name):
                self._place += 3
                return Operand(reading=reading)
        if self._next() == ".":
            self._take()
            return Operand()
        if self._next() in ("/", "//"):
            raise self._wrong("goes back to the root inside a predicate", "write a path below the element")
        steps, attribute = self._walk(absolute=False)
        if attribute is None and self._calls("text"):
            self._place += 3
            return Operand(steps, reading=Reading.TEXT)
        return Operand(steps, attribute)

    def _literal(self) -> str:
        kind, text = self._token()
        if kind != "text":
            raise self._unexpected("where a text in quotation marks belongs")
        self._place += 1
        return text[1:-1]

    def _calls(self, name: str, *, empty: bool = True) -> bool:
        """Whether a call of a function comes next, without arguments or (`empty` false) with any."""
        following = [text for _, text in self._tokens[self._place : self._place + 3]]
        return following[:2] == [name, "("] and (not empty or following[2:] == [")"])

    def _token(self) -> tuple[str, str]:
        return self._tokens[self._place] if self._place < len(self._tokens) else ("end", "")

    def _next(self) -> str:
        kind, text = self._token()
        return text if kind != "text" else ""

    def _take(self) -> str:
        text = self._next()
        self._place += 1
        return text

    def _expect(self, mark: str) -> None:
        if self._next() != mark:
            raise self._unexpected(f"where {mark} belongs")
        self._place += 1

    def _unexpected(self, where: str = "") -> ConfigError:
        kind, text = self._token()
        found = "ends" if kind == "end" else f"has {quoted(text[:40])}"
        return self._wrong(f"{found} {where}".rstrip(), _KNOWN)

    def _wrong(self, said: str, hint: str) -> ConfigError:
        return ConfigError(error("bad-xpath", f"{quoted(self._text)} {said}", hint))

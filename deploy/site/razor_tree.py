"""A Razor view as a tree: what the subset can say, and nothing that could do more. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number or null written into the view; None is null."""

    text: str | None


@dataclass(frozen=True, slots=True)
class ModelValue:
    """`Model.Name`, one of the values a view is given."""

    name: str


@dataclass(frozen=True, slots=True)
class BagValue:
    """`ViewBag.Name`: what the page set last, else the value of that name a view is given, else null."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable:
    """The variable of an enclosing `@foreach`."""

    name: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Texts joined by `+`."""

    parts: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """`condition ? first : second`."""

    condition: Condition
    first: Text
    second: Text


Text: TypeAlias = Literal | ModelValue | BagValue | Variable | Joined | Choice


@dataclass(frozen=True, slots=True)
class Truth:
    """`true` or `false`."""

    value: bool


@dataclass(frozen=True, slots=True)
class Same:
    """`left == right`, by every character."""

    left: Text
    right: Text


@dataclass(frozen=True, slots=True)
class Empty:
    """`String.IsNullOrEmpty(value)`; `blank` for IsNullOrWhiteSpace."""

    value: Text
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Not:
    """`!condition`."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    """Conditions joined by `&&`."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Conditions joined by `||`."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = Truth | Same | Empty | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a text, empty ones left out: how a value is read as a list."""

    value: Text


@dataclass(frozen=True, slots=True)
class Split:
    """`value.Split(separators)`: the parts of a text, empty ones kept, as .NET has it."""

    value: Text
    separators: str


@dataclass(frozen=True, slots=True)
class Listed:
    """`new[] { "a", "b" }`."""

    items: tuple[Text, ...]


Items: TypeAlias = Lines | Split | Listed


@dataclass(frozen=True, slots=True)
class Markup:
    """Written as it stands: the author's own markup, and `@Html.Raw` of a literal."""

    text: str


@dataclass(frozen=True, slots=True)
class Output:
    """A value, written HTML-encoded; `line` is where it stands in the view."""

    value: Text
    line: int


@dataclass(frozen=True, slots=True)
class Assign:
    """`ViewBag.Name = value;`."""

    name: str
    value: Text


@dataclass(frozen=True, slots=True)
class Branch:
    """`if`, any number of `else if`, `else`: the first arm whose condition holds."""

    arms: tuple[tuple[Condition, tuple[Node, ...]], ...]
    otherwise: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Loop:
    """`foreach (var variable in items) { body }`."""

    variable: str
    items: Items
    body: tuple[Node, ...]
    line: int


Node: TypeAlias = Markup | Output | Assign | Branch | Loop


@dataclass(frozen=True, slots=True)
class Page:
    """A whole view; `own_page` when it is a whole HTML page, so that no layout goes around it."""

    nodes: tuple[Node, ...]
    own_page: bool

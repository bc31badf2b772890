"""Where the values of a template stand in its HTML, on every way through it. Pure.

A value is encoded, so it cannot end a text or a quoted attribute. In a tag without quotation marks it
could add attributes, and in a script encoding protects from nothing. Both engines turn their
templates into this small tree, which is followed with every state of the HTML that is possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from deploy.errors import Problem, error, warning
from deploy.site.markup_state import MarkupState

MOST_STATES = 16


@dataclass(frozen=True, slots=True)
class Fixed:
    """Text as it will stand in the page."""

    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """An encoded value, on this line of the template."""

    line: int


@dataclass(frozen=True, slots=True)
class Ways:
    """One of these, nobody knows which."""

    ways: tuple[tuple[Part, ...], ...]
    line: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """This any number of times, or not at all."""

    body: tuple[Part, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Apart:
    """A piece that is put in elsewhere, as text."""

    body: tuple[Part, ...]


Part: TypeAlias = Fixed | Value | Ways | Repeat | Apart


def place_problems(parts: Iterable[Part]) -> list[Problem]:
    """What is wrong with the places of values: unquoted-value, uneven-markup, and value-in-script, a warning."""
    found: dict[Problem, None] = {}
    try:
        _follow(parts, {MarkupState()}, found.setdefault)
    except _UnevenError as uneven:
        message = "depending on the way through it, this ends in too many different places of the page"
        hint = "close every tag and every quotation mark in the block that opened it"
        found[error("uneven-markup", message, hint, line=uneven.line)] = None
    return list(found)


class _UnevenError(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _follow(parts: Iterable[Part], states: set[MarkupState], say: Callable[[Problem], object]) -> set[MarkupState]:
    """The states after `parts`, begun in any of `states`."""
    for part in _merged(parts):
        match part:
            case Fixed():
                states = {state.after(part.text) for state in states}
            case Value():
                _check(part, states, say)
                states = {state.after_value() for state in states}
            case Ways():
                states = set[MarkupState]().union(*(_follow(way, states, say) for way in part.ways))
                _limit(states, part.line)
            case Repeat():
                ahead = states
                while ahead:
                    ahead = _follow(part.body, ahead, say) - states
                    states = states | ahead
                    _limit(states, part.line)
            case Apart():
                _follow(part.body, {MarkupState()}, say)
    return states


def _merged(parts: Iterable[Part]) -> Iterator[Part]:
    """The same with texts in a row as one, so that no sign of two letters is cut."""
    for is_fixed, group in groupby(parts, lambda part: isinstance(part, Fixed)):
        if is_fixed:
            yield Fixed("".join(part.text for part in group if isinstance(part, Fixed)))
        else:
            yield from group


def _limit(states: set[MarkupState], line: int) -> None:
    if len(states) > MOST_STATES:
        raise _UnevenError(line)


def _check(value: Value, states: set[MarkupState], say: Callable[[Problem], object]) -> None:
    if any(state.is_loose for state in states):
        message = "a value stands in a tag without quotation marks around it"
        say(error("unquoted-value", message, 'put them around it, as in title="..."', line=value.line))
    if any(state.is_code for state in states):
        message = "a value stands in a script or style, where encoding for HTML does not protect"
        hint = "put it into a data- attribute of the page and read it from there"
        say(warning("value-in-script", message, hint, line=value.line))

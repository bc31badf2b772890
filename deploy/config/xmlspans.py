"""Where the elements of a well-formed document begin and end in its text.

Pure. Only for texts that a parser has accepted and that have no document type declaration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(
    r"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"""
    r"""|<(?P<close>/?)(?P<name>[^\s/>]+)(?P<rest>(?:[^>"'/]++|"[^"]*+"|'[^']*+')*+)(?P<empty>/?)>""",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""\s+(?P<name>[^\s=]+)\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')""")
_ASIDE = re.compile(r"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AttributeSpan:
    """An attribute: `start` is where the blanks before it begin, the value stands between its quotation marks."""

    name: str
    start: int
    value_start: int
    value_end: int
    end: int


@dataclass(frozen=True, slots=True)
class Span:
    """An element: `start` to `end`, its content `inner_start` to `inner_end`; `empty` if it is one tag `<x/>`."""

    name: str
    start: int
    inner_start: int
    inner_end: int
    end: int
    empty: bool

    def attributes(self, text: str) -> tuple[AttributeSpan, ...]:
        """The attributes of its start tag, namespace declarations among them."""
        return tuple(
            AttributeSpan(
                found["name"],
                found.start(),
                found.start("double" if found["double"] is not None else "single"),
                found.end("double" if found["double"] is not None else "single"),
                found.end(),
            )
            for found in _ATTRIBUTE.finditer(text, self.start + 1 + len(self.name), self.inner_start)
        )

    def attributes_end(self, text: str) -> int:
        """Where another attribute may follow."""
        spans = self.attributes(text)
        return spans[-1].end if spans else self.start + 1 + len(self.name)


def spans_of(text: str) -> tuple[Span, ...]:
    """One span for each element, in the order of the document."""
    opened: list[tuple[int, re.Match[str]]] = []
    found: list[Span | None] = []
    for tag in _TAG.finditer(text):
        if tag["name"] is None:
            continue
        if tag["close"]:
            number, start = opened.pop()
            found[number] = Span(start["name"], start.start(), start.end(), tag.start(), tag.end(), False)
        elif tag["empty"]:
            found.append(Span(tag["name"], tag.start(), tag.end(), tag.end(), tag.end(), True))
        else:
            opened.append((len(found), tag))
            found.append(None)
    return tuple(span for span in found if span is not None)


def asides(text: str, start: int, end: int) -> tuple[tuple[int, int], ...]:
    """Comments and processing instructions in a content without elements, as (start, end)."""
    return tuple(
        found.span() for found in _ASIDE.finditer(text, start, end) if not found.group().startswith("<![CDATA[")
    )

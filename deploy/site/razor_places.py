"""A Razor view as the tree in which the places of its values are looked at. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deploy.site.markup_places import Fixed, Part, Repeat, Value, Ways
from deploy.site.razor_page import encode
from deploy.site.razor_tree import Branch, Choice, Joined, Literal, Loop, Markup, Node, Output, Text

MOST_TEXTS = 8


def parts_of(nodes: Iterable[Node]) -> Iterator[Part]:
    """The parts of a page, in the order of its text."""
    for node in nodes:
        match node:
            case Markup():
                yield Fixed(node.text)
            case Output():
                texts = _texts(node.value)
                if texts is None:
                    yield Value(node.line)
                else:
                    yield Ways(tuple((Fixed(encode(text)),) for text in texts), node.line)
            case Branch():
                ways = [tuple(parts_of(body)) for _, body in node.arms]
                yield Ways((*ways, tuple(parts_of(node.otherwise))), node.line)
            case Loop():
                yield Repeat(tuple(parts_of(node.body)), node.line)


def _texts(value: Text) -> tuple[str, ...] | None:
    """Every text this can be, if it is made of texts of the view only."""
    match value:
        case Literal():
            return (value.text or "",)
        case Choice():
            first, second = _texts(value.first), _texts(value.second)
            return None if first is None or second is None else _few({*first, *second})
        case Joined():
            found: tuple[str, ...] | None = ("",)
            for part in value.parts:
                more = _texts(part)
                if found is None or more is None:
                    return None
                found = _few({one + other for one in found for other in more})
            return found
    return None


def _few(texts: set[str]) -> tuple[str, ...] | None:
    return tuple(sorted(texts)) if len(texts) <= MOST_TEXTS else None

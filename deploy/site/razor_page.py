"""A Razor view and its values become a page; every value is HTML-encoded as ASP.NET does it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from deploy.site.razor_tree import (
    AllOf,
    AnyOf,
    Assign,
    BagValue,
    Branch,
    Choice,
    Condition,
    Empty,
    Items,
    Joined,
    Lines,
    Listed,
    Literal,
    Loop,
    Markup,
    ModelValue,
    Node,
    Not,
    Output,
    Page,
    Same,
    Split,
    Text,
    Truth,
    Variable,
)

TITLE = "Title"
_ENCODED = re.compile("[<>&\"'\u00a0-\u00ff\U00010000-\U0010ffff]")
_NAMED = {"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;"}
_LINE = re.compile(r"\r\n|[\r\n]")


def encode(text: str) -> str:
    """A value as HTML, by System.Net.WebUtility.HtmlEncode, which Razor of MVC 5 uses.

    Beyond `< > & " '` it writes U+00A0 to U+00FF and everything above U+FFFF as numbers; half of a
    surrogate pair becomes U+FFFD.
    """
    return _ENCODED.sub(_reference, whole_characters(text))


def _reference(match: re.Match[str]) -> str:
    sign = match.group()
    return _NAMED.get(sign) or f"&#{ord(sign)};"


def whole_characters(text: str) -> str:
    """A text of UTF-16, as .NET and JSON have it, as characters; a lone surrogate becomes U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def pieces(page: Page, values: Mapping[str, str], root: str) -> Iterator[str]:
    """The page of a view in pieces, never held as a whole.

    A view without a layout of its own stands in a plain page with ViewBag.Title as its title; `root`,
    with a slash at its end, is the address of the application.
    """
    rendering = _Rendering(values)
    body = rendering.nodes(page.nodes)
    if page.own_page:
        yield from body
        return
    # The title is known when the body has run, and stands before it.
    written = list(body)
    title = encode(rendering.bag.get(TITLE) or values.get("CustomerName", ""))
    yield _BEFORE.format(title=title, root=encode(root))
    yield from written
    yield _AFTER


_BEFORE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{root}static/site.css">
</head>
<body>
<main>
"""
_AFTER = """
</main>
</body>
</html>
"""


@dataclass(slots=True)
class _Rendering:
    values: Mapping[str, str]
    bag: dict[str, str | None] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def nodes(self, nodes: tuple[Node, ...]) -> Iterator[str]:
        for node in nodes:
            match node:
                case Markup():
                    yield whole_characters(node.text)
                case Output():
                    yield encode(self.text(node.value) or "")
                case Assign():
                    self.bag[node.name] = self.text(node.value)
                case Branch():
                    arms = (body for condition, body in node.arms if self.holds(condition))
                    yield from self.nodes(next(arms, node.otherwise))
                case Loop():
                    yield from self._loop(node)

    def _loop(self, loop: Loop) -> Iterator[str]:
        before = self.variables.get(loop.variable)
        for item in self._items(loop.items):
            self.variables[loop.variable] = item
            yield from self.nodes(loop.body)
        if before is not None:
            self.variables[loop.variable] = before

    def _items(self, items: Items) -> Iterator[str]:
        match items:
            case Lines():
                yield from filter(None, _LINE.split(self.text(items.value) or ""))
            case Split():
                # Without separators .NET splits at white space.
                pattern = f"[{re.escape(items.separators)}]" if items.separators else r"\s"
                yield from re.split(pattern, self.text(items.value) or "")
            case Listed():
                yield from (self.text(one) or "" for one in items.items)

    def text(self, text: Text) -> str | None:
        match text:
            case Literal():
                return text.text
            case ModelValue():
                return self.values[text.name]
            case BagValue():
                return self.bag[text.name] if text.name in self.bag else self.values.get(text.name)
            case Variable():
                return self.variables[text.name]
            case Joined():
                return "".join(self.text(part) or "" for part in text.parts)
            case Choice():
                return self.text(text.first if self.holds(text.condition) else text.second)

    def holds(self, condition: Condition) -> bool:
        match condition:
            case Truth():
                return condition.value
            case Same():
                return self.text(condition.left) == self.text(condition.right)
            case Empty():
                value = self.text(condition.value) or ""
                return not (value.strip() if condition.blank else value)
            case Not():
                return not self.holds(condition.condition)
            case AllOf():
                return all(self.holds(one) for one in condition.conditions)
            case AnyOf():
                return any(self.holds(one) for one in condition.conditions)

"""What a Razor view writes, put together node by node. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.site.markup_state import Kind, MarkupState
from deploy.site.razor_cursor import Cursor
from deploy.site.razor_tree import Markup, Node, Output, Text


@dataclass(slots=True)
class Writer:
    """Adds to lists of nodes. `place` is where in the page's HTML the next piece will most likely stand."""

    cursor: Cursor
    root: str
    place: MarkupState = field(default_factory=MarkupState)

    def source(self, nodes: list[Node], start: int, end: int) -> None:
        """Markup of the source, `~/` at the beginning of an attribute's value resolved as Razor does it."""
        source = self.cursor.source
        done = scan = start
        found = []
        while (event := self.place.step(source, scan, end)) is not None:
            scan = event.end
            if event.kind is Kind.HOME:
                found += [source[done:scan], self.root]
                done = scan + 2
        found.append(source[done:end])
        if end > start:
            nodes.append(Markup("".join(found)))

    def markup(self, nodes: list[Node], text: str) -> None:
        """Markup that stands nowhere in the source as it is."""
        self.place.feed(text)
        nodes.append(Markup(text))

    def value(self, nodes: list[Node], value: Text, at: int) -> None:
        """A value that begins at `at` in the source."""
        self.place.value()
        nodes.append(Output(value, self.cursor.line(at)))

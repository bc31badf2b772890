"""New text for an XML file: escaped values, elements from a manifest, indented as the file is.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from deploy.config.xmlspans import Span, spans_of
from deploy.config.xmltree import Node, parse_text

XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"

_FIRST_INDENT = re.compile(r"\n([ \t]+)<")
_INDENT = re.compile(r"\n([ \t]*)\S")
_LINE_END = re.compile(r"[ \t]*(?:\r\n|\n|\r)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_MARGIN = re.compile(r"\n([ \t]*)(?=\S)")


@dataclass(frozen=True, slots=True)
class Piece:
    """An element to be added: as parsed, and its text with the comments before it, without the margin it had."""

    node: Node
    text: str
    movable: bool
    """Whether its lines may be indented otherwise: no text of it goes over several lines."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written: its codec, its line end ("" where it is one line), what a level is indented by."""

    encoding: str
    line_end: str
    unit: str

    @staticmethod
    def of(text: str, encoding: str) -> Layout:
        """The layout of a file."""
        indent = _FIRST_INDENT.search(text)
        line_end = "\r\n" if "\r\n" in text else "\n" if "\n" in text.strip() or not text.strip() else ""
        return Layout(encoding, line_end, indent[1] if indent else "  ")

    def encodable(self, text: str) -> str:
        """The text with a character reference for what the encoding of the file does not have."""
        return text.encode(self.encoding, "xmlcharrefreplace").decode(self.encoding)

    def block(self, pieces: Sequence[Piece | str], indent: str) -> str:
        """Elements one below the other, without a line end at the end; made here (`str`) or from a manifest."""
        within, between = (f"{self.line_end}{indent}",) * 2 if self.line_end else ("\n", "")
        lines = []
        for piece in pieces:
            text, moved = (piece, True) if isinstance(piece, str) else (piece.text, piece.movable)
            lines.append(text.replace("\n", within if moved else self.line_end or "\n"))
        return self.encodable((indent if self.line_end else "") + between.join(lines))

    def insertion(self, text: str, span: Span, pieces: Sequence[Piece | str]) -> tuple[int, int, str]:
        """What to replace by what (start, end, new) so that an element holds these too, after what it holds."""
        own = self._indent_before(text, span.start)
        inner = text[span.inner_start : span.inner_end]
        if not inner.strip():
            content = (
                f"{self.line_end}{self.block(pieces, own + self.unit)}{self.line_end}{own if self.line_end else ''}"
            )
            if not span.empty:
                return span.inner_start, span.inner_end, content
            return span.start, span.end, f"{text[span.start : span.end - 2].rstrip()}>{content}</{span.name}>"
        place = span.inner_start + len(inner.rstrip())
        if "\n" not in text[place : span.inner_end] or not self.line_end:
            return span.inner_end, span.inner_end, Layout(self.encoding, "", "").block(pieces, "")
        known = _INDENT.search(inner)
        indent = known[1] if known else own + self.unit
        return place, place, f"{self.line_end}{self.block(pieces, indent)}"

    def whole_lines(self, text: str, start: int, end: int) -> tuple[int, int]:
        """The same stretch, with its lines where nothing else stands on them."""
        line = text.rfind("\n", 0, start) + 1
        after = _LINE_END.match(text, end)
        return (line, after.end()) if after is not None and not text[line:start].strip() else (start, end)

    @staticmethod
    def _indent_before(text: str, place: int) -> str:
        before = text[text.rfind("\n", 0, place) + 1 : place]
        return before[: len(before) - len(before.lstrip(" \t"))]


def escaped_text(value: str, layout: Layout) -> str:
    """A value as the text of an element."""
    text = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    return layout.encodable(text.replace("\n", layout.line_end or "\n"))


def escaped_attribute(value: str, quote: str, layout: Layout) -> str:
    """A value as it stands between the quotation marks `quote`."""
    text = value.replace("&", "&amp;").replace("<", "&lt;")
    text = text.replace('"', "&quot;") if quote == '"' else text.replace("'", "&apos;")
    for character in "\t\n\r":
        text = text.replace(character, f"&#{ord(character)};")
    return layout.encodable(text)


def new_attributes(attributes: Mapping[str, str], prefixes: Mapping[str | None, str], layout: Layout) -> str:
    """Attributes with a blank before each; a namespace without a prefix in `prefixes` gets one."""
    known = {uri: prefix for prefix, uri in prefixes.items() if prefix} | {XML_NAMESPACE: "xml"}
    text = ""
    for name, value in attributes.items():
        uri, _, local = name[1:].rpartition("}") if name.startswith("{") else ("", "", name)
        if uri and uri not in known:
            known[uri] = next(f"ns{n}" for n in range(1, 1000) if f"ns{n}" not in known.values())
            text += f' xmlns:{known[uri]}="{escaped_attribute(uri, chr(34), layout)}"'
        shown = f"{known[uri]}:{local}" if uri else local
        text += f' {shown}="{escaped_attribute(value, chr(34), layout)}"'
    return text


def pieces_of(fragment: str, default: str) -> tuple[Piece, ...]:
    """The elements of the inner XML of `<add>`; those without a namespace are in `default`.

    A comment goes with the element after it. Raises `ConfigError` (not-well-formed).
    """
    uri = default.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    text = f'<add xmlns="{uri}">{fragment}</add>' if default else f"<add>{fragment}</add>"
    root = parse_text(text)
    spans = dict(zip((one for one in root.iter() if isinstance(one.tag, str)), spans_of(text), strict=True))
    place = spans[root].inner_start
    pieces = []
    for child in root:
        if not isinstance(child.tag, str):
            continue
        span = spans[child]
        element, movable = text[span.start : span.end], _is_movable(child)
        parts = [*map(_without_margin, _COMMENT.findall(text, place, span.start))]
        parts.append(_without_margin(element) if movable else element)
        pieces.append(Piece(child, "\n".join(parts), movable))
        place = span.end
    return tuple(pieces)


def same_element(one: Node, other: Node) -> bool:
    """Whether two elements say the same: name, attributes, texts that are not blank, elements below in order."""
    if one.tag != other.tag or _attributes(one) != _attributes(other) or _texts(one) != _texts(other):
        return False
    mine, theirs = list(_elements(one)), list(_elements(other))
    return len(mine) == len(theirs) and all(map(same_element, mine, theirs))


def _attributes(node: Node) -> dict[str, str]:
    return {str(name): str(value) for name, value in node.attrib.items()}


def _elements(node: Node) -> Iterable[Node]:
    return (child for child in node if isinstance(child.tag, str))


def _texts(node: Node) -> list[str]:
    texts = [node.text or ""]
    for child in node:
        if isinstance(child.tag, str):
            texts.append(child.tail or "")
        else:
            texts[-1] += child.tail or ""
    return [text if text.strip() else "" for text in texts]


def _is_movable(node: Node) -> bool:
    return not any("\n" in text and text.strip() for one in node.iter() for text in (one.text or "", one.tail or ""))


def _without_margin(text: str) -> str:
    margins = [found[1] for found in _MARGIN.finditer(text)]
    margin = min(margins, key=len, default="")
    return re.sub(rf"\n[ \t]{{0,{len(margin)}}}", "\n", text) if margin else text

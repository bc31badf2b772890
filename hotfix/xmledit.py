"""Edits of an XML file: its bytes in, its bytes with exactly those places changed out.

Pure. Elements are found in the parsed document; what is written goes into its text, so that encoding,
byte order mark, line ends, comments, quotation marks, blanks and order stay as they are elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from deploy.config.xmlspans import AttributeSpan, Span, asides, spans_of
from deploy.config.xmltree import Node, Text, parse_text, read_text
from deploy.errors import ConfigError, Problem, error, quoted
from hotfix.model import ConfigFileEntry, Edit, EditKind, IfMissing
from hotfix.xmlparts import (
    XML_NAMESPACE,
    Layout,
    escaped_attribute,
    escaped_text,
    new_attributes,
    pieces_of,
    same_element,
)
from hotfix.xpath import Axis, Compare, Every, Operand, Step, XPath, attribute_name, parse_xpath
from hotfix.xpath_find import Search, find, string_value

_NEW = '<?xml version="1.0" encoding="utf-8"?>\r\n'
_Splice = tuple[int, int, str]


def edited(data: bytes, entry: ConfigFileEntry) -> bytes:
    """The file with the edits made, one after the other; the very same bytes where nothing had to change.

    `set` gives every element found the value, `add` appends what no such element has yet, `remove`
    removes what is found and is content where nothing is. Where `set` and `add` find nothing, `error`
    is an error, `skip` leaves the file, and `create` makes the missing elements of a path that says
    enough: names, with `[@name='value']` where wanted. Empty `data` with `create` begins a new file.

    Raises `ConfigError`: nothing-found, not-a-text, cannot-create, xpath-too-costly, bad-xpath with
    the line of the edit in the manifest; document-too-large, document-encoding, document-doctype,
    not-well-formed with that in the file.
    """
    if not data.strip() and entry.if_missing is IfMissing.CREATE:
        source = Text(_NEW, "utf-8", b"")
    else:
        try:
            source = read_text(data)
            parse_text(source.text)
        except ConfigError as wrong:
            raise ConfigError([one.at(entry.path) for one in wrong.problems]) from wrong
    text = source.text
    for edit in entry.edits:
        try:
            text = _Document(text, source, edit, entry).with_edit()
        except ConfigError as wrong:
            raise ConfigError([_in_manifest(one, edit, entry) for one in wrong.problems]) from wrong
    if text == source.text:
        return data
    parse_text(text)
    return source.encoded(text)


def _in_manifest(problem: Problem, edit: Edit, entry: ConfigFileEntry) -> Problem:
    return replace(problem, message=f"{entry.path}: {problem.message}", line=edit.line)


class _Document:
    """One edit of one text."""

    def __init__(self, text: str, source: Text, edit: Edit, entry: ConfigFileEntry) -> None:
        self._text = text
        self._edit = edit
        self._create = entry.if_missing is IfMissing.CREATE
        self._skip = entry.if_missing is IfMissing.SKIP
        self._path = parse_xpath(edit.xpath, dict(edit.namespaces))
        self._attribute = self._path.attribute
        if edit.attribute:
            self._attribute = attribute_name(edit.attribute, dict(edit.namespaces))
        self._layout = Layout.of(text, source.encoding)
        self._root: Node | None = None
        self._spans: Mapping[Node, Span] = {}
        if text != _NEW:
            self._root = parse_text(text)
            nodes = [one for one in self._root.iter() if isinstance(one.tag, str)]
            self._spans = dict(zip(nodes, spans_of(text), strict=True))

    def with_edit(self) -> str:
        """The text with the edit made."""
        found = () if self._root is None else find(self._root, self._path)
        if self._edit.kind is EditKind.REMOVE:
            return self._spliced([self._removal(one) for one in self._outermost(found)])
        if not found:
            return self._text if self._skip else self._created()
        if self._edit.kind is EditKind.ADD:
            return self._spliced([one for node in found for one in self._additions(node)])
        if self._attribute is not None:
            return self._spliced([one for node in found for one in self._set_attribute(node, self._attribute)])
        return self._spliced([one for node in found for one in self._set_text(node)])

    def _spliced(self, splices: Sequence[_Splice]) -> str:
        text = self._text
        for start, end, new in sorted(splices, reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def _set_text(self, node: Node) -> list[_Splice]:
        if any(isinstance(child.tag, str) for child in node):
            said = f"{quoted(self._edit.xpath)} finds <{self._spans[node].name}>, which holds elements and not a text"
            raise ConfigError(error("not-a-text", said, "name the element that holds the text, or its attribute"))
        if string_value(node) == self._edit.value:
            return []
        span, new = self._spans[node], escaped_text(self._edit.value, self._layout)
        if span.empty:
            tag = self._text[span.start : span.end - 2].rstrip()
            return [(span.start, span.end, f"{tag}>{new}</{span.name}>")]
        kept = asides(self._text, span.inner_start, span.inner_end)
        bounds = [span.inner_start, *(place for aside in kept for place in aside), span.inner_end]
        runs = list(zip(bounds[::2], bounds[1::2], strict=True))
        filled = [run for run in runs if self._text[slice(*run)].strip()] or runs[-1:]
        return [(*filled[0], new), *((start, end, "") for start, end in filled[1:])]

    def _set_attribute(self, node: Node, name: str) -> list[_Splice]:
        if node.get(name) == self._edit.value:
            return []
        span, known = self._spans[node], self._attribute_span(node, name)
        if known is not None:
            quote = self._text[known.value_end]
            new = escaped_attribute(self._edit.value, quote, self._layout)
            return [(known.value_start, known.value_end, new)]
        place = span.attributes_end(self._text)
        return [(place, place, new_attributes({name: self._edit.value}, node.nsmap, self._layout))]

    def _attribute_span(self, node: Node, name: str) -> AttributeSpan | None:
        for one in self._spans[node].attributes(self._text):
            prefix, colon, local = one.name.partition(":")
            resolved = _resolved(prefix, local, node) if colon else one.name
            if resolved == name:
                return one
        return None

    def _outermost(self, found: Sequence[Node]) -> list[Node]:
        """Those that do not go with another one that is removed."""
        if self._attribute is not None:
            return [one for one in found if one.get(self._attribute) is not None]
        kept: list[Node] = []
        end = -1
        for one in found:
            if one is self._root:
                hint = "name what is in it"
                raise ConfigError(error("bad-xpath", f"{quoted(self._edit.xpath)} removes the whole document", hint))
            if self._spans[one].start >= end:
                kept.append(one)
                end = self._spans[one].end
        return kept

    def _removal(self, node: Node) -> _Splice:
        if self._attribute is not None:
            known = self._attribute_span(node, self._attribute)
            # Seen by the parser, so it is in the text.
            return (known.start, known.end, "") if known is not None else (0, 0, "")
        span = self._spans[node]
        return (*self._layout.whole_lines(self._text, span.start, span.end), "")

    def _additions(self, node: Node) -> list[_Splice]:
        own = [child for child in node if isinstance(child.tag, str)]
        pieces = pieces_of(self._edit.fragment, node.nsmap.get(None, ""))
        new = [one for one in pieces if not any(same_element(one.node, child) for child in own)]
        return [self._layout.insertion(self._text, self._spans[node], new)] if new else []

    def _created(self) -> str:
        """The text with the missing end of the path made."""
        steps = self._path.steps
        if not self._create:
            hint = 'correct the path; ifMissing="skip" or "create" allows that it is missing'
            raise ConfigError(error("nothing-found", f"{quoted(self._edit.xpath)} finds nothing", hint))
        if self._root is None:
            return f"{self._text}{self._layout.block([self._built(steps, {})], '')}{self._layout.line_end}"
        search = Search(self._root, self._path.text)
        whole = search.elements(steps)
        if whole and self._attribute is not None:
            return self._spliced([one for node in whole for one in self._set_attribute(node, self._attribute)])
        for count in range(len(steps) - 1, 0, -1):
            parents = search.elements(steps[:count])
            if parents:
                new = [(node, self._built(steps[count:], node.nsmap)) for node in parents]
                return self._spliced(
                    [self._layout.insertion(self._text, self._spans[node], [xml]) for node, xml in new]
                )
        said = f"the first element of {quoted(self._edit.xpath)} is not that of the document"
        raise ConfigError(error("cannot-create", said, "begin with the root element of the file"))

    def _built(self, steps: Sequence[Step], prefixes: Mapping[str | None, str]) -> str:
        """The elements of these steps, one in the other, the last as the edit wants it."""
        step, below = steps[0], steps[1:]
        attributes = _wanted_attributes(step, self._path)
        default = prefixes.get(None, "")
        uri, _, name = step.name[1:].rpartition("}") if step.name.startswith("{") else ("", "", step.name)
        tag = name if uri == default else f'{name} xmlns="{escaped_attribute(uri, chr(34), self._layout)}"'
        prefixes = {**prefixes, None: uri}
        inner = ""
        if below:
            inner = self._built(below, prefixes)
        elif self._edit.kind is EditKind.ADD:
            inner = "\n".join(piece.text for piece in pieces_of(self._edit.fragment, uri))
        elif self._attribute is not None:
            attributes[self._attribute] = self._edit.value
        tag += new_attributes(attributes, prefixes, self._layout)
        if inner:
            if not self._layout.line_end:
                return f"<{tag}>{inner}</{name}>"
            unit = f"\n{self._layout.unit}"
            return f"<{tag}>{unit}{inner.replace(chr(10), unit)}\n</{name}>"
        if self._edit.kind is EditKind.SET and self._attribute is None:
            text = escaped_text(self._edit.value, self._layout).replace("\r\n", "\n").replace("\n", "&#10;")
            return f"<{tag}>{text}</{name}>"
        return f"<{tag} />"


def _wanted_attributes(step: Step, path: XPath) -> dict[str, str]:
    """What an element has to have so that a step finds it; raises `ConfigError` where that is not clear."""
    attributes: dict[str, str] = {}
    conditions = list(step.predicates)
    clear = step.axis is Axis.CHILD and not step.deep and not step.name.endswith("*")
    while conditions and clear:
        condition = conditions.pop()
        if isinstance(condition, Every):
            conditions += condition.inner
        elif isinstance(condition, Compare) and condition.equal and _is_attribute(condition.operand):
            attributes.setdefault(condition.operand.attribute or "", condition.text)
        else:
            clear = False
    if not clear:
        said = f"{quoted(path.text)} does not say what the missing element is"
        hint = "end the path with names, each with [@name='value'] at most, or use <add>"
        raise ConfigError(error("cannot-create", said, hint))
    return dict(reversed(attributes.items()))


def _is_attribute(operand: Operand) -> bool:
    return operand.attribute is not None and not operand.steps and not operand.normalized


def _resolved(prefix: str, local: str, node: Node) -> str:
    uri = XML_NAMESPACE if prefix == "xml" else node.nsmap.get(prefix, "")
    return f"{{{uri}}}{local}"

"""Bytes to a small tree of elements: hardened, with a remedy for every usual slip of the pen.

Pure. No DTD is ever looked at, no entity replaced, nothing fetched. Sizes, tags and depth are
bounded, and no message repeats the document's text, which may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from lxml import etree

from deploy.errors import ConfigError, Problem, error, quoted

Node: TypeAlias = etree._Element
"""A parsed element, for whoever has to find things in it; comments and processing instructions have no text as tag."""

LARGEST = 1024 * 1024  # bytes
MOST_TAGS = 32_768
MOST_ATTRIBUTES = 100  # of one element; lxml takes quadratic time to read them
MOST_EQUALS = 20 * MOST_ATTRIBUTES  # in one tag, looked at before it is parsed; libxml2 2.11 takes quadratic time too
MOST_SLIPS = 20
DEEPEST = 256  # libxml2's own bound without XML_PARSE_HUGE

_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", None),
    (b"\x00\x00\xfe\xff", None),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_UNMARKED_UTF_16 = ((b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be"))
_DECLARED = re.compile(rb"""<\?xml\s[^>]*?\bencoding\s*=\s*["']([^"'>]*)["']""")
_READABLE_ENCODINGS = re.compile(
    r"utf-?8|us-ascii|ascii|(?:windows-|cp)125[0-8]|iso-8859-(?:[1-9]|1[013-6])|latin-?1", re.IGNORECASE
)
_DOCTYPE = re.compile(r"(?>[ \t\r\n]+|<!--.*?-->|<\?.*?\?>)*+<!DOCTYPE", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<([^/])", re.DOTALL)
_MISMATCH = re.compile(r"tag mismatch: ([\w:.-]{1,40}) line (\d+) and ([\w:.-]{1,40})")
_TYPOGRAPHIC_QUOTES = re.compile("[\u2018-\u201f\u00ab\u00bb\u2032\u2033]")

_UNESCAPED = ("an & that begins no character reference", "write &amp; for &, as in C:\\R&amp;D\\")
_QUOTES = "put every value in plain quotation marks and a blank before the next name"
_CLOSE = "close every element in the reverse order of opening, as <files> ... </files> or <file ... />"
_CHARACTER = ("a character XML does not allow", "remove it; control characters cannot be written in XML at all")
_DECLARATION = ("a faulty XML declaration", 'begin with <?xml version="1.0" encoding="utf-8"?>')
_NESTING = (f"something too long, or deeper than {DEEPEST} elements", "shorten it, and check that it is the right file")

# What libxml2 reports (xmlParserErrors, libxml/xmlerror.h), in words and with a remedy.
_SLIPS = {
    6: _CHARACTER,
    7: _CHARACTER,
    8: _CHARACTER,
    9: _CHARACTER,
    4: ("no element at all", "begin with <configuration>"),
    5: ("something after the end of the document", "remove what follows the last closing tag; there is one root"),
    23: _UNESCAPED,
    26: (
        "a character reference that XML does not have",
        "write the character itself; XML has &amp; &lt; &gt; &quot; and &apos; only",
    ),
    38: ("a < inside a value", "close the value before it with a quotation mark; a < of its own is &lt;"),
    39: ("a value without quotation marks", _QUOTES),
    40: ("a value whose quotation mark is not closed", _QUOTES),
    41: ("an attribute without a value", 'write it as in hidden="true"'),
    42: ("an attribute given twice", "keep one of them"),
    45: ("a comment that is not closed", "close it with -->"),
    64: ("an XML declaration that is not the very beginning", "remove what stands before <?xml, blank lines too"),
    65: ("an attribute that does not follow a closed value and a blank", _QUOTES),
    68: ("a < that begins no tag", "end the tag before it with > or />, or write &lt; for a < of its own"),
    73: ("a tag that is not closed", "end it with > or />"),
    76: ("a closing tag that does not fit", _CLOSE),
    77: ("the end of the document within an element", _CLOSE),
    80: ("two hyphens inside a comment", "write -- only to close it"),
    110: _NESTING,
    114: _NESTING,
    200: ("a faulty namespace", "remove xmlns and prefixes"),
    201: ("a name with a prefix that is not declared", "leave prefixes out: write <file>, not <x:file>"),
}
_UNDECLARED_NO_NAME = "xmlParseEntityRef: no name"
_ABOUT_QUOTES = (38, 39, 40, 65)
_CONSEQUENCES = (5, 73, 76, 77)  # often only follow from an earlier slip


@dataclass(frozen=True, slots=True)
class Element:
    """One element: name, attributes, own text (without comments and children), the 1-based line it begins on.

    A name in a namespace is `{namespace}name`. Only where `read_tree` was asked for the `whole` element:
    `inner` is the XML of its children and comments, one a line, and `namespaces` maps the prefixes that
    count in it ("" for the default namespace).
    """

    name: str
    attributes: Mapping[str, str]
    text: str
    line: int
    children: tuple[Element, ...]
    inner: str = ""
    namespaces: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Text:
    """A document as text, and how it is made bytes again: a codec, and the bytes before (byte order mark or none)."""

    text: str
    encoding: str
    mark: bytes

    def encoded(self, text: str) -> bytes:
        """Another text in the same form; raises `UnicodeEncodeError` for what the encoding cannot hold."""
        return self.mark + text.encode(self.encoding)


def read_tree(data: bytes, *, whole: Collection[str] = ()) -> Element:
    """Read a document; encodings: what its byte order mark or its XML declaration says, else UTF-8.

    Elements with a name in `whole` keep their inner XML. Raises `ConfigError` with every problem and
    its line: document-too-large, document-encoding, document-doctype, not-well-formed.
    """
    text = read_text(data).text
    return _element(parse_text(text), _start_lines(text), whole)


def read_text(data: bytes) -> Text:
    """The bytes of a document as text; raises `ConfigError` (document-too-large, document-encoding)."""
    if len(data) > LARGEST:
        raise ConfigError(_too_large(f"more than {LARGEST // 1024} KiB"))
    return _decoded(data)


def parse_text(text: str) -> Node:
    """The root element of a document's text, hardened; raises `ConfigError` as `read_tree`."""
    if text.count("<") > MOST_TAGS:
        raise ConfigError(_too_large(f"more than {MOST_TAGS} tags"))
    _refuse_crowded_tags(text)
    doctype = _DOCTYPE.match(text)
    if doctype is not None:
        raise ConfigError(_doctype(text.count("\n", 0, doctype.end()) + 1))
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError:
        # Not chained: libxml2's own words may repeat a part of a password.
        raise ConfigError(tuple(_slips(parser, text.split("\n")))) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise ConfigError(_doctype(1))
    return root


def with_texts(inner: str, replaced: Callable[[str], str]) -> str:
    """The inner XML of an element with every text and attribute value in it replaced; raises `ConfigError`."""
    root = parse_text(f"<inner>{inner}</inner>")
    for node in root.iterdescendants():
        if isinstance(node.tag, str):
            node.text = replaced(node.text) if node.text else node.text
            for name, value in node.attrib.items():
                node.set(name, replaced(str(value)))
        if node.tail and node.getparent() is not root:
            node.tail = replaced(node.tail)
    return _inner(root)


def _refuse_crowded_tags(text: str) -> None:
    place = 0
    for piece in text.split("<"):
        if piece.count("=") > MOST_EQUALS:
            line = text.count("\n", 0, place) + 1
            raise ConfigError(_too_large(f"an element with more than {MOST_ATTRIBUTES} attributes").at(None, line))
        place += len(piece) + 1


def _too_large(measure: str) -> Problem:
    return error(
        "document-too-large", f"the document has {measure}", "a configuration file is far smaller: check the file"
    )


def _doctype(line: int) -> Problem:
    hint = (
        "remove the <!DOCTYPE ...>: no configuration file needs one, and it could reach out to other files and servers"
    )
    return error("document-doctype", "the document has a DOCTYPE", hint, line=line)


def _decoded(data: bytes) -> Text:
    encoding = _encoding(data)
    start = next((len(mark) for mark, _ in _BYTE_ORDER_MARKS if data.startswith(mark)), 0)
    try:
        return Text(data[start:].decode(encoding), encoding, data[:start])
    except UnicodeDecodeError as wrong:
        before = wrong.object[: wrong.start].decode(encoding, "replace")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        hint = (
            f'save the file as {encoding.upper()}, or say what it is, as in encoding="windows-1252" in the first line'
        )
        message = f"line {line}, column {column} is not {encoding.upper()}"
        raise ConfigError(error("document-encoding", message, hint, line=line)) from wrong


def _encoding(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            if encoding is None:
                raise _unreadable("utf-32")
            return encoding
    for start, encoding in _UNMARKED_UTF_16:
        if data.startswith(start):
            return encoding
    declared = _DECLARED.match(data[:512])
    if declared is None:
        return "utf-8"
    said = declared[1].decode("ascii", "replace")
    if said.lower().startswith("utf-16"):
        hint = 'save it as UTF-8 and write encoding="utf-8", or save it as UTF-16 ("Unicode")'
        raise ConfigError(error("document-encoding", "the document says it is UTF-16 and is not", hint, line=1))
    if not _READABLE_ENCODINGS.fullmatch(said):
        raise _unreadable(said)
    return said.lower()


def _unreadable(encoding: str) -> ConfigError:
    hint = "save it as UTF-8; UTF-16, windows-1252 and ISO 8859 can be read too"
    return ConfigError(error("document-encoding", f"the encoding {quoted(encoding)} is not read", hint, line=1))


def _slips(parser: etree.XMLParser, lines: list[str]) -> Iterator[Problem]:
    """One problem for each line libxml2 complains of; what only follows from an earlier slip is left out."""
    seen: set[int] = set()
    for entry in list(parser.error_log)[: MOST_SLIPS * 5]:
        if entry.line in seen or (seen and entry.type in _CONSEQUENCES) or len(seen) == MOST_SLIPS:
            continue
        seen.add(entry.line)
        what, hint = _SLIPS.get(entry.type, ("a mistake in the XML", "check the brackets and quotation marks there"))
        if entry.message.startswith(_UNDECLARED_NO_NAME):
            what, hint = _UNESCAPED
        mismatch = _MISMATCH.search(entry.message)
        if mismatch is not None:
            what = f"</{mismatch[3]}> where <{mismatch[1]}> of line {mismatch[2]} is to be closed"
        line = lines[entry.line - 1] if entry.line <= len(lines) else ""
        if entry.type in _ABOUT_QUOTES and _TYPOGRAPHIC_QUOTES.search(line):
            hint = "the line holds typographic quotation marks: type plain ones"
        yield error("not-well-formed", f"line {entry.line}, column {entry.column}: {what}", hint, line=entry.line)
    if not seen:
        yield error("not-well-formed", "the document is not XML", "check the file with an XML editor")


def _start_lines(text: str) -> Iterator[int]:
    """The line on which each start tag of a well-formed document begins (libxml2 knows where it ends)."""
    line, place = 1, 0
    for tag in _TAG.finditer(text):
        if tag[1] is not None:
            line += text.count("\n", place, tag.start())
            place = tag.start()
            yield line


def _element(node: Node, lines: Iterator[int], whole: Collection[str]) -> Element:
    line = next(lines)
    if len(node.attrib) > MOST_ATTRIBUTES:
        raise ConfigError(_too_large(f"an element with more than {MOST_ATTRIBUTES} attributes").at(None, line))
    children: list[Element] = []
    text = [node.text or ""]
    for child in node:
        if isinstance(child.tag, str):
            children.append(_element(child, lines, whole))
        text.append(child.tail or "")
    attributes = {str(name): str(value) for name, value in node.attrib.items()}
    element = Element(str(node.tag), attributes, "".join(text), line, tuple(children))
    if element.name not in whole:
        return element
    namespaces = {prefix or "": uri for prefix, uri in node.nsmap.items()}
    return replace(element, inner=_inner(node), namespaces=namespaces)


def _inner(node: Node) -> str:
    return "\n".join(etree.tostring(child, encoding="unicode", with_tail=False) for child in node)

"""Bytes to elements: bounds, encodings, places of slips. The whole documents are in tests/corpora/xml."""

from __future__ import annotations

import codecs
import re

import pytest

from deploy.config import xmltree
from deploy.config.xmltree import (
    LARGEST,
    MOST_ATTRIBUTES,
    MOST_SLIPS,
    MOST_TAGS,
    Element,
    read_text,
    read_tree,
    with_texts,
)
from deploy.errors import ConfigError, Problem


def problems_of(data: bytes) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as raised:
        read_tree(data)
    return raised.value.problems


def test_an_element_has_its_attributes_text_line_and_children() -> None:
    read = read_tree(b'<a x="1">\n t<!-- no --><b y="&amp;"/>u<?no?>\n</a>')
    assert read == Element("a", {"x": "1"}, "\n tu\n", 1, (Element("b", {"y": "&"}, "", 2, ()),))


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_lines_are_counted_far_down(line_end: str) -> None:
    read = read_tree(f"<a>{line_end * 70_000}<b/></a>".encode())
    assert read.children[0].line == 70_001


def test_an_elements_line_is_the_one_it_begins_on() -> None:
    text = b"""<?xml
version="1.0"?>
<!-- <x> -->
<a
  b="<>
">
<![CDATA[<y>
]]><c/><d
/><?p
<z> ?><e>
<f/></e></a>
""".replace(b"<>", b"&lt;>")
    read = read_tree(text)
    assert (read.line, [(one.name, one.line) for one in read.children]) == (4, [("c", 8), ("d", 8), ("e", 10)])
    assert read.children[2].children[0].line == 11


def test_the_size_is_bounded() -> None:
    padding = LARGEST - len(b"<a></a>")
    assert read_tree(b"<a>" + b" " * padding + b"</a>").name == "a"
    (problem,) = problems_of(b"<a>" + b" " * (padding + 1) + b"</a>")
    assert problem.code == "document-too-large"


def test_the_number_of_tags_is_bounded() -> None:
    assert len(read_tree(b"<a>" + b"<b/>" * (MOST_TAGS - 2) + b"</a>").children) == MOST_TAGS - 2
    (problem,) = problems_of(b"<a>" + b"<b/>" * (MOST_TAGS - 1) + b"</a>")
    assert problem.code == "document-too-large"


def test_the_number_of_attributes_is_bounded() -> None:
    def element(number: int) -> bytes:
        return b"<a>\n<b " + b" ".join(b'a%d="1"' % n for n in range(number)) + b"/></a>"

    assert len(read_tree(element(MOST_ATTRIBUTES)).children[0].attributes) == MOST_ATTRIBUTES
    (problem,) = problems_of(element(90_000))
    assert (problem.code, problem.line) == ("document-too-large", 2)


def test_the_depth_is_bounded() -> None:
    assert read_tree(b"<a>" * 200 + b"</a>" * 200).name == "a"
    (problem,) = problems_of(b"<a>" * 300 + b"</a>" * 300)
    assert problem.code == "not-well-formed"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252", "cp1252", "iso-8859-1"])
def test_what_the_declaration_says_is_believed(encoding: str) -> None:
    said = encoding.removesuffix("-sig")
    data = f'<?xml version="1.0" encoding="{said}"?>\n<a b="Grüße"/>'.encode(encoding)
    assert read_tree(data).attributes == {"b": "Grüße"}


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_a_byte_order_mark_is_believed_before_the_declaration(mark: bytes) -> None:
    order = "le" if mark == codecs.BOM_UTF16_LE else "be"
    data = mark + '<?xml version="1.0" encoding="utf-8"?><a b="Grüße"/>'.encode(f"utf-16-{order}")
    assert read_tree(data).attributes == {"b": "Grüße"}


@pytest.mark.parametrize("encoding", ["utf-7", "utf-32", "cp037", "hz", "idna", "rot13", "zlib", "", "x" * 400])
def test_other_encodings_are_refused(encoding: str) -> None:
    (problem,) = problems_of(f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode())
    assert (problem.code, problem.line) == ("document-encoding", 1)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'<?xml version="1.0"?>\n<a>\n  M\xfcller</a>', "line 3, column 4 is not UTF-8"),
        ("\ufeff<a>\nx".encode("utf-16-le") + b"\x00\xd8<\x00", "line 2, column 2 is not UTF-16-LE"),
        ("\ufeff<a/>".encode("utf-16-le") + b"x", "line 1, column 5 is not UTF-16-LE"),
        (b'<?xml version="1.0" encoding="windows-1252"?><a>\x81</a>', "line 1, column 49 is not WINDOWS-1252"),
    ],
)
def test_wrong_bytes_have_a_place(data: bytes, place: str) -> None:
    (problem,) = problems_of(data)
    assert (problem.code, problem.message) == ("document-encoding", place)


def test_every_slip_is_said_once_with_line_and_column() -> None:
    problems = problems_of(b'<a>\n<b x="R&D"/>\n<b x=1/>\n<b x="a & b" y="c & d"/>\n</a>')
    assert [(one.line, one.message) for one in problems] == [
        (2, "line 2, column 10: an & that begins no character reference"),
        (3, "line 3, column 6: a value without quotation marks"),
        (4, "line 4, column 10: an & that begins no character reference"),
    ]
    assert all(one.code == "not-well-formed" and one.hint for one in problems)


def test_what_only_follows_from_a_slip_is_not_said() -> None:
    (problem,) = problems_of(b"<a>\n<b x=1>\n</b>\n</a>\n<c/>")
    assert problem.line == 2


def test_a_doctype_is_refused_a_second_time_by_what_was_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmltree, "_DOCTYPE", re.compile(r"(?!)"))
    (problem,) = problems_of(b'<!DOCTYPE a [<!ENTITY x "y">]><a/>')
    assert problem.code == "document-doctype"


def test_the_number_of_slips_said_is_bounded() -> None:
    assert len(problems_of(b"<a>" + b"&\n" * 1000 + b"</a>")) == MOST_SLIPS


@pytest.mark.parametrize(
    "data",
    [
        b'<a b="http://u:canary&d;@h/"/>',
        b"<a b=http://u:canary@h/ />",
        b'<a b="x" canary canary/>',
        b'<a b="x"canary="1"/>',
        b'<a canary="1" canary="2"/>',
        b"<a>&canary;</a>",
        b"<canary",
        b'<?xml version="1.0"?><a b="http://u:canary"><',
        b'<!DOCTYPE a [<!ENTITY x "canary">]><a>&x;</a>',
        b'<a b="canary\xff"/>',
        b"\xff\xfe<\x00c\x00a\x00n\x00a\x00r\x00y",
    ],
)
def test_no_message_repeats_the_document(data: bytes) -> None:
    with pytest.raises(ConfigError) as raised:
        read_tree(data)
    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None or "canary" not in str(raised.value.__cause__)


def test_an_element_that_is_wanted_whole_keeps_what_is_in_it() -> None:
    text = '<a xmlns:p="urn:p"><add xmlns="urn:d"> <b c="&lt;"/><!-- d --><p:e>f</p:e></add><set><b/></set></a>'
    add, other = read_tree(text.encode(), whole={"{urn:d}add"}).children
    assert (
        add.inner
        == '<b xmlns="urn:d" xmlns:p="urn:p" c="&lt;"/>\n<!-- d -->\n<p:e xmlns:p="urn:p" xmlns="urn:d">f</p:e>'
    )
    assert add.namespaces == {"": "urn:d", "p": "urn:p"}
    assert (other.inner, other.namespaces) == ("", {})


def test_texts_and_values_are_replaced_and_comments_are_not() -> None:
    found = with_texts('<a b="x"><!-- x -->x<c/>x</a>\n<d>x</d>', lambda text: text.replace("x", "<&>"))
    assert found == '<a b="&lt;&amp;&gt;"><!-- x -->&lt;&amp;&gt;<c/>&lt;&amp;&gt;</a>\n<d>&lt;&amp;&gt;</d>'
    with pytest.raises(ConfigError):
        with_texts("<a>", str)


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_a_text_is_made_bytes_as_it_was(mark: bytes) -> None:
    encoding = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(mark, "utf-8")
    data = mark + "<a>\u00e9\r\n</a>".encode(encoding)
    found = read_text(data)
    assert found.encoded(found.text) == data

"""Whatever the file: an edit does what it does to the parsed document, and the text around it stays."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from deploy.config.xmltree import Node, parse_text
from hotfix.model import ConfigFileEntry, Edit, EditKind, IfMissing
from hotfix.xmledit import edited

names = st.sampled_from(["a", "b", "c"])
values = st.text(alphabet=st.sampled_from("xyz <>&'\"\n\t]é€"), max_size=8)
raw_texts = st.sampled_from(["", "x", "\n  ", " y ", "&lt;&#65;", "<![CDATA[<b>]]>", "<!-- <a> -->", "<?p <a?>"])
quotes = st.sampled_from("\"'")
blanks = st.sampled_from([" ", "\n  ", "  "])
line_ends = st.sampled_from(["\n", "\r\n"])


@st.composite
def documents(draw: st.DrawFn, depth: int = 3) -> str:
    name = draw(names)
    tag = name
    for attribute in draw(st.sets(names)):
        quote, equals = draw(quotes), draw(st.sampled_from(["=", " = "]))
        tag += f"{draw(blanks)}{attribute}{equals}{quote}{draw(st.sampled_from(['', '1', '>', '/>', '&amp;']))}{quote}"
    tag += draw(st.sampled_from(["", " "]))
    if not depth or draw(st.booleans()):
        return f"<{tag}/>"
    parts = draw(st.lists(st.one_of(documents(depth - 1), raw_texts), max_size=4))
    return f"<{tag}>{''.join(parts)}</{name}>"


paths = st.one_of(
    names.map("//{}".format),
    st.tuples(names, names).map(lambda found: "//{}[@{}]".format(*found)),
    names.map("/*/{}[1]".format),
)


def said(node: Node) -> tuple[object, ...]:
    """What an element says: comments and instructions left out, blanks too."""
    children = [said(child) for child in node if isinstance(child.tag, str)]
    texts = [node.text or "", *((child.tail or "") for child in node)]
    return node.tag, sorted(node.attrib.items()), re.sub(r"\s+", "", "".join(texts)), children


def agrees(text: str, edit: Edit, change: Callable[[Node], None]) -> str:
    """The edited text, after a look that it says what `change` makes of the parsed document."""
    entry = ConfigFileEntry("x", (edit,), IfMissing.SKIP)
    result = edited(text.encode(), entry).decode()
    root = parse_text(text)
    change(root)
    wanted = [(one.tag, sorted(one.attrib.items())) for one in root.iter() if isinstance(one.tag, str)]
    found = [(one.tag, sorted(one.attrib.items())) for one in parse_text(result).iter() if isinstance(one.tag, str)]
    assert found == wanted
    assert edited(result.encode(), entry).decode() == result
    return result


@given(documents(), line_ends, paths, names, values)
def test_an_attribute_is_set(text: str, line_end: str, path: str, name: str, value: str) -> None:
    text = text.replace("\n", line_end)

    def change(root: Node) -> None:
        for node in root.xpath(path):
            node.set(name, value)

    result = agrees(text, Edit(EditKind.SET, path, name, value), change)
    if result == text:
        return
    kept = re.sub(rf"\s{name}\s*=\s*(\"[^\"]*\"|'[^']*')", "", text)
    assert re.sub(rf"\s{name}\s*=\s*(\"[^\"]*\"|'[^']*')", "", result) == kept or kept.strip() == kept


@given(documents(), line_ends, names, values)
def test_a_text_is_set(text: str, line_end: str, name: str, value: str) -> None:
    text = f"<r>{text}<{name} z='1'/><{name} z='1'>x<!-- y -->z</{name}></r>".replace("\n", line_end)
    path = f"//{name}[@z='1']"
    result = agrees(text, Edit(EditKind.SET, path, value=value), lambda _: None)
    for node in parse_text(result).xpath(path):
        assert "".join(node.xpath("text()")) == value
    assert result.startswith(text[: text.index(f"<{name} z=")])


@given(documents(), line_ends, paths)
def test_elements_are_removed(text: str, line_end: str, path: str) -> None:
    text = f"<r>{text}</r>".replace("\n", line_end)

    def change(root: Node) -> None:
        for node in root.xpath(path.replace("/*/", "/r/")):
            parent = node.getparent()
            if parent is not None:
                parent.remove(node)

    agrees(text, Edit(EditKind.REMOVE, path.replace("/*/", "/r/")), change)


fragments = documents(1).map(lambda text: re.sub(r"<(/?)(?=[abc])", r"<\1new-", text))


@given(documents(), line_ends, paths, fragments)
def test_an_element_is_added_once(text: str, line_end: str, path: str, fragment: str) -> None:
    text = text.replace("\n", line_end)
    entry = ConfigFileEntry("x", (Edit(EditKind.ADD, path, fragment=fragment),), IfMissing.SKIP)
    result = edited(text.encode(), entry).decode()
    before, after = parse_text(text).xpath(path), parse_text(result).xpath(path)
    assert len(before) == len(after)
    for node in after:
        assert said(parse_text(fragment)) in [said(child) for child in node if isinstance(child.tag, str)]
    assert edited(result.encode(), entry).decode() == result

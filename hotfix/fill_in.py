"""The text of a manifest with digests and sizes filled in, everything else kept as its author wrote it.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deploy.config.xmlspans import Span, spans_of
from deploy.config.xmltree import Node, parse_text, read_text
from deploy.wildcard import has_wildcard
from hotfix.manifest_check import split_include
from hotfix.model import Content
from hotfix.xmlparts import Layout, escaped_attribute, new_attributes

_CONTENTS = "contents"


def filled_in(data: bytes, contents: Sequence[Content]) -> bytes:
    """A manifest without errors, with `sha256` and `size` on every `<file>` that selects one file, and `<contents>`.

    `contents` are all files of the package; what the manifest said of them before is replaced.
    """
    source = read_text(data)
    text = _without_contents(source.text)
    root = parse_text(text)
    layout = Layout.of(text, source.encoding)
    spans = dict(zip((one for one in root.iter() if isinstance(one.tag, str)), spans_of(text), strict=True))
    found = {one.path.key: one for one in contents}
    splices = []
    for element in root.iterfind("files/file"):
        include = element.get("include", "")
        folder, name = split_include(include)
        content = None if has_wildcard(include) else found.get(folder.child(name).key)
        if content is not None:
            splices += _attributes(text, element, spans[element], layout, content)
    splices.append(layout.insertion(text, spans[root], [_contents(contents, layout)]))
    for start, end, new in sorted(splices, reverse=True):
        text = text[:start] + new + text[end:]
    return source.encoded(text)


def _without_contents(text: str) -> str:
    root = parse_text(text)
    layout = Layout.of(text, "utf-8")
    spans = dict(zip((one for one in root.iter() if isinstance(one.tag, str)), spans_of(text), strict=True))
    for element in reversed(root.findall(_CONTENTS)):
        start, end = layout.whole_lines(text, spans[element].start, spans[element].end)
        text = text[:start] + text[end:]
    return text


def _attributes(text: str, element: Node, span: Span, layout: Layout, content: Content) -> list[tuple[int, int, str]]:
    known = {one.name: one for one in span.attributes(text)}
    splices = []
    new: dict[str, str] = {}
    for name, value in (("sha256", content.sha256), ("size", str(content.size))):
        if name not in known:
            new[name] = value
        elif element.get(name) != value:
            place = known[name]
            escaped = escaped_attribute(value, text[place.value_end], layout)
            splices.append((place.value_start, place.value_end, escaped))
    if new:
        place_of_new = span.attributes_end(text)
        splices.append((place_of_new, place_of_new, new_attributes(new, {}, layout)))
    return splices


def _contents(contents: Sequence[Content], layout: Layout) -> str:
    """One line for each file, in the order of their paths."""
    between = f"\n{layout.unit}" if layout.line_end else ""
    lines = [
        f"<content{new_attributes(_described(one), {}, layout)} />"
        for one in sorted(contents, key=lambda one: one.path.key)
    ]
    return between.join([f"<{_CONTENTS}>", *lines]) + ("\n" if layout.line_end else "") + f"</{_CONTENTS}>"


def _described(one: Content) -> Mapping[str, str]:
    return {"path": str(one.path), "sha256": one.sha256, "size": str(one.size)}

"""Paths mean what they mean to libxml2, and no text makes the reader stumble."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from deploy.config.xmltree import parse_text
from deploy.errors import ConfigError
from hotfix.xpath import parse_xpath
from hotfix.xpath_find import find

NAMESPACES = {"p": "urn:p", "q": "urn:q"}
names = st.sampled_from(["a", "b", "c"])
texts = st.sampled_from(["", "x", "y", " x  y ", "xy"])
tests = st.one_of(names, st.just("*"), names.map("p:{}".format), st.just("p:*"))


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    name = draw(st.one_of(names, names.map("p:{}".format)))
    attributes = "".join(f' {one}="{draw(texts)}"' for one in draw(st.sets(names)))
    if not depth:
        return f"<{name}{attributes}/>"
    parts = draw(st.lists(st.one_of(elements(depth - 1), texts, st.just("<!-- x -->"), st.just("<?x y?>")), max_size=4))
    return f"<{name}{attributes}>{''.join(parts)}</{name}>"


@st.composite
def operands(draw: st.DrawFn) -> str:
    steps = [draw(st.one_of(tests, st.just(".."))) for _ in range(draw(st.integers(0, 2)))]
    end = draw(st.sampled_from(["", "@a", "text()"]))
    if not steps and not end:
        return "."
    return "/".join([*steps, *([end] if end else [])])


conditions: st.SearchStrategy[str] = st.recursive(
    st.one_of(
        operands(),
        st.tuples(operands(), st.sampled_from(["=", "!="]), texts).map(lambda found: "{} {} '{}'".format(*found)),
        st.tuples(st.sampled_from(["contains", "starts-with"]), operands(), texts).map(
            lambda found: "{}({}, '{}')".format(*found)
        ),
        st.tuples(operands(), texts).map(lambda found: "normalize-space({}) = '{}'".format(*found)),
        names.map("local-name() = '{}'".format),
        names.map("name() != 'p:{}'".format),
    ),
    lambda inner: st.one_of(
        inner.map("not({})".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map("({0[0]}) {0[1]} {0[2]}".format),
    ),
    max_leaves=3,
)
predicates = st.one_of(st.integers(0, 3).map(str), st.just("last()"), conditions)


@st.composite
def paths(draw: st.DrawFn) -> str:
    path = ""
    for _ in range(draw(st.integers(1, 4))):
        if path and draw(st.integers(0, 5)) == 0:
            path += "/.."
            continue
        path += draw(st.sampled_from(["/", "//"])) + draw(tests)
        path += "".join(f"[{one}]" for one in draw(st.lists(predicates, max_size=2)))
    return path


@given(elements(), paths())
def test_a_path_finds_what_libxml2_finds(element: str, path: str) -> None:
    root = parse_text(f'<a xmlns:p="urn:p">{element}</a>')
    wanted = root.xpath(path, namespaces=NAMESPACES)
    found = find(root, parse_xpath(path, NAMESPACES))
    assert list(found) == [one for one in wanted if isinstance(one, etree._Element)]


@given(elements(), paths(), names)
def test_a_path_to_an_attribute_finds_the_elements_that_have_it(element: str, path: str, name: str) -> None:
    root = parse_text(f'<a xmlns:p="urn:p">{element}</a>')
    found = find(root, parse_xpath(f"{path}/@{name}", NAMESPACES))
    assert len(found) == len(root.xpath(f"{path}/@{name}", namespaces=NAMESPACES))


@given(st.text(alphabet=string.ascii_letters + "/@[]()='\"., *:!|$-0123456789\u00e9\x00", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        path = parse_xpath("/" + text, NAMESPACES)
    except ConfigError:
        return
    find(parse_text("<a><b/></a>"), path)

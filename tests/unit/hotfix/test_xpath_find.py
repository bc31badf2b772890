"""Which elements a path finds; tests/property/test_xpath.py compares with libxml2."""

from __future__ import annotations

from contextlib import suppress

import pytest

from deploy.config.xmltree import parse_text
from deploy.errors import ConfigError
from hotfix.xpath import parse_xpath
from hotfix.xpath_find import MOST_VISITS, find

TEXT = """<configuration xmlns:p="urn:p">
 <appSettings><add key="A" value="1"/><!-- <add key="C"/> --><add key="B" value="2"/></appSettings>
 <p:box><add key="C"/><p:add key="D">text<!-- no -->more<b>deep</b></p:add></p:box>
</configuration>"""


def keys(path: str) -> list[str | None]:
    return [one.get("key") for one in find(parse_text(TEXT), parse_xpath(path, {"q": "urn:p"}))]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/configuration/appSettings/add", ["A", "B"]),
        ("//add", ["A", "B", "C"]),
        ("//q:add", ["D"]),
        ("//q:*/add", ["C"]),
        ("//add[1]", ["A", "C"]),
        ("//add[last()]", ["B", "C"]),
        ("//add[0]", []),
        ("//add[@key='B'][1]", ["B"]),
        ("//*[@key][1]", ["A", "C"]),
        ("//add[@key!='B']", ["A", "C"]),
        ("//add[not(@value)]", ["C"]),
        ("//add[@value='2' or @key='C']", ["B", "C"]),
        ("//add/@value", ["A", "B"]),
        ("//add[@key='A']/../add[@key='B']", ["B"]),
        ("//*[contains(., 'textmore')]/@key", ["D"]),
        ("//*[text()='text']", ["D"]),
        ("//*[text()='textmore']", []),
        ("//*[local-name()='add' and starts-with(@key, 'D')]", ["D"]),
        ("//*[name()='p:add']", ["D"]),
        ("/wrong/appSettings/add", []),
        ("/configuration/..", []),
        ("/configuration/../configuration/appSettings/add[1]", ["A"]),
        ("//*[b='deep']", ["D"]),
    ],
)
def test_what_a_path_finds(path: str, found: list[str | None]) -> None:
    assert keys(path) == found


@pytest.mark.parametrize(
    "path",
    [
        "//a//a//a",
        "//*[../*='x']",
        "/r/*[../*/../*]",
        "//*[contains(../@x, 'y') or contains(.., 'z')]",
    ],
)
def test_a_search_ends(path: str) -> None:
    flat = "<r>" + "<a/>" * 20_000 + "</r>"
    deep = "<a>" * 200 + "x" * 100_000 + "</a>" * 200
    for text in (flat, deep):
        with suppress(ConfigError):
            find(parse_text(text), parse_xpath(path, {}))


def test_a_search_that_costs_too_much_is_refused() -> None:
    flat = parse_text("<r>" + "<a/>" * 2000 + "</r>")
    assert MOST_VISITS < 2000 * 2000
    with pytest.raises(ConfigError) as raised:
        find(flat, parse_xpath("/r/*[../*='x']", {}))
    assert raised.value.code == "xpath-too-costly"


def test_the_largest_document_can_be_searched() -> None:
    root = parse_text("<r>" + "<a b='c'/>" * 30_000 + "</r>")
    assert len(find(root, parse_xpath("//a[@b='c']", {}))) == 30_000

"""What is read as a path and what is refused."""

from __future__ import annotations

import pytest

from deploy.errors import ConfigError
from hotfix.xpath import Axis, Compare, Operand, Position, Step, XPath, attribute_name, parse_xpath


def test_a_path_has_steps_predicates_and_perhaps_an_attribute() -> None:
    assert parse_xpath("/a//p:b[@k='v'][2]/@q", {"p": "urn:p"}) == XPath(
        "/a//p:b[@k='v'][2]/@q",
        (
            Step(Axis.CHILD, "a"),
            Step(Axis.CHILD, "{urn:p}b", True, (Compare(Operand(attribute="k"), True, "v"), Position(2))),
        ),
        "q",
    )


@pytest.mark.parametrize(
    "text",
    [
        "/a",
        "//*",
        "/a/..",
        "/a/*[1]/b[last()]",
        "/Solidus.ITA-1._x/b",
        "/a[b]",
        "/a[not(b) and (c or d)]",
        "/a[b/c/@d != 'x']",
        '/a[. = "it\'s"]',
        "/a[text()='x']",
        "/a[b/text()='x']",
        "/a[contains(@b, 'x') or starts-with(., 'y')]",
        "/a[normalize-space() = 'x']",
        "/a[normalize-space(b) = 'x']",
        "/*[local-name() = 'a' and name() != 'p:a']",
        "/a[../b]",
        "/and/or[not]/div[last = 'x']",
        "/ a [ @b = 'c' ] / @ d ",
        "/a[@xml:lang='de']",
        "/a[contains = 'x']",
    ],
)
def test_paths_that_are_understood(text: str) -> None:
    assert parse_xpath(text, {}).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "/",
        "//",
        "/a/",
        "/a b",
        "/a[",
        "/a]",
        "/a[]",
        "/a['x']",
        "/a[1 + 1]",
        "/a[position() = 1]",
        "/a[count(b) = 1]",
        "/a[@b = 1]",
        "/a[@b = c]",
        "/a[//b]",
        "/a[/b]",
        "/a[b//c]",
        "/a | /b",
        "/a/text()",
        "/a/child::b",
        "/a/ancestor::*",
        "/a[$x]",
        "/a//@b",
        "/a/@b/c",
        "/a/@*",
        "/a[local-name()]",
        "/a[document('x')]",
        "/p:a",
        "/a[@p:b]",
        "/a\x00",
        "/a[@b='x]",
        "/a" * 65,
        "/a" + "[b" * 17 + "]" * 17,
        "/" + "a" * 2000,
        "(/a)",
        "id('x')",
    ],
)
def test_paths_that_are_refused(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_xpath(text, {})
    (problem,) = raised.value.problems
    assert problem.code == "bad-xpath"
    assert problem.hint
    assert problem.message.isprintable()


def test_names_of_attributes() -> None:
    assert attribute_name("value", {}) == "value"
    assert attribute_name("x:value", {"x": "urn:x"}) == "{urn:x}value"
    for wrong in ("", "a b", "@a", "a/@b", "*", "x:y", "a[1]", "1"):
        with pytest.raises(ConfigError):
            attribute_name(wrong, {})

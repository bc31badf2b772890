"""Patterns against the protocol's own rules, on longer names and patterns than can be tried one by one."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from deploy.errors import ConfigError
from deploy.relpath import fold, segment_problem
from deploy.wildcard import Exclude, Pattern
from tests.property.dos_wildcards import is_in_expression

NAMES = st.text(st.sampled_from("abAB.ü[+(^ "), min_size=1, max_size=14)
PATTERNS = st.text(st.sampled_from("abA..**??ü[+( "), max_size=12)


@given(PATTERNS, NAMES)
def test_a_pattern_means_what_the_protocol_says(pattern: str, name: str) -> None:
    assume(not name.endswith("."))
    assert Pattern(pattern).matches(name) is is_in_expression(fold(name), fold(pattern))


@given(NAMES, st.data())
def test_a_name_fits_the_patterns_made_from_it(name: str, data: st.DataObject) -> None:
    assume(segment_problem(name) is None)
    first = data.draw(st.integers(0, len(name)))
    last = data.draw(st.integers(first, len(name)))
    assert Pattern(name).matches(name.swapcase()) is (fold(name) == fold(name.swapcase()))
    assert Pattern(f"{name[:first]}*{name[last:]}").matches(name) or name[last:] == "."
    question_marks = "".join("." if character == "." else "?" for character in name[first:last])
    assert Pattern(name[:first] + question_marks + name[last:]).matches(name)


def read(text: str) -> Exclude | None:
    try:
        return Exclude.parse(text)
    except ConfigError:
        return None


@given(st.text("ab.*?;/\\ ", max_size=30), st.lists(st.text("ab.", min_size=1, max_size=4), min_size=1, max_size=4))
def test_any_text_is_rules_or_a_refusal_and_more_rules_leave_out_more(text: str, path: list[str]) -> None:
    rules = read(text)
    if rules is None:
        assert any(part.strip(" ./\\") == "" or ".." in part for part in text.split(";"))
        return
    more = Exclude.parse(f"{text};b*")
    assert not rules.matches(tuple(path)) or more.matches(tuple(path))
    if rules.covers(tuple(path)):
        assert rules.matches((*path, "anything"))
        assert rules.covers((*path, "deeper"))

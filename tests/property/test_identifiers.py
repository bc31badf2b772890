"""Whatever is written and whatever the values are: one pass, nothing blank, nothing left."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from deploy.config.identifiers import IDENTIFIERS, NAMES, Identifiers, Kind, Value, expand
from deploy.errors import ConfigError

ANY = st.text(st.characters(codec=None, categories=None))
KNOWN = Identifiers().with_examples()
PIECES = st.sampled_from(
    ["$(", "$$(", "$", "(", ")", "\\", "/", "x", '"', "InstallDir", "webserver", "$(WEBSERVERURI)", "$(Other)"]
)
TEXTS = st.lists(PIECES | ANY, max_size=12).map("".join)
FOLDERS = st.text(st.sampled_from("abC: \\/$().ü"), min_size=1, max_size=20)


def taken(name: str, text: str) -> Value | ConfigError:
    try:
        value = Identifiers().with_values({name: text}, "--set").get(name)
    except ConfigError as refused:
        return refused
    assert value is not None
    return value


def with_any_case(name: str) -> st.SearchStrategy[str]:
    flips = st.lists(st.booleans(), min_size=len(name), max_size=len(name))
    return flips.map(lambda flip: "".join(c.swapcase() if f else c for c, f in zip(name, flip, strict=True)))


@given(TEXTS)
def test_a_text_without_problem_holds_no_identifier(text: str) -> None:
    expansion = expand(text, KNOWN)
    literal = text.count("$$(")
    if not expansion.problems:
        assert expansion.text.count("$(") == literal
    if "$(" not in text:
        assert expansion.text == text
    assert all(problem.code in ("unknown-identifier", "unterminated-identifier") for problem in expansion.problems)


@given(TEXTS)
def test_an_unset_identifier_is_always_said(text: str) -> None:
    problems = expand(text, Identifiers()).problems
    names = re.findall(r"\$\(([^()]*)\)", text.replace("$$(", "("))
    meant = {name.lower() for name in names} & {name.lower() for name in NAMES}
    assert len([one for one in problems if one.code == "unset-identifier"]) >= min(len(meant), 1)


@given(st.sampled_from(NAMES).flatmap(with_any_case), ANY.filter(lambda text: "$" not in text))
def test_a_name_is_read_in_any_case(name: str, rest: str) -> None:
    identifier = next(one for one in IDENTIFIERS if one.name.lower() == name.lower())
    expected = rest.lstrip("\\/") if identifier.kind is Kind.FOLDER else rest
    assert expand(f"$({name}){rest}", KNOWN).text == identifier.example + expected


@given(FOLDERS, st.sampled_from(["", "\\", "/", "\\\\/"]))
def test_a_folder_ends_in_one_backslash_and_is_not_read_again(folder: str, separators: str) -> None:
    value = taken("InstallDir", folder)
    if isinstance(value, ConfigError):
        assert not folder.strip()
        return
    assert value.text.endswith("\\")
    assert value.text[-2:-1] not in ("\\", "/")
    values = Identifiers().with_values({"installdir": folder}, "x")
    assert expand(f"$(InstallDir){separators}x", values).text == f"{value.text}x"


@given(st.sampled_from(NAMES), ANY)
def test_no_value_holds_a_control_character_a_quotation_mark_or_nothing(name: str, text: str) -> None:
    value = taken(name, text)
    if isinstance(value, ConfigError):
        assert value.code == "bad-identifier-value"
        assert value.problems[0].message.isprintable()
        return
    assert value.text.strip()
    assert not re.search(r'[\x00-\x1f\x7f-\x9f"\ud800-\udfff]', value.text)

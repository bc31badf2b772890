"""machine.toml from anybody's hand: never an exception, every problem with a place."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from deploy.machine import parse_machine
from deploy.toml_lines import KeyPath, key_lines

SCALARS = st.one_of(
    st.text(max_size=20).map(
        lambda text: '"' + "".join(f"\\u{ord(one):04X}" for one in text if ord(one) < 0xD800) + '"'
    ),
    st.text('abc =[]#"{},.\t', max_size=20).map(lambda text: f"'{text}'"),
    st.text("abc =[]#'{},.\n", max_size=20).map(lambda text: f'"""{text}"""'),
    st.text('abc =[]#"{},.\n', max_size=20).map(lambda text: f"'''{text}'''"),
    st.integers(-(10**6), 10**6).map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.just("1979-05-27T07:32:00Z"),
    st.just("6.626e-34"),
)
KEYS = st.sampled_from(["state", "roles", "driver", "host", '"a.b"', "'c = d'", "x-1", "10"])
NAMES = st.sampled_from(["identifiers", "services", "registry", "network", "smb", '"q[0]"', "a.b", "state"])


def _value(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arrays = st.lists(children, max_size=4).map(lambda parts: "[\n" + ", # x = [\n".join(parts) + "\n]")
    tables = st.lists(st.tuples(KEYS, SCALARS), max_size=3, unique_by=lambda pair: pair[0]).map(
        lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs if "\n" not in value) + "}"
    )
    return st.one_of(arrays, tables)


VALUES = st.recursive(SCALARS, _value, max_leaves=6)
PAIRS = st.lists(st.tuples(KEYS, VALUES), max_size=4, unique_by=lambda pair: pair[0]).map(
    lambda pairs: "".join(f"{key} = {value}\n" for key, value in pairs)
)
HEADERS = st.tuples(NAMES, st.booleans()).map(lambda one: f"[[{one[0]}]]\n" if one[1] else f"[{one[0]}]\n")
DOCUMENTS = st.tuples(PAIRS, st.lists(st.tuples(HEADERS, PAIRS).map("".join), max_size=4).map("".join)).map("".join)


def _paths(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield (*path, key)
            yield from _paths(one, (*path, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            if isinstance(one, dict):
                yield (*path, number)
                yield from _paths(one, (*path, number))


@given(DOCUMENTS)
def test_lines_are_found_for_what_is_there_and_nothing_else(text: str) -> None:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = key_lines(text)
    assert set(lines) <= set(_paths(table))
    assert {(key,) for key in table} <= set(lines)
    split = text.split("\n")
    for path, line in lines.items():
        name = next(part for part in reversed(path) if isinstance(part, str))
        assert str(name) in split[line - 1]


@given(st.one_of(DOCUMENTS.map(str.encode), st.binary(max_size=200)))
def test_nothing_but_problems_comes_out(data: bytes) -> None:
    result = parse_machine(data, "m")
    assert (result.machine is None) == any(problem.is_error for problem in result.problems)
    for problem in result.problems:
        assert problem.file == "m"
        assert problem.line is not None
        assert 1 <= problem.line <= data.count(b"\n") + 1
        assert problem.hint

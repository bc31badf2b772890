from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.digest import Sha256
from deploy.host.registry import RegistryValue, ValueType
from hotfix.jsonvalues import decoded, encoded

DIGEST = Sha256("0" * 64)


@dataclass(frozen=True, slots=True)
class Inner:
    number: int
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner
    many: tuple[Inner, ...] = ()
    pair: tuple[int, int] | None = None
    codes: frozenset[int] = frozenset()
    ratio: float = 0.5
    flag: bool = False
    when: datetime = datetime(2023, 7, 14, tzinfo=UTC)
    digest: Sha256 = DIGEST


OUTER = Outer(Inner(1, "a\udcffb"), (Inner(2), Inner(3, "")), (4, 5), frozenset({3010, 0}), 1.25, True)


def round_trip(kind: type[object], value: object) -> object:
    return decoded(kind, json.loads(json.dumps(encoded(value))))


def test_what_was_written_comes_back() -> None:
    assert round_trip(Outer, OUTER) == OUTER


def test_a_number_may_be_whole() -> None:
    assert decoded(Outer, {**encoded(OUTER), "ratio": 2}).ratio == 2  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "value",
    [
        RegistryValue(ValueType.STRING, "x"),
        RegistryValue(ValueType.DWORD, 0),
        RegistryValue(ValueType.BINARY, b"\x00\xff"),
        RegistryValue(ValueType.MULTI, ("a", "")),
        RegistryValue(ValueType.MULTI, ()),
    ],
)
def test_the_data_of_a_registry_value_keeps_its_type(value: RegistryValue) -> None:
    assert round_trip(RegistryValue, value) == value


@given(st.recursive(st.text() | st.integers() | st.binary(), lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_registry_data_of_any_kind_comes_back_or_is_refused(data: object) -> None:
    if isinstance(data, list):
        data = tuple(data)
        if not all(isinstance(one, str) for one in data):
            return
    value = RegistryValue(ValueType.STRING, data)  # type: ignore[arg-type]
    assert round_trip(RegistryValue, value) == value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("inner", "number"), True, "inner.number is no int"),
        (("inner", "number"), "1", "inner.number is no int"),
        (("inner", "number"), 1.0, "inner.number is no int"),
        (("many", 1), None, "many[1] is no object"),
        (("many",), {}, "many is no array"),
        (("pair",), [1], "pair has 1 members and not 2"),
        (("pair",), [1, None], "pair[1] is no int"),
        (("ratio",), True, "ratio is no number"),
        (("ratio",), "1", "ratio is no number"),
        (("when",), "yesterday", "when is no datetime"),
        (("when",), 5, "when is no datetime"),
        (("digest",), "0" * 63, "digest is no SHA-256 digest"),
        (("digest",), "A" * 64, "digest is no SHA-256 digest"),
        (("inner", "more"), 1, "inner has an unknown more"),
    ],
)
def test_another_type_says_where(path: tuple[str | int, ...], value: object, said: str) -> None:
    document = json.loads(json.dumps(encoded(OUTER)))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=re.escape(said)):
        decoded(Outer, document)


def test_a_missing_member_is_no_default() -> None:
    document = encoded(OUTER)
    assert isinstance(document, dict)
    del document["flag"]
    with pytest.raises(ValueError, match="lacks flag"):
        decoded(Outer, document)


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError):
        encoded(object())


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(DOCUMENTS)
def test_any_other_document_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match=r"^it "):
        decoded(Outer, document)

"""The order in which services that need each other are stopped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.host.dependents import stop_order


@pytest.mark.parametrize(
    ("needs", "order"),
    [
        ({}, ()),
        ({"B": ["A"]}, ("B",)),
        ({"B": ["a"], "C": ["b"]}, ("C", "B")),
        ({"C": ["B", "A"], "B": ["A"]}, ("C", "B")),
        ({"B": ["A"], "C": ["A"], "D": ["B", "C"]}, ("D", "B", "C")),
        ({"A": ["Z"], "Z": []}, ()),
        ({"A": ["B"], "B": ["A"]}, ("B",)),
        ({"A": ["A"]}, ()),
        ({"B": ["A", "A"]}, ("B",)),
    ],
)
def test_what_needs_it_comes_first(needs: dict[str, list[str]], order: tuple[str, ...]) -> None:
    assert stop_order("A", needs) == order


def test_thousands_in_a_row_are_no_difficulty() -> None:
    needs = {str(number): [str(number - 1)] for number in range(1, 5000)}
    assert stop_order("0", needs) == tuple(str(number) for number in range(4999, 0, -1))


NAMES = st.sampled_from("ABCDEFGH")


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=4)))
def test_each_dependent_appears_once_and_before_what_it_needs(wanted: dict[str, list[str]]) -> None:
    needs = {user: [one for one in needed if one < user] for user, needed in wanted.items()}
    order = stop_order("A", needs)
    assert len(set(order)) == len(order)
    reached = {"A"}
    while more := {user for user, needed in needs.items() if reached & set(needed)} - reached:
        reached |= more
    assert set(order) == reached - {"A"}
    for place, one in enumerate(order):
        assert not set(needs[one]) & set(order[:place])

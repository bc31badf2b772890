"""Layers against a model that simply does everything again from the bottom."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hotfix.layers import Layer, applied


def test_the_first_layer_keeps_what_was_found() -> None:
    assert applied((), 1, "x", lambda _: "a") == (Layer(1, "x", "a"),)


def test_applying_again_keeps_the_original() -> None:
    assert applied((Layer(1, "x", "a"),), 1, "a", lambda _: "b") == (Layer(1, "x", "b"),)


def test_what_others_changed_meanwhile_is_no_original() -> None:
    assert applied((Layer(1, "x", "a"),), 1, "changed", lambda _: "b") == (Layer(1, "x", "b"),)


def test_a_later_hotfix_finds_what_the_earlier_one_left() -> None:
    assert applied((Layer(1, "x", "a"),), 2, "a", lambda _: "b") == (Layer(1, "x", "a"), Layer(2, "a", "b"))


def test_applying_below_another_reaches_through_it() -> None:
    layers = (Layer(1, "x", "a"), Layer(2, "a", "b"))
    assert applied(layers, 1, "b", lambda _: "c") == (Layer(1, "x", "c"), Layer(2, "c", "c"))


def test_an_edit_below_another_is_made_in_what_that_one_found_and_left() -> None:
    layers = (Layer(1, "x", "xa"), Layer(3, "xa", "xac"))
    edited = applied(layers, 1, "xac", lambda below: below + "!")
    assert edited == (Layer(1, "x", "xa!"), Layer(3, "xa!", "xac!"))


def test_a_hotfix_that_gets_a_new_file_below_another_takes_the_original_from_it() -> None:
    assert applied((Layer(2, "x", "b"),), 1, "b", lambda _: "a") == (Layer(1, "x", "a"), Layer(2, "a", "a"))


@dataclass(frozen=True)
class Deed:
    """Applying hotfix `sequence`: it writes `content`, or adds it to what is there."""

    sequence: int
    content: str
    edits: bool

    def __call__(self, below: str) -> str:
        return f"{below}{self.content}" if self.edits else self.content


DEEDS = st.lists(st.builds(Deed, st.integers(1, 4), st.sampled_from("abc"), st.booleans()), min_size=1, max_size=9)


@given(DEEDS)
def test_taking_all_layers_off_in_reverse_order_brings_back_the_first_content(deeds: list[Deed]) -> None:
    layers: tuple[Layer[str], ...] = ()
    now = "original"
    for deed in deeds:
        layers = applied(layers, deed.sequence, now, deed)
        now = deed(now)
        # What is there now is what the uppermost left; each finds what the one below it left.
        assert layers[-1].after == now
        assert all(upper.before == lower.after for lower, upper in pairwise(layers))
    assert [layer.sequence for layer in layers] == sorted({deed.sequence for deed in deeds})
    while layers:
        now, layers = layers[-1].before, layers[:-1]
    assert now == "original"


@given(DEEDS)
def test_what_is_left_without_the_upper_ones_is_what_the_lower_ones_alone_would_have_made(deeds: list[Deed]) -> None:
    layers: tuple[Layer[str], ...] = ()
    now = "original"
    for deed in deeds:
        layers = applied(layers, deed.sequence, now, deed)
        now = deed(now)
    highest = layers[-1].sequence
    alone = "original"
    for deed in deeds:
        if deed.sequence < highest:
            alone = deed(alone)
    assert layers[-1].before == alone

"""Installed hotfixes lie over each other like layers: what applying one in the middle changes in those above.

Pure. For one file (or registry key or value) each hotfix that changed it holds what it found below
and what it made of it. So the lowest `before` is what was there before any hotfix, the uppermost
`after` is what is there now, and taking the uppermost layer off means to bring its `before` back.

A hotfix that is applied again, in the same or a higher revision, keeps its place. What it does is
then done at its place: to what it left there itself, and to everything that lies above. Its `before`
never changes, so a patched file never takes the place of an original.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

Content = TypeVar("Content")
Effect = Callable[[Content], Content]
"""What applying does to a content: a new one for any, or an edit of the one that is there."""


@dataclass(frozen=True, slots=True)
class Layer(Generic[Content]):
    """What the hotfix of this `sequence` number found below and left."""

    sequence: int
    before: Content
    after: Content


def applied(
    layers: Sequence[Layer[Content]], sequence: int, found: Content, effect: Effect[Content]
) -> tuple[Layer[Content], ...]:
    """The layers after the hotfix of `sequence` did its `effect`, in their order.

    `layers` are in the order of their numbers; `found` is what is there now, which nobody but the
    uppermost hotfix should have left. A hotfix that has no layer yet gets one at its place.
    """
    below = [layer for layer in layers if layer.sequence < sequence]
    own = next((layer for layer in layers if layer.sequence == sequence), None)
    above = [layer for layer in layers if layer.sequence > sequence]
    now = effect(found)
    if not above:
        return (*below, Layer(sequence, found if own is None else own.before, now))
    # Each content between two layers is what the lower one leaves and the upper one finds.
    between = [effect(layer.before) for layer in above]
    before = above[0].before if own is None else own.before
    afters = [*between[1:], now]
    raised = [replace(layer, before=start, after=end) for layer, start, end in zip(above, between, afters, strict=True)]
    return (*below, Layer(sequence, before, between[0]), *raised)


def removed(layers: Sequence[Layer[Content]], left: Content) -> tuple[Layer[Content], ...]:
    """The layers without the uppermost, which left this behind: the next one takes that for its own."""
    rest = tuple(layers[:-1])
    return rest if not rest else (*rest[:-1], replace(rest[-1], after=left))

"""The order in which several hotfixes are applied at once: what one needs comes before it.

Pure. One that makes another obsolete comes before that too, which is then not needed any more; so does
the higher of two revisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.errors import Problem, error
from deploy.relpath import fold
from hotfix.model import Manifest, RequiredHotfix


@dataclass(frozen=True, slots=True)
class Order:
    """Numbers of manifests as they were given: all in the order of applying, and every circle of needs."""

    sequence: tuple[int, ...]
    circles: tuple[tuple[int, ...], ...] = ()


def ordered(manifests: Sequence[Manifest]) -> Order:
    """The order of a batch; as given where nothing says otherwise. Those in a circle come last."""
    needs = [[other for other in range(len(manifests)) if _needs(one, manifests[other])] for one in manifests]
    circles = _circles(needs)
    inside = {number for circle in circles for number in circle}
    sequence: list[int] = []

    def visit(number: int, on_the_way: frozenset[int]) -> None:
        if number in sequence or number in on_the_way:
            return
        on_the_way |= {number}
        for other in needs[number]:
            visit(other, on_the_way)
        for other, manifest in enumerate(manifests):
            if _replaces(manifest, manifests[number]) and number not in _all_needed(other, needs):
                visit(other, on_the_way)
        if number not in sequence:
            sequence.append(number)

    for number in range(len(manifests)):
        visit(number, frozenset())
    free = [number for number in sequence if number not in inside]
    return Order((*free, *sorted(inside)), circles)


def circle_problem(circle: Sequence[Manifest], source: str) -> Problem:
    """That hotfixes need each other (requires-circle)."""
    said = " needs ".join(one.id for one in (*circle, circle[0]))
    return error("requires-circle", f"no order is right: {said}", "correct <requires> in one of them", file=source)


def _needs(one: Manifest, other: Manifest) -> bool:
    """Whether `other` is, or makes obsolete, what `one` needs."""
    provided = {fold(other.id), *map(fold, other.supersedes)}
    return other is not one and any(
        isinstance(wanted, RequiredHotfix) and fold(wanted.id) in provided for wanted in one.requires
    )


def _replaces(one: Manifest, other: Manifest) -> bool:
    if fold(one.id) == fold(other.id):
        return one.revision > other.revision
    return fold(other.id) in map(fold, one.supersedes)


def _all_needed(number: int, needs: Sequence[Sequence[int]]) -> set[int]:
    """Everything a hotfix needs, directly or not."""
    found: set[int] = set()
    waiting = list(needs[number])
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += needs[current]
    return found


def _circles(needs: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """The circles, each once, as a way from its lowest number back to that."""
    found: list[tuple[int, ...]] = []
    seen: set[int] = set()
    for start in range(len(needs)):
        if start in seen or start not in _all_needed(start, needs):
            continue
        way = _way_back(start, needs)
        seen |= {other for other in _all_needed(start, needs) if start in _all_needed(other, needs)}
        found.append(way)
    return tuple(found)


def _way_back(start: int, needs: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The shortest way from a hotfix over what is needed back to itself."""
    came_from = dict.fromkeys(needs[start], start)
    waiting = list(needs[start])
    for current in waiting:
        if current == start:
            break
        for other in needs[current]:
            if other not in came_from:
                came_from[other] = current
                waiting.append(other)
    way = [start]
    current = came_from[start]
    while current != start:
        way.append(current)
        current = came_from[current]
    return (start, *reversed(way[1:]))

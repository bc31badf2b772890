"""Finds the elements of a document that a path of `hotfix.xpath` means, in bounded time.

Pure. Every element looked at costs something, and a search that costs too much is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from deploy.config.xmltree import Node
from deploy.errors import ConfigError, error, quoted
from hotfix.xpath import (
    Any,
    Axis,
    Compare,
    Condition,
    Every,
    Exists,
    Not,
    Operand,
    Part,
    Position,
    Reading,
    Step,
    XPath,
)

MOST_VISITS = 1_000_000
_CHARACTERS = 64  # of a text that cost as much as one element
_BLANKS = " \t\r\n"


def find(root: Node, path: XPath) -> tuple[Node, ...]:
    """The elements that a path means, in the order of the document; those that have its attribute, where it names one.

    Raises `ConfigError` (xpath-too-costly).
    """
    found = Search(root, path.text).elements(path.steps)
    return tuple(one for one in found if path.attribute is None or one.get(path.attribute) is not None)


class Search:
    """Several searches in one document that together cost no more than one may."""

    def __init__(self, root: Node, text: str) -> None:
        self._root = root
        self._text = text
        self._left = MOST_VISITS
        self._order = {one: number for number, one in enumerate(_elements(root.iter()))}

    def elements(self, steps: Sequence[Step]) -> list[Node]:
        """What the steps lead to from the document, in its order."""
        return [one for one in self._walk([None], steps) if one is not None]

    def _walk(self, contexts: Sequence[Node | None], steps: Sequence[Step]) -> Sequence[Node | None]:
        """What the steps lead to; None is the document itself, above the root element."""
        for step in steps:
            contexts = self._step(contexts, step)
        return contexts

    def _step(self, contexts: Sequence[Node | None], step: Step) -> list[Node | None]:
        found: dict[Node | None, None] = {}
        if step.axis is Axis.PARENT:
            self._pay(len(contexts))
            found = dict.fromkeys(one.getparent() for one in contexts if one is not None)
        for context in () if step.axis is Axis.PARENT else self._deepened(contexts) if step.deep else contexts:
            children = [self._root] if context is None else list(_elements(context))
            self._pay(1 + len(children))
            candidates = [one for one in children if _is_named(one, step.name)]
            for predicate in step.predicates:
                if isinstance(predicate, Position):
                    number = len(candidates) if predicate.number is None else predicate.number
                    candidates = candidates[number - 1 : number] if number else []
                else:
                    candidates = [one for one in candidates if self._holds(predicate, one)]
            found.update(dict.fromkeys(candidates))
        return sorted(found, key=lambda one: -1 if one is None else self._order[one])

    def _deepened(self, contexts: Sequence[Node | None]) -> list[Node | None]:
        """The contexts and everything below them, each once."""
        if None in contexts:
            return [None, *self._order]
        found: dict[Node | None, None] = {}
        for context in contexts:
            if context is None or context in found:
                continue
            below = list(_elements(context.iter()))
            self._pay(len(below))
            found.update(dict.fromkeys(below))
        return list(found)

    def _holds(self, condition: Condition, node: Node) -> bool:
        self._pay(1)
        match condition:
            case Not(inner):
                return not self._holds(inner, node)
            case Every(every):
                return all(self._holds(one, node) for one in every)
            case Any(several):
                return any(self._holds(one, node) for one in several)
            case Exists(operand):
                return bool(self._texts(operand, node))
            case Compare(operand, equal, text):
                return any((one == text) is equal for one in self._texts(operand, node))
            case Part(operand, at_start, text):
                first = next(iter(self._texts(operand, node)), "")
                return first.startswith(text) if at_start else text in first

    def _texts(self, operand: Operand, node: Node) -> list[str]:
        nodes = self._walk([node], operand.steps)
        texts: list[str] = []
        for one in nodes:
            self._pay(1)
            texts += self._read(operand, one)
        if operand.normalized:
            first = texts[0] if texts else ""
            return [" ".join(part for part in first.translate(_AS_BLANKS).split(" ") if part)]
        return texts

    def _read(self, operand: Operand, node: Node | None) -> list[str]:
        if node is None:
            has_value = operand.attribute is None and operand.reading is Reading.VALUE
            return [string_value(self._root, self._pay)] if has_value else []
        if operand.attribute is not None:
            value = node.get(operand.attribute)
            return [] if value is None else [value]
        if operand.reading is Reading.LOCAL_NAME:
            return [str(node.tag).rpartition("}")[2]]
        if operand.reading is Reading.NAME:
            local = str(node.tag).rpartition("}")[2]
            return [f"{node.prefix}:{local}" if node.prefix else local]
        if operand.reading is Reading.TEXT:
            self._pay(len(node))
            texts = [text for text in (node.text, *(child.tail for child in node)) if text]
        else:
            texts = [string_value(node, self._pay)]
        self._pay(sum(map(len, texts)) // _CHARACTERS)
        return texts

    def _pay(self, cost: int) -> None:
        self._left -= cost
        if self._left < 0:
            said = f"{quoted(self._text)} takes too long to find"
            raise ConfigError(error("xpath-too-costly", said, "name the elements from the root on, without //"))


_AS_BLANKS = str.maketrans(_BLANKS, " " * len(_BLANKS))


def string_value(node: Node, pay: Callable[[int], None] = lambda _: None) -> str:
    """All text in an element (XPath 1.0, section 5.2); `pay` is told of every element looked at."""
    parts: list[str] = []
    waiting: list[Node | str] = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, str):
            parts.append(current)
            continue
        pay(1 + len(current))
        following: list[Node | str] = [current.text or ""] if isinstance(current.tag, str) else []
        for child in current:
            following += [child, child.tail or ""]
        waiting += reversed(following)
    return "".join(parts)


def _elements(nodes: Iterable[Node]) -> Iterator[Node]:
    return (one for one in nodes if isinstance(one.tag, str))


def _is_named(node: Node, name: str) -> bool:
    if name == "*":
        return True
    if name.endswith("}*"):
        return str(node.tag).startswith(name[:-1])
    return node.tag == name

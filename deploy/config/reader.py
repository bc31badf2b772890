"""Reads the elements of one document and gathers everything that is wrong with them, each with its line.

Pure. What is missing is replaced by something harmless and said, so that the rest can be judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy.config.check import MOST_PROBLEMS
from deploy.config.spelling import nearest
from deploy.config.xmltree import Element
from deploy.errors import Problem, error, quoted, warning

_BOOLEANS = {"true": True, "false": False}


@dataclass(slots=True)
class Reader:
    """The problems of one document so far; `name` is its path or address without credentials."""

    name: str
    problems: list[Problem] = field(default_factory=list)
    errors: int = 0

    def fault(self, code: str, element: Element, message: str, hint: str) -> None:
        """Note an error."""
        if self.errors <= MOST_PROBLEMS:
            self.problems.append(error(code, message, hint, file=self.name, line=element.line))
            self.errors += 1

    def remark(self, code: str, element: Element, message: str, hint: str) -> None:
        """Note a warning."""
        if len(self.problems) - self.errors <= MOST_PROBLEMS:
            self.problems.append(warning(code, message, hint, file=self.name, line=element.line))

    def children(
        self, element: Element, known: Sequence[str], *, with_text: bool = False
    ) -> Mapping[str, list[Element]]:
        """The known children by name; unknown ones, and text where none belongs, are said."""
        found: dict[str, list[Element]] = {child: [] for child in known}
        name = shown(element.name)
        for child in element.children:
            if child.name in found:
                found[child.name].append(child)
            else:
                hint = self.guess(child.name, known, "<{}>", f"<{name}> holds")
                self.remark("unknown-element", child, f"<{shown(child.name)}> in <{name}> is unknown and ignored", hint)
        if not with_text and not element.text.isspace() and element.text:
            self.remark("stray-text", element, f"text inside <{name}> is ignored", "put values into attributes")
        return found

    def attributes(self, element: Element, known: Sequence[str]) -> None:
        """Say which attributes are not known."""
        for name in element.attributes:
            if name not in known:
                hint = self.guess(name, known, "{}", f"<{shown(element.name)}> takes")
                said = f"the attribute {shown(name)} of <{shown(element.name)}> is unknown and ignored"
                self.remark("unknown-attribute", element, said, hint)

    def guess(self, name: str, known: Sequence[str], form: str, takes: str) -> str:
        """What somebody may have meant who wrote `name`, as a hint."""
        near = nearest(name, known) if len(self.problems) < MOST_PROBLEMS else None
        if near is None:
            return f"{takes} {', '.join(map(form.format, known)) or 'nothing of the kind'}"
        case = " (upper and lower case matter)" if near.lower() == name.lower() else ""
        return f"did you mean {form.format(near)}?{case}"

    def is_root(self, root: Element, name: str) -> bool:
        """Whether the root element may be read as `name`; one that is spelled otherwise is said."""
        if root.name == name:
            return True
        hint = "remove the xmlns attribute" if root.name.startswith("{") else f"write <{name}>, in exactly this case"
        self.fault("wrong-root", root, f"the root element is <{shown(root.name)}> and not <{name}>", hint)
        return root.name.lower() == name.lower()

    def single(self, found: Sequence[Element]) -> Element | None:
        """The first of elements of which one may be there."""
        for again in found[1:]:
            said = f"<{again.name}> is there already, on line {found[0].line}"
            self.fault("repeated-element", again, said, "keep one of them")
        return found[0] if found else None

    def missing_element(self, element: Element, name: str, example: str) -> None:
        """Say that a child is missing; `example` says what to write."""
        others = [child.name for child in element.children]
        said = f"<{name}> is missing in <{shown(element.name)}>"
        self.fault("missing-element", element, said, _twin(name, others) or example)

    def missing_attribute(self, element: Element, name: str, example: str) -> None:
        """Say that an attribute is missing or empty; `example` says what to write."""
        others = () if name in element.attributes else tuple(element.attributes)
        said = f"{name} is missing in <{shown(element.name)}>"
        self.fault("missing-attribute", element, said, _twin(name, others) or example)

    def required(self, element: Element, name: str, instead: str, example: str, *, blank: bool = False) -> str:
        """A text that has to be there, and to hold something unless `blank`; else `instead`."""
        text = element.attributes.get(name)
        if text is None or (not blank and not text.strip()):
            self.missing_attribute(element, name, example)
            return instead
        return text

    def boolean(self, element: Element, name: str, default: bool = False) -> bool:
        """`true` or `false`, in any case."""
        text = element.attributes.get(name)
        value = default if text is None else _BOOLEANS.get(text.lower())
        if value is None:
            self.fault(
                "bad-value", element, f"{name} is {quoted(text or '')}", f'write {name}="true" or {name}="false"'
            )
            return default
        return value


def shown(name: str) -> str:
    """An element's or attribute's name on one line; XML lets it be long and hold anything printable."""
    return quoted(name)[1:-1]


def _twin(name: str, others: Sequence[str]) -> str | None:
    twin = next((other for other in others if other.lower() == name.lower()), None)
    return None if twin is None else f"write {name} for {shown(twin)}: upper and lower case matter"

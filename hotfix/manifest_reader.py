"""How single values of a manifest are read: numbers, choices, versions, roles, conditions, registry keys.

Pure. Every method says what is wrong and returns something harmless, so that the rest is judged too.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from deploy.config.reader import Reader, shown
from deploy.config.spelling import nearest
from deploy.config.xmltree import Element
from deploy.digest import parse_sha256
from deploy.errors import quoted
from deploy.machine import Role
from deploy.relpath import segment_problem
from hotfix.model import OnError, Versions, When

ACTION = ("roles", "condition", "onError")
RESTRICTION = ("roles", "condition")
LONGEST_TIMEOUT = 24 * 3600  # seconds
LONGEST_ID = 100

_VERSION = re.compile(r"\d{1,5}(?:\.\d{1,5}){0,3}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RESERVED = "catalog.json"
_CONDITION = re.compile(r"\s*(!?)\s*exists\s*\((.*)\)\s*", re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]{1,20}|0[xX][0-9a-fA-F]{1,16}")
_ROLES = {role.value.lower(): role for role in Role}

_Choice = TypeVar("_Choice", bound=enum.StrEnum)


@dataclass(slots=True)
class ManifestReader(Reader):
    """Reads values of the elements of one manifest."""

    def leaf(self, element: Element, known: Sequence[str]) -> None:
        """Say what is unknown in an element without children."""
        self.known(element, known)
        self.children(element, ())

    def leaf_text(self, element: Element) -> None:
        """Say what is unknown in an element that holds text only."""
        self.known(element, ())
        self.children(element, (), with_text=True)

    def group(self, element: Element) -> None:
        """Say what is unknown in an element that only holds others."""
        self.known(element, ())

    def known(self, element: Element, known: Sequence[str]) -> None:
        """Say which attributes are unknown; one that was meant to limit where the element applies is an error.

        Ignored, it would make the element apply everywhere.
        """
        rest = dict(element.attributes)
        for name in element.attributes:
            if name not in known and nearest(name, (*known, *ACTION)) in RESTRICTION:
                said = f"{shown(name)} of <{shown(element.name)}> limits nothing here, but looks as if it should"
                meant = nearest(name, RESTRICTION)
                place = f"write {meant}" if meant in known else "write it on each element that it is meant for"
                self.fault("unclear-restriction", element, said, place)
                del rest[name]
        self.attributes(Element(element.name, rest, "", element.line, ()), known)

    def when(self, element: Element) -> When:
        """`roles`, `condition` and `onError` of an element."""
        path, negated = self.condition(element)
        on_error = self.choice(element, "onError", OnError.ROLLBACK)
        return When(self.roles(element), path, negated, on_error, element.line)

    def roles(self, element: Element) -> frozenset[Role]:
        """Roles in any case, separated by `;`."""
        text = element.attributes.get("roles")
        if text is None:
            return frozenset()
        names = [name.strip() for name in text.split(";") if name.strip()]
        if not names:
            self.fault("bad-value", element, "roles names no role", "name roles, or leave roles out to mean all")
        found = set()
        for name in names:
            role = _ROLES.get(name.lower())
            if role is None:
                near = nearest(name, [one.value for one in Role])
                hint = f"did you mean {near}?" if near else f"use {', '.join(Role)}, separated by ;"
                self.fault("unknown-role", element, f"{quoted(name)} is not a role", hint)
            else:
                found.add(role)
        return frozenset(found)

    def condition(self, element: Element) -> tuple[str, bool]:
        """The path of `exists(path)` or `!exists(path)` and whether it is the latter; "" where there is none."""
        text = element.attributes.get("condition")
        if text is None:
            return "", False
        found = _CONDITION.fullmatch(text)
        path = "" if found is None else found[2].strip()
        if found is None or not path or "exists(" in path.replace(" ", ""):
            hint = "write exists(path) or !exists(path), as in exists($(InstallDir)Services\\Bin\\Router.exe)"
            self.fault("bad-condition", element, f"the condition {quoted(text)} cannot be read", hint)
            return "", False
        return path, found[1] == "!"

    def choice(self, element: Element, name: str, default: _Choice) -> _Choice:
        """One of the values of the default's enumeration, in any case."""
        text = element.attributes.get(name)
        if text is None:
            return default
        values: dict[str, _Choice] = {one.value.lower(): one for one in type(default)}
        value = values.get(text.strip().lower())
        if value is None:
            names = [one.value for one in values.values()]
            near = nearest(text, names)
            hint = f"did you mean {near}?" if near else f"write {', '.join(names[:-1])} or {names[-1]}"
            self.fault("bad-value", element, f"{name} is {quoted(text)}", hint)
            return default
        return value

    def number(self, element: Element, name: str, default: int, lowest: int, highest: int) -> int:
        """A whole number, decimal or with 0x."""
        text = element.attributes.get(name)
        if text is None:
            return default
        value = number_of(text)
        if value is None or not lowest <= value <= highest:
            hint = f"write a whole number from {lowest} to {highest}"
            self.fault("bad-value", element, f"{name} is {quoted(text)}", hint)
            return default
        return value

    def timeout(self, element: Element, default: int) -> int:
        """Seconds, at least one."""
        return self.number(element, "timeout", default, 1, LONGEST_TIMEOUT)

    def version(self, element: Element, name: str) -> str:
        """A version of one to four numbers, "" where there is none."""
        text = element.attributes.get(name, "").strip()
        if text and (not _VERSION.fullmatch(text) or any(int(part) > 65535 for part in text.split("."))):
            hint = "write one to four numbers up to 65535, as in 9.6.1.413"
            self.fault("bad-value", element, f"{name} is {quoted(text)}", hint)
            return ""
        return text

    def versions(self, element: Element) -> Versions:
        """`minVersion` and `maxVersion`."""
        lowest, highest = self.version(element, "minVersion"), self.version(element, "maxVersion")
        if lowest and highest and _parts(lowest, 0) > _parts(highest, 65535):
            said = f"minVersion {lowest} is higher than maxVersion {highest}"
            self.fault("bad-value", element, said, "exchange them")
        return Versions(lowest, highest)

    def sha256(self, element: Element) -> str:
        """64 hexadecimal digits, "" where there is none."""
        text = element.attributes.get("sha256")
        if text is None or not text.strip():
            return ""
        digest = parse_sha256(text)
        if digest is None:
            hint = "write its 64 hexadecimal digits, or leave it out: micce-hotfix build fills it in"
            self.fault("bad-value", element, f"sha256 is {quoted(text)}", hint)
            return ""
        return digest

    def hotfix_id(self, element: Element) -> str:
        """The id of a hotfix: a name Windows lets a folder have."""
        text = self.required(element, "id", "", 'write its id, as in id="MICCE-9.6.1-HF003"').strip()
        if not text:
            return ""
        reason = segment_problem(text)
        if reason is None and not _ID.fullmatch(text):
            reason = "it holds more than letters, digits, dots, hyphens and underscores"
        if reason is None and (len(text) > LONGEST_ID or text.lower() == _RESERVED):
            reason = f"it is longer than {LONGEST_ID} characters" if len(text) > LONGEST_ID else "that name is taken"
        if reason is not None:
            said = f"the id {quoted(text)} cannot name a folder, because {reason}"
            self.fault("bad-id", element, said, "use letters, digits, dots and hyphens, as in MICCE-9.6.1-HF003")
        return text


def number_of(text: str) -> int | None:
    """A whole number written in decimal digits or with 0x; None for anything else."""
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    return int(text, 16 if text[:2].lower() == "0x" else 10)


def _parts(version: str, filler: int) -> tuple[int, ...]:
    numbers = [int(part) for part in version.split(".")]
    return (*numbers, *[filler] * (4 - len(numbers)))

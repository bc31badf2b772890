"""One table of a TOML document while it is read: typed values out, every mistake noted with its line.

Pure. Unknown keys are warnings with the nearest known key, wrong types are errors.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from deploy.config.spelling import nearest
from deploy.errors import Problem, error, warning
from deploy.toml_lines import KeyPath, line_of

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (str, "a string"),
    (int, "a number"),
    (float, "a number with a fraction"),
    (list, "an array"),
    (dict, "a table"),
)


_Choice = TypeVar("_Choice", bound=enum.StrEnum)


class Section:
    """A table being read. Whatever was not asked for when `finish` is called is an unknown key."""

    def __init__(
        self, table: Mapping[str, object], path: KeyPath, lines: Mapping[KeyPath, int], problems: list[Problem]
    ) -> None:
        self._table = table
        self._path = path
        self._lines = lines
        self._problems = problems
        self._known: list[str] = []

    def __iter__(self) -> Iterator[str]:
        """The keys in the document's order."""
        return iter(self._table)

    def has(self, key: str) -> bool:
        return key in self._table

    def line(self, key: str) -> int | None:
        """The 1-based line of `key`, or of this table where the key is not there."""
        return line_of(self._lines, (*self._path, key))

    def text(self, key: str, *, number_too: bool = False) -> str | None:
        """A string; with `number_too` an integer is taken as its digits."""
        value = self._asked(key)
        if number_too and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str):
            return value
        self._mistyped(key, value, "a string")
        return None

    def texts(self, key: str) -> tuple[str, ...] | None:
        """An array of strings."""
        value = self._asked(key)
        if isinstance(value, list):
            strange = [one for one in value if not isinstance(one, str)]
            if not strange:
                return tuple(value)
            self.wrong(key, f"{self._shown(key)} holds {_kind(strange[0])}", "write strings only", code="wrong-type")
            return None
        self._mistyped(key, value, "an array of strings")
        return None

    def number(self, key: str, least: int, most: int) -> int | None:
        """An integer between `least` and `most`, both included."""
        value = self._asked(key)
        if isinstance(value, int) and not isinstance(value, bool):
            if least <= value <= most:
                return value
            self.wrong(key, f"{self._shown(key)} is {value}", f"write a number from {least} to {most}")
            return None
        self._mistyped(key, value, "a number")
        return None

    def seconds(self, key: str, least: float, most: float) -> float | None:
        """A number between `least` and `most`, both included, with or without a fraction."""
        value = self._asked(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            if least <= value <= most:
                return float(value)
            self.wrong(key, f"{self._shown(key)} is {value}", f"write a number of seconds from {least:g} to {most:g}")
            return None
        self._mistyped(key, value, "a number of seconds")
        return None

    def flag(self, key: str) -> bool | None:
        """True or false."""
        value = self._asked(key)
        if isinstance(value, bool):
            return value
        self._mistyped(key, value, "true or false")
        return None

    def choice(self, key: str, choices: type[_Choice], default: _Choice) -> _Choice:
        """One of the values of an enumeration, written in any case."""
        text = self.text(key)
        for choice in choices:
            if text is not None and text.strip().lower() == choice.value.lower():
                return choice
        if text is not None:
            self.wrong(key, f"{self._shown(key)} is '{text}'", f"write one of: {', '.join(choices)}")
        return default

    def section(self, key: str) -> Section:
        """A table; an empty one where the key is missing or something else."""
        value = self._asked(key)
        if isinstance(value, dict):
            return Section(value, (*self._path, key), self._lines, self._problems)
        self._mistyped(key, value, "a table")
        return Section({}, (*self._path, key), self._lines, self._problems)

    def sections(self, key: str) -> tuple[Section, ...]:
        """An array of tables."""
        value = self._asked(key)
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            return tuple(
                Section(one, (*self._path, key, number), self._lines, self._problems)
                for number, one in enumerate(value)
            )
        self._mistyped(key, value, "an array of tables")
        return ()

    def wrong(self, key: str, message: str, hint: str, *, code: str = "bad-setting") -> None:
        """Note an error at `key`."""
        self._problems.append(error(code, message, hint, line=self.line(key)))

    def unknown(self, key: str, known: Iterable[str]) -> None:
        """Note that `key` means nothing here, and the nearest of `known`."""
        names = tuple(known)
        near = nearest(key, names)
        hint = f"did you mean {near}?" if near else f"known are {', '.join(names)}"
        self._problems.append(warning("unknown-key", f"{self._shown(key)} is not known", hint, line=self.line(key)))

    def finish(self) -> None:
        """Note every key that was never asked for."""
        for key in self._table:
            if key not in self._known:
                self.unknown(key, self._known)

    def _asked(self, key: str) -> object:
        self._known.append(key)
        return self._table.get(key)

    def _mistyped(self, key: str, value: object, wanted: str) -> None:
        if value is not None:
            self.wrong(key, f"{self._shown(key)} is {_kind(value)}", f"write {wanted}", code="wrong-type")

    def _shown(self, key: str) -> str:
        return ".".join(part for part in (*self._path, key) if isinstance(part, str))


def _kind(value: object) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "a date or a time")

"""Reading documents of JSON strictly: every value is looked at before it is believed. Pure.

Each method of `JsonObject` reads one name and raises `ValueError`, in words that name it, for a value
that is missing or is not what it should be. Names that nobody asks for are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deploy.errors import ConfigError, quoted
from deploy.relpath import RelPath

LONGEST_TEXT = 20_000
HIGHEST = 2**53  # up to here every reader of JSON has whole numbers exactly (RFC 8259 section 6)
TIME = "%Y-%m-%dT%H:%M:%SZ"


def read_object(data: bytes, what: str) -> JsonObject:
    """The object that a document in UTF-8 holds; raises `ValueError` for anything else, twins of a name too."""
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except RecursionError as wrong:
        raise ValueError("it is nested too deeply") from wrong
    return JsonObject(document, what)


def time_text(when: datetime) -> str:
    """A time as documents have it: UTC, to the second, as 2023-07-14T09:00:00Z."""
    return when.astimezone(UTC).strftime(TIME)


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object of a document; `where` names it in messages."""

    given: object
    where: str
    values: Mapping[str, object] = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.given, dict):
            raise ValueError(f"{self.where} is no object")
        object.__setattr__(self, "values", self.given)

    def text(self, name: str) -> str:
        """A text of at most `LONGEST_TEXT` characters."""
        value = self.values.get(name)
        if not isinstance(value, str) or len(value) > LONGEST_TEXT or not _is_whole(value):
            raise ValueError(f"{name} of {self.where} is missing, too long or no text")
        return value

    def path(self, name: str) -> RelPath:
        """A path below a base folder, or the base."""
        return as_path(self.text(name), f"{name} of {self.where}")

    def number(self, name: str, lowest: int, highest: int = HIGHEST) -> int:
        """A whole number."""
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise ValueError(f"{name} of {self.where} is missing or no number from {lowest} to {highest}")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.values.get(name)
        if not isinstance(value, bool):
            raise ValueError(f"{name} of {self.where} is neither true nor false")
        return value

    def time(self, name: str) -> datetime:
        """A time in UTC."""
        try:
            return datetime.strptime(self.text(name), TIME).replace(tzinfo=UTC)
        except ValueError as wrong:
            raise ValueError(f"{name} of {self.where} is no time as 2023-07-14T09:00:00Z") from wrong

    def many(self, name: str, most: int) -> list[object]:
        """An array of at most `most` values."""
        value = self.values.get(name)
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(f"{name} of {self.where} is missing, no list, or has more than {most} parts")
        return value


def as_text(value: object) -> str:
    """A text; raises `ValueError`."""
    if not isinstance(value, str):
        raise ValueError(f"{quoted(str(value))} is no text")
    return value


def as_path(text: str, where: str) -> RelPath:
    """A path below a base folder, or the base; raises `ValueError`."""
    try:
        return RelPath.parse(text)
    except ConfigError as wrong:
        raise ValueError(f"{where}: {wrong.problems[0].message}") from wrong


def _is_whole(text: str) -> bool:
    """Whether no half of a character is in a text: an escape may bring one, and no file or screen takes it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is no value")

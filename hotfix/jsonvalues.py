"""Frozen dataclasses of plain values as JSON and back, so strictly that what comes back is what was written.

Pure. A dataclass is an object of all its fields, a tuple an array, a frozenset a sorted array, an enum
its value, bytes `{"hex": ...}`, a time its ISO 8601 text. A field that is missing, unknown or of
another type is an error: a record is read as it was written, or not at all.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from deploy.digest import Sha256, parse_sha256

_Value = TypeVar("_Value")
_PLAIN = (bool, int, str)


def encoded(value: object) -> object:
    """What `json.dumps` takes for a value; raises `TypeError` for one that has no form here."""
    match value:
        case enum.Enum():
            return encoded(value.value)
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return {"hex": value.hex()}
        case datetime():
            return value.isoformat()
        case tuple():
            return [encoded(one) for one in value]
        case frozenset():
            return [encoded(one) for one in sorted(value)]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encoded(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def decoded(kind: type[_Value], document: object) -> _Value:
    """The value of type `kind` that `encoded` made `document` of; raises `ValueError` that says where it is not."""
    value: _Value = _decoded(kind, document, "")
    return value


def _decoded(kind: Any, document: object, place: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _one_of(typing.get_args(kind), document, place)
    if origin in (tuple, frozenset):
        return _several(origin, typing.get_args(kind), document, place)
    if kind is Sha256:
        return _digest(document, place)
    if kind is None or kind is type(None):
        return _if(document is None, document, place, "null")
    if kind is float:
        return _if(type(document) in (int, float), document, place, "number")
    if kind in _PLAIN:
        return _if(type(document) is kind, document, place, kind.__name__)
    if is_dataclass(kind):
        return _dataclass(kind, document, place)
    reader = _READERS.get(kind)
    if reader is None and isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        reader = kind
    if reader is None:
        raise TypeError(f"{kind} has no form in JSON")
    try:
        return reader(document)
    except (ValueError, TypeError, KeyError) as wrong:
        raise ValueError(f"{place or 'it'} is no {kind.__name__}") from wrong


def _one_of(kinds: tuple[Any, ...], document: object, place: str) -> object:
    for kind in kinds:
        try:
            return _decoded(kind, document, place)
        except ValueError as wrong:
            # The deepest complaint is the useful one: of "X or nothing" it is that of X.
            if kind is kinds[0]:
                first = wrong
    raise first


def _several(origin: type, inner: tuple[Any, ...], document: object, place: str) -> object:
    if not isinstance(document, list):
        raise ValueError(f"{place or 'it'} is no array")
    if origin is tuple and inner[-1] is not Ellipsis:
        if len(document) != len(inner):
            raise ValueError(f"{place or 'it'} has {len(document)} members and not {len(inner)}")
        kinds = inner
    else:
        kinds = (inner[0],) * len(document)
    found = [
        _decoded(kind, one, f"{place}[{number}]")
        for number, (kind, one) in enumerate(zip(kinds, document, strict=True))
    ]
    return origin(found)


def _dataclass(kind: Any, document: object, place: str) -> object:
    if not isinstance(document, dict):
        raise ValueError(f"{place or 'it'} is no object")
    wanted = _hints(kind)
    for name in (*wanted, *document):
        if (name in wanted) != (name in document):
            raise ValueError(f"{place or 'it'} {'lacks' if name in wanted else 'has an unknown'} {name}")
    inside = f"{place}." if place else ""
    return kind(**{name: _decoded(hint, document[name], f"{inside}{name}") for name, hint in wanted.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _if(is_right: bool, document: object, place: str, name: str) -> object:
    if not is_right:
        raise ValueError(f"{place or 'it'} is no {name}")
    return document


def _digest(document: object, place: str) -> Sha256:
    if isinstance(document, str) and (digest := parse_sha256(document)) == document:
        return digest
    raise ValueError(f"{place or 'it'} is no SHA-256 digest")


def _time(document: object) -> datetime:
    if not isinstance(document, str):
        raise TypeError
    return datetime.fromisoformat(document)


def _bytes(document: object) -> bytes:
    match document:
        case {"hex": str(text), **rest} if not rest:
            return bytes.fromhex(text)
    raise ValueError


_READERS: dict[type, Callable[[object], object]] = {datetime: _time, bytes: _bytes}

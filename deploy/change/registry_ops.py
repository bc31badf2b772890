"""The steps of a change in the registry, taken apart into ops that can each be undone, and what undoes one.

Pure: what is there is read through the `Registry` that is handed in. As with files, what undoes an
op depends only on what is found, so undoing may be broken off and begun again.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from deploy.change.model import DeleteKey, DeleteValue, MakeKey, RegistryStep, SetValue
from deploy.host.registry import Hive, Registry, RegistryKey, RegistryValue, View
from deploy.relpath import fold

_Place = tuple[Hive, View, str]
"""A key as the registry compares it."""


class RegistryKind(enum.StrEnum):
    """What an op does; the names stand in the journal."""

    MAKE_KEY = "make-key"
    SET_VALUE = "set-value"
    DELETE_VALUE = "delete-value"
    DELETE_KEY = "delete-key"


@dataclass(frozen=True, slots=True)
class RegistryOp:
    """One key or value: `MAKE_KEY` has its parent there, `DELETE_KEY` nothing in it any more.

    `value` is the new one, `before` the one that was there; None for none, and for keys.
    """

    kind: RegistryKind
    key: RegistryKey
    name: str = ""
    value: RegistryValue | None = None
    before: RegistryValue | None = None

    def __str__(self) -> str:
        is_value = self.kind in (RegistryKind.SET_VALUE, RegistryKind.DELETE_VALUE)
        return f"{self.key}\\{self.name or '(default)'}" if is_value else str(self.key)


def primitive(steps: Iterable[RegistryStep], registry: Registry) -> tuple[RegistryOp, ...]:
    """The ops that carry out the steps one after the other; nothing for what is there, or gone, already.

    A key gets one op for itself and each missing key above it; a tree goes leaf by leaf. Raises
    `TargetError` as reading does, also for a value that could not be brought back.
    """
    view = _Foreseen(registry)
    ops: list[RegistryOp] = []
    for step in steps:
        for op in _ops_of(step, view):
            view.take(op)
            ops.append(op)
    return tuple(ops)


def _ops_of(step: RegistryStep, view: _Foreseen) -> Iterator[RegistryOp]:
    match step:
        case MakeKey(key):
            yield from _making(key, view)
        case SetValue(key, name, value):
            yield from _making(key, view)
            yield RegistryOp(RegistryKind.SET_VALUE, key, name, value, view.value(key, name))
        case DeleteValue(key, name):
            before = view.value(key, name)
            if before is not None:
                yield RegistryOp(RegistryKind.DELETE_VALUE, key, name, None, before)
        case DeleteKey(key):
            if view.has_key(key):
                yield from _removing(key, view)


def _making(key: RegistryKey, view: _Foreseen) -> Iterator[RegistryOp]:
    missing = [above for above in with_parents(key) if not view.has_key(above)]
    for one in missing:
        yield RegistryOp(RegistryKind.MAKE_KEY, one)


def _removing(key: RegistryKey, view: _Foreseen) -> Iterator[RegistryOp]:
    for name in view.subkeys(key):
        yield from _removing(RegistryKey(key.hive, f"{key.path}\\{name}", key.view), view)
    for name in view.value_names(key):
        yield RegistryOp(RegistryKind.DELETE_VALUE, key, name, None, view.value(key, name))
    yield RegistryOp(RegistryKind.DELETE_KEY, key)


def with_parents(key: RegistryKey) -> tuple[RegistryKey, ...]:
    """The keys above this one, from the top, and it itself."""
    names = key.path.split("\\")
    return tuple(RegistryKey(key.hive, "\\".join(names[:count]), key.view) for count in range(1, len(names) + 1))


class _Foreseen:
    """The registry as it will be after the ops taken so far."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._keys: dict[_Place, tuple[RegistryKey, bool]] = {}
        self._values: dict[tuple[_Place, str], tuple[str, RegistryValue | None]] = {}

    def take(self, op: RegistryOp) -> None:
        if op.kind in (RegistryKind.MAKE_KEY, RegistryKind.DELETE_KEY):
            self._keys[_place(op.key)] = (op.key, op.kind is RegistryKind.MAKE_KEY)
        else:
            self._values[_place(op.key), fold(op.name)] = (op.name, op.value)

    def has_key(self, key: RegistryKey) -> bool:
        known = self._keys.get(_place(key))
        return known[1] if known is not None else self._registry.has_key(key)

    def value(self, key: RegistryKey, name: str) -> RegistryValue | None:
        known = self._values.get((_place(key), fold(name)))
        return known[1] if known is not None else self._registry.value(key, name)

    def subkeys(self, key: RegistryKey) -> list[str]:
        names = {fold(name): name for name in self._registry.subkeys(key)}
        for one, _ in self._keys.values():
            above, _, name = one.path.rpartition("\\")
            if _place(RegistryKey(one.hive, above, one.view)) == _place(key):
                names.setdefault(fold(name), name)
        return [name for name in names.values() if self.has_key(RegistryKey(key.hive, f"{key.path}\\{name}", key.view))]

    def value_names(self, key: RegistryKey) -> list[str]:
        names = {fold(name): name for name in self._registry.value_names(key)}
        for (place, folded), (name, value) in self._values.items():
            if place != _place(key):
                continue
            if value is None:
                names.pop(folded, None)
            else:
                names.setdefault(folded, name)
        return list(names.values())


def _place(key: RegistryKey) -> _Place:
    return key.hive, key.view, fold(key.path)


def outcome(ops: Sequence[RegistryOp]) -> tuple[RegistryOp, ...]:
    """The last op on each key and value: what has to be found when all of them are carried out."""
    last: dict[tuple[_Place, str | None], RegistryOp] = {}
    for op in ops:
        is_key = op.kind in (RegistryKind.MAKE_KEY, RegistryKind.DELETE_KEY)
        last[_place(op.key), None if is_key else fold(op.name)] = op
    return tuple(last.values())


@dataclass(frozen=True, slots=True)
class RegistrySeen:
    """What is found for one op: whether its key is there, and empty; its value."""

    key: bool
    is_empty: bool = False
    value: RegistryValue | None = None


class RegistryUndo(enum.Enum):
    """What brings the key or value of an op back to what it was."""

    NOTHING = enum.auto()
    MAKE_KEY = enum.auto()
    REMOVE_KEY = enum.auto()
    SET_VALUE = enum.auto()
    DELETE_VALUE = enum.auto()


def registry_undo_of(op: RegistryOp, seen: RegistrySeen) -> RegistryUndo:
    """What undoes an op, where everything after it was undone. What others put into a new key stays, and the key."""
    if op.kind is RegistryKind.MAKE_KEY:
        return RegistryUndo.REMOVE_KEY if seen.key and seen.is_empty else RegistryUndo.NOTHING
    if op.kind is RegistryKind.DELETE_KEY:
        return RegistryUndo.NOTHING if seen.key else RegistryUndo.MAKE_KEY
    if seen.value == op.before:
        return RegistryUndo.NOTHING
    return RegistryUndo.DELETE_VALUE if op.before is None else RegistryUndo.SET_VALUE


def is_done(op: RegistryOp, seen: RegistrySeen) -> bool:
    """Whether what is found is what the op makes."""
    if op.kind is RegistryKind.MAKE_KEY:
        return seen.key
    if op.kind is RegistryKind.DELETE_KEY:
        return not seen.key
    return seen.value == op.value

r"""A registry as a value: keys, values, the two views, names in any case. Pure.

Keys stand where a 64-bit Windows has them, so that below `HKLM\SOFTWARE` the 32-bit view is `Wow6432Node`
(Microsoft: "Registry Redirector"). Everywhere else both views see the same. The exceptions below
`HKLM\SOFTWARE` that Windows shares between the views (Microsoft: "Registry Keys Affected by WOW64") are not
made: both views have their own there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from deploy.errors import TargetError, error
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType, View
from deploy.relpath import fold

LONGEST_KEY = 255  # characters of one name (Microsoft: "Registry Element Size Limits")
LONGEST_VALUE_NAME = 16_383
DEEPEST = 512
REDIRECTED = "SOFTWARE"
WOW64 = "Wow6432Node"
_MOST = {ValueType.DWORD: 2**32 - 1, ValueType.QWORD: 2**64 - 1}
_THERE = {
    Hive.HKLM: (REDIRECTED, f"{REDIRECTED}\\{WOW64}", "SYSTEM"),
    Hive.HKCU: ("Software",),
    Hive.HKCR: (),
    Hive.HKU: (),
}


@dataclass(slots=True)
class Key:
    """One key, spelled as it was made; `keys` and `values` are found by the folded name."""

    name: str
    keys: dict[str, Key] = field(default_factory=dict)
    values: dict[str, tuple[str, RegistryValue]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One key with its values and where it stands: `path` is the whole one, whatever the view."""

    hive: Hive
    path: str
    values: tuple[tuple[str, RegistryValue], ...]


class RegistryTree:
    """Every method but `entries` and `put` is that of the same name of `Registry`.

    Raises `TargetError` (registry-failed) for names and values no registry could hold, too.
    """

    def __init__(self) -> None:
        self._hives = {hive: Key(hive) for hive in Hive}
        for hive, paths in _THERE.items():
            for path in paths:
                self.put(Entry(hive, path, ()))

    def entries(self) -> Iterator[Entry]:
        """Every key, each before those below it, in the order of their names."""
        for hive, top in self._hives.items():
            waiting = [("", top)]
            while waiting:
                path, key = waiting.pop()
                yield Entry(hive, path, tuple(key.values[name] for name in sorted(key.values)))
                below = [(f"{path}\\{one.name}" if path else one.name, one) for _, one in sorted(key.keys.items())]
                waiting += reversed(below)

    def put(self, entry: Entry) -> None:
        """Add a key with its values, and the missing ones above it, as `entries` gave it."""
        key = self._hives[entry.hive]
        for name in _names(entry.path, f"{entry.hive}\\{entry.path}"):
            key = key.keys.setdefault(fold(name), Key(name))
        for name, value in entry.values:
            _check(f"{entry.hive}\\{entry.path}", name, value)
            key.values[fold(name)] = (name, value)

    def value(self, key: RegistryKey, name: str) -> RegistryValue | None:
        found = self._find(key)
        known = None if found is None else found.values.get(fold(name))
        return None if known is None else known[1]

    def has_key(self, key: RegistryKey) -> bool:
        return self._find(key) is not None

    def subkeys(self, key: RegistryKey) -> tuple[str, ...]:
        found = self._find(key)
        return () if found is None else tuple(found.keys[name].name for name in sorted(found.keys))

    def value_names(self, key: RegistryKey) -> tuple[str, ...]:
        found = self._find(key)
        return () if found is None else tuple(found.values[name][0] for name in sorted(found.values))

    def set_value(self, key: RegistryKey, name: str, value: RegistryValue) -> None:
        _check(str(key), name, value)
        found = self._find(key)
        if found is None:
            raise failed(str(key), "there is no such key")
        known = found.values.get(fold(name))
        found.values[fold(name)] = (name if known is None else known[0], value)

    def delete_value(self, key: RegistryKey, name: str) -> None:
        found = self._find(key)
        if found is not None:
            found.values.pop(fold(name), None)

    def make_key(self, key: RegistryKey) -> None:
        *above, name = _physical(key) or ("",)
        if not name:
            return
        parent = self._at(key.hive, above)
        if parent is None:
            raise failed(str(key), "the key above it is missing")
        parent.keys.setdefault(fold(name), Key(name))

    def delete_key(self, key: RegistryKey) -> None:
        names = _physical(key)
        if any(fold("\\".join(names)) == fold(path) for path in ("", *_THERE[key.hive])):
            raise failed(str(key), "this key belongs to the system")
        parent = self._at(key.hive, names[:-1])
        found = None if parent is None else parent.keys.get(fold(names[-1]))
        if parent is None or found is None:
            return
        if found.keys:
            raise failed(str(key), "it has keys below it")
        del parent.keys[fold(names[-1])]

    def _find(self, key: RegistryKey) -> Key | None:
        return self._at(key.hive, _physical(key))

    def _at(self, hive: Hive, names: list[str]) -> Key | None:
        key: Key | None = self._hives[hive]
        for name in names:
            key = None if key is None else key.keys.get(fold(name))
        return key


def failed(subject: str, said: str, hint: str = "correct the name or the value") -> TargetError:
    """The error of a registry that cannot do what was asked (registry-failed)."""
    return TargetError(error("registry-failed", f"{subject}: {said}", hint))


def _physical(key: RegistryKey) -> list[str]:
    """The names from the hive to a key of a view, those of the redirected part included."""
    names = _names(key.path, str(key))
    redirected = key.hive is Hive.HKLM and names and fold(names[0]) == REDIRECTED
    if redirected and key.view is View.BITS32 and [fold(name) for name in names[1:2]] != [fold(WOW64)]:
        names.insert(1, WOW64)
    return names


def _names(path: str, subject: str) -> list[str]:
    path = path.strip("\\")
    names = path.split("\\") if path else []
    if len(names) > DEEPEST:
        raise failed(subject[:LONGEST_KEY], f"more than {DEEPEST} keys below each other")
    for name in names:
        if not name or "\0" in name or len(name) > LONGEST_KEY:
            raise failed(subject, f"a name in it is empty or no name, or longer than {LONGEST_KEY} characters")
    return names


def _check(subject: str, name: str, value: RegistryValue) -> None:
    where = f"{subject}, value {name}"
    if "\0" in name or len(name) > LONGEST_VALUE_NAME:
        raise failed(where, f"no name, or longer than {LONGEST_VALUE_NAME} characters")
    match value.type, value.data:
        case ((ValueType.STRING | ValueType.EXPAND), str(text)) if "\0" not in text:
            return
        case ValueType.MULTI, tuple(texts) if all(isinstance(text, str) and "\0" not in text for text in texts):
            return
        case (ValueType.DWORD | ValueType.QWORD) as type, int(number) if 0 <= number <= _MOST[type]:
            if not isinstance(number, bool):
                return
        case ValueType.BINARY, bytes():
            return
    raise failed(where, f"the registry cannot hold this as {value.type}")

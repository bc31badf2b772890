"""The registry of this computer, as part of the Host seam, and the values it holds."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol


class Hive(enum.StrEnum):
    """The roots a key can stand in; HKCU is that of the account this runs under."""

    HKLM = "HKLM"
    HKCU = "HKCU"
    HKCR = "HKCR"
    HKU = "HKU"


class View(enum.StrEnum):
    """Which registry a key is looked for in: under Wow6432Node or not."""

    BITS32 = "32"
    BITS64 = "64"


class ValueType(enum.StrEnum):
    """The type of a value: REG_SZ, REG_EXPAND_SZ, REG_MULTI_SZ, REG_DWORD, REG_QWORD, REG_BINARY."""

    STRING = "string"
    EXPAND = "expandString"
    MULTI = "multiString"
    DWORD = "dword"
    QWORD = "qword"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class RegistryKey:
    r"""A key: `path` without the hive, names separated by `\`, as written; compared in any case by the registry."""

    hive: Hive
    path: str
    view: View = View.BITS32

    def __str__(self) -> str:
        return f"{self.hive}\\{self.path}"


@dataclass(frozen=True, slots=True)
class RegistryValue:
    """A value: text for STRING and EXPAND, a tuple of texts for MULTI, a number >= 0 for DWORD and QWORD, bytes."""

    type: ValueType
    data: str | int | bytes | tuple[str, ...]


class Registry(Protocol):
    """Reads and changes the registry; keys and names in any case.

    The methods that change raise `TargetError` (no-permission, registry-failed), and every method
    raises `TargetError` (registry-unavailable) where this machine has no registry and nothing stands
    in for one. A change is durable when its method returns.
    """

    def value(self, key: RegistryKey, name: str) -> RegistryValue | None:
        """A value, "" for the default one; None where key or value is missing.

        Raises `TargetError` (registry-failed) for a value of a type that has no `ValueType`.
        """
        ...

    def has_key(self, key: RegistryKey) -> bool:
        """Whether the key is there."""
        ...

    def subkeys(self, key: RegistryKey) -> tuple[str, ...]:
        """The names of the keys directly below; none where the key is missing."""
        ...

    def value_names(self, key: RegistryKey) -> tuple[str, ...]:
        """The names of the values of a key; none where the key is missing."""
        ...

    def set_value(self, key: RegistryKey, name: str, value: RegistryValue) -> None:
        """Set a value; the key is there (`make_key`)."""
        ...

    def delete_value(self, key: RegistryKey, name: str) -> None:
        """Remove a value; nothing to do where it is missing."""
        ...

    def make_key(self, key: RegistryKey) -> None:
        """Make one key whose parent is there; nothing to do where it is there."""
        ...

    def delete_key(self, key: RegistryKey) -> None:
        """Remove a key without subkeys, with its values; nothing to do where it is missing."""
        ...

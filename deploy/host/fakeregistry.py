"""A registry in memory that remembers what was changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.errors import TargetError, error
from deploy.host.registry import RegistryKey, RegistryValue
from deploy.host.registrytree import RegistryTree


@dataclass(frozen=True, slots=True)
class RegistryCall:
    """One change that was asked for: `method` is the name of the method, `name` that of the value."""

    method: str
    key: RegistryKey
    name: str | None = None


@dataclass(slots=True)
class FakeRegistry:
    """`calls` holds every change in order, also refused ones; keys in `refused` may not be changed."""

    tree: RegistryTree = field(default_factory=RegistryTree)
    calls: list[RegistryCall] = field(default_factory=list)
    refused: set[RegistryKey] = field(default_factory=set)

    def value(self, key: RegistryKey, name: str) -> RegistryValue | None:
        return self.tree.value(key, name)

    def has_key(self, key: RegistryKey) -> bool:
        return self.tree.has_key(key)

    def subkeys(self, key: RegistryKey) -> tuple[str, ...]:
        return self.tree.subkeys(key)

    def value_names(self, key: RegistryKey) -> tuple[str, ...]:
        return self.tree.value_names(key)

    def set_value(self, key: RegistryKey, name: str, value: RegistryValue) -> None:
        self._called("set_value", key, name)
        self.tree.set_value(key, name, value)

    def delete_value(self, key: RegistryKey, name: str) -> None:
        self._called("delete_value", key, name)
        self.tree.delete_value(key, name)

    def make_key(self, key: RegistryKey) -> None:
        self._called("make_key", key)
        self.tree.make_key(key)

    def delete_key(self, key: RegistryKey) -> None:
        self._called("delete_key", key)
        self.tree.delete_key(key)

    def _called(self, method: str, key: RegistryKey, name: str | None = None) -> None:
        self.calls.append(RegistryCall(method, key, name))
        if key in self.refused:
            raise TargetError(error("no-permission", f"this account may not change {key}", "run this as administrator"))

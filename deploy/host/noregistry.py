"""No registry: what machine.toml asks for with `driver = "none"`. Pure."""

from __future__ import annotations

from typing import NoReturn

from deploy.errors import TargetError, error
from deploy.host.registry import RegistryKey, RegistryValue


class NoRegistry:
    """Refuses every question and every change: `TargetError` (registry-unavailable)."""

    def value(self, key: RegistryKey, name: str) -> RegistryValue | None:  # noqa: ARG002
        _refuse(key)

    def has_key(self, key: RegistryKey) -> bool:
        _refuse(key)

    def subkeys(self, key: RegistryKey) -> tuple[str, ...]:
        _refuse(key)

    def value_names(self, key: RegistryKey) -> tuple[str, ...]:
        _refuse(key)

    def set_value(self, key: RegistryKey, name: str, value: RegistryValue) -> None:  # noqa: ARG002
        _refuse(key)

    def delete_value(self, key: RegistryKey, name: str) -> None:  # noqa: ARG002
        _refuse(key)

    def make_key(self, key: RegistryKey) -> None:
        _refuse(key)

    def delete_key(self, key: RegistryKey) -> None:
        _refuse(key)


def _refuse(key: RegistryKey) -> NoReturn:
    hint = 'set driver = "file" below [registry] in machine.toml'
    raise TargetError(error("registry-unavailable", f"{key}: this machine has no registry", hint))

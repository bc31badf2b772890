"""Registry values as Windows keeps them: views, types, what cannot be changed."""

from __future__ import annotations

import uuid
import winreg
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.errors import TargetError
from deploy.host.current import current
from deploy.host.registry import Hive, Registry, RegistryKey, RegistryValue, ValueType, View
from deploy.machine import RegistryDriver

pytestmark = pytest.mark.windows


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return current().registry(RegistryDriver.FILE, tmp_path)


@pytest.fixture
def name() -> Iterator[str]:
    """A key of its own below HKLM\\SOFTWARE, gone from both views afterwards."""
    own = f"MicceTest{uuid.uuid4().hex[:8]}"
    yield own
    for view in (winreg.KEY_WOW64_32KEY, winreg.KEY_WOW64_64KEY):
        _remove(f"SOFTWARE\\{own}", view)


def _remove(path: str, view: int) -> None:
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, winreg.KEY_READ | view) as key:
            below = [winreg.EnumKey(key, number) for number in range(winreg.QueryInfoKey(key)[0])]
    except FileNotFoundError:
        return
    for one in below:
        _remove(f"{path}\\{one}", view)
    winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, path, view, 0)


def _seen(path: str, name: str) -> tuple[object, int]:
    """A value as regedit shows it."""
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as key:
        return winreg.QueryValueEx(key, name)


VALUES = [
    (RegistryValue(ValueType.STRING, "text åäö"), "text åäö", winreg.REG_SZ),
    (RegistryValue(ValueType.STRING, ""), "", winreg.REG_SZ),
    (RegistryValue(ValueType.EXPAND, "%SystemRoot%\\x"), "%SystemRoot%\\x", winreg.REG_EXPAND_SZ),
    (RegistryValue(ValueType.MULTI, ("a", "b c")), ["a", "b c"], winreg.REG_MULTI_SZ),
    (RegistryValue(ValueType.MULTI, ()), [], winreg.REG_MULTI_SZ),
    (RegistryValue(ValueType.DWORD, 0), 0, winreg.REG_DWORD),
    (RegistryValue(ValueType.DWORD, 2**32 - 1), 2**32 - 1, winreg.REG_DWORD),
    (RegistryValue(ValueType.QWORD, 2**64 - 1), 2**64 - 1, winreg.REG_QWORD),
    (RegistryValue(ValueType.BINARY, b"\x00\xff"), b"\x00\xff", winreg.REG_BINARY),
    (RegistryValue(ValueType.BINARY, b""), None, winreg.REG_BINARY),
]


@pytest.mark.parametrize(("value", "data", "kind"), VALUES, ids=lambda one: str(one)[:40])
@pytest.mark.parametrize(("view", "below"), [(View.BITS32, "SOFTWARE\\Wow6432Node"), (View.BITS64, "SOFTWARE")])
def test_values_land_in_their_view_with_their_type(
    registry: Registry, name: str, view: View, below: str, value: RegistryValue, data: object, kind: int
) -> None:
    key = RegistryKey(Hive.HKLM, f"SOFTWARE\\{name}", view)
    registry.make_key(key)
    registry.set_value(key, "Value", value)
    assert _seen(f"{below}\\{name}", "Value") == (data, kind)
    assert registry.value(key, "VALUE") == value
    other = RegistryKey(key.hive, key.path, View.BITS64 if view is View.BITS32 else View.BITS32)
    assert not registry.has_key(other)


def test_a_type_that_has_no_name_is_refused_and_stays(registry: Registry, name: str) -> None:
    key = RegistryKey(Hive.HKLM, f"SOFTWARE\\{name}")
    registry.make_key(key)
    path = f"SOFTWARE\\Wow6432Node\\{name}"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, winreg.KEY_WRITE | winreg.KEY_WOW64_64KEY) as opened:
        winreg.SetValueEx(opened, "Odd", 0, winreg.REG_NONE, b"x")
    with pytest.raises(TargetError) as caught:
        registry.value(key, "Odd")
    assert caught.value.code == "registry-failed"
    assert registry.value_names(key) == ("Odd",)


@pytest.mark.parametrize(
    "value",
    [
        RegistryValue(ValueType.DWORD, 2**32),
        RegistryValue(ValueType.QWORD, 2**64),
        RegistryValue(ValueType.DWORD, -1),
        RegistryValue(ValueType.BINARY, "text"),
    ],
    ids=str,
)
def test_what_a_type_cannot_hold_is_refused(registry: Registry, name: str, value: RegistryValue) -> None:
    key = RegistryKey(Hive.HKLM, f"SOFTWARE\\{name}")
    registry.make_key(key)
    with pytest.raises(TargetError) as caught:
        registry.set_value(key, "Value", value)
    assert caught.value.code == "registry-failed"
    assert registry.value(key, "Value") is None


def test_a_key_with_keys_below_is_not_removed(registry: Registry, name: str) -> None:
    upper = RegistryKey(Hive.HKLM, f"SOFTWARE\\{name}")
    lower = RegistryKey(Hive.HKLM, f"SOFTWARE\\{name}\\Below")
    registry.make_key(upper)
    registry.make_key(lower)
    with pytest.raises(TargetError) as caught:
        registry.delete_key(upper)
    assert caught.value.code == "registry-failed"
    assert registry.has_key(lower)
    registry.delete_key(lower)
    registry.delete_key(upper)
    assert not registry.has_key(upper)


def test_only_one_key_is_made_at_a_time(registry: Registry, name: str) -> None:
    with pytest.raises(TargetError) as caught:
        registry.make_key(RegistryKey(Hive.HKLM, f"SOFTWARE\\{name}\\Below"))
    assert caught.value.code == "registry-failed"
    assert not registry.has_key(RegistryKey(Hive.HKLM, f"SOFTWARE\\{name}"))


@pytest.mark.parametrize("hive", Hive)
def test_every_hive_can_be_read(registry: Registry, hive: Hive) -> None:
    assert registry.has_key(RegistryKey(hive, ""))
    assert registry.subkeys(RegistryKey(hive, ""))


def test_no_permission_is_told_as_such(registry: Registry, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Wine lets everybody change everything, so that the system's answer is made up here."""

    def refused(*_: object) -> None:
        raise PermissionError(13, "Access is denied", None, 5)

    key = RegistryKey(Hive.HKLM, f"SOFTWARE\\{name}")
    registry.make_key(key)
    monkeypatch.setattr(winreg, "SetValueEx", refused)
    with pytest.raises(TargetError) as caught:
        registry.set_value(key, "Value", RegistryValue(ValueType.STRING, "x"))
    assert caught.value.code == "no-permission"
    assert f"HKLM\\SOFTWARE\\{name}" in str(caught.value)

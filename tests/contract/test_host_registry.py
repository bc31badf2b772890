r"""One suite for every registry: in memory, in a file, and that of Windows below `HKLM\SOFTWARE\Micce…`."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.errors import TargetError
from deploy.host.current import current
from deploy.host.fakeregistry import FakeRegistry
from deploy.host.registry import Hive, Registry, RegistryKey, RegistryValue, ValueType, View
from deploy.machine import RegistryDriver

pytestmark = [pytest.mark.windows] if os.name == "nt" else []

MAKERS: dict[str, Callable[[Path], Registry]] = {
    "memory": lambda _: FakeRegistry(),
    "this computer": lambda folder: current().registry(RegistryDriver.FILE, folder / "state"),
}
TEXT = RegistryValue(ValueType.STRING, "text")


@pytest.fixture(params=MAKERS)
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    return MAKERS[request.param](tmp_path)


@pytest.fixture(params=View)
def top(request: pytest.FixtureRequest, registry: Registry) -> Iterator[RegistryKey]:
    """A key of its own, which is gone afterwards, and so is its twin in the other view."""
    path = f"SOFTWARE\\Micce{uuid.uuid4().hex}"
    key = RegistryKey(Hive.HKLM, path, request.param)
    registry.make_key(key)
    yield key
    for view in View:
        _remove(registry, RegistryKey(Hive.HKLM, path, view))


def _remove(registry: Registry, key: RegistryKey) -> None:
    for name in registry.subkeys(key):
        _remove(registry, _below(key, name))
    registry.delete_key(key)


def _below(key: RegistryKey, name: str) -> RegistryKey:
    return RegistryKey(key.hive, f"{key.path}\\{name}", key.view)


def _other_view(key: RegistryKey) -> RegistryKey:
    return RegistryKey(key.hive, key.path, View.BITS64 if key.view is View.BITS32 else View.BITS32)


@pytest.mark.parametrize(
    "value",
    [
        TEXT,
        RegistryValue(ValueType.STRING, ""),
        RegistryValue(ValueType.STRING, 'C:\\a "b" välkommen 日本 😀\n'),
        RegistryValue(ValueType.EXPAND, "%SystemRoot%\\System32"),
        RegistryValue(ValueType.MULTI, ("one", "two three")),
        RegistryValue(ValueType.MULTI, ()),
        RegistryValue(ValueType.DWORD, 0),
        RegistryValue(ValueType.DWORD, 2**32 - 1),
        RegistryValue(ValueType.QWORD, 2**64 - 1),
        RegistryValue(ValueType.BINARY, b""),
        RegistryValue(ValueType.BINARY, bytes(range(256))),
    ],
    ids=lambda value: f"{value.type} {str(value.data)[:20]}",
)
@pytest.mark.parametrize("name", ["Value", ""])
def test_a_value_comes_back_as_it_was_set(
    registry: Registry, top: RegistryKey, value: RegistryValue, name: str
) -> None:
    assert registry.value(top, name) is None
    registry.set_value(top, name, value)
    assert registry.value(top, name) == value
    assert registry.value_names(top) == (name,)
    registry.set_value(top, name, TEXT)
    assert registry.value(top, name) == TEXT
    registry.delete_value(top, name)
    assert registry.value(top, name) is None
    assert registry.value_names(top) == ()
    registry.delete_value(top, name)


def test_names_are_of_any_case_and_keep_their_spelling(registry: Registry, top: RegistryKey) -> None:
    registry.make_key(_below(top, "SubKey"))
    registry.make_key(_below(top, "SUBKEY"))
    registry.set_value(top, "MyValue", TEXT)
    registry.set_value(top, "MYVALUE", RegistryValue(ValueType.DWORD, 1))
    assert registry.subkeys(top) == ("SubKey",)
    assert registry.value_names(top) == ("MyValue",)
    upper = RegistryKey(top.hive, top.path.upper(), top.view)
    assert registry.value(upper, "myvalue") == RegistryValue(ValueType.DWORD, 1)
    assert registry.has_key(_below(upper, "subkey"))
    registry.delete_value(upper, "myValue")
    registry.delete_key(_below(upper, "sUBkEY"))
    assert (registry.subkeys(top), registry.value_names(top)) == ((), ())


def test_below_software_each_view_has_its_own(registry: Registry, top: RegistryKey) -> None:
    assert not registry.has_key(_other_view(top))
    registry.set_value(top, "Value", TEXT)
    registry.make_key(_other_view(top))
    assert registry.value(_other_view(top), "Value") is None
    registry.delete_key(_other_view(top))
    assert registry.value(top, "Value") == TEXT


def test_the_32_bit_view_is_the_part_that_the_other_calls_wow6432node(registry: Registry, top: RegistryKey) -> None:
    registry.set_value(top, "Value", TEXT)
    name = top.path.rpartition("\\")[2]
    seen = registry.value(RegistryKey(Hive.HKLM, f"SOFTWARE\\Wow6432Node\\{name}", View.BITS64), "Value")
    assert (seen == TEXT) is (top.view is View.BITS32)


def test_what_is_missing_is_nothing(registry: Registry, top: RegistryKey) -> None:
    missing = _below(top, "Missing")
    assert not registry.has_key(missing)
    assert registry.value(missing, "Value") is None
    assert registry.subkeys(missing) == registry.value_names(missing) == ()
    registry.delete_value(missing, "Value")
    registry.delete_key(missing)
    registry.delete_key(_below(missing, "Below"))
    with pytest.raises(TargetError) as caught:
        registry.set_value(missing, "Value", TEXT)
    assert caught.value.code == "registry-failed"
    assert not registry.has_key(missing)


def test_one_key_is_made_at_a_time(registry: Registry, top: RegistryKey) -> None:
    with pytest.raises(TargetError) as caught:
        registry.make_key(_below(_below(top, "A"), "B"))
    assert caught.value.code == "registry-failed"
    assert str(_below(top, "A")) in str(caught.value)
    registry.make_key(_below(top, "A"))
    registry.make_key(_below(_below(top, "A"), "B"))
    registry.make_key(_below(top, "A"))
    assert registry.subkeys(top) == ("A",)


def test_a_key_with_keys_below_stays(registry: Registry, top: RegistryKey) -> None:
    registry.make_key(_below(top, "A"))
    registry.make_key(_below(_below(top, "A"), "B"))
    registry.set_value(_below(top, "A"), "Value", TEXT)
    with pytest.raises(TargetError) as caught:
        registry.delete_key(_below(top, "A"))
    assert caught.value.code == "registry-failed"
    assert registry.value(_below(top, "A"), "Value") == TEXT
    registry.delete_key(_below(_below(top, "A"), "B"))
    registry.delete_key(_below(top, "A"))
    assert registry.subkeys(top) == ()


@pytest.mark.parametrize(
    "value",
    [
        RegistryValue(ValueType.DWORD, 2**32),
        RegistryValue(ValueType.QWORD, 2**64),
        RegistryValue(ValueType.DWORD, -1),
        RegistryValue(ValueType.BINARY, "text"),
        RegistryValue(ValueType.STRING, 1),
    ],
    ids=str,
)
def test_what_a_type_cannot_hold_is_refused(registry: Registry, top: RegistryKey, value: RegistryValue) -> None:
    with pytest.raises(TargetError) as caught:
        registry.set_value(top, "Value", value)
    assert caught.value.code == "registry-failed"
    assert registry.value(top, "Value") is None


@pytest.mark.parametrize("hive", Hive)
def test_every_hive_is_there(registry: Registry, hive: Hive) -> None:
    assert registry.has_key(RegistryKey(hive, ""))


def test_another_hive_has_other_keys(registry: Registry, top: RegistryKey) -> None:
    assert not registry.has_key(RegistryKey(Hive.HKCU, top.path, top.view))

"""Registry keys and data as a manifest writes them."""

from __future__ import annotations

import pytest

from deploy.errors import ConfigError
from deploy.host.registry import Hive, RegistryKey, ValueType, View
from hotfix.registry_data import parse_key, parse_value


@pytest.mark.parametrize(
    ("text", "hive", "path"),
    [
        ("HKLM\\SOFTWARE\\A", Hive.HKLM, "SOFTWARE\\A"),
        ("hkey_local_machine\\SOFTWARE\\A b\\", Hive.HKLM, "SOFTWARE\\A b"),
        ("HKCU\\a/b", Hive.HKCU, "a/b"),
        ("HKEY_CLASSES_ROOT\\.txt", Hive.HKCR, ".txt"),
        ("HKU\\.DEFAULT", Hive.HKU, ".DEFAULT"),
    ],
)
def test_keys(text: str, hive: Hive, path: str) -> None:
    assert parse_key(text, View.BITS64) == RegistryKey(hive, path, View.BITS64)


@pytest.mark.parametrize(
    "text", ["", "HKLM", "HKLM\\", "SOFTWARE\\A", "HKLM\\a\\\\b", "HKPD\\a", "HKLM\\a\nb", "HKLM\\" + "a" * 256]
)
def test_other_keys_are_refused(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_key(text, View.BITS32)
    assert raised.value.code == "bad-registry-key"


@pytest.mark.parametrize(
    ("type_", "text", "data"),
    [
        (ValueType.STRING, " a ", " a "),
        (ValueType.EXPAND, "%x%", "%x%"),
        (ValueType.DWORD, " 0xFFFFFFFF ", 2**32 - 1),
        (ValueType.DWORD, "007", 7),
        (ValueType.QWORD, "0xffffffffffffffff", 2**64 - 1),
        (ValueType.BINARY, "", b""),
        (ValueType.BINARY, "01 fF\n02,03", b"\x01\xff\x02\x03"),
    ],
)
def test_data(type_: ValueType, text: str, data: object) -> None:
    found = parse_value(type_, text)
    assert (found.type, found.data) == (type_, data)


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (ValueType.DWORD, "-1"),
        (ValueType.DWORD, "4294967296"),
        (ValueType.DWORD, "1.0"),
        (ValueType.DWORD, "٣"),
        (ValueType.QWORD, "18446744073709551616"),
        (ValueType.BINARY, "0"),
        (ValueType.BINARY, "0x01"),
        (ValueType.BINARY, "zz"),
    ],
)
def test_other_data_is_refused(type_: ValueType, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_value(type_, text)
    assert raised.value.code == "bad-registry-data"

r"""Registry keys and data as a manifest writes them.

Pure. A key begins with its hive, `HKLM\SOFTWARE\...` or `HKEY_LOCAL_MACHINE\SOFTWARE\...`, in any case.
Numbers are decimal or begin with 0x, bytes are pairs of hexadecimal digits, blanks and commas between
them allowed.
"""

from __future__ import annotations

import re

from deploy.errors import ConfigError, error, quoted
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType, View
from hotfix.manifest_reader import number_of

LONGEST_NAME = 255  # characters of a key's name (MS docs, Registry Element Size Limits)
LONGEST_VALUE_NAME = 16383
DEEPEST = 512

_HIVES = {
    "hklm": Hive.HKLM,
    "hkey_local_machine": Hive.HKLM,
    "hkcu": Hive.HKCU,
    "hkey_current_user": Hive.HKCU,
    "hkcr": Hive.HKCR,
    "hkey_classes_root": Hive.HKCR,
    "hku": Hive.HKU,
    "hkey_users": Hive.HKU,
}
_NUMBERS = {ValueType.DWORD: 2**32 - 1, ValueType.QWORD: 2**64 - 1}
_BYTES = re.compile(r"(?:[0-9a-fA-F]{2}[\s,]*)*")
_EXAMPLE = r"write it as in HKLM\SOFTWARE\Mitel\SeC\Common\Parameters"


def parse_key(text: str, view: View) -> RegistryKey:
    """Read a key; raises `ConfigError` (bad-registry-key)."""
    hive_name, _, path = text.strip().partition("\\")
    hive = _HIVES.get(hive_name.lower())
    names = path.rstrip("\\").split("\\")
    if hive is None:
        hint = f"begin with HKLM, HKCU, HKCR or HKU; {_EXAMPLE}"
        raise ConfigError(error("bad-registry-key", f"{quoted(text)} does not begin with a hive", hint))
    if not all(names):
        raise ConfigError(error("bad-registry-key", f"{quoted(text)} holds an empty name", _EXAMPLE))
    if len(names) > DEEPEST or any(len(name) > LONGEST_NAME or not name.isprintable() for name in names):
        said = f"{quoted(text)} holds a name of more than {LONGEST_NAME} characters or one that does not print"
        raise ConfigError(error("bad-registry-key", said, _EXAMPLE))
    return RegistryKey(hive, "\\".join(names), view)


def parse_value(type_: ValueType, text: str) -> RegistryValue:
    """Read the data of every type but `multiString`; raises `ConfigError` (bad-registry-data)."""
    if type_ in _NUMBERS:
        number = number_of(text)
        if number is None or not 0 <= number <= _NUMBERS[type_]:
            hint = f"write a number from 0 to {_NUMBERS[type_]}, in decimal digits or with 0x"
            raise ConfigError(error("bad-registry-data", f"{quoted(text)} is no {type_}", hint))
        return RegistryValue(type_, number)
    if type_ is ValueType.BINARY:
        if not _BYTES.fullmatch(text.strip()):
            hint = "write pairs of hexadecimal digits, as in 01 ff 2a"
            raise ConfigError(error("bad-registry-data", f"{quoted(text)} is no {type_}", hint))
        return RegistryValue(type_, bytes.fromhex(text.replace(",", " ")))
    return RegistryValue(type_, text)

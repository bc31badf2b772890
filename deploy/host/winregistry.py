"""The Windows registry, with its 32-bit and its 64-bit view (Microsoft: "Registry Redirector")."""

from __future__ import annotations

import winreg
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.errors import TargetError, error
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType, View

_HIVES = {
    Hive.HKLM: winreg.HKEY_LOCAL_MACHINE,
    Hive.HKCU: winreg.HKEY_CURRENT_USER,
    Hive.HKCR: winreg.HKEY_CLASSES_ROOT,
    Hive.HKU: winreg.HKEY_USERS,
}
_VIEWS = {View.BITS32: winreg.KEY_WOW64_32KEY, View.BITS64: winreg.KEY_WOW64_64KEY}
_KINDS = {
    ValueType.STRING: winreg.REG_SZ,
    ValueType.EXPAND: winreg.REG_EXPAND_SZ,
    ValueType.MULTI: winreg.REG_MULTI_SZ,
    ValueType.DWORD: winreg.REG_DWORD,
    ValueType.QWORD: winreg.REG_QWORD,
    ValueType.BINARY: winreg.REG_BINARY,
}
_ACCESS_DENIED = 5  # ERROR_ACCESS_DENIED


class WindowsRegistry:
    """The registry of this computer; every change is flushed to its hive file before a method returns."""

    def value(self, key: RegistryKey, name: str) -> RegistryValue | None:
        with _reading(key) as opened:
            if opened is None:
                return None
            try:
                data, kind = winreg.QueryValueEx(opened, name)
            except FileNotFoundError:
                return None
        return _value(key, name, data, kind)

    def has_key(self, key: RegistryKey) -> bool:
        with _reading(key) as opened:
            return opened is not None

    def subkeys(self, key: RegistryKey) -> tuple[str, ...]:
        with _reading(key) as opened:
            if opened is None:
                return ()
            return tuple(winreg.EnumKey(opened, number) for number in range(winreg.QueryInfoKey(opened)[0]))

    def value_names(self, key: RegistryKey) -> tuple[str, ...]:
        with _reading(key) as opened:
            if opened is None:
                return ()
            return tuple(winreg.EnumValue(opened, number)[0] for number in range(winreg.QueryInfoKey(opened)[1]))

    def set_value(self, key: RegistryKey, name: str, value: RegistryValue) -> None:
        with _changing(f"{key}, value {name}"), _opened(key, winreg.KEY_SET_VALUE | winreg.KEY_QUERY_VALUE) as opened:
            data = list(value.data) if isinstance(value.data, tuple) else value.data
            winreg.SetValueEx(opened, name, 0, _KINDS[value.type], data)
            winreg.FlushKey(opened)

    def delete_value(self, key: RegistryKey, name: str) -> None:
        with _changing(f"{key}, value {name}"):
            try:
                with _opened(key, winreg.KEY_SET_VALUE | winreg.KEY_QUERY_VALUE) as opened:
                    winreg.DeleteValue(opened, name)
                    winreg.FlushKey(opened)
            except FileNotFoundError:
                return

    def make_key(self, key: RegistryKey) -> None:
        parent, name = _split(key)
        access = winreg.KEY_CREATE_SUB_KEY | winreg.KEY_QUERY_VALUE
        with _changing(str(key)):
            if self.has_key(key):
                return
            with (
                _opened(parent, access) as opened,
                winreg.CreateKeyEx(opened, name, 0, winreg.KEY_QUERY_VALUE | _VIEWS[key.view]) as made,
            ):
                winreg.FlushKey(made)

    def delete_key(self, key: RegistryKey) -> None:
        parent, name = _split(key)
        if self.subkeys(key):
            # Windows would call this "access denied".
            raise _failed(str(key), "it has keys below it")
        with _changing(str(key)):
            try:
                with _opened(parent, winreg.KEY_QUERY_VALUE) as opened:
                    winreg.DeleteKeyEx(opened, name, _VIEWS[key.view], 0)
                    winreg.FlushKey(opened)
            except FileNotFoundError:
                return


def _split(key: RegistryKey) -> tuple[RegistryKey, str]:
    above, _, name = key.path.strip("\\").rpartition("\\")
    return RegistryKey(key.hive, above, key.view), name


@contextmanager
def _opened(key: RegistryKey, access: int) -> Iterator[winreg.HKEYType]:
    with winreg.OpenKey(_HIVES[key.hive], key.path.strip("\\"), 0, access | _VIEWS[key.view]) as opened:
        yield opened


@contextmanager
def _reading(key: RegistryKey) -> Iterator[winreg.HKEYType | None]:
    """The key to read from; None where it is missing."""
    try:
        opened = winreg.OpenKey(_HIVES[key.hive], key.path.strip("\\"), 0, winreg.KEY_READ | _VIEWS[key.view])
    except FileNotFoundError:
        yield None
        return
    except OSError as wrong:
        raise _refused(wrong, str(key), "read") from wrong
    with opened:
        try:
            yield opened
        except OSError as wrong:
            raise _refused(wrong, str(key), "read") from wrong


@contextmanager
def _changing(subject: str) -> Iterator[None]:
    try:
        yield
    except OSError as wrong:
        raise _refused(wrong, subject, "change") from wrong
    except (OverflowError, TypeError, ValueError) as wrong:
        raise _failed(subject, f"the registry cannot hold this: {wrong}") from wrong


def _refused(wrong: OSError, subject: str, doing: str) -> TargetError:
    if wrong.winerror == _ACCESS_DENIED:
        said = f"this account may not {doing} {subject}"
        return TargetError(error("no-permission", said, "run this as administrator"))
    return _failed(subject, f"{wrong.strerror} (error {wrong.winerror})")


def _failed(subject: str, said: str) -> TargetError:
    return TargetError(error("registry-failed", f"{subject}: {said}", "look at this key with regedit"))


def _value(key: RegistryKey, name: str, data: object, kind: int) -> RegistryValue:
    match next((type for type, number in _KINDS.items() if number == kind), None), data:
        case (ValueType.STRING | ValueType.EXPAND) as type, str(text):
            return RegistryValue(type, text)
        case (ValueType.DWORD | ValueType.QWORD) as type, int(number):
            return RegistryValue(type, number)
        case ValueType.MULTI, list(texts):
            return RegistryValue(ValueType.MULTI, tuple(texts))
        case ValueType.BINARY, bytes(block):
            return RegistryValue(ValueType.BINARY, block)
        case ValueType.BINARY, None:
            return RegistryValue(ValueType.BINARY, b"")
    raise _failed(f"{key}, value {name}", f"a value of type {kind} is none this program can handle")

"""What Windows renames at its next start, before any program runs (MoveFileExW with MOVEFILE_DELAY_UNTIL_REBOOT)."""

from __future__ import annotations

import os
import winreg
from pathlib import Path

import pywintypes
import win32con
import win32file

from deploy.host.pendingrenames import without

MANAGER = "SYSTEM\\CurrentControlSet\\Control\\Session Manager"
_LISTS = ("PendingFileRenameOperations", "PendingFileRenameOperations2")
_WRITABLE = winreg.KEY_QUERY_VALUE | winreg.KEY_SET_VALUE


def replace_at_restart(source: Path, target: Path | None) -> None:
    """As `Host.replace_at_restart`; both have to be on one volume, and this takes an administrator."""
    os.lstat(source)
    flags = win32con.MOVEFILE_DELAY_UNTIL_REBOOT | win32con.MOVEFILE_REPLACE_EXISTING
    try:
        win32file.MoveFileExW(str(source), None if target is None else str(target), flags)  # type: ignore[arg-type]
    except pywintypes.error as wrong:
        raise OSError(None, wrong.strerror, str(source), wrong.winerror) from wrong
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, MANAGER, 0, winreg.KEY_QUERY_VALUE) as key:
        winreg.FlushKey(key)


def forget_at_restart(source: Path) -> None:
    """As `Host.forget_at_restart`; operations of others stay as they are and where they are."""
    path = os.path.abspath(source)
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, MANAGER, 0, _WRITABLE) as key:
        for name in _LISTS:
            _forget(key, name, path)
        winreg.FlushKey(key)


def _forget(key: winreg.HKEYType, name: str, path: str) -> None:
    try:
        entries, kind = winreg.QueryValueEx(key, name)
    except FileNotFoundError:
        return
    if kind != winreg.REG_MULTI_SZ or not entries:
        return
    try:
        kept = without(entries, path)
    except ValueError as wrong:
        raise OSError(None, str(wrong), path) from wrong
    if kept is None:
        return
    if kept:
        winreg.SetValueEx(key, name, 0, winreg.REG_MULTI_SZ, kept)
    else:
        winreg.DeleteValue(key, name)

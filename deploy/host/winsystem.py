"""Which Windows this is, and whose account runs here."""

from __future__ import annotations

import ctypes
from ctypes import wintypes

import pywintypes
import win32api
import win32con
import win32security

from deploy.host.contract import System

_MACHINES = {0x014C: "x86", 0x8664: "x64", 0xAA64: "arm64"}  # IMAGE_FILE_MACHINE_*
_PROCESSORS = {0: "x86", 9: "x64", 12: "arm64"}  # PROCESSOR_ARCHITECTURE_*


class _Version(ctypes.Structure):
    """RTL_OSVERSIONINFOW."""

    _fields_ = (
        ("size", wintypes.ULONG),
        ("major", wintypes.ULONG),
        ("minor", wintypes.ULONG),
        ("build", wintypes.ULONG),
        ("platform", wintypes.ULONG),
        ("service_pack", wintypes.WCHAR * 128),
    )


def operating_system() -> System:
    """This Windows as it is, whatever a program's manifest has it pretend (RtlGetVersion)."""
    version = _Version(size=ctypes.sizeof(_Version))
    ctypes.WinDLL("ntdll").RtlGetVersion(ctypes.byref(version))
    return System("windows", f"{version.major}.{version.minor}.{version.build}", _architecture())


def _architecture() -> str:
    """The computer's own, also under emulation (IsWow64Process2, since Windows 10)."""
    kernel = ctypes.WinDLL("kernel32")
    own, machine = wintypes.USHORT(), wintypes.USHORT()
    ask = getattr(kernel, "IsWow64Process2", None)
    if ask is not None and ask(wintypes.HANDLE(-1), ctypes.byref(own), ctypes.byref(machine)):
        known = _MACHINES.get(machine.value)
        if known is not None:
            return known
    processor = win32api.GetNativeSystemInfo()[0]
    return _PROCESSORS.get(processor, f"processor {processor}")


def account_name() -> str:
    """DOMAIN\\name of the account this process runs under; its security identifier where nobody knows its name."""
    token = win32security.OpenProcessToken(win32api.GetCurrentProcess(), win32con.TOKEN_QUERY)
    sid, _ = win32security.GetTokenInformation(token, win32security.TokenUser)
    try:
        name, domain, _ = win32security.LookupAccountSid(None, sid)
    except pywintypes.error:
        return str(win32security.ConvertSidToStringSid(sid))
    return f"{domain}\\{name}" if domain else name

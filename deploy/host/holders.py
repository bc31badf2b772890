"""Which processes hold a file open on Windows.

The Restart Manager is asked first (Microsoft: "Restart Manager"). It knows of files only, not of folders, and answers
nothing where its service cannot run; Wine's never names anybody. Then the handles of all processes are
looked through, as handle.exe does, and what they have loaded.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from ctypes import wintypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pywintypes
import win32api
import win32con
import win32file

from deploy.host.privileges import of_other_accounts
from deploy.host.snapshot import modules_of, process_names

SEARCH_SECONDS = 10.0  # an operator waits for a name; a device that does not answer must not stop everything
_MORE_DATA = 234  # ERROR_MORE_DATA
_LENGTH_MISMATCH = 0xC0000004  # STATUS_INFO_LENGTH_MISMATCH
_ALL_HANDLES = 64  # SystemExtendedHandleInformation
_MOST_BYTES = 256 * 1024 * 1024
_ATTEMPTS = 8


class _Application(ctypes.Structure):
    """RM_PROCESS_INFO."""

    _fields_ = (
        ("pid", wintypes.DWORD),
        ("started", wintypes.FILETIME),
        ("name", wintypes.WCHAR * 256),
        ("service", wintypes.WCHAR * 64),
        ("kind", ctypes.c_int),
        ("status", wintypes.ULONG),
        ("session", wintypes.DWORD),
        ("restartable", wintypes.BOOL),
    )


class _Handle(ctypes.Structure):
    """SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX."""

    _fields_ = (
        ("object", ctypes.c_void_p),
        ("pid", ctypes.c_size_t),
        ("value", ctypes.c_size_t),
        ("access", wintypes.ULONG),
        ("trace", wintypes.USHORT),
        ("type", wintypes.USHORT),
        ("attributes", wintypes.ULONG),
        ("reserved", wintypes.ULONG),
    )


@dataclass(frozen=True, slots=True)
class _Identity:
    """Which file a handle is of, whatever it was called when it was opened."""

    volume: int
    index: int


def pids_that_hold(path: Path) -> frozenset[int]:
    """The processes that hold a file, by id; none where nobody does or nobody can say."""
    plain = Path(str(path).removeprefix("\\\\?\\"))
    return _restart_manager(plain) or _searched(plain)


def _restart_manager(path: Path) -> frozenset[int]:
    try:
        manager = ctypes.WinDLL("rstrtmgr")
    except OSError:
        return frozenset()
    session = wintypes.DWORD()
    if manager.RmStartSession(ctypes.byref(session), 0, ctypes.create_unicode_buffer(33)):
        return frozenset()
    try:
        names = (wintypes.LPCWSTR * 1)(str(path))
        if manager.RmRegisterResources(session, 1, names, 0, None, 0, None):
            return frozenset()
        return _listed(manager, session)
    finally:
        manager.RmEndSession(session)


def _listed(manager: ctypes.WinDLL, session: wintypes.DWORD) -> frozenset[int]:
    """RmGetList, again while programs come and go between the question how many and the question which."""
    needed, reasons = wintypes.UINT(4), wintypes.DWORD()
    for _ in range(_ATTEMPTS):
        count = wintypes.UINT(needed.value)
        found = (_Application * max(1, count.value))()
        code = manager.RmGetList(session, ctypes.byref(needed), ctypes.byref(count), found, ctypes.byref(reasons))
        if code == 0:
            return frozenset(one.pid for one in found[: count.value])
        if code != _MORE_DATA:
            break
    return frozenset()


def _searched(path: Path) -> frozenset[int]:
    """Look through handles and loaded modules, for no longer than `SEARCH_SECONDS`."""
    found: set[int] = set()
    worker = threading.Thread(target=_search, args=(path, found), daemon=True)
    worker.start()
    worker.join(SEARCH_SECONDS)
    return frozenset(found.copy())


def _search(path: Path, found: set[int]) -> None:
    with suppress(OSError, pywintypes.error), _Probe(path) as probe:
        _search_handles(probe, found)
    wanted = os.path.normcase(path)
    with suppress(OSError):
        for pid in process_names():
            if any(os.path.normcase(module) == wanted for module in modules_of(pid)):
                found.add(pid)


class _Probe:
    """A handle of the file that asks nothing of it, so that it opens whoever else has it; shows what to look for."""

    def __init__(self, path: Path) -> None:
        self.handle: Any = win32file.CreateFile(
            str(path),
            0,
            win32con.FILE_SHARE_READ | win32con.FILE_SHARE_WRITE | win32con.FILE_SHARE_DELETE,
            None,
            win32con.OPEN_EXISTING,
            win32con.FILE_FLAG_BACKUP_SEMANTICS,
            None,
        )
        self.identity = _identity(self.handle)

    def __enter__(self) -> _Probe:
        return self

    def __exit__(self, *_: object) -> None:
        self.handle.Close()


def _identity(handle: Any) -> _Identity:
    information = win32file.GetFileInformationByHandle(handle)
    return _Identity(information[4], information[8] << 32 | information[9])


def _search_handles(probe: _Probe, found: set[int]) -> None:
    own, value = os.getpid(), int(probe.handle)
    handles = list(_all_handles())
    kind = next((one[2] for one in handles if one[:2] == (own, value)), None)
    by_process: dict[int, list[int]] = {}
    for pid, one, type in handles:
        if type == kind and (pid, one) != (own, value):
            by_process.setdefault(pid, []).append(one)
    with of_other_accounts():
        found.update(pid for pid, values in by_process.items() if _holds(pid, values, probe.identity))


def _all_handles() -> Iterator[tuple[int, int, int]]:
    """Process id, value and type of every handle (NtQuerySystemInformation, SystemExtendedHandleInformation)."""
    ask = ctypes.WinDLL("ntdll").NtQuerySystemInformation
    ask.restype = wintypes.ULONG
    size = 1024 * 1024
    while True:
        buffer = ctypes.create_string_buffer(size)
        needed = wintypes.ULONG()
        status = ask(_ALL_HANDLES, buffer, size, ctypes.byref(needed))
        if status != _LENGTH_MISMATCH:
            break
        size = max(2 * size, needed.value)
        if size > _MOST_BYTES:
            return
    if status:
        return
    count = ctypes.c_size_t.from_buffer(buffer).value
    for one in (_Handle * count).from_buffer(buffer, 2 * ctypes.sizeof(ctypes.c_size_t)):
        yield one.pid, one.value, one.type


def _holds(pid: int, values: list[int], wanted: _Identity) -> bool:
    """Whether one of the handles of a process is of this file; False where this account may not look."""
    try:
        process: Any = win32api.OpenProcess(win32con.PROCESS_DUP_HANDLE, False, pid)
    except pywintypes.error:
        return False
    try:
        return any(_is_of(process, value, wanted) for value in values)
    finally:
        process.Close()


def _is_of(process: Any, value: int, wanted: _Identity) -> bool:
    try:
        own: Any = win32api.DuplicateHandle(process, value, win32api.GetCurrentProcess(), 0, False, 0)
    except pywintypes.error:
        return False
    try:
        return win32file.GetFileType(own) == win32file.FILE_TYPE_DISK and _identity(own) == wanted
    except pywintypes.error:
        return False
    finally:
        own.Close()

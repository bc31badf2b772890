"""Which processes run on Windows, asked from the kernel (Microsoft: "Tool Help Library").

pywin32 has neither the snapshots nor the exact time at which a process was created.
"""

from __future__ import annotations

import ctypes
import enum
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes

QUERY_LIMITED = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION
SYNCHRONIZE = 0x100000
SUSPEND_RESUME = 0x2  # THREAD_SUSPEND_RESUME
_FAILED = -1  # what ResumeThread returns then, as a C int
_NONE = wintypes.HANDLE(-1).value


class _Of(enum.IntEnum):
    """What a snapshot is of."""

    PROCESSES = 0x2
    THREADS = 0x4
    MODULES = 0x18  # of 32 and of 64 bits


class _ProcessEntry(ctypes.Structure):
    """PROCESSENTRY32W."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("pid", wintypes.DWORD),
        ("heap", ctypes.c_size_t),
        ("module", wintypes.DWORD),
        ("threads", wintypes.DWORD),
        ("parent", wintypes.DWORD),
        ("priority", wintypes.LONG),
        ("flags", wintypes.DWORD),
        ("name", wintypes.WCHAR * 260),
    )


class _ThreadEntry(ctypes.Structure):
    """THREADENTRY32."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("id", wintypes.DWORD),
        ("owner", wintypes.DWORD),
        ("priority", wintypes.LONG),
        ("delta", wintypes.LONG),
        ("flags", wintypes.DWORD),
    )


class _ModuleEntry(ctypes.Structure):
    """MODULEENTRY32W."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("id", wintypes.DWORD),
        ("pid", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("own_usage", wintypes.DWORD),
        ("address", ctypes.c_void_p),
        ("length", wintypes.DWORD),
        ("module", wintypes.HMODULE),
        ("name", wintypes.WCHAR * 256),
        ("path", wintypes.WCHAR * 260),
    )


def kernel() -> ctypes.WinDLL:
    """kernel32, with the handles of its calls as wide as they are; errors through `ctypes.get_last_error`."""
    library = ctypes.WinDLL("kernel32", use_last_error=True)
    library.CreateToolhelp32Snapshot.restype = wintypes.HANDLE
    library.OpenProcess.restype = wintypes.HANDLE
    library.OpenThread.restype = wintypes.HANDLE
    library.GetCurrentProcess.restype = wintypes.HANDLE
    library.CloseHandle.argtypes = (wintypes.HANDLE,)
    return library


def process_names() -> dict[int, str]:
    """The file names of all running programs by process id."""
    entry = _ProcessEntry(size=ctypes.sizeof(_ProcessEntry))
    with _snapshot(_Of.PROCESSES, 0) as (library, handle):
        found: dict[int, str] = {}
        for _ in _walk(library, "Process32", handle, entry):
            found[entry.pid] = entry.name
        found.pop(0, None)
        return found


def threads_of(pid: int) -> tuple[int, ...]:
    """The ids of the threads of a process."""
    entry = _ThreadEntry(size=ctypes.sizeof(_ThreadEntry))
    with _snapshot(_Of.THREADS, 0) as (library, handle):
        return tuple(entry.id for _ in _walk(library, "Thread32", handle, entry) if entry.owner == pid)


def modules_of(pid: int) -> tuple[str, ...]:
    """The paths of the program and the libraries a process has loaded; none where this account may not look."""
    entry = _ModuleEntry(size=ctypes.sizeof(_ModuleEntry))
    try:
        with _snapshot(_Of.MODULES, pid) as (library, handle):
            return tuple(entry.path for _ in _walk(library, "Module32", handle, entry))
    except OSError:
        return ()


def resume(pid: int) -> None:
    """Let a process run that was made suspended; raises `OSError`."""
    library = kernel()
    for thread in threads_of(pid):
        handle = library.OpenThread(SUSPEND_RESUME, False, thread)
        if not handle:
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            if library.ResumeThread(wintypes.HANDLE(handle)) == _FAILED:
                raise ctypes.WinError(ctypes.get_last_error())
        finally:
            library.CloseHandle(handle)


def started_at(pid: int) -> int | None:
    """When a process was created, in units of 100 ns since 1601 UTC; None where it has ended or may not be asked."""
    library = kernel()
    handle = library.OpenProcess(QUERY_LIMITED, False, pid)
    if not handle:
        return None
    created, ended, in_kernel, in_user = (wintypes.FILETIME() for _ in range(4))
    times = (ctypes.byref(one) for one in (created, ended, in_kernel, in_user))
    try:
        if not library.GetProcessTimes(wintypes.HANDLE(handle), *times):
            return None
    finally:
        library.CloseHandle(handle)
    return created.dwHighDateTime << 32 | created.dwLowDateTime


@contextmanager
def _snapshot(of: int, pid: int) -> Iterator[tuple[ctypes.WinDLL, int]]:
    library = kernel()
    handle = library.CreateToolhelp32Snapshot(of, pid)
    if handle in (None, _NONE):
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        yield library, handle
    finally:
        library.CloseHandle(handle)


def _walk(library: ctypes.WinDLL, kind: str, handle: int, entry: ctypes.Structure) -> Iterator[None]:
    """Fill `entry` with one entry after the other."""
    wide = "" if kind == "Thread32" else "W"
    more = library[f"{kind}First{wide}"](wintypes.HANDLE(handle), ctypes.byref(entry))
    while more:
        yield
        more = library[f"{kind}Next{wide}"](wintypes.HANDLE(handle), ctypes.byref(entry))

"""Programs that run on Windows: found by a snapshot, closed through their windows, ended, waited for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pywintypes
import win32api
import win32con
import win32event
import win32gui
import win32process
import winerror

from deploy.errors import TargetError, error
from deploy.host.holders import pids_that_hold
from deploy.host.privileges import of_other_accounts
from deploy.host.processes import Process
from deploy.host.scm import services_by_process
from deploy.host.snapshot import process_names, started_at

POLL_SECONDS = 0.2  # Python hears of a Ctrl-C only between two waits
_KILLED = 1  # the exit code of a program that was ended, as the Task Manager gives it


class WindowsProcesses:
    """The running programs; one is told from a later one of the same id by the time it was created."""

    def named(self, name: str) -> tuple[Process, ...]:
        wanted = {name.casefold(), f"{name}.exe".casefold()}
        own = os.getpid()
        return _described(
            {pid: image for pid, image in process_names().items() if image.casefold() in wanted and pid != own}
        )

    def holders(self, path: Path) -> tuple[Process, ...]:
        pids = pids_that_hold(path)
        if not pids:
            return ()
        names = process_names()
        return _described({pid: names[pid] for pid in sorted(pids) if pid in names})

    def close(self, process: Process) -> None:
        """Post WM_CLOSE to its windows; a program without windows, or on another desktop, is not asked anything."""
        with _opened(process, 0) as running:
            if running is None:
                return
            try:
                for window in _windows_of(process.pid):
                    win32gui.PostMessage(window, win32con.WM_CLOSE, 0, 0)
            except pywintypes.error as wrong:
                if wrong.winerror == winerror.ERROR_ACCESS_DENIED:
                    raise _no_permission(process, "close") from wrong
                if wrong.winerror != winerror.ERROR_INVALID_WINDOW_HANDLE:
                    raise

    def kill(self, process: Process) -> None:
        with _opened(process, win32con.PROCESS_TERMINATE) as running:
            if running is None:
                return
            try:
                win32process.TerminateProcess(running, _KILLED)
            except pywintypes.error as wrong:
                # Also the answer for one that is just ending.
                if wrong.winerror == winerror.ERROR_ACCESS_DENIED and not _has_ended(running, 1):
                    raise _no_permission(process, "end") from wrong

    def wait(self, processes: Sequence[Process], timeout: float) -> tuple[Process, ...]:
        ends = time.monotonic() + timeout
        return tuple(process for process in processes if not _ended_by(process, ends))


def _ended_by(process: Process, ends: float) -> bool:
    try:
        with _opened(process, 0) as running:
            while running is not None:
                left = ends - time.monotonic()
                if _has_ended(running, max(0, min(left, POLL_SECONDS))):
                    break
                if left <= 0:
                    return False
            return True
    except TargetError:
        return _gone_by(process, ends)


def _gone_by(process: Process, ends: float) -> bool:
    """For one that this account may not wait for."""
    while process.pid in process_names():
        left = ends - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, POLL_SECONDS))
    return True


def _described(names: dict[int, str]) -> tuple[Process, ...]:
    services = services_by_process() if names else {}
    with of_other_accounts():
        return tuple(Process(pid, name, started_at(pid) or 0, services.get(pid)) for pid, name in names.items())


@contextmanager
def _opened(process: Process, access: int) -> Iterator[Any]:
    """A handle that can be waited for; None where it has ended, also where its id is another program's by now.

    Raises `TargetError` (no-permission).
    """
    try:
        with of_other_accounts():
            handle: Any = win32api.OpenProcess(access | win32con.SYNCHRONIZE, False, process.pid)
            started = started_at(process.pid)
    except pywintypes.error as wrong:
        if wrong.winerror == winerror.ERROR_INVALID_PARAMETER:
            yield None
            return
        raise _no_permission(process, "end") from wrong
    try:
        other = process.started and started is not None and started != process.started
        yield None if other or _has_ended(handle, 0) else handle
    finally:
        handle.Close()


def _has_ended(handle: Any, seconds: float) -> bool:
    return win32event.WaitForSingleObject(handle, int(seconds * 1000)) == win32event.WAIT_OBJECT_0


def _windows_of(pid: int) -> list[int]:
    """Its top windows that can be seen and belong to no other; where there are none of these, the others."""
    seen: list[int] = []
    unseen: list[int] = []

    def note(window: int, _: object) -> bool:
        if win32process.GetWindowThreadProcessId(window)[1] == pid:
            owned = win32gui.GetWindow(window, win32con.GW_OWNER)
            (seen if win32gui.IsWindowVisible(window) and not owned else unseen).append(window)
        return True

    win32gui.EnumWindows(note, None)
    return seen or unseen


def _no_permission(process: Process, what: str) -> TargetError:
    said = f"this account may not {what} {process.name} (process {process.pid})"
    return TargetError(error("no-permission", said, "run this as administrator, or end it by hand"))

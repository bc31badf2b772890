"""Starting a program on Windows, with a time limit for it and everything it starts (Microsoft: "Job Objects")."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pywintypes
import win32api
import win32con
import win32job

from deploy.host.process import output_for_programs, wait_for
from deploy.host.snapshot import resume

_SUSPENDED = 0x4  # CREATE_SUSPENDED
_TIMED_OUT = 1460  # ERROR_TIMEOUT, as the exit code of what was ended
_ENDING_SECONDS = 5.0


def run_program(program: Path, args: str, *, folder: Path, hidden: bool, timeout: float | None) -> int:
    """Run it to its end, as `Host.start` says. Raises `OSError`, `TimeoutError`, `KeyboardInterrupt`.

    The time limit covers what the program starts itself, not what it has the system start: services,
    scheduled tasks, installations by the Windows Installer service.
    """
    if timeout is None:
        with _started(program, args, folder, hidden, 0) as process:
            return wait_for(process)
    with _job() as job, _started(program, args, folder, hidden, _SUSPENDED) as process:
        _let_run(process, job)
        expired = threading.Event()
        timer = threading.Timer(timeout, _expire, (job, expired))
        timer.start()
        try:
            code = wait_for(process)
        finally:
            timer.cancel()
            timer.join()
        if expired.is_set():
            _until_empty(job)
            raise TimeoutError(f"{program} did not end within {timeout:g} seconds")
        return code


@contextmanager
def _started(program: Path, args: str, folder: Path, hidden: bool, flags: int) -> Iterator[subprocess.Popen[bytes]]:
    window = subprocess.STARTUPINFO()
    if hidden:
        window.dwFlags |= subprocess.STARTF_USESHOWWINDOW
        window.wShowWindow = subprocess.SW_HIDE
        flags |= subprocess.CREATE_NO_WINDOW
    output = output_for_programs()
    with subprocess.Popen(
        f'"{program}" {args}' if args else f'"{program}"',
        executable=program,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        startupinfo=window,
        creationflags=flags,
    ) as process:
        yield process


@contextmanager
def _job() -> Iterator[Any]:
    """A job without limits: what still runs when the program has ended is left alone, as a user's programs are."""
    job: Any = win32job.CreateJobObject(None, "")  # type: ignore[func-returns-value]
    try:
        yield job
    finally:
        job.Close()


def _let_run(process: subprocess.Popen[bytes], job: Any) -> None:
    """Put a program that was started suspended into the job, so that none of its own can be outside, and let it run."""
    try:
        handle: Any = win32api.OpenProcess(win32con.PROCESS_SET_QUOTA | win32con.PROCESS_TERMINATE, False, process.pid)
        try:
            win32job.AssignProcessToJobObject(job, handle)
        finally:
            handle.Close()
        resume(process.pid)
    except pywintypes.error as wrong:
        process.kill()
        raise OSError(None, wrong.strerror, None, wrong.winerror) from wrong
    except OSError:
        process.kill()
        raise


def _expire(job: Any, expired: threading.Event) -> None:
    expired.set()
    with suppress(pywintypes.error):
        win32job.TerminateJobObject(job, _TIMED_OUT)


def _until_empty(job: Any) -> None:
    """The programs of a job end one after the other; what they held is free when all have."""
    ends = time.monotonic() + _ENDING_SECONDS
    accounting = win32job.JobObjectBasicAccountingInformation
    while time.monotonic() < ends:
        if not win32job.QueryInformationJobObject(job, accounting)["ActiveProcesses"]:
            return
        time.sleep(0.05)

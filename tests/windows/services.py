"""Real services for tests, and programs that run until they are ended; all are gone when a test ends."""

from __future__ import annotations

import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pywintypes
import win32api
import win32con
import win32event
import win32process
import win32service

SECONDS = 60.0
ALL = win32service.SERVICE_ALL_ACCESS


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    ends = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < ends, f"not within {SECONDS:g} seconds: {what}"
        time.sleep(0.02)


def end_process(pid: int) -> None:
    """End a process, whatever it does; nothing to do where it has ended."""
    try:
        process = win32api.OpenProcess(win32con.PROCESS_TERMINATE | win32con.SYNCHRONIZE, False, pid)
    except pywintypes.error:
        return
    win32process.TerminateProcess(process, 9)
    win32event.WaitForSingleObject(process, int(SECONDS * 1000))
    process.Close()


@dataclass(slots=True)
class Installed:
    """A service of packaging/windows/lockingservice.c."""

    name: str
    handle: object

    def state(self) -> int:
        return int(win32service.QueryServiceStatusEx(self.handle)["CurrentState"])

    @property
    def running(self) -> bool:
        return self.state() == win32service.SERVICE_RUNNING

    def process(self) -> int:
        return int(win32service.QueryServiceStatusEx(self.handle)["ProcessId"])

    def start_type(self) -> int:
        return int(win32service.QueryServiceConfig(self.handle)[1])

    def run(self) -> None:
        """Start it with the system's own means."""
        win32service.StartService(self.handle, None)
        until(lambda: self.running, f"{self.name} runs")


@dataclass(slots=True)
class ServiceMaker:
    """Installs services; their names begin alike, so that those of other runs do not matter."""

    program: Path
    prefix: str = field(default_factory=lambda: f"Micce{uuid.uuid4().hex[:8]}")
    made: list[Installed] = field(default_factory=list)
    left_over: list[int] = field(default_factory=list)

    def install(self, name: str, *options: str, needs: Sequence[str] = (), start_type: int | None = None) -> Installed:
        """A service `prefix + name`; `needs` are names with the prefix."""
        whole = self.prefix + name
        manager = win32service.OpenSCManager(None, None, win32service.SC_MANAGER_CREATE_SERVICE)
        handle = win32service.CreateService(
            manager,
            whole,
            f"{whole} of a test",
            ALL,
            win32service.SERVICE_WIN32_OWN_PROCESS,
            win32service.SERVICE_DEMAND_START if start_type is None else start_type,
            win32service.SERVICE_ERROR_NORMAL,
            subprocess.list2cmdline([str(self.program), "--name", whole, *options]),
            None,
            0,
            list(needs) or None,
            None,
            None,
        )
        win32service.CloseServiceHandle(manager)
        self.made.append(Installed(whole, handle))
        return self.made[-1]

    def also_end(self, pid: int) -> None:
        """End a process with the services, which they do not know any more."""
        self.left_over.append(pid)

    def remove_all(self) -> None:
        for pid in self.left_over:
            end_process(pid)
        for one in reversed(self.made):
            pid = one.process()
            if pid:
                end_process(pid)
            win32service.DeleteService(one.handle)
            win32service.CloseServiceHandle(one.handle)


@dataclass(slots=True)
class ProgramMaker:
    """Starts copies of packaging/windows/runningprogram.c under names of their own."""

    program: Path
    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def copy(self, name: str = "") -> Path:
        """A copy of the program, which nobody else runs."""
        path = self.folder / (name or f"Run{uuid.uuid4().hex[:8]}.exe")
        shutil.copyfile(self.program, path)
        return path

    def run(self, program: Path, *options: str) -> subprocess.Popen[bytes]:
        """Start it; it is ready when this returns."""
        ready = self.folder / f"{uuid.uuid4().hex}.ready"
        process = subprocess.Popen([str(program), str(ready), *options], stdin=subprocess.DEVNULL)
        self.running.append(process)
        until(lambda: ready.exists() or process.poll() is not None, f"{program.name} is ready")
        assert process.poll() is None, f"{program.name} ended with {process.returncode}"
        return process

    def end_all(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()

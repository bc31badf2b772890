"""The running programs of this computer, as part of the Host seam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Process:
    """A running program. `started` tells it from a later one of the same `pid`, in units of the system.

    `name` is the file name of the program; `service` that of the service it belongs to, where that is known.
    """

    pid: int
    name: str
    started: int
    service: str | None = None


class Processes(Protocol):
    """Finds and ends programs; what this account may not see is not there."""

    def named(self, name: str) -> tuple[Process, ...]:
        """The processes whose program has this file name, in any case; `.exe` may be left out. Never this process."""
        ...

    def holders(self, path: Path) -> tuple[Process, ...]:
        """Who holds a file open or has loaded it, as far as the system tells (Restart Manager, /proc)."""
        ...

    def close(self, process: Process) -> None:
        """Ask a program to end, as closing its windows does (SIGTERM); nothing to do where it has ended.

        Raises `TargetError` (no-permission).
        """
        ...

    def kill(self, process: Process) -> None:
        """End a program at once; nothing to do where it has ended. Raises `TargetError` (no-permission)."""
        ...

    def wait(self, processes: Sequence[Process], timeout: float) -> tuple[Process, ...]:
        """Wait until they have ended, at most `timeout` seconds; returns those that still run."""
        ...

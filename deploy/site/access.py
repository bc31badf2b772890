"""The access log: one line of JSON for each request, without query, headers or bodies, so without secrets.

Lines are appended with one write each, so several processes may share a file. When the file has been
moved away (logrotate) a new one is begun within a second.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import Scope

LONGEST_AGENT = 200
LONGEST_PATH = 2000
LOOKING_SECONDS = 1.0
MODE = 0o640
_STANDARD_OUTPUT = 1


@dataclass(slots=True)
class Visit:
    """What became of one request: `started` by the performance counter, `sent` in bytes of the body.

    `status` is 0 until an answer began; `kind` names the address for the metrics.
    """

    started: float
    kind: str = "unknown"
    status: int = 0
    sent: int = 0

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.perf_counter() - self.started


class AccessLog:
    """Writes to a file, or to standard output where there is none; what cannot be written stops nothing."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._descriptor = _STANDARD_OUTPUT if path is None else -1
        self._looked = 0.0

    def note(self, scope: Scope, visit: Visit) -> None:
        """Write a line."""
        data = f"{line(scope, visit, datetime.now(UTC))}\n".encode("ascii")
        with suppress(OSError):
            os.write(self._open(), data)

    def _open(self) -> int:
        now = time.monotonic()
        if self._path is None or now - self._looked < LOOKING_SECONDS:
            return self._descriptor
        self._looked = now
        if self._descriptor >= 0 and not self._is_still_there(self._path):
            os.close(self._descriptor)
            self._descriptor = -1
        if self._descriptor < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
            self._descriptor = os.open(self._path, flags, MODE)
        return self._descriptor

    def _is_still_there(self, path: Path) -> bool:
        with suppress(OSError):
            return os.path.samestat(os.stat(path), os.fstat(self._descriptor))
        return False


def line(scope: Scope, visit: Visit, now: datetime) -> str:
    """The line: a JSON object in ASCII, so that nothing a client sends can end it or reach a terminal."""
    client = scope.get("client")
    row = {
        "time": now.isoformat(timespec="milliseconds"),
        "client": client[0] if client else "",
        "method": scope["method"],
        "path": scope["raw_path"].decode("latin-1")[:LONGEST_PATH],
        "status": visit.status,
        "bytes": visit.sent,
        "ms": round(visit.seconds * 1000, 1),
        "agent": _agent(scope),
    }
    return json.dumps(row)


def _agent(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"user-agent":
            return str(value.decode("latin-1"))[:LONGEST_AGENT]
    return ""

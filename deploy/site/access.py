"""The access log: one line of JSON for each request, without query, headers or bodies, so without secrets."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.types import Scope

LOGGER = "micce.access"
LONGEST_AGENT = 200
LONGEST_PATH = 2000


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
    """Writes to the logger `micce.access`; whoever starts the server gives that a place to write to."""

    def __init__(self) -> None:
        self._logger = logging.getLogger(LOGGER)

    def note(self, scope: Scope, visit: Visit) -> None:
        """Write a line, where somebody listens."""
        if self._logger.isEnabledFor(logging.INFO):
            self._logger.info(line(scope, visit, datetime.now(UTC)))


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

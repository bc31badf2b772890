"""What the server counts, for Prometheus. No customer is named: whoever may read this learns of none."""

from __future__ import annotations

import os
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from deploy.site.access import Visit

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which several processes count together."""


@dataclass(frozen=True, slots=True)
class _Row:
    requests: Counter
    sent: Counter
    seconds: Histogram


class Metrics:
    """The counters of one process; several processes of one server share a folder, see `SHARED_FOLDER`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("micce_requests", "Requests answered", ["kind", "status"], registry=self._registry)
        self._sent = Counter("micce_sent_bytes", "Bytes of bodies sent", ["kind"], registry=self._registry)
        self._seconds = Histogram(
            "micce_request_seconds", "From the request to the end of its answer", ["kind"], registry=self._registry
        )
        self._rows: dict[tuple[str, int], _Row] = {}

    def count(self, visit: Visit) -> None:
        """Count one request; `kind` is one of a dozen, so that nobody outside can make the table grow."""
        row = self._rows.get((visit.kind, visit.status)) or self._row(visit.kind, visit.status)
        row.requests.inc()
        row.sent.inc(visit.sent)
        row.seconds.observe(visit.seconds)

    def _row(self, kind: str, status: int) -> _Row:
        """Looking labels up costs more than counting."""
        requests = self._requests.labels(kind, str(status or "gone"))
        row = self._rows[kind, status] = _Row(requests, self._sent.labels(kind), self._seconds.labels(kind))
        return row

    def text(self) -> tuple[bytes, str]:
        """Everything counted, of all processes, and its media type."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self._registry), CONTENT_TYPE_LATEST
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together), CONTENT_TYPE_LATEST

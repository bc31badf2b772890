"""What is counted of requests."""

from __future__ import annotations

import time

from deploy.site.access import Visit
from deploy.site.metrics import Metrics


def test_requests_bytes_and_seconds_are_counted_by_kind() -> None:
    metrics = Metrics()
    for status in (200, 200, 304, 0):
        metrics.count(Visit(time.perf_counter(), "file", status, 10))
    text = metrics.text()[0].decode()
    assert 'micce_requests_total{kind="file",status="200"} 2.0' in text
    assert 'micce_requests_total{kind="file",status="304"} 1.0' in text
    assert 'micce_requests_total{kind="file",status="gone"} 1.0' in text
    assert 'micce_sent_bytes_total{kind="file"} 40.0' in text
    assert 'micce_request_seconds_count{kind="file"} 4.0' in text

"""The access log: what a line holds, and that it goes on when the file is moved away."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.site import access
from deploy.site.access import AccessLog, Visit, line

NOW = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


def scope(path: bytes = b"/x", agent: bytes = b"curl/8") -> dict[str, object]:
    headers = [(b"user-agent", agent), (b"authorization", b"secret"), (b"cookie", b"secret")]
    return {"client": ("10.0.0.1", 5), "method": "GET", "raw_path": path, "query_string": b"secret", "headers": headers}


def visit() -> Visit:
    return Visit(time.perf_counter(), "page", 200, 42)


def test_a_line_says_what_happened_and_no_secret() -> None:
    text = line(scope(), visit(), NOW)
    row = json.loads(text)
    assert (row["time"], row["client"], row["status"], row["bytes"]) == (
        "2026-03-01T08:30:00.000+00:00",
        "10.0.0.1",
        200,
        42,
    )
    assert "secret" not in text


@given(st.binary(max_size=3000), st.binary(max_size=300))
def test_whatever_is_sent_it_is_one_line_of_ascii(path: bytes, agent: bytes) -> None:
    text = line(scope(path, agent), visit(), NOW)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["path"] == path.decode("latin-1")[: access.LONGEST_PATH]


def test_a_file_that_is_moved_away_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "LOOKING_SECONDS", 0.0)
    path = tmp_path / "access.log"
    log = AccessLog(path)
    log.note(scope(b"/first"), visit())
    path.rename(tmp_path / "access.log.1")
    log.note(scope(b"/second"), visit())
    assert "/first" in (tmp_path / "access.log.1").read_text()
    assert "/second" in path.read_text()
    assert "/first" not in path.read_text()


def test_two_writers_share_a_file(tmp_path: Path) -> None:
    one, other = AccessLog(tmp_path / "log"), AccessLog(tmp_path / "log")
    for _ in range(50):
        one.note(scope(b"/one"), visit())
        other.note(scope(b"/other"), visit())
    rows = [json.loads(row)["path"] for row in (tmp_path / "log").read_text().splitlines()]
    assert sorted(rows) == ["/one"] * 50 + ["/other"] * 50


def test_what_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    AccessLog(tmp_path / "none/log").note(scope(), visit())

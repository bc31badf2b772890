from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.errors import Problem, error, warning
from deploy.host.fake import FakeHost
from hotfix import log as module
from hotfix.log import Log, log_path

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)
WRITER = """
import sys
from pathlib import Path
from hotfix.log import Log
log = Log(Path(sys.argv[1]), print)
log.id = sys.argv[2]
for number in range(200):
    log.info("x" * 300 + f" {number}")
"""


def a_log(path: Path, told: list[Problem] | None = None) -> Log:
    log = Log(path, (told if told is not None else []).append, lambda: NOON)
    log.id = "HF001"
    return log


def test_it_lies_where_the_manual_says(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    folders = "Mitel/MiCC Enterprise/MiCCEHotFixInstaller/MiCCEHotFixInstaller.log"
    assert log_path(host) == host.log_folder() / folders


def test_a_line_has_time_level_and_hotfix(tmp_path: Path) -> None:
    log = a_log(tmp_path / "new" / "a.log")
    log.info("stopping")
    log.problems([error("in-use", "a.dll is in use", "close it", file="a.dll", line=3), warning("odd", "odd")])
    assert log.path.read_text().splitlines() == [
        "2026-01-02T12:00:00.123Z INFO    HF001 stopping",
        "2026-01-02T12:00:00.123Z ERROR   HF001 a.dll:3: a.dll is in use [in-use]; close it",
        "2026-01-02T12:00:00.123Z WARNING HF001 odd [odd]",
    ]


def test_an_event_is_one_line_whatever_it_holds(tmp_path: Path) -> None:
    log = a_log(tmp_path / "a.log")
    log.info("a\r\n2026 forged\0\u2028x")
    assert log.path.read_bytes().count(b"\n") == 1
    assert r"a\r\n2026 forged\x00\u2028x" in log.path.read_text()


def test_a_full_log_is_kept_five_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 200)
    log = a_log(tmp_path / "a.log")
    for number in range(30):
        log.info(f"event {number:03}")
    names = sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".lock")
    assert names == ["a.log", "a.log.1", "a.log.2", "a.log.3", "a.log.4", "a.log.5"]
    assert all((tmp_path / name).stat().st_size <= 200 for name in names)
    kept = "".join((tmp_path / name).read_text() for name in [*reversed(names[1:]), names[0]])
    numbers = [int(one) for one in re.findall(r"event (\d+)", kept)]
    assert numbers == list(range(30 - len(numbers), 30))


def test_one_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told: list[Problem] = []
    log = a_log(tmp_path / "file" / "a.log", told)
    log.info("one")
    log.info("two")
    assert [one.code for one in told] == ["log-not-written"]


def test_two_processes_do_not_tear_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("HF1", "HF2")]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    lines = path.read_text().splitlines()
    assert len(lines) == 400
    assert all(re.fullmatch(r"\S+Z INFO    HF[12] x{300} \d+", line) for line in lines)

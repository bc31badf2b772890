from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from deploy.change.journal import Journal, read
from deploy.change.lines import encoded
from deploy.change.records import Backed, Begin, Commit, Failed, Phase, Stopping
from deploy.change.service_ops import ServiceOp
from deploy.errors import TargetError

LINES = [encoded(record) for record in (Begin(()), Backed(), Failed("x"))]


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal.create(path)
    for record in (Begin(()), Backed(), Failed("x")):
        journal.append(record)
    journal.close()
    journal.close()
    assert path.read_bytes() == b"".join(LINES)
    assert read(path).phase is Phase.BACKED
    with pytest.raises(FileExistsError):
        Journal.create(path)


@pytest.mark.parametrize("tail", [b'["12', LINES[1][:-1], b"\0" * 40, b"\0" * 40 + b"\n", LINES[1].replace(b"b", b"d")])
def test_a_torn_last_line_is_ignored_and_cut_off_by_the_next(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(LINES[0] + tail)
    assert read(path).phase is Phase.BEGUN
    assert path.read_bytes() == LINES[0] + tail
    journal, now = Journal.reopen(path)
    assert now.phase is Phase.BEGUN
    journal.append(Backed())
    journal.close()
    assert path.read_bytes() == LINES[0] + LINES[1]


@pytest.mark.parametrize("number", [1, 2])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, number: int) -> None:
    path = tmp_path / "journal"
    lines = list(LINES)
    lines[number - 1] = lines[number - 1].replace(b"[", b"{", 1)
    path.write_bytes(b"".join(lines))
    with pytest.raises(TargetError, match=f"line {number}: its checksum is wrong") as damaged:
        read(path)
    assert damaged.value.code == "journal-damaged"
    assert damaged.value.problems[0].file == str(path)


def test_an_append_that_failed_leaves_nothing_for_the_next_to_trip_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    journal = Journal.create(path)
    journal.append(Begin(()))

    def no_fsync(descriptor: int) -> None:
        raise OSError(errno.EIO, "bad disk")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", no_fsync)
        with pytest.raises(OSError, match="bad disk"):
            journal.append(Stopping((ServiceOp("x" * 500, True, None, True, True, 1),)))
    assert len(path.read_bytes()) > 500
    journal.append(Backed())
    mark = journal.end
    journal.append(Commit())
    journal.retract(mark)
    journal.close()
    assert path.read_bytes() == LINES[0] + LINES[1]

"""Digests of local files: read when that is needed, and never of a file that is being written."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from deploy.digest import sha256_of_bytes
from deploy.errors import SourceError
from deploy.events import Progress
from deploy.site import publish_reading as module
from deploy.site.publish_index import LocalStat
from deploy.site.publish_reading import ATTEMPTS, Reader, still_changing


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.dll"
    path.write_bytes(b"content")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return str(path)


def told(_: object) -> None:
    return


def test_a_file_is_read_once(file: str) -> None:
    reader = Reader({}, 0.0)
    unread = reader.unread([file, file])
    assert list(unread) == [file]
    events: list[object] = []
    reader.read(unread, events.append)
    assert reader.known[file].sha256 == sha256_of_bytes(b"content")
    assert events == [Progress(1, 1, 7, 7, 0)]
    assert reader.unread([file]) == {}
    assert Reader(reader.known, 0.0).unread([file]) == {}


def test_a_file_just_changed_is_believed_for_this_publication_only(file: str) -> None:
    os.utime(file)
    reader = Reader({}, 0.0)
    reader.read(reader.unread([file]), told)
    assert reader.unread([file]) == {}
    assert list(Reader(reader.known, 0.0).unread([file])) == [file]


def test_a_file_that_changed_since_is_read_again(file: str) -> None:
    reader = Reader({}, 0.0)
    unread = reader.unread([file])
    reader.read(unread, told)
    assert reader.moved_on(unread) == []
    Path(file).write_bytes(b"CONTENT")
    assert reader.moved_on(unread) == [file]
    reader.read(reader.unread([file]), told)
    assert reader.known[file].sha256 == sha256_of_bytes(b"CONTENT")


def test_a_file_that_changes_while_it_is_read_is_read_again(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real, times = module._read_whole, []

    def reading(path: str) -> object:
        found = real(path)
        if not times:
            Path(path).write_bytes(b"changed")
        times.append(path)
        return found

    monkeypatch.setattr(module, "_read_whole", reading)
    reader = Reader({}, 0.0)
    reader.read(reader.unread([file]), told)
    assert len(times) == 2
    assert reader.known[file].sha256 == sha256_of_bytes(b"changed")


def test_one_that_changes_each_time_is_given_up_and_named(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real, times = module._read_whole, []

    def reading(path: str) -> object:
        found = real(path)
        times.append(path)
        Path(path).write_bytes(b"x" * len(times))
        return found

    monkeypatch.setattr(module, "_read_whole", reading)
    reader = Reader({}, 0.0)
    with pytest.raises(SourceError) as caught:
        reader.read(reader.unread([file]), told)
    assert (caught.value.code, caught.value.transient, len(times)) == ("changed", True, ATTEMPTS)
    assert file in str(caught.value)


def test_every_file_that_cannot_be_read_is_named(file: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    reader = Reader({}, 0.0)
    stat = LocalStat(1, 1, 1, 1)
    with pytest.raises(SourceError) as caught:
        reader.read({str(folder): stat, file: stat, str(tmp_path / "gone"): stat}, told)
    assert [problem.code for problem in caught.value.problems] == ["cannot-read", "changed"]
    assert not caught.value.transient
    with pytest.raises(SourceError):
        reader.unread([str(tmp_path / "gone")])


class TestRest:
    def test_only_what_changed_within_the_quiet_time_is_restless(self, file: str) -> None:
        changed = max(os.stat(file).st_mtime, os.stat(file).st_ctime)
        for passed, expected in ((5.1, []), (4.9, [file]), (-100.0, [file])):
            reader = Reader({}, 5.0, clock=lambda passed=passed: changed + passed)  # type: ignore[misc]
            assert reader.restless(reader.unread([file])) == expected

    def test_it_is_at_rest_when_it_was_seen_the_same_for_that_long(self, file: str) -> None:
        """Also where the clock of a share is hours ahead."""
        ahead = time.time() + 7200
        os.utime(file, (ahead, ahead))
        now = [time.time()]
        reader = Reader({}, 5.0, clock=lambda: now[0])
        assert reader.restless(reader.unread([file])) == [file]
        now[0] += 4.0
        assert reader.restless(reader.unread([file])) == [file]
        now[0] += 1.0
        assert reader.restless(reader.unread([file])) == []
        Path(file).write_bytes(b"more")
        os.utime(file, (ahead, ahead))
        assert reader.restless(reader.unread([file])) == [file]

    def test_the_problem_counts_the_others(self) -> None:
        assert "a and 2 more" in still_changing(["a", "b", "c"]).message


def test_what_nobody_asked_for_is_forgotten(file: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"x")
    first = Reader({}, 0.0)
    first.read(first.unread([file, str(other)]), told)
    second = Reader(first.known, 0.0)
    second.unread([file])
    second.forget_others()
    assert list(second.known) == [file]

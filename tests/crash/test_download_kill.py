"""kill -9 in the middle of a download: the next run completes it and asks only for what is missing."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.partfile import CHECKPOINT
from tests.crash.downloads import Download, Told, wait_until_gone
from tests.servers.accesslog import WebServer
from tests.servers.nginx import nginx
from tests.sim.trees import TreeShape, grow

SHAPE = TreeShape(files=250, least=0, most=30_000, depth=2, fan=3)
OLD = 1_500_000_000
TRIES = 20
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    docroot = tmp_path_factory.mktemp("docroot")
    grow(docroot, SHAPE)
    with nginx(docroot, tmp_path_factory.mktemp("nginx"), workers=2) as running:
        yield running


@pytest.fixture
def download(server: WebServer, tmp_path: Path) -> Download:
    server.forget()
    return Download(server.url, server.docroot, tmp_path / "staging", tmp_path / "config.json")


def asked(server: WebServer) -> Counter[str]:
    """How often each file was asked for."""
    return Counter(request.path.lstrip("/") for request in server.requests())


@pytest.mark.parametrize("processes", [0, 2])
@pytest.mark.parametrize("after", [0, 1, 60, 150, 240])
def test_a_killed_download_is_completed_by_the_next(
    server: WebServer, download: Download, processes: int, after: int
) -> None:
    download = Download(download.url, download.docroot, download.stage, download.config, 4, processes)
    killed = killed_after(download, after, server)
    assert len(killed.workers) == processes
    done = download.run()
    wait_until_gone(killed.workers)
    download.check(done)
    requests = asked(server)
    assert requests.keys() == done.fetched.keys()
    twice = {path for path, count in requests.items() if count > 1}
    assert not twice & killed.fetched.keys(), "a file that was told to be finished was asked for again"
    assert len(twice) <= download.jobs, "more was asked for again than can have been on its way"
    assert max(requests.values()) <= 2
    assert {key for key, (_, _, received) in done.fetched.items() if received == 0} >= killed.fetched.keys()


def killed_after(download: Download, count: int, server: WebServer) -> Told:
    """Kill it once it told of so many files; a machine too busy to be in time gets another chance."""
    for _ in range(TRIES):
        killed = download.run(kill_when=lambda told: len(told.fetched) >= count)
        if killed.code == -9:
            return killed
        shutil.rmtree(download.stage)
        server.forget()
    raise AssertionError(f"in {TRIES} tries it had always ended before it was killed")


def test_nothing_is_lost_over_many_kills(server: WebServer, download: Download) -> None:
    kills = 0
    for step in range(20, SHAPE.files, 40):
        killed = download.run(kill_when=lambda told, step=step: len(told.fetched) >= step)  # type: ignore[misc]
        kills += killed.code == -9
    assert kills >= 5
    download.check(download.run())
    requests = asked(server)
    assert sum(requests.values()) <= SHAPE.files + kills * download.jobs


def test_no_worker_outlives_its_parent(download: Download) -> None:
    killed = download.run(kill_when=lambda told: len(told.fetched) >= 30)
    wait_until_gone(killed.workers)
    assert len(download.journaled()) >= 30


def test_the_end_of_an_untouched_download_leaves_no_request_for_the_next(server: WebServer, download: Download) -> None:
    first = download.run()
    download.check(first)
    server.forget()
    second = download.run()
    download.check(second)
    assert asked(server) == Counter()
    assert {received for _, _, received in second.fetched.values()} == {0}


LARGE = 24 * CHECKPOINT + 4321


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[WebServer, Download]]:
    """One large file, given slowly enough to be caught in the middle."""
    docroot = tmp_path / "docroot"
    docroot.mkdir()
    for name in ("large-1", "large-2"):
        (docroot / name).write_bytes(os.urandom(LARGE))
        os.utime(docroot / name, (OLD, OLD))
    with nginx(docroot, tmp_path / "nginx", extra="limit_rate 16m; etag off;") as server:
        yield server, Download(server.url, docroot, tmp_path / "staging", tmp_path / "config.json", 2)


@pytest.mark.parametrize("processes", [0, 2])
def test_a_large_file_goes_on_where_it_was(slow: tuple[WebServer, Download], processes: int) -> None:
    server, download = slow
    download = Download(download.url, download.docroot, download.stage, download.config, 2, processes)
    killed = download.run(kill_when=lambda told: told.bytes_done >= 14 * CHECKPOINT)
    assert killed.code == -9
    assert killed.fetched == {}
    done = download.run()
    download.check(done)
    resumed = [request for request in server.requests() if request.status == 206]
    assert {request.path for request in resumed} == {"/large-1", "/large-2"}
    starts = [int(request.range.removeprefix("bytes=").removesuffix("-")) for request in resumed]
    assert all(start % CHECKPOINT == 0 and start > 0 for start in starts)
    assert sum(starts) >= 14 * CHECKPOINT - 2 * (CHECKPOINT + CHECKPOINT // 4)
    assert sum(received for _, _, received in done.fetched.values()) == 2 * LARGE - sum(starts)


def test_a_large_file_that_changed_meanwhile_starts_anew(slow: tuple[WebServer, Download]) -> None:
    server, download = slow
    download.run(kill_when=lambda told: told.bytes_done >= 14 * CHECKPOINT)
    for name in ("large-1", "large-2"):
        (download.docroot / name).write_bytes(os.urandom(LARGE))
        os.utime(download.docroot / name, (OLD + 60, OLD + 60))
    server.forget()
    done = download.run()
    download.check(done)
    assert [request.status for request in server.requests()] == [200, 200]


def test_garbage_in_the_folder_harms_nothing(download: Download) -> None:
    killed: Told = download.run(kill_when=lambda told: len(told.fetched) >= 100)
    wait_until_gone(killed.workers)
    journal = next(path for path in download.stage.glob("journal-*") if path.stat().st_size > 200)
    with journal.open("r+b") as file:
        file.truncate(journal.stat().st_size - 17)
    (download.stage / "journal-foreign").write_bytes(b"\x00\xff not a journal\n{}")
    (download.stage / "files" / "stray").write_bytes(b"x")
    damaged = [Path(path) for path, _, _ in list(killed.fetched.values())[:5]]
    for path in damaged:
        path.write_bytes(bytes(path.stat().st_size))
    download.check(download.run())

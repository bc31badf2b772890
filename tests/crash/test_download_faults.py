"""Every change a download makes to its staging folder fails or is the last thing that happens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.partfile import CHECKPOINT
from tests.crash.downloads import Download
from tests.crash.injector import KILLS, REFUSALS, Injector, build
from tests.servers.accesslog import WebServer
from tests.servers.nginx import nginx

CODES = {"enospc": "disk-full", "eio": "cannot-write", "eacces": "cannot-write"}
SAMPLE = 6


@pytest.fixture(scope="module")
def injector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Injector]:
    yield from build(tmp_path_factory.mktemp("injector"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    docroot = tmp_path_factory.mktemp("docroot")
    sizes = {"a": 0, "b": 10, "c": 20_000, "d/e": 300_000, "d/large": 3 * CHECKPOINT + 99}
    for name, size in sizes.items():
        path = docroot / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(size))
        os.utime(path, (1_500_000_000, 1_500_000_000))
    with nginx(docroot, tmp_path_factory.mktemp("nginx")) as running:
        yield running


@pytest.fixture
def download(server: WebServer, tmp_path: Path) -> Download:
    return Download(server.url, server.docroot, tmp_path / "staging", tmp_path / "config.json", 1, 0)


def struck(download: Download, injector: Injector, mode: str, call: int) -> bool:
    """Run with a fault at one call; False if there was no such call."""
    told = download.run(env=injector.env(download.stage, mode, call))
    if len(injector.calls) < call:
        download.check(told)
        return False
    if mode in KILLS:
        assert told.code == -9
    elif injector.calls[call - 1] == "mkdir" and told.code == 0:
        # The folder was there already, and then it does not matter why it could not be made.
        download.check(told)
    else:
        assert (told.code, told.error) == (3, CODES[mode]), injector.calls[call - 1]
    return True


def test_the_injector_sees_every_change(download: Download, injector: Injector) -> None:
    download.check(download.run(env=injector.env(download.stage, "count", 0)))
    assert {"open", "write", "rename", "unlink"} <= set(injector.calls)
    assert len(injector.calls) >= 25


@pytest.mark.parametrize("mode", [*KILLS, *REFUSALS])
def test_after_a_fault_at_some_calls_the_next_run_completes(download: Download, injector: Injector, mode: str) -> None:
    download.run(env=injector.env(download.stage, "count", 0))
    calls = len(injector.calls)
    for call in range(1 + KILLS.index(mode) if mode in KILLS else 1, calls, calls // SAMPLE):
        fault_then_success(download, injector, mode, call)


@pytest.mark.deep
@pytest.mark.parametrize("mode", [*KILLS, *REFUSALS])
def test_after_a_fault_at_any_call_the_next_run_completes(download: Download, injector: Injector, mode: str) -> None:
    call = 1
    while fault_then_success(download, injector, mode, call):
        call += 1
    assert call > 25


@pytest.mark.deep
@pytest.mark.parametrize("mode", [*KILLS, *REFUSALS])
def test_after_a_fault_in_the_recovery_too_the_next_run_completes(
    download: Download, injector: Injector, mode: str
) -> None:
    again = True
    second = 1
    while again:
        fresh(download)
        assert struck(download, injector, "kill", 20)
        again = struck(download, injector, mode, second)
        if again:
            download.check(download.run())
        second += 1
    assert second > 10


def fault_then_success(download: Download, injector: Injector, mode: str, call: int) -> bool:
    """A run on an empty stage with a fault at one call, then one without; False if there was no such call."""
    fresh(download)
    again = struck(download, injector, mode, call)
    if again:
        download.check(download.run())
    return again


def fresh(download: Download) -> None:
    """Begin with no stage at all."""
    for path in sorted(download.stage.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if download.stage.exists():
        download.stage.rmdir()

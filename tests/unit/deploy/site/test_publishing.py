"""Publishing beside a server: at the start, after changes, never in the middle of one."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from deploy.site import publishing as module
from deploy.site.publish import Means
from deploy.site.publish_tree import Tree
from deploy.site.publishing import Publisher
from tests.unit.deploy.site.publish_bench import NEXT, Bench

PATIENCE = 20.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHORTEST_PAUSE", 0.01)
    monkeypatch.setattr(module, "FIRST_RETRY", 0.01)
    monkeypatch.setattr(module, "LAST_RETRY", 0.02)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    found = Bench(tmp_path)
    found.put("next/a.dll", "a")
    found.put("script/s.dll", "s")
    found.customer("acme")
    found.customer("other", NEXT.replace("NextCCClient", "ScriptManager"))
    found.use(watch=True, quiet=0.05)
    return found


@contextmanager
def running(publisher: Publisher) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=publisher.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def published(bench: Bench, id_: str, name: str, data: bytes) -> Callable[[], bool]:
    def holds() -> bool:
        path = bench.settings.published / "customers" / id_ / "manifest.json"
        return path.exists() and bench.installed(id_).get(f"Solidus/{name}") == data

    return holds


def test_everybody_is_published_at_the_start_and_then_it_ends(bench: Bench) -> None:
    bench.use(watch=False)
    Publisher(bench.settings, means=Means()).run(threading.Event())
    assert bench.installed("acme") == {"Solidus/a.dll": b"a"}
    assert bench.installed("other") == {"Solidus/s.dll": b"s"}


def test_nothing_is_published_at_the_start_where_that_is_not_wished(bench: Bench) -> None:
    bench.use(watch=False)
    Publisher(bench.settings, at_start=False, means=Means()).run(threading.Event())
    assert not bench.settings.published.exists()


def test_a_changed_folder_is_published_for_those_who_read_from_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "micce.site"), running(Publisher(bench.settings, means=Means())):
        until(published(bench, "other", "s.dll", b"s"))
        until(published(bench, "acme", "a.dll", b"a"))
        until(lambda: "other: published" in caplog.text and "acme: published" in caplog.text)
        caplog.clear()
        bench.put("next/a.dll", "changed", modified=time.time())
        until(published(bench, "acme", "a.dll", b"changed"))
        bench.customer("third")
        until(published(bench, "third", "a.dll", b"changed"))
        shutil.rmtree(bench.settings.root / "third")
        until(lambda: not (bench.settings.published / "customers/third").exists())
    assert "acme: published" in caplog.text
    assert "other: published" not in caplog.text


def test_a_broken_customer_keeps_its_release_until_it_is_mended(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "micce.site"), running(Publisher(bench.settings, means=Means())):
        until(published(bench, "acme", "a.dll", b"a"))
        bench.put("WebDeployment/acme/Setup.config", "<configuration>", modified=time.time())
        until(lambda: "acme cannot be published" in caplog.text)
        assert bench.installed("acme") == {"Solidus/a.dll": b"a"}
        bench.customer("acme", NEXT.replace('"Solidus"', '"Elsewhere"'))
        until(lambda: bench.installed("acme") == {"Elsewhere/a.dll": b"a"})
    assert "not-well-formed" in caplog.text


def test_a_folder_that_is_still_copied_to_is_never_offered(bench: Bench) -> None:
    """Readers see the old files or all the new ones, however long the copying takes."""
    bench.use(quiet=0.3)
    names = [f"f{number:02}.dll" for number in range(12)]
    for name in names:
        bench.put(f"next/{name}", "old")
    seen: set[tuple[bytes, ...]] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            files = bench.installed("acme")
            seen.add(tuple(files[f"Solidus/{name}"] for name in names))

    with running(Publisher(bench.settings, means=Means())):
        until(published(bench, "acme", names[0], b"old"))
        reader = threading.Thread(target=look)
        reader.start()
        try:
            for name in names:
                path = bench.folder / "next" / name
                for part in range(1, 6):
                    path.write_bytes(b"new!!"[:part])
                    done.wait(0.02)
            until(published(bench, "acme", names[-1], b"new!!"))
            until(lambda: len(seen) > 1)
        finally:
            done.set()
            reader.join()
    assert seen == {(b"old",) * len(names), (b"new!!",) * len(names)}


def test_another_publication_is_waited_for(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.use(watch=False)
    with ExitStack() as stack:
        with Tree(bench.settings.published, lambda _: None).writing():
            stack.enter_context(running(Publisher(bench.settings, means=Means())))
            until(lambda: "busy" in caplog.text)
            assert not (bench.settings.published / "customers/acme").exists()
        until(published(bench, "acme", "a.dll", b"a"))


def test_told_to_stop_it_ends_between_two_writes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        bench.put(f"next/{number}.bin", b"%d" % number * 1_100_000)
    stop = threading.Event()
    real, writes = Tree.write, []

    def writing(tree: Tree, kind: str, pieces: object) -> object:
        writes.append(kind)
        stop.set()
        return real(tree, kind, pieces)  # type: ignore[arg-type]

    monkeypatch.setattr(Tree, "write", writing)
    Publisher(bench.settings, means=Means()).run(stop)
    assert len(writes) == 1
    assert not (bench.settings.published / "customers/acme").exists()
    bench.use(watch=False)
    monkeypatch.undo()
    Publisher(bench.settings, means=Means()).run(threading.Event())
    assert len(bench.installed("acme")) == 41


def test_a_repository_that_cannot_be_published_is_told_and_does_not_end_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.settings.published.write_bytes(b"in the way")
    with running(Publisher(bench.settings, means=Means())):
        until(lambda: "cannot-write" in caplog.text or "in-the-way" in caplog.text)
        bench.settings.published.unlink()
        until(published(bench, "acme", "a.dll", b"a"))

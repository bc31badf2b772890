"""The published tree as pages and handlers see it."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from deploy.digest import sha256_of_bytes
from deploy.site import publication as module
from deploy.site.model import Publication
from deploy.site.publication import PublishedTree
from tests.unit.deploy.site.publish_bench import NEXT, UNC, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    found = Bench(tmp_path)
    found.put("next/a.dll", "a")
    found.put("next/Bin/b.dll", "bb")
    return found


def tree(bench: Bench) -> PublishedTree:
    return PublishedTree(bench.settings.published)


def test_a_release_tells_what_is_published(bench: Bench) -> None:
    found: Publication = tree(bench)
    assert found.release("acme") is None
    assert found.manifest("acme") is None
    bench.use(release="9.7")
    bench.publish(bench.customer("ACME", entries=NEXT + UNC + NEXT.replace('"Solidus"', '"."')))
    release = found.release("aCmE")
    assert release is not None
    data = bench.manifest_bytes()
    assert release.manifest.read_bytes() == data
    assert release.etag == f'"{sha256_of_bytes(data)[:32]}"'
    assert (release.customer, release.customer_name, release.tenant_id) == ("ACME", "ACME Ltd", 7)
    assert (release.release, release.size, release.files, release.total) == ("9.7", len(data), 4, 6)
    assert release.parts == {"Solidus": 3, "Bin": 2, "": 1}
    assert release.client_entries == 1
    assert release.published == bench.manifest().published
    assert found.manifest("acme") == bench.manifest()


def test_a_new_publication_is_seen_and_nothing_else_is_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = bench.customer()
    bench.publish(customer)
    found = tree(bench)
    first = found.release("acme")
    reads = []
    real = module._read
    monkeypatch.setattr(module, "_read", lambda path: reads.append(path) or real(path))
    assert found.release("ACME") is first
    assert reads == []
    bench.put("next/a.dll", "changed")
    bench.publish(customer)
    second = found.release("acme")
    assert second is not None
    assert first is not None
    assert second.etag != first.etag
    assert len(reads) == 1


def test_one_that_was_taken_back_is_gone(bench: Bench) -> None:
    bench.publish(bench.customer())
    found = tree(bench)
    assert found.release("acme")
    os.unlink(bench.settings.published / "customers/acme/manifest.json")
    assert found.release("acme") is None
    assert found.manifest("acme") is None


@pytest.mark.parametrize(
    "id_", ["", "..", "../acme", "acme/..", "acme/manifest.json", "NUL", "a\0b", "x" * 65, ".work"]
)
def test_what_is_no_id_is_never_looked_for(bench: Bench, id_: str) -> None:
    bench.publish(bench.customer())
    assert tree(bench).release(id_) is None
    assert tree(bench).manifest(id_) is None


def test_a_manifest_that_cannot_be_used_is_told_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.publish(bench.customer())
    path = bench.settings.published / "customers/acme/manifest.json"
    path.write_bytes(b"{")
    found = tree(bench)
    with caplog.at_level(logging.WARNING, "micce.site"):
        assert found.release("acme") is None
        assert found.release("acme") is None
    assert len(caplog.records) == 1
    assert "bad-manifest" in caplog.text


def test_many_at_once_read_it_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.publish(bench.customer())
    reads = []
    real = module._read
    together = threading.Barrier(8)

    def reading(path: Path) -> object:
        reads.append(path)
        return real(path)

    monkeypatch.setattr(module, "_read", reading)
    found = tree(bench)
    answers: list[object] = []

    def ask() -> None:
        together.wait()
        answers.append(found.release("acme"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1
    assert len(set(map(id, answers))) == 1

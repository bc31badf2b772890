"""The published tree copied elsewhere: contents first, manifests last, nothing too early removed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from deploy.errors import TargetError, UsageError
from deploy.site import remote as module
from deploy.site.remote import GRACE, STATE, PushResult, Target, open_target, push
from tests.unit.deploy.site.publish_bench import NEXT, Bench, installed

SECRET = "canary-pass-word"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    found = Bench(tmp_path / "site")
    found.put("next/a.dll", "a")
    found.put("next/Bin/b.dll", "bb")
    found.put("next/large.bin", b"L" * 1_100_000)
    found.customer("acme")
    found.publish()
    return found


@pytest.fixture(params=["memory", "file", "tmp"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An object store, a folder, and a file system where only a rename is at once."""
    if request.param == "memory":
        memory = fsspec.filesystem("memory")
        memory.store.clear()
        yield "memory://bucket/clients"
        memory.store.clear()
        memory.pseudo_dirs[:] = [""]
        return
    if request.param == "tmp":
        monkeypatch.setattr(module, "LOCAL", ())
    yield f"file://{tmp_path}/copy"


def copy(bench: Bench, url: str, seconds: float = 0.0) -> PushResult:
    return push(bench.settings.published, open_target(url), lambda _: None, clock=lambda: time.time() + seconds)


def brought_back(url: str, folder: Path) -> Path:
    """The copy as files, for a look at it as a client has it."""
    files, root = fsspec.core.url_to_fs(url)
    for path in files.find(root):
        local = folder / path.removeprefix(root).lstrip("/")
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_bytes(files.cat_file(path))
    return folder


def names(url: str) -> set[str]:
    files, root = fsspec.core.url_to_fs(url)
    return {path.removeprefix(root).lstrip("/") for path in files.find(root)}


def test_clients_have_from_the_copy_what_they_have_here(bench: Bench, url: str, tmp_path: Path) -> None:
    result = copy(bench, url)
    assert (result.uploaded, result.manifests, result.removed) == (2, 1, 0)
    assert result.size == 1_100_003
    there = brought_back(url, tmp_path / "back")
    assert (there / "customers/acme/manifest.json").read_bytes() == bench.manifest_bytes()
    assert installed(there, bench.manifest()) == bench.installed()
    assert names(url) == {*bench.contents(), "customers/acme/manifest.json", STATE}


def test_again_there_is_nothing_to_copy(bench: Bench, url: str) -> None:
    copy(bench, url)
    again = copy(bench, url)
    assert (again.uploaded, again.size, again.manifests, again.removed) == (0, 0, 0, 0)


def test_a_change_is_all_that_is_copied_and_the_old_stays_for_its_time(bench: Bench, url: str, tmp_path: Path) -> None:
    copy(bench, url)
    old = bench.manifest()
    bench.put("next/a.dll", "changed")
    bench.put("next/Bin/b.dll", "also")
    bench.publish()
    result = copy(bench, url)
    assert (result.uploaded, result.size, result.manifests, result.removed) == (1, 11, 1, 0)
    assert copy(bench, url, GRACE - 60).removed == 0
    assert installed(brought_back(url, tmp_path / "back"), old)
    assert copy(bench, url, GRACE + 60).removed == 1
    assert not {f"packs/{pack.sha256[:2]}/{pack.sha256}" for pack in old.packs} & names(url)


def test_a_pack_long_there_is_not_removed_the_moment_it_is_unused(bench: Bench, url: str) -> None:
    """What counts is since when nobody refers to it, not when it was copied."""
    copy(bench, url, -10 * GRACE)
    bench.put("next/a.dll", "changed")
    bench.put("next/Bin/b.dll", "also")
    bench.publish()
    assert copy(bench, url).removed == 0


def test_a_lost_or_damaged_state_begins_the_time_anew(bench: Bench, url: str) -> None:
    copy(bench, url)
    bench.put("next/a.dll", "changed")
    bench.put("next/Bin/b.dll", "also")
    bench.publish()
    copy(bench, url)
    files, root = fsspec.core.url_to_fs(url)
    for data in (b"{", b"[]", b'{"unused": 5}', b'{"unused": {"x": "y"}}'):
        files.pipe_file(f"{root}/{STATE}", data)
        assert copy(bench, url, 2 * GRACE).removed == 0


def test_what_was_cut_while_it_was_copied_is_copied_again(bench: Bench, url: str, tmp_path: Path) -> None:
    copy(bench, url)
    files, root = fsspec.core.url_to_fs(url)
    for address in bench.contents():
        files.pipe_file(f"{root}/{address}", b"x")
    assert copy(bench, url).uploaded == 2
    assert installed(brought_back(url, tmp_path / "back"), bench.manifest())


def test_manifests_come_last(bench: Bench, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    put, replace = Target.put, Target.replace
    monkeypatch.setattr(Target, "put", lambda self, local, address: order.append(address) or put(self, local, address))
    monkeypatch.setattr(
        Target, "replace", lambda self, address, data: order.append(address) or replace(self, address, data)
    )
    copy(bench, url)
    assert {one.split("/")[0] for one in order[:2]} == {"packs", "objects"}
    assert order[2:] == ["customers/acme/manifest.json", STATE]


def test_nobody_is_sent_to_what_could_not_be_copied(bench: Bench, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(f"denied for http://user:{SECRET}@x")

    monkeypatch.setattr(Target, "put", refuse)
    with pytest.raises(TargetError) as caught:
        copy(bench, url)
    assert caught.value.code == "cannot-upload"
    assert SECRET not in str(caught.value)
    assert not any(name.endswith("manifest.json") for name in names(url))


def test_a_customer_that_is_published_no_more_is_taken_back(bench: Bench, url: str) -> None:
    bench.customer("gone")
    bench.publish()
    copy(bench, url)
    (bench.settings.root / "gone/Setup.config").unlink()
    (bench.settings.root / "gone").rmdir()
    bench.publish()
    assert copy(bench, url).manifests == 1
    assert "customers/gone/manifest.json" not in names(url)
    assert "customers/acme/manifest.json" in names(url)


def test_a_damaged_content_is_not_spread(bench: Bench, url: str) -> None:
    for address, size in bench.contents().items():
        (bench.settings.published / address).write_bytes(b"\0" * size)
    with pytest.raises(TargetError) as caught:
        copy(bench, url)
    assert caught.value.code == "damaged-content"
    assert "--verify" in caught.value.problems[0].hint
    assert names(url) <= {"x"}


def test_a_manifest_that_cannot_be_read_keeps_its_copy_and_everything_else(bench: Bench, url: str) -> None:
    bench.customer("other", NEXT.replace("*.*", "a.dll"))
    bench.publish()
    copy(bench, url)
    before = names(url)
    (bench.settings.published / "customers/other/manifest.json").write_bytes(b"{")
    result = copy(bench, url, 10 * GRACE)
    assert [problem.code for problem in result.problems] == ["bad-manifest"]
    assert result.removed == 0
    assert names(url) == before


def test_nothing_published_is_not_copied_as_nothing(bench: Bench, url: str) -> None:
    copy(bench, url)
    bench.use(published=bench.folder / "empty")
    (bench.folder / "empty/customers").mkdir(parents=True)
    with pytest.raises(TargetError) as caught:
        copy(bench, url)
    assert caught.value.code == "nothing-published"
    assert "customers/acme/manifest.json" in names(url)


def test_the_state_is_for_reading_too(bench: Bench, url: str) -> None:
    copy(bench, url)
    files, root = fsspec.core.url_to_fs(url)
    assert json.loads(files.cat_file(f"{root}/{STATE}")) == {"format": 1, "unused": {}}


class TestAddresses:
    def test_a_library_that_is_missing_is_named(self) -> None:
        pytest.importorskip("fsspec")
        try:
            import s3fs  # noqa: F401
        except ImportError:
            with pytest.raises(UsageError) as caught:
                open_target("s3://bucket/clients")
            assert caught.value.code == "missing-package"
            assert "s3fs" in str(caught.value)

    def test_an_address_nobody_knows(self) -> None:
        with pytest.raises(UsageError) as caught:
            open_target(f"nonsense://user:{SECRET}@host/x")
        assert caught.value.code == "bad-address"
        assert SECRET not in str(caught.value)

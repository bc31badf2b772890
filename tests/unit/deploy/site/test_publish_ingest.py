"""Foreign servers are asked once, by the server: clients have their files from the published tree."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.events import Fetched
from deploy.site.publish import Means
from deploy.site.publish_result import State
from tests.servers.httpserver import httpserver
from tests.unit.deploy.site.publish_bench import NEXT, Bench


class Foreign:
    """Another server, and what was fetched from it."""

    def __init__(self, bench: Bench, address: str) -> None:
        self.bench = bench
        self.address = address
        self.entries = f'<file include="{address}/*.*" subDirs="true" outputFolder="Foreign"/>'

    def publish(self, *ids: str, ahead: float = 0.0) -> list[str]:
        """Publish customers; returns which files were fetched."""
        told: list[object] = []
        customers = [self.bench.customer(id_, self.entries) for id_ in ids or ("acme",)]
        result = self.bench.publish(*customers, tell=told.append, means=Means(clock=lambda: time.time() + ahead))
        assert [one.state for one in result.customers if one.state is State.REFUSED] == []
        return sorted(one.path.rpartition("/")[0] and str(one.size) for one in told if isinstance(one, Fetched))


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Foreign]:
    bench = Bench(tmp_path / "site")
    bench.put("there/one.txt", "1")
    bench.put("there/sub/two.txt", "22")
    with httpserver(bench.folder / "there", tmp_path / "http") as address:
        yield Foreign(bench, address)


def test_files_are_fetched_once_and_published(foreign: Foreign) -> None:
    assert foreign.publish() == ["1", "2"]
    assert foreign.bench.installed() == {"Foreign/one.txt": b"1", "Foreign/sub/two.txt": b"22"}
    assert foreign.bench.left() == []
    before = foreign.bench.manifest_bytes()
    assert foreign.publish(ahead=100) == []
    assert foreign.bench.manifest_bytes() == before
    assert not list((foreign.bench.settings.published / ".work/ingest").iterdir())


def test_a_changed_file_is_fetched_again(foreign: Foreign) -> None:
    foreign.publish()
    foreign.bench.put("there/one.txt", "one", modified=time.time() - 500)
    assert foreign.publish(ahead=100) == ["3"]
    assert foreign.bench.installed()["Foreign/one.txt"] == b"one"


def test_a_second_customer_has_it_from_the_tree_in_packs_of_its_own(foreign: Foreign) -> None:
    foreign.publish("one", ahead=100)
    assert foreign.publish("two", ahead=200) == []
    assert foreign.bench.installed("two") == foreign.bench.installed("one")
    # The bytes are the same, and so is the pack: nothing else lies in it.
    assert foreign.bench.manifest("one").packs == foreign.bench.manifest("two").packs


def test_what_was_lost_from_the_tree_is_fetched_again(foreign: Foreign) -> None:
    foreign.publish()
    for address in foreign.bench.contents():
        os.unlink(foreign.bench.settings.published / address)
    assert foreign.publish(ahead=100) == ["1", "2"]
    assert foreign.bench.installed()["Foreign/one.txt"] == b"1"


def test_a_file_that_is_not_there_keeps_the_last_release(foreign: Foreign) -> None:
    foreign.publish()
    before = foreign.bench.manifest_bytes()
    customer = foreign.bench.customer(entries=f'<file include="{foreign.address}/no.txt" outputFolder="x"/>')
    (one,) = foreign.bench.publish(customer).customers
    assert (one.state, [problem.code for problem in one.problems]) == (State.REFUSED, ["not-found"])
    assert foreign.bench.manifest_bytes() == before


def test_a_server_that_went_away_leaves_its_entries_to_the_clients(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "site")
    bench.put("there/one.txt", "1")
    bench.put("next/a.dll", "a")
    with httpserver(bench.folder / "there", tmp_path / "http") as address:
        entries = NEXT + f'<file include="{address}/*.*" outputFolder="Foreign"/>'
        assert bench.publish(bench.customer(entries=entries)).ok
    assert bench.left() == []
    result = bench.publish(bench.customer(entries=entries))
    assert result.ok
    assert [problem.code for problem in result.customers[0].problems] == ["left-to-clients"]
    assert bench.left() == [f"{address}/*.*"]
    assert bench.installed() == {"Solidus/a.dll": b"a"}


def test_a_file_that_cannot_be_had_though_it_is_listed(foreign: Foreign) -> None:
    """The listing names it, and the server says not-found: a dead link."""
    os.symlink("nowhere", foreign.bench.folder / "there/dead.txt")
    (one,) = foreign.bench.publish(foreign.bench.customer(entries=foreign.entries)).customers
    assert one.state is State.REFUSED
    assert {problem.code for problem in one.problems} == {"not-found"}
    assert {problem.line for problem in one.problems} == {1}

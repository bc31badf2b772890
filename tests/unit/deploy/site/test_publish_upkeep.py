"""Keeping the published tree: what goes, what is packed anew, what is found damaged and repaired."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.manifest import OBJECTS, PACKS
from deploy.site import packing
from deploy.site.publish import GRACE
from deploy.site.publish_result import State
from tests.unit.deploy.site.publish_bench import NEXT, Bench, addresses, ahead, installed


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    found = Bench(tmp_path)
    found.put("next/a.dll", "a")
    found.put("next/Bin/b.dll", "bb")
    found.put("next/Bin/empty.txt", "")
    return found


class TestGarbage:
    def test_what_nobody_needs_goes_after_its_time(self, bench: Bench) -> None:
        customer = bench.customer()
        bench.publish(customer)
        old = bench.manifest()
        bench.put("next/a.dll", "changed")
        bench.put("next/Bin/b.dll", "changed too")
        bench.publish(customer)
        assert installed(bench.settings.published, old)["Solidus/a.dll"] == b"a"  # readers of the old one finish
        assert bench.publish(customer, means=ahead(GRACE - 60)).removed == 0
        assert installed(bench.settings.published, old)
        assert bench.publish(customer, means=ahead(GRACE + 60)).removed == 1
        assert set(bench.contents()) == set(addresses(bench, "acme"))
        assert bench.installed()["Solidus/a.dll"] == b"changed"

    def test_what_is_needed_again_stays(self, bench: Bench) -> None:
        customer = bench.customer()
        bench.publish(customer)
        for name in ("next/a.dll", "next/Bin/b.dll"):
            bench.put(name, f"changed {name}")
        bench.publish(customer)
        bench.put("next/a.dll", "a")
        bench.put("next/Bin/b.dll", "bb")
        result = bench.publish(customer, means=ahead(GRACE / 2))
        assert result.written == 0
        bench.publish(customer, means=ahead(GRACE + 60))
        assert bench.installed()["Solidus/a.dll"] == b"a"

    def test_nothing_goes_while_a_manifest_cannot_be_read(self, bench: Bench) -> None:
        customer = bench.customer()
        bench.customer("other")
        bench.publish()
        (bench.settings.published / "customers/other/manifest.json").write_bytes(b'{"format":99}')
        for path in (bench.folder / "next").rglob("*.dll"):
            bench.put(str(path.relative_to(bench.folder)), "all else")
        bench.publish(customer)
        result = bench.publish(customer, means=ahead(2 * GRACE))
        assert result.removed == 0
        assert [problem.code for problem in result.problems] == ["bad-manifest"]
        assert "later version" in result.problems[0].hint

    def test_what_a_killed_publisher_left_goes_too(self, bench: Bench) -> None:
        customer = bench.customer()
        bench.publish(customer)
        stray = bench.settings.published / PACKS / "ab" / ("ab" + "0" * 62)
        stray.parent.mkdir(exist_ok=True)
        stray.write_bytes(b"half")
        incoming = bench.settings.published / ".work/incoming/x"
        incoming.write_bytes(b"half")
        left = bench.settings.published / "customers/acme/.manifest.json.0123456789abcdef.tmp"
        left.write_bytes(b"half")
        bench.publish(customer)
        assert stray.exists()
        assert not incoming.exists()
        assert not left.exists()
        assert bench.publish(customer, means=ahead(GRACE + 60)).removed == 1
        assert not stray.exists()

    def test_what_is_no_content_is_left_alone(self, bench: Bench) -> None:
        customer = bench.customer()
        bench.publish(customer)
        for name in ("packs/readme.txt", "packs/ab/readme.txt", "objects/zz/x", "customers/notes.txt"):
            path = bench.settings.published / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"mine")
        bench.publish(customer, means=ahead(GRACE + 60))
        bench.publish(customer, means=ahead(3 * GRACE))
        assert (bench.settings.published / "packs/ab/readme.txt").exists()
        assert (bench.settings.published / "customers/notes.txt").exists()


class TestRepacking:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(packing, "PACK_SIZE", 4000)
        monkeypatch.setattr(packing, "SMALL", 1000)

    def test_a_pack_of_which_little_is_used_is_packed_anew_and_everybody_sent_there(self, bench: Bench) -> None:
        for number in range(40):
            bench.put(f"next/{number:02}.bin", f"{number:02}" * 50)
        bench.customer("one")
        bench.customer("two")
        bench.publish()
        first = {str(pack.sha256) for pack in bench.manifest("one").packs if pack.size > 1000}
        assert len(first) == 1
        for number in range(30):
            bench.put(f"next/{number:02}.bin", f"new {number:02}" * 20)
        bench.publish()
        assert not packs(bench, "one") & first
        assert packs(bench, "one") == packs(bench, "two")
        assert bench.installed("one")["Solidus/35.bin"] == b"35" * 50
        assert bench.installed("one") == bench.installed("two")
        before = bench.manifest_bytes("one"), bench.manifest_bytes("two")
        assert [one.state for one in bench.publish().customers] == [State.UNCHANGED] * 2
        bench.lose_index()
        assert [one.state for one in bench.publish().customers] == [State.UNCHANGED] * 2
        assert (bench.manifest_bytes("one"), bench.manifest_bytes("two")) == before

    def test_a_pack_that_somebody_still_needs_stays(self, bench: Bench) -> None:
        for number in range(40):
            bench.put(f"next/{number:02}.bin", f"{number:02}" * 50)
        one = bench.customer("one")
        bench.customer("two")
        bench.publish()
        first = packs(bench, "two")
        for number in range(30):
            bench.put(f"next/{number:02}.bin", f"new {number:02}" * 20)
        bench.publish(one)
        assert packs(bench, "two") == first
        assert first & packs(bench, "one")
        assert bench.installed("two")["Solidus/00.bin"] == b"00" * 50

    def test_many_small_packs_become_few(self, bench: Bench) -> None:
        customer = bench.customer()
        for number in range(packing.MOST_SMALL + 3):
            bench.put(f"next/{number}.bin", f"file {number}")
            bench.publish(customer)
        assert len(packs(bench, "acme")) <= 3
        assert len(bench.installed()) == packing.MOST_SMALL + 6

    def test_a_time_that_people_see_changes_with_contents_only(self, bench: Bench) -> None:
        customer = bench.customer()
        for number in range(packing.MOST_SMALL + 1):
            bench.put(f"next/{number}.bin", f"file {number}")
            bench.publish(customer)
            last = bench.manifest().published
        bench.put("next/x.bin", "x")
        bench.publish(customer, means=ahead(500))
        assert bench.manifest().published > last


def packs(bench: Bench, id_: str) -> set[str]:
    return {str(pack.sha256) for pack in bench.manifest(id_).packs}


class TestDamage:
    def test_every_content_that_drifted_is_found_and_repaired_from_its_source(self, bench: Bench) -> None:
        bench.put("next/large.bin", b"L" * 2_000_000)
        customer = bench.customer()
        bench.publish(customer)
        good = bench.installed()
        damaged = {address for address, size in bench.contents().items() if size}
        for address in damaged:
            path = bench.settings.published / address
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
        assert bench.publish(customer).problems == ()  # equal sizes: nobody looks unless asked
        result = bench.publish(customer, verify=True)
        assert len(result.problems) == len(damaged)
        assert {problem.code for problem in result.problems} == {"repaired"}
        assert result.ok
        assert bench.installed() == good

    def test_a_content_that_is_gone_or_cut_is_written_anew_without_being_asked(self, bench: Bench) -> None:
        bench.put("next/large.bin", b"L" * 2_000_000)
        customer = bench.customer()
        bench.publish(customer)
        good = bench.installed()
        for address in bench.contents():
            if address.startswith(OBJECTS):
                os.truncate(bench.settings.published / address, 0)
            else:
                (bench.settings.published / address).unlink()
        result = bench.publish(customer)
        assert result.ok
        assert bench.installed() == good

    def test_what_cannot_be_repaired_is_told_with_who_needs_it(self, bench: Bench) -> None:
        bench.customer("acme")
        other = bench.customer("other", entries=NEXT.replace("NextCCClient", "ScriptManager"))
        bench.put("script/s.dll", "s")
        bench.publish()
        (own,) = packs(bench, "acme") - packs(bench, "other")
        (bench.settings.published / f"packs/{own[:2]}/{own}").unlink()
        result = bench.publish(other)
        assert not result.ok
        (problem,) = result.problems
        assert problem.code == "damaged-content"
        assert "acme" in problem.message
        assert bench.publish().ok

    def test_a_damaged_pack_is_not_packed_anew(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(packing, "PACK_SIZE", 4000)
        for number in range(40):
            bench.put(f"next/{number:02}.bin", f"{number:02}" * 50)
        customer = bench.customer()
        bench.publish(customer)
        for pack in packs(bench, "acme"):
            path = bench.settings.published / f"packs/{pack[:2]}/{pack}"
            path.write_bytes(b"\0" * path.stat().st_size)
        for number in range(30):
            bench.put(f"next/{number:02}.bin", f"new {number:02}" * 20)
        result = bench.publish(customer)
        assert {problem.code for problem in result.problems} == {"damaged-content"}
        assert bench.publish(customer, verify=True).ok
        assert bench.installed()["Solidus/35.bin"] == b"35" * 50

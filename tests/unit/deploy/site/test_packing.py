"""Which contents lie together, where they are found again, and when they are packed anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deploy.digest import Sha256
from deploy.manifest import InPack, Manifest, ManifestFile, Pack, ServerEntry
from deploy.relpath import RelPath
from deploy.site.packing import (
    EVERYBODY,
    LARGEST_PACKED,
    MOST_SMALL,
    PACK_SIZE,
    Content,
    KnownPack,
    Member,
    Owners,
    Places,
    members_of,
    placed,
    plan,
    sized,
    usage,
    waste,
    worth_repacking,
)

ACME = frozenset({"acme"})


def digest(number: int) -> Sha256:
    return Sha256(f"{number:064x}")


def content(number: int, size: int = 10) -> Content:
    return Content(digest(number), size)


def pack(number: int, owner: str | Owners, *inside: tuple[int, int, int], size: int = 1000) -> KnownPack:
    members = tuple(Member(digest(name), offset, length) for name, offset, length in inside)
    return KnownPack(digest(number), size, frozenset({owner}) if isinstance(owner, str) else owner, members)


class TestPlan:
    def test_small_contents_lie_in_order_in_one_pack(self) -> None:
        found = plan([(EVERYBODY, content(3)), (EVERYBODY, content(1)), (EVERYBODY, content(2, LARGEST_PACKED))])
        assert [one.contents for one in found.packs] == [(content(3), content(1), content(2, LARGEST_PACKED))]
        members = list(found.packs[0].members())
        assert [(one.sha256, one.offset, one.size) for one in members] == [
            (digest(3), 0, 10),
            (digest(1), 10, 10),
            (digest(2), 20, LARGEST_PACKED),
        ]
        assert found.objects == ()

    def test_large_and_empty_contents_are_objects_once(self) -> None:
        large, empty = content(1, LARGEST_PACKED + 1), content(2, 0)
        found = plan([(EVERYBODY, large), (ACME, large), (EVERYBODY, empty), (EVERYBODY, empty)])
        assert (found.packs, found.objects) == ((), (large, empty))

    def test_a_content_is_packed_once_for_each_owner(self) -> None:
        found = plan([(EVERYBODY, content(1)), (ACME, content(1)), (EVERYBODY, content(1)), (ACME, content(2))])
        assert {one.owners: one.contents for one in found.packs} == {
            EVERYBODY: (content(1),),
            ACME: (content(1), content(2)),
        }

    def test_a_pack_is_closed_before_it_grows_too_large(self) -> None:
        each = 1_000_000
        found = plan((EVERYBODY, content(n, each)) for n in range(40))
        assert [len(one.contents) for one in found.packs] == [16, 16, 8]
        assert all(one.size <= PACK_SIZE for one in found.packs)
        again = plan([*((EVERYBODY, content(n, each)) for n in range(20)), (EVERYBODY, content(3, each))])
        assert sum(len(one.contents) for one in again.packs) == 20  # also what lies in a closed pack


class TestPlaces:
    def test_what_is_shared_is_for_everybody_and_the_rest_for_its_owner(self) -> None:
        places = Places()
        places.add(pack(90, EVERYBODY, (1, 0, 10)))
        places.add(pack(91, "acme", (2, 0, 10)))
        assert places.has("acme", content(1))
        assert places.has("other", content(1))
        assert places.has("acme", content(2))
        assert not places.has("other", content(2))
        assert not places.has("", content(2))
        with pytest.raises(KeyError):
            places.place("other", content(2), None)
        assert places.anywhere(content(2)) == InPack(digest(91), 0)
        assert places.anywhere(content(7)) is None

    def test_a_place_stays_and_a_new_one_is_the_newest(self) -> None:
        places = Places()
        places.add(pack(90, EVERYBODY, (1, 0, 10)))
        places.add(pack(91, EVERYBODY, (1, 50, 10)))
        assert places.place("acme", content(1), None) == InPack(digest(91), 50)
        assert places.place("acme", content(1), InPack(digest(90), 0)) == InPack(digest(90), 0)
        assert places.place("acme", content(1), InPack(digest(99), 0)) == InPack(digest(91), 50)

    def test_the_newest_place_that_all_may_read(self) -> None:
        both = frozenset({"acme", "other"})
        places = Places()
        places.add(pack(90, both, (1, 0, 10)))
        places.add(pack(91, "acme", (1, 0, 10)))
        assert places.newest(both, content(1)) == InPack(digest(90), 0)
        assert places.newest(ACME, content(1)) == InPack(digest(91), 0)
        assert places.newest(frozenset({"third"}), content(1)) is None

    def test_the_same_bytes_packed_for_another_are_for_both(self) -> None:
        places = Places()
        places.add(pack(90, "acme", (1, 0, 10)))
        places.add(pack(90, "other", (1, 0, 10)))
        assert places.packs[digest(90)].owners == {"acme", "other"}
        assert places.has("acme", content(1))
        assert places.has("other", content(1))
        assert not places.has("third", content(1))

    def test_objects_are_known_by_their_size_too(self) -> None:
        places = Places(objects={digest(1): 2_000_000})
        assert places.has("acme", content(1, 2_000_000))
        assert not places.has("acme", content(1, 2_000_001))
        assert places.place("acme", content(1, 2_000_000), None) is None

    def test_contents_of_a_known_pack_are_added(self) -> None:
        places = Places()
        places.add(pack(90, "acme", (1, 0, 10)))
        places.add(pack(90, "acme", (1, 0, 10), (2, 10, 10)))
        assert len(places.packs[digest(90)].members) == 2
        assert places.place("acme", content(2), None) == InPack(digest(90), 10)

    def test_what_is_dropped_is_nowhere(self) -> None:
        places = Places(objects={digest(5): 0})
        places.add(pack(90, EVERYBODY, (1, 0, 10)))
        places.add(pack(91, EVERYBODY, (1, 7, 10)))
        places.drop(f"packs/00/{digest(91)}")
        assert places.place("acme", content(1), None) == InPack(digest(90), 0)
        places.drop(f"packs/00/{digest(90)}")
        places.drop(f"objects/00/{digest(5)}")
        places.drop(f"packs/00/{digest(77)}")
        assert not places.has("acme", content(1))
        assert not places.has("acme", content(5, 0))
        assert places.packs == {}


def manifest() -> Manifest:
    def file(name: str, number: int, place: InPack | None) -> ManifestFile:
        return ManifestFile(RelPath.parse(name), 10, digest(number), 0, place)

    files = (
        file("a", 1, InPack(digest(90), 0)),
        file("b", 1, InPack(digest(90), 0)),
        file("c", 2, InPack(digest(91), 0)),
        file("d", 3, None),
    )
    when = datetime(2024, 1, 1, tzinfo=UTC)
    packs = (Pack(digest(90), 10), Pack(digest(91), 10), Pack(digest(92), 10))
    return Manifest("acme", "", 1, "", when, None, (ServerEntry(1, 1, files),), packs)


class TestManifests:
    def test_what_a_manifest_uses(self) -> None:
        found = usage(manifest())
        assert found.packs == {digest(90): 10, digest(91): 10, digest(92): 0}
        assert found.objects == {digest(3)}
        assert sorted(found.addresses()) == [
            f"objects/00/{digest(3)}",
            *(f"packs/00/{digest(n)}" for n in (90, 91, 92)),
        ]
        assert members_of(manifest())[digest(90)] == {Member(digest(1), 0, 10)}

    def test_only_what_was_moved_is_elsewhere(self) -> None:
        moved = placed(manifest(), {(digest(90), digest(1)): InPack(digest(95), 4)})
        entry = moved.entries[0]
        assert isinstance(entry, ServerEntry)
        assert [file.place for file in entry.files] == [
            InPack(digest(95), 4),
            InPack(digest(95), 4),
            InPack(digest(91), 0),
            None,
        ]
        complete = sized(moved, {digest(91): 10, digest(95): 99})
        assert complete.packs == (Pack(digest(95), 99), Pack(digest(91), 10))
        assert replace(complete, entries=manifest().entries, packs=manifest().packs) == manifest()


class TestRepacking:
    def test_less_than_half_in_use(self) -> None:
        large = PACK_SIZE // 2
        packs = {digest(n): pack(n, EVERYBODY, size=large) for n in range(3)}
        used = {digest(0): large // 2, digest(1): large // 2 - 1, digest(2): 0}
        assert worth_repacking(packs, used) == {digest(1)}

    def test_too_many_small_ones_of_one_owner(self) -> None:
        packs = {digest(n): pack(n, "acme" if n % 2 else EVERYBODY) for n in range(2 * MOST_SMALL + 1)}
        used = dict.fromkeys(packs, 1000)
        assert worth_repacking(packs, used) == {digest(n) for n in range(0, 2 * MOST_SMALL + 1, 2)}
        used[digest(0)] = 0
        assert worth_repacking(packs, used) == frozenset()


class TestWaste:
    def test_what_is_not_used_is_kept_for_its_time(self) -> None:
        first = waste({"a", "b", "c"}, {"a", "x"}, {}, 1000.0, 60.0)
        assert (first.since, first.expired) == ({"b": 1000.0, "c": 1000.0}, frozenset())
        second = waste({"a", "b", "c"}, {"a", "c"}, first.since, 1059.0, 60.0)
        assert (second.since, second.expired) == ({"b": 1000.0}, frozenset())
        third = waste({"a", "b", "c"}, {"a"}, second.since, 1060.0, 60.0)
        assert (third.since, third.expired) == ({"c": 1060.0}, {"b"})

    def test_a_clock_that_is_put_back_begins_the_time_anew(self) -> None:
        assert waste({"b"}, (), {"b": 5000.0}, 1000.0, 60.0).since == {"b": 1000.0}

"""Plans of packs hold every content, once for each owner, byte next to byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deploy.digest import Sha256
from deploy.site.packing import LARGEST_PACKED, PACK_SIZE, Content, KnownPack, Owners, Places, plan, waste

SIZES = st.integers(0, LARGEST_PACKED + 1) | st.sampled_from([0, 1, LARGEST_PACKED, LARGEST_PACKED + 1])
OWNERS = st.sampled_from([frozenset({""}), frozenset({"a"}), frozenset({"b"}), frozenset({"a", "b"})])


@st.composite
def wanted(draw: st.DrawFn) -> list[tuple[Owners, Content]]:
    sizes = draw(st.lists(SIZES, min_size=1, max_size=12))
    contents = [Content(Sha256(f"{number:064x}"), size) for number, size in enumerate(sizes)]
    return draw(st.lists(st.tuples(OWNERS, st.sampled_from(contents)), max_size=60))


@given(wanted())
def test_a_plan_holds_every_content_once_for_each_owner(contents: list[tuple[Owners, Content]]) -> None:
    found = plan(contents)
    packed = [(pack.owners, content) for pack in found.packs for content in pack.contents]
    assert len(packed) == len(set(packed))
    assert set(packed) == {(owner, content) for owner, content in contents if content.is_packed}
    assert len(found.objects) == len(set(found.objects))
    assert set(found.objects) == {content for _, content in contents if not content.is_packed}
    for owner in {owner for owner, _ in contents}:
        own = list(dict.fromkeys(content for one, content in contents if one == owner and content.is_packed))
        assert [content for one, content in packed if one == owner] == own  # in the order given


@given(wanted())
def test_members_cover_a_pack_byte_next_to_byte(contents: list[tuple[Owners, Content]]) -> None:
    for pack in plan(contents).packs:
        end = 0
        for member, content in zip(pack.members(), pack.contents, strict=True):
            assert (member.offset, member.sha256, member.size) == (end, content.sha256, content.size)
            end += member.size
        assert end == pack.size
        assert 0 < pack.size <= PACK_SIZE


@given(wanted())
def test_what_was_written_is_found_and_never_written_again(contents: list[tuple[Owners, Content]]) -> None:
    places = Places()
    found = plan(contents)
    for number, pack in enumerate(found.packs):
        places.add(KnownPack(Sha256(f"{number + 1000:064x}"), pack.size, pack.owners, tuple(pack.members())))
    for content in found.objects:
        places.objects[content.sha256] = content.size
    assert all(places.has(reader, content) for owners, content in contents for reader in owners)
    again = plan((owner, content) for owner, content in contents if not places.has(min(owner), content))
    assert (again.packs, again.objects) == ((), ())
    for owner, content in contents:
        place = places.place(max(owner), content, None)
        if content.is_packed:
            assert place is not None
            assert places.packs[place.pack].owners & {"", max(owner)}


@given(
    st.sets(st.integers(0, 9).map(str)),
    st.sets(st.integers(0, 9).map(str)),
    st.dictionaries(st.integers(0, 9).map(str), st.floats(0, 2000)),
    st.floats(0, 2000),
    st.floats(0, 100),
)
def test_only_what_is_unused_for_long_enough_goes(
    present: set[str], used: set[str], since: dict[str, float], now: float, grace: float
) -> None:
    found = waste(present, used, since, now, grace)
    assert found.expired | found.since.keys() == present - used
    assert not found.expired & found.since.keys()
    for address in found.expired:
        assert min(since.get(address, now), now) + grace <= now

"""Which contents lie together: packs of many small files, objects of one large one. Pure.

A pack has owners: the customers whose manifests may refer to it, or everybody. What is read from shares
that everybody is served lies in packs of `EVERYBODY`; what is a customer's own lies in packs of that
customer alone, for whoever may read a pack may read all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from deploy.digest import Sha256
from deploy.manifest import OBJECTS, PACKS, InPack, Manifest, ManifestFile, Pack, ServerEntry, address_of

Owners = frozenset[str]
"""Ids of customers in lower case; "" is everybody."""

EVERYBODY: Owners = frozenset({""})
LARGEST_PACKED = 1024 * 1024  # bytes
PACK_SIZE = 16 * 1024 * 1024  # bytes
SPARSE = 2  # a pack of which less than one part in so many is used is packed anew
SMALL = PACK_SIZE // 4
MOST_SMALL = 16  # of the same owners: every publication of a changed file adds one


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of one or more files; `size` in bytes."""

    sha256: Sha256
    size: int

    @property
    def is_packed(self) -> bool:
        """Whether it goes into a pack; an empty one has no bytes to lie anywhere."""
        return 0 < self.size <= LARGEST_PACKED


@dataclass(frozen=True, slots=True)
class PlannedPack:
    """Contents that are to lie one after another, without anything between them."""

    owners: Owners
    contents: tuple[Content, ...]

    @property
    def size(self) -> int:
        """Bytes of all contents."""
        return sum(one.size for one in self.contents)

    def members(self) -> Iterator[Member]:
        """Each content with its offset."""
        offset = 0
        for one in self.contents:
            yield Member(one.sha256, offset, one.size)
            offset += one.size


@dataclass(frozen=True, slots=True)
class PackingPlan:
    """What is to be written."""

    packs: tuple[PlannedPack, ...] = ()
    objects: tuple[Content, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A content in a pack: where it begins and how long it is, in bytes."""

    sha256: Sha256
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class KnownPack:
    """A pack of the published tree. `members` are those contents that some manifest named."""

    sha256: Sha256
    size: int
    owners: Owners
    members: tuple[Member, ...]


def plan(contents: Iterable[tuple[Owners, Content]]) -> PackingPlan:
    """Pack (owners, content) in the order given; each content once for the same owners, each object once."""
    packs: list[PlannedPack] = []
    objects: dict[Sha256, Content] = {}
    waiting: dict[Owners, _Filling] = {}
    for owners, content in contents:
        if not content.is_packed:
            objects.setdefault(content.sha256, content)
            continue
        filling = waiting.setdefault(owners, _Filling())
        if content.sha256 in filling.known:
            continue
        if filling.size + content.size > PACK_SIZE:
            packs.append(PlannedPack(owners, tuple(filling.contents)))
            filling.contents, filling.size = [], 0
        filling.known.add(content.sha256)
        filling.contents.append(content)
        filling.size += content.size
    packs += [PlannedPack(owners, tuple(filling.contents)) for owners, filling in waiting.items()]
    return PackingPlan(tuple(packs), tuple(objects.values()))


@dataclass(slots=True)
class _Filling:
    """A pack that is not full yet, and everything its owners have in this plan."""

    contents: list[Content] = field(default_factory=list)
    size: int = 0
    known: set[Sha256] = field(default_factory=set)


@dataclass(slots=True)
class Places:
    """Where contents lie in the published tree: objects with their sizes, and packs, the newest last."""

    packs: dict[Sha256, KnownPack] = field(default_factory=dict)
    objects: dict[Sha256, int] = field(default_factory=dict)
    _by_content: dict[Sha256, list[InPack]] = field(default_factory=dict)

    def add(self, pack: KnownPack) -> None:
        """Another pack, or more contents or owners of one that is known: the same bytes were packed for them too."""
        known = self.packs.get(pack.sha256)
        fresh = pack.members if known is None else tuple(set(pack.members) - set(known.members))
        if known is not None:
            pack = replace(known, members=(*known.members, *fresh), owners=known.owners | pack.owners)
        self.packs[pack.sha256] = pack
        for member in fresh:
            self._by_content.setdefault(member.sha256, []).append(InPack(pack.sha256, member.offset))

    def drop(self, address: str) -> None:
        """Forget a pack or an object: it is not there, or not right."""
        kind, _, digest = address.split("/")
        if kind == OBJECTS:
            self.objects.pop(Sha256(digest), None)
            return
        pack = self.packs.pop(Sha256(digest), None)
        for member in () if pack is None else pack.members:
            places = self._by_content[member.sha256]
            self._by_content[member.sha256] = [one for one in places if one.pack != digest]

    def has(self, reader: str, content: Content) -> bool:
        """Whether a manifest of the customer `reader` may name the content where it lies already."""
        if not content.is_packed:
            return self.objects.get(content.sha256) == content.size
        return next(self._allowed(reader, content.sha256), None) is not None

    def place(self, reader: str, content: Content, before: InPack | None) -> InPack | None:
        """Where a manifest of `reader` says a content lies: as before where it still does, else in the newest pack.

        None is an object. Raises `KeyError` where it lies nowhere that `reader` may read.
        """
        if not content.is_packed:
            return None
        allowed = list(self._allowed(reader, content.sha256))
        if before is not None and before in allowed:
            return before
        if not allowed:
            raise KeyError(content.sha256)
        return allowed[-1]

    def newest(self, owners: Owners, content: Content) -> InPack | None:
        """The newest place that all of `owners` may read; None where there is none."""
        places = reversed(self._by_content.get(content.sha256, ()))
        return next((one for one in places if self.packs[one.pack].owners >= owners), None)

    def anywhere(self, content: Content) -> InPack | None:
        """A pack that holds the content, whoever's it is; None where no pack does."""
        return next(iter(self._by_content.get(content.sha256, ())), None)

    def _allowed(self, reader: str, content: Sha256) -> Iterator[InPack]:
        readers = EVERYBODY | {reader}
        for place in self._by_content.get(content, ()):
            if self.packs[place.pack].owners & readers:
                yield place


@dataclass(frozen=True, slots=True)
class Usage:
    """What one manifest refers to: bytes of each pack, and objects."""

    packs: Mapping[Sha256, int]
    objects: frozenset[Sha256]

    def addresses(self) -> Iterator[str]:
        """Everything that has to stay in the published tree for it."""
        yield from (address_of(one, PACKS) for one in self.packs)
        yield from (address_of(one, OBJECTS) for one in self.objects)


def usage(manifest: Manifest) -> Usage:
    """What a manifest refers to; a content that several files share counts once."""
    members = members_of(manifest)
    sizes = {pack: sum(one.size for one in inside) for pack, inside in members.items()}
    return Usage(sizes, frozenset(one.sha256 for one in files_of(manifest) if one.place is None))


def members_of(manifest: Manifest) -> dict[Sha256, frozenset[Member]]:
    """The contents a manifest names in each of its packs."""
    found: dict[Sha256, set[Member]] = {pack.sha256: set() for pack in manifest.packs}
    for file in files_of(manifest):
        if file.place is not None:
            found[file.place.pack].add(Member(file.sha256, file.place.offset, file.size))
    return {pack: frozenset(members) for pack, members in found.items()}


def files_of(manifest: Manifest) -> Iterator[ManifestFile]:
    """Every file the server resolved, in the order of the manifest."""
    for entry in manifest.entries:
        if isinstance(entry, ServerEntry):
            yield from entry.files


def worth_repacking(packs: Mapping[Sha256, KnownPack], used: Mapping[Sha256, int]) -> frozenset[Sha256]:
    """The packs that are packed anew: less than half in use, or one of too many small ones of their owners.

    `used` are the bytes in use of each pack; one that is not used at all is only waste.
    """
    sparse = {one for one, size in used.items() if 0 < size * SPARSE < packs[one].size}
    small: dict[Owners, set[Sha256]] = {}
    for one, size in used.items():
        if size and packs[one].size < SMALL:
            small.setdefault(packs[one].owners, set()).add(one)
    return frozenset(sparse.union(*(own for own in small.values() if len(own) > MOST_SMALL)))


def placed(manifest: Manifest, places: Mapping[tuple[Sha256, Sha256], InPack]) -> Manifest:
    """The manifest with what was moved in its new place, by its old pack and digest; `sized` has to follow."""

    def at(file: ManifestFile) -> ManifestFile:
        place = None if file.place is None else places.get((file.place.pack, file.sha256))
        return file if place is None else replace(file, place=place)

    entries = tuple(
        replace(one, files=tuple(map(at, one.files))) if isinstance(one, ServerEntry) else one
        for one in manifest.entries
    )
    return replace(manifest, entries=entries)


def sized(manifest: Manifest, sizes: Mapping[Sha256, int]) -> Manifest:
    """The manifest with exactly the packs its files lie in, in the order of their first use; sizes in bytes."""
    used = dict.fromkeys(file.place.pack for file in files_of(manifest) if file.place is not None)
    return replace(manifest, packs=tuple(Pack(one, sizes[one]) for one in used))


@dataclass(frozen=True, slots=True)
class Waste:
    """What nobody refers to: since when, in POSIX seconds, by address; and what has been so for long enough."""

    since: Mapping[str, float]
    expired: frozenset[str]


def waste(present: Iterable[str], used: Iterable[str], since: Mapping[str, float], now: float, grace: float) -> Waste:
    """Sort out what is present and not used; a moment that lies ahead, for the clock was put back, counts as now."""
    unused = set(present) - set(used)
    moments = {address: min(since.get(address, now), now) for address in unused}
    expired = frozenset(address for address, moment in moments.items() if moment + grace <= now)
    return Waste({address: moment for address, moment in moments.items() if address not in expired}, expired)

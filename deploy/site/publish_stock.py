"""What a publisher knows of the tree it writes to: where contents lie, and which manifest refers to what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deploy.digest import Sha256
from deploy.errors import ConfigError, Problem, SourceError
from deploy.manifest import OBJECTS, PACKS, Manifest, address_of
from deploy.manifest_json import encode_manifest, parse_manifest
from deploy.site.packing import Content, KnownPack, PackingPlan, Places, members_of, sized, usage
from deploy.site.publish_index import Index, ManifestNote
from deploy.site.publish_tree import Piece, Tree


@dataclass(slots=True)
class Stock:
    """The tree and what is known of it; `index` is brought up to date with every change.

    `present` are sizes in bytes by address, `unread` the ids whose manifest cannot be read, `written`
    the addresses that were written in this publication, `removed` how many were removed.
    """

    tree: Tree
    index: Index
    places: Places = field(default_factory=Places)
    present: dict[str, int] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    written: dict[str, int] = field(default_factory=dict)
    removed: int = 0
    changed: bool = False

    def take(self) -> None:
        """Look at the tree; manifests that the index does not know are read. Raises `TargetError`."""
        self.present = self.tree.present()
        found = self._manifests()
        for address, size in self.present.items():
            kind, _, digest = address.split("/")
            if kind == OBJECTS:
                self.places.objects[Sha256(digest)] = size
        for pack in (*self.index.packs.values(), *self._packs_of(found)):
            if self.present.get(address_of(pack.sha256, PACKS)) == pack.size:
                self.places.add(pack)
        self.index.packs = self.places.packs

    def drop(self, address: str) -> None:
        """Believe no longer that a content is there; what needs it is written again."""
        self.places.drop(address)
        self.present.pop(address, None)

    def write(self, plan: PackingPlan, pieces: Mapping[Sha256, Piece]) -> None:
        """Write what was planned from where it can be read.

        Raises `SourceError` (changed, cannot-read) and `TargetError`. A content of the tree that proves
        damaged is dropped, so that the next attempt does without it.
        """
        for one in plan.objects:
            self._write(OBJECTS, [pieces[one.sha256]])
            self.places.objects[one.sha256] = one.size
        for pack in plan.packs:
            digest = self._write(PACKS, [pieces[one.sha256] for one in pack.contents])
            self.places.add(KnownPack(digest, pack.size, pack.owners, tuple(pack.members())))

    def piece(self, content: Content) -> Piece | None:
        """Where a content can be read in the tree, whoever owns it; None where it does not lie there."""
        if not content.is_packed:
            known = self.places.objects.get(content.sha256) == content.size
            return Piece(self.tree.path(address_of(content.sha256, OBJECTS)), 0, content) if known else None
        place = self.places.anywhere(content)
        return None if place is None else Piece(self.tree.path(address_of(place.pack, PACKS)), place.offset, content)

    def manifest(self, id_: str) -> Manifest | None:
        """The manifest of a customer, `id_` in lower case; None where there is none that can be read."""
        data = self.tree.manifest_bytes(id_)
        try:
            return None if data is None else parse_manifest(data, str(self.tree.manifest_path(id_)))
        except ConfigError:
            return None

    def publish(self, id_: str, manifest: Manifest) -> None:
        """Give a customer a manifest whose contents lie in the tree."""
        self.tree.write_manifest(id_, encode_manifest(manifest))
        self.changed = True
        self.unread.discard(id_)
        self._note(id_, manifest)

    def take_back(self, id_: str) -> None:
        """Take the manifest of a customer away."""
        self.tree.remove_manifest(id_)
        self.changed = True
        self.unread.discard(id_)
        self.index.manifests.pop(id_, None)

    def with_sizes(self, manifest: Manifest) -> Manifest:
        """The manifest with the packs that it uses."""
        said = {pack.sha256: pack.size for pack in manifest.packs}
        return sized(manifest, said | {one: pack.size for one, pack in self.places.packs.items()})

    def used(self) -> frozenset[str]:
        """The addresses that some manifest refers to."""
        return frozenset(address for note in self.index.manifests.values() for address in note.usage.addresses())

    def _write(self, kind: str, pieces: list[Piece]) -> Sha256:
        try:
            digest = self.tree.write(kind, pieces)
        except SourceError:
            self._drop_damaged(pieces)
            raise
        address = address_of(digest, kind)
        self.present[address] = self.written[address] = sum(one.content.size for one in pieces)
        return digest

    def _drop_damaged(self, pieces: Iterable[Piece]) -> None:
        paths = {piece.path for piece in pieces}
        for address in list(self.present):
            if self.tree.path(address) in paths and not self.tree.is_right(address):
                self.drop(address)

    def _note(self, id_: str, manifest: Manifest) -> None:
        stat = self.tree.manifest_stat(id_)
        if stat is not None:
            self.index.manifests[id_] = ManifestNote(stat, usage(manifest))

    def _manifests(self) -> dict[str, Manifest]:
        """The manifests that the index does not know as they are now."""
        found: dict[str, Manifest] = {}
        there = self.tree.customers()
        for id_ in self.index.manifests.keys() - set(there):
            del self.index.manifests[id_]
        for id_ in there:
            stat = self.tree.manifest_stat(id_)
            known = self.index.manifests.pop(id_, None)
            if stat is None:
                continue
            if known is not None and known.stat == stat:
                self.index.manifests[id_] = known
                continue
            manifest = self.manifest(id_)
            if manifest is None:
                self.unread.add(id_)
            else:
                found[id_] = manifest
                self._note(id_, manifest)
        return found

    def _packs_of(self, found: Mapping[str, Manifest]) -> Iterable[KnownPack]:
        """The packs of manifests; where nobody knows better they are those' who use them."""
        for id_, manifest in found.items():
            members = members_of(manifest)
            for pack in manifest.packs:
                yield KnownPack(pack.sha256, pack.size, frozenset({id_}), tuple(members[pack.sha256]))


def unreadable(stock: Stock) -> tuple[Problem, ...]:
    """What is wrong with each manifest of the tree that cannot be read."""
    problems: list[Problem] = []
    for id_ in sorted(stock.unread):
        data = stock.tree.manifest_bytes(id_)
        try:
            parse_manifest(b"" if data is None else data, str(stock.tree.manifest_path(id_)))
        except ConfigError as wrong:
            problems += wrong.problems
    return tuple(problems)

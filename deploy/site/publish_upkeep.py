"""Keeping the published tree sound and small: reading it again, packing anew, removing what nobody needs.

None of it needs the sources, and each step leaves every manifest whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deploy.digest import Sha256
from deploy.errors import Problem, SourceError, error, warning
from deploy.manifest import PACKS, Manifest, address_of
from deploy.site.packing import Content, files_of, placed, plan, waste, worth_repacking
from deploy.site.publish_result import Step, Tell
from deploy.site.publish_stock import Stock, unreadable
from deploy.site.publish_tree import Piece


def scrub(stock: Stock, tell: Tell) -> frozenset[str]:
    """Read every content of the tree again; those that are not what their name says are dropped, and returned."""
    tell(Step("verify", files=len(stock.present), size=sum(stock.present.values())))
    damaged = frozenset(address for address in sorted(stock.present) if not stock.tree.is_right(address))
    for address in damaged:
        stock.drop(address)
    return damaged


def drift(stock: Stock, damaged: frozenset[str]) -> tuple[Problem, ...]:
    """What is not sound: contents that were damaged, repaired by now or not, and those that are missing."""
    problems: list[Problem] = []
    for address in sorted(damaged):
        if address in stock.written:
            said = f"{stock.tree.path(address)} was damaged and is written anew"
            problems.append(warning("repaired", said, "check the disk"))
        elif address not in stock.used():
            said = f"{stock.tree.path(address)} is damaged; nobody is sent to it any more"
            problems.append(warning("repaired", said, "check the disk"))
    lost: dict[str, list[str]] = {}
    for id_, note in stock.index.manifests.items():
        for address in note.usage.addresses():
            if address not in stock.present:
                lost.setdefault(address, []).append(id_)
    for address, ids in sorted(lost.items()):
        said = f"{stock.tree.path(address)} is missing or damaged; it is published for {', '.join(sorted(ids))}"
        hint = f"publish again for {', '.join(sorted(ids))}, whose Setup.config must have no error"
        problems.append(error("damaged-content", said, hint))
    return tuple(problems)


def repack(stock: Stock, tell: Tell) -> None:
    """Pack anew what lies scattered, and let the manifests refer to it there. Raises `TargetError`.

    Nothing else in a manifest changes, its time neither.
    """
    least = dict.fromkeys(stock.places.packs, 0)
    for note in stock.index.manifests.values():
        for one, size in note.usage.packs.items():
            if one in least:
                least[one] = max(least[one], size)
    candidates = worth_repacking(stock.places.packs, least)
    if not candidates or stock.unread:
        return
    live = _live(stock, candidates)
    exact = least | {one: sum(content.size for content in inside) for one, inside in live.items()}
    moving = worth_repacking(stock.places.packs, exact)
    if not moving:
        return
    live = {one: inside for one, inside in live.items() if one in moving}
    files = sum(map(len, live.values()))
    tell(Step("repack", files=files, size=sum(content.size for inside in live.values() for content in inside)))
    _move(stock, live)


def collect(stock: Stock, now: float, grace: float, tell: Tell) -> tuple[Problem, ...]:
    """Remove what no manifest has referred to for `grace` seconds; returns warnings. Raises `TargetError`.

    Nothing is removed while there is a manifest that cannot be read: who knows what it needs.
    """
    if stock.unread:
        return tuple(
            warning("bad-manifest", f"nothing is removed: {problem.message}", problem.hint, file=problem.file)
            for problem in unreadable(stock)
        )
    found = waste(stock.present, stock.used(), stock.index.unused, now, grace)
    stock.index.unused = dict(found.since)
    if found.expired:
        tell(Step("remove", files=len(found.expired)))
    for address in sorted(found.expired):
        stock.tree.remove(address)
        stock.drop(address)
        stock.removed += 1
    return ()


def _live(stock: Stock, packs: frozenset[Sha256]) -> dict[Sha256, list[Content]]:
    """The contents of some packs that manifests refer to, in the order in which the first one does."""
    found: dict[Sha256, dict[Content, None]] = {one: {} for one in packs}
    for _, manifest in _referring(stock, packs):
        for file in files_of(manifest):
            if file.place is not None and file.place.pack in packs:
                found[file.place.pack][Content(file.sha256, file.size)] = None
    return {one: list(inside) for one, inside in found.items()}


def _referring(stock: Stock, packs: frozenset[Sha256]) -> Iterator[tuple[str, Manifest]]:
    for id_, note in sorted(stock.index.manifests.items()):
        if packs & note.usage.packs.keys():
            manifest = stock.manifest(id_)
            if manifest is not None:
                yield id_, manifest


def _move(stock: Stock, live: Mapping[Sha256, list[Content]]) -> None:
    owners = {one: stock.places.packs[one].owners for one in live}
    pieces = {}
    for one, inside in live.items():
        wanted = {content.sha256 for content in inside}
        for member in stock.places.packs[one].members:
            if member.sha256 in wanted:
                path = stock.tree.path(address_of(one, PACKS))
                pieces[member.sha256] = Piece(path, member.offset, Content(member.sha256, member.size))
    try:
        stock.write(plan((owners[one], content) for one, inside in live.items() for content in inside), pieces)
    except SourceError:
        return  # a damaged pack was dropped, and is told as such
    places = {
        (one, content.sha256): place
        for one, inside in live.items()
        for content in inside
        if (place := stock.places.newest(owners[one], content)) is not None
    }
    for id_, manifest in _referring(stock, frozenset(live)):
        stock.publish(id_, stock.with_sizes(placed(manifest, places)))

"""What a publisher remembers between two runs, kept beside the published tree; losing it costs only work.

One file of JSON, readable for the publisher's account only. Nothing in it is needed by a reader of the
tree, and nothing in it is believed against what the manifests and the file system say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.atomic import sweep, write_atomic
from deploy.digest import Sha256, parse_sha256
from deploy.disk import target_error
from deploy.freshness import Freshness, freshness
from deploy.site.packing import KnownPack, Member, Usage
from deploy.stage import validators_of
from deploy.transport.contract import Validators

FORMAT = 1
LARGEST = 512 * 1024 * 1024  # bytes
PRECISION = 1e-6  # seconds, of a local file's time of change


@dataclass(frozen=True, slots=True)
class LocalStat:
    """What the file system says of a file: bytes, nanoseconds, and its number where it has one."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A local file that was read whole at POSIX time `read_at`, and the digest of its bytes then."""

    stat: LocalStat
    sha256: Sha256
    read_at: float

    def holds(self, now: LocalStat) -> bool:
        """Whether the file still has those bytes, told without reading it: the rule of `deploy.freshness`."""
        seen = Validators(self.stat.size, modified=self.stat.mtime_ns / 1e9, precision=PRECISION)
        return self.stat == now and freshness(seen, self.read_at, seen) is Freshness.FRESH


@dataclass(frozen=True, slots=True)
class KnownForeign:
    """A file that was fetched from another server at POSIX time `fetched_at`."""

    size: int
    sha256: Sha256
    validators: Validators
    fetched_at: float


@dataclass(frozen=True, slots=True)
class ManifestNote:
    """What a manifest of the tree refers to, and by what it is recognised without reading it."""

    stat: LocalStat
    usage: Usage


@dataclass(slots=True)
class Index:
    """The whole memory. Keys: paths, `deploy.jobs.source_of`, ids in lower case, addresses in the tree."""

    files: dict[str, KnownFile] = field(default_factory=dict)
    foreign: dict[str, KnownForeign] = field(default_factory=dict)
    packs: dict[Sha256, KnownPack] = field(default_factory=dict)
    manifests: dict[str, ManifestNote] = field(default_factory=dict)
    unused: dict[str, float] = field(default_factory=dict)


def load(path: Path) -> Index:
    """The memory of the last run; an empty one where there is none, or none that can be read."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        document = json.loads(data) if len(data) <= LARGEST else None
        return _decoded(document)
    except (OSError, ValueError, RecursionError):
        return Index()


def save(path: Path, index: Index) -> None:
    """Keep the memory; raises `TargetError` (disk-full, cannot-write)."""
    try:
        sweep(path)
        write_atomic(path, json.dumps(_encoded(index), separators=(",", ":")).encode("ascii"))
    except OSError as wrong:
        raise target_error(wrong, path) from wrong


def _encoded(index: Index) -> Mapping[str, object]:
    return {
        "format": FORMAT,
        "files": [[path, _stat_row(one.stat), one.sha256, one.read_at] for path, one in index.files.items()],
        "foreign": [
            [source, one.size, one.sha256, _validators_row(one.validators), one.fetched_at]
            for source, one in index.foreign.items()
        ],
        "packs": [
            [
                one.sha256,
                one.size,
                sorted(one.owners),
                [[inside.sha256, inside.offset, inside.size] for inside in one.members],
            ]
            for one in index.packs.values()
        ],
        "manifests": [
            [id_, _stat_row(one.stat), list(one.usage.packs.items()), sorted(one.usage.objects)]
            for id_, one in index.manifests.items()
        ],
        "unused": list(index.unused.items()),
    }


def _stat_row(one: LocalStat) -> tuple[int, int, int, int]:
    return one.size, one.mtime_ns, one.ctime_ns, one.inode


def _validators_row(one: Validators) -> tuple[object, ...]:
    return one.size, one.etag, one.modified, one.precision


def _decoded(document: object) -> Index:
    """Raises `ValueError` for anything that was not written here."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError("another format")
    return Index(
        files=dict(map(_file, _rows(document, "files"))),
        foreign=dict(map(_foreign, _rows(document, "foreign"))),
        packs={pack.sha256: pack for pack in map(_pack, _rows(document, "packs"))},
        manifests=dict(map(_manifest, _rows(document, "manifests"))),
        unused=dict(map(_moment, _rows(document, "unused"))),
    )


def _rows(document: Mapping[str, object], name: str) -> Iterator[object]:
    rows = document.get(name)
    if not isinstance(rows, list):
        raise ValueError(f"{name} is no list")
    return iter(rows)


def _file(row: object) -> tuple[str, KnownFile]:
    match row:
        case [str(path), stat, digest, float(read_at)]:
            return path, KnownFile(_stat(stat), _digest(digest), read_at)
    raise ValueError("not a file")


def _foreign(row: object) -> tuple[str, KnownForeign]:
    match row:
        case [str(source), int(size), digest, known, float(fetched_at)]:
            validators = validators_of(known)
            if validators is not None:
                return source, KnownForeign(size, _digest(digest), validators, fetched_at)
    raise ValueError("not a foreign file")


def _pack(row: object) -> KnownPack:
    match row:
        case [digest, int(size), [*owners], [*members]] if owners and all(isinstance(one, str) for one in owners):
            return KnownPack(
                _digest(digest), size, frozenset(map(str, owners)), tuple(_member(one, size) for one in members)
            )
    raise ValueError("not a pack")


def _member(row: object, room: int) -> Member:
    match row:
        case [digest, int(offset), int(size)] if offset >= 0 and size > 0 and offset + size <= room:
            return Member(_digest(digest), offset, size)
    raise ValueError("not in its pack")


def _manifest(row: object) -> tuple[str, ManifestNote]:
    match row:
        case [str(id_), stat, [*packs], [*objects]]:
            used = Usage(dict(map(_used, packs)), frozenset(map(_digest, objects)))
            return id_, ManifestNote(_stat(stat), used)
    raise ValueError("not a manifest")


def _used(row: object) -> tuple[Sha256, int]:
    match row:
        case [digest, int(size)]:
            return _digest(digest), size
    raise ValueError("not a pack that is used")


def _moment(row: object) -> tuple[str, float]:
    match row:
        case [str(address), float() | int() as moment]:
            return address, float(moment)
    raise ValueError("not a moment")


def _stat(row: object) -> LocalStat:
    match row:
        case [int(size), int(mtime_ns), int(ctime_ns), int(inode)]:
            return LocalStat(size, mtime_ns, ctime_ns, inode)
    raise ValueError("not what a file system says")


def _digest(text: object) -> Sha256:
    digest = parse_sha256(text) if isinstance(text, str) else None
    if digest is None:
        raise ValueError("not a digest")
    return digest

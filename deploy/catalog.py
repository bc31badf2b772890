"""The catalogue of published hotfixes: what a repository offers, as values and as a document.

Pure. The document is `catalog.json` beside the folders of the hotfixes: docs/administration/publishing-hotfixes.md.
It is read with hard limits, for clients read it from a server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from deploy.digest import Sha256, parse_sha256
from deploy.errors import ConfigError, Problem, error, quoted
from deploy.jsonobject import JsonObject, as_text, read_object, time_text
from deploy.machine import Role
from deploy.relpath import RelPath, fold, segment_problem

FORMAT = 1
LARGEST = 32 * 1024 * 1024  # bytes
MOST_HOTFIXES = 10_000
MOST_FILES = 100_000

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ROLES = {role.value: role for role in Role}


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """A published file: its path below the folder of its hotfix, size in bytes."""

    path: RelPath
    sha256: Sha256
    size: int


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """A hotfix that has to be installed before."""

    id: str
    min_revision: int = 1


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One published revision of a hotfix.

    `folder` is below that of the catalogue, `config` the path of the `*.config` in it, one of `files`.
    `roles` are those that some step of the hotfix applies to; `released` is shown only; `published`
    and `withdrawn` are UTC to the second, the latter None unless it was taken back.
    """

    id: str
    revision: int
    folder: RelPath
    config: RelPath
    files: tuple[CatalogFile, ...]
    published: datetime
    name: str = ""
    classification: str = ""
    description: str = ""
    released: str = ""
    roles: frozenset[Role] = frozenset()
    requires: tuple[Prerequisite, ...] = ()
    supersedes: tuple[str, ...] = ()
    allow_uninstall: bool = True
    withdrawn: datetime | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What one entry of a catalogue is known by: the id as it is compared, and the revision."""
        return fold(self.id), self.revision

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.files)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything published, in the order of publication."""

    entries: tuple[CatalogEntry, ...] = ()

    def find(self, id: str, revision: int | None = None) -> CatalogEntry | None:
        """The entry of an id (any case) and revision; without one, the highest that is not withdrawn, if any."""
        same = [one for one in self.entries if fold(one.id) == fold(id) and revision in (None, one.revision)]
        return max(same, key=lambda one: (one.withdrawn is None, one.revision), default=None)

    def with_entry(self, entry: CatalogEntry) -> Catalog:
        """The catalogue with this entry, in place of one with its id and revision."""
        others = tuple(one for one in self.entries if one.key != entry.key)
        return Catalog((*others, entry))

    def placed(self, entry: CatalogEntry) -> CatalogEntry:
        """The entry in the folder it is to be published in: `<id>/<revision>`, unless other bytes lie there.

        One that was published with the very same bytes stays where and as it is, offered again if it was
        withdrawn. Clients that read the old catalogue go on finding the old bytes. Raises `ConfigError`
        (contradiction) where a published hotfix and this one make each other obsolete.
        """
        same = [one for one in self.entries if fold(one.id) == fold(entry.id)]
        known = next((one for one in same if one.revision == entry.revision), None)
        if known is not None and set(known.files) == set(entry.files) and known.config == entry.config:
            return known if known.withdrawn is None else replace(known, withdrawn=None, published=entry.published)
        own = {fold(id) for id in entry.supersedes}
        for one in self.entries:
            if one.withdrawn is None and fold(one.id) in own and fold(entry.id) in map(fold, one.supersedes):
                said = f"{entry.id} makes {one.id} obsolete, and {one.id} is published and makes {entry.id} obsolete"
                raise ConfigError(error("contradiction", said, f"remove one of them, or withdraw {one.id}"))
        name = same[0].folder.segments[0] if same else entry.id
        digest = next((one.sha256 for one in entry.files if one.path == entry.config), "")
        folder = RelPath((name, str(entry.revision) if known is None else f"{entry.revision}-{digest[:12]}"))
        return replace(entry, folder=folder)

    def withdrawn(self, id: str, revision: int | None, when: datetime) -> Catalog:
        """The catalogue with every revision of a hotfix (or this one) taken back; those that are stay as they are."""
        return Catalog(
            tuple(
                replace(one, withdrawn=when)
                if fold(one.id) == fold(id) and revision in (None, one.revision) and one.withdrawn is None
                else one
                for one in self.entries
            )
        )

    def standing(self, entry: CatalogEntry) -> Standing:
        """What became of an entry."""
        return self._standings()[entry.key]

    def offered(self) -> tuple[CatalogEntry, ...]:
        """What clients are offered, in the order of publication, after what it requires where that is published.

        Not offered are entries without a step for clients, withdrawn ones, lower revisions, and what a
        published hotfix makes obsolete.
        """
        standings = self._standings()
        current = [one for one in self.entries if standings[one.key].is_current and Role.CLIENT in one.roles]
        return _prerequisites_first(current)

    def _standings(self) -> dict[tuple[str, int], Standing]:
        valid = [one for one in self.entries if one.withdrawn is None]
        highest: dict[str, int] = {}
        superseded: dict[str, str] = {}
        for one in valid:
            highest[fold(one.id)] = max(one.revision, highest.get(fold(one.id), 0))
            superseded |= {fold(id): one.id for id in one.supersedes if fold(id) != fold(one.id)}
        return {
            one.key: Standing(
                withdrawn=one.withdrawn is not None,
                replaced_by=highest[fold(one.id)] if highest.get(fold(one.id), 0) > one.revision else None,
                superseded_by=superseded.get(fold(one.id), ""),
            )
            for one in self.entries
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of an entry: taken back, replaced by a higher revision, made obsolete by another hotfix (its id)."""

    withdrawn: bool = False
    replaced_by: int | None = None
    superseded_by: str = ""

    @property
    def is_current(self) -> bool:
        """Whether none of that."""
        return not self.withdrawn and self.replaced_by is None and not self.superseded_by


def _prerequisites_first(entries: Iterable[CatalogEntry]) -> tuple[CatalogEntry, ...]:
    """The same entries, each after those it requires; of a circle, the first one last."""
    by_id = {fold(one.id): one for one in entries}
    done: dict[str, CatalogEntry] = {}
    begun: set[str] = set()
    for key in by_id:
        waiting = [key]
        while waiting:
            current = waiting[-1]
            needed = [] if current in begun else [fold(need.id) for need in reversed(by_id[current].requires)]
            begun.add(current)
            missing = [name for name in needed if name in by_id and name not in begun]
            if missing:
                waiting += missing
            else:
                done.setdefault(current, by_id[waiting.pop()])
    return tuple(done.values())


def encode_catalog(catalog: Catalog) -> bytes:
    """The document: JSON in UTF-8, the same bytes for the same catalogue."""
    document = {"format": FORMAT, "hotfixes": [_encoded(one) for one in catalog.entries]}
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8") + b"\n"


def _encoded(one: CatalogEntry) -> Mapping[str, object]:
    return {
        "id": one.id,
        "revision": one.revision,
        "name": one.name,
        "classification": one.classification,
        "description": one.description,
        "released": one.released,
        "published": time_text(one.published),
        "withdrawn": None if one.withdrawn is None else time_text(one.withdrawn),
        "roles": [role.value for role in Role if role in one.roles],
        "requires": [{"id": need.id, "minRevision": need.min_revision} for need in one.requires],
        "supersedes": list(one.supersedes),
        "allowUninstall": one.allow_uninstall,
        "folder": str(one.folder),
        "config": str(one.config),
        "files": [{"path": str(file.path), "sha256": file.sha256, "size": file.size} for file in one.files],
    }


def parse_catalog(data: bytes, source: str) -> Catalog:
    """Read the document; `source` is its path or address for messages. Names that are not known are skipped.

    Raises `ConfigError` (bad-catalog, newer-catalog).
    """
    if len(data) > LARGEST:
        raise ConfigError(_bad(f"it has more than {LARGEST} bytes", source))
    try:
        root = read_object(data, "the document")
        version = root.number("format", 1)
        if version > FORMAT:
            said = f"the catalogue of hotfixes has the format {version}, and this program reads {FORMAT}"
            raise ConfigError(error("newer-catalog", said, "use a later version of this program", file=source))
        entries = tuple(
            _entry(JsonObject(one, f"hotfix {number}"))
            for number, one in enumerate(root.many("hotfixes", MOST_HOTFIXES), 1)
        )
    except ValueError as wrong:
        raise ConfigError(_bad(str(wrong), source)) from wrong
    keys = [one.key for one in entries]
    if len(set(keys)) < len(keys):
        raise ConfigError(_bad("it holds one revision of a hotfix twice", source))
    return Catalog(entries)


def _bad(said: str, source: str) -> Problem:
    hint = "bring the file back from a backup, or publish its hotfixes again into an empty folder"
    return error("bad-catalog", f"the catalogue of hotfixes cannot be used: {said}", hint, file=source)


def _folder(one: JsonObject) -> RelPath:
    folder = one.path("folder")
    if len(folder.segments) != 2:
        raise ValueError(f"folder of {one.where} is not a folder in a folder")
    return folder


def _entry(one: JsonObject) -> CatalogEntry:
    id_ = _as_id(one.text("id"))
    files = tuple(_file(JsonObject(file, f"a file of {id_}")) for file in one.many("files", MOST_FILES))
    config = one.path("config")
    if len({file.path.key for file in files}) < len(files) or config not in [file.path for file in files]:
        raise ValueError(f"the files of {id_} are not each listed once, or its *.config is not")
    withdrawn = one.values.get("withdrawn")
    needs = [JsonObject(need, f"requires of {id_}") for need in one.many("requires", MOST_HOTFIXES)]
    return CatalogEntry(
        id=id_,
        revision=one.number("revision", 1),
        folder=_folder(one),
        config=config,
        files=files,
        published=one.time("published"),
        name=one.text("name"),
        classification=one.text("classification"),
        description=one.text("description"),
        released=one.text("released"),
        roles=frozenset(_ROLES[name] for name in map(as_text, one.many("roles", 1000)) if name in _ROLES),
        requires=tuple(Prerequisite(_as_id(need.text("id")), need.number("minRevision", 1)) for need in needs),
        supersedes=tuple(_as_id(name) for name in one.many("supersedes", MOST_HOTFIXES)),
        allow_uninstall=one.flag("allowUninstall"),
        withdrawn=None if withdrawn is None else one.time("withdrawn"),
    )


def _file(one: JsonObject) -> CatalogFile:
    digest = parse_sha256(one.text("sha256"))
    if digest is None:
        raise ValueError(f"sha256 of {one.where} is no digest")
    path = one.path("path")
    if not path.segments:
        raise ValueError(f"path of {one.where} names no file")
    return CatalogFile(path, digest, one.number("size", 0))


def _as_id(value: object) -> str:
    text = as_text(value)
    if not _ID.fullmatch(text) or segment_problem(text) is not None:
        raise ValueError(f"{quoted(text)} is not the id of a hotfix")
    return text

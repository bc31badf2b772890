"""The document of a `deploy.manifest.Manifest`: docs/reference/manifest.md. Pure.

JSON in UTF-8 without blanks. Files are rows, folder by folder, so that ten thousand of them are small and
soon read. It is read with hard limits, for clients read it from a server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TypeGuard

from deploy.config.identifiers import Identifiers
from deploy.config.model import Execute, FileEntry
from deploy.digest import Sha256
from deploy.errors import ConfigError, Problem, error
from deploy.jsonobject import HIGHEST, JsonObject, as_path, as_text, read_object, time_text
from deploy.manifest import ClientEntry, InPack, Manifest, ManifestFile, Pack, ServerEntry
from deploy.relpath import RelPath, segment_problem

FORMAT = 1
LARGEST = 64 * 1024 * 1024  # bytes
MOST_ENTRIES = 100_000
MOST_FILES = 1_000_000
MOST_PACKS = 100_000
LONGEST_ID = 64
OLDEST = -11_644_473_600  # POSIX seconds: 1601, where the times of Windows begin (MS-DTYP 2.3.3)
NEWEST = 253_402_300_799  # 9999-12-31T23:59:59Z
SERVER_IDENTIFIERS = ("BrokerServer", "WebServer", "WebServerPort", "WebServerUri")

_DIGEST = re.compile(r"[0-9a-f]{64}")
_Row = tuple[object, ...]


def encode_manifest(manifest: Manifest) -> bytes:
    """The document; the same bytes for the same manifest. The files of an entry must be sorted by folded path."""
    packs = {pack.sha256: number for number, pack in enumerate(manifest.packs)}
    execute = manifest.execute
    document = {
        "format": FORMAT,
        "customer": manifest.customer,
        "customerName": manifest.customer_name,
        "tenantID": manifest.tenant_id,
        "release": manifest.release,
        "published": time_text(manifest.published),
        "identifiers": [list(pair) for pair in manifest.identifiers],
        "execute": None if execute is None else _execute_document(execute),
        "packs": [[pack.sha256, pack.size] for pack in manifest.packs],
        "entries": [
            _server_entry(one, packs) if isinstance(one, ServerEntry) else _client_entry(one.entry)
            for one in manifest.entries
        ],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def _execute_document(one: Execute) -> Mapping[str, object]:
    return {"command": one.command, "args": one.args, "hidden": one.hidden, "line": one.line}


def _client_entry(one: FileEntry) -> Mapping[str, object]:
    return {
        "number": one.number,
        "line": one.line,
        "include": one.include,
        "outputFolder": one.output_folder,
        "exclude": one.exclude,
        "subDirs": one.sub_dirs,
    }


def _server_entry(one: ServerEntry, packs: Mapping[Sha256, int]) -> Mapping[str, object]:
    folders: dict[tuple[str, ...], list[_Row]] = {}
    for file in one.files:
        folders.setdefault(file.output.segments[:-1], []).append(_row(file, packs))
    return {
        "number": one.number,
        "line": one.line,
        "folders": [["/".join(folder), rows] for folder, rows in folders.items()],
    }


def _row(file: ManifestFile, packs: Mapping[Sha256, int]) -> _Row:
    row = (file.output.segments[-1], file.size, file.sha256, file.modified)
    return row if file.place is None else (*row, packs[file.place.pack], file.place.offset)


def parse_manifest(data: bytes, source: str) -> Manifest:
    """Read the document; `source` is its path or address for messages. Names that are not known are skipped.

    Raises `ConfigError` (bad-manifest, newer-manifest).
    """
    if len(data) > LARGEST:
        raise ConfigError(_bad(f"it has more than {LARGEST} bytes", source))
    try:
        root = read_object(data, "the document")
        version = root.number("format", 1)
        if version > FORMAT:
            said = f"the manifest has the format {version}, and this program reads {FORMAT}"
            raise ConfigError(error("newer-manifest", said, "use a later version of this program", file=source))
        return _manifest(root)
    except ValueError as wrong:
        raise ConfigError(_bad(str(wrong), source)) from wrong


def _bad(said: str, source: str) -> Problem:
    hint = "publish the customer again on the server: micce-deploy publish"
    return error("bad-manifest", f"the manifest cannot be used: {said}", hint, file=source)


def _manifest(root: JsonObject) -> Manifest:
    packs = tuple(map(_pack, root.many("packs", MOST_PACKS)))
    if len({pack.sha256 for pack in packs}) < len(packs):
        raise ValueError("it names a pack twice")
    entries = []
    files = 0
    for number, given in enumerate(root.many("entries", MOST_ENTRIES), 1):
        entry = _entry(JsonObject(given, f"entry {number}"), packs)
        files += len(entry.files) if isinstance(entry, ServerEntry) else 0
        if files > MOST_FILES:
            raise ValueError(f"it has more than {MOST_FILES} files")
        entries.append(entry)
    if not all(one < other for one, other in pairwise(map(_number, entries))):
        raise ValueError("its entries are not in the order of their numbers")
    execute = root.values.get("execute")
    return Manifest(
        customer=_customer(root.text("customer")),
        customer_name=root.text("customerName"),
        tenant_id=root.number("tenantID", -HIGHEST),
        release=root.text("release"),
        published=root.time("published"),
        execute=None if execute is None else _execute(JsonObject(execute, "execute")),
        entries=tuple(entries),
        packs=packs,
        identifiers=_identifiers(root.many("identifiers", len(SERVER_IDENTIFIERS))),
    )


def _customer(text: str) -> str:
    problem = segment_problem(text)
    if problem is not None or len(text) > LONGEST_ID:
        raise ValueError(f"customer is no CustomerID: {problem or f'it is longer than {LONGEST_ID} characters'}")
    return text


def _identifiers(given: Iterable[object]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for pair in given:
        match pair:
            case [str(name), str(value)] if name in SERVER_IDENTIFIERS:
                pairs.append((name, value))
            case _:
                raise ValueError(f"identifiers may only give {', '.join(SERVER_IDENTIFIERS)} a value")
    if pairs != sorted(dict(pairs).items()):
        raise ValueError("identifiers are not sorted, or one is there twice")
    try:
        Identifiers().with_values(dict(pairs), "the manifest")
    except ConfigError as wrong:
        raise ValueError(wrong.problems[0].message) from wrong
    return tuple(pairs)


def _execute(one: JsonObject) -> Execute:
    return Execute(one.text("command"), one.text("args"), one.flag("hidden"), _line(one))


def _line(one: JsonObject) -> int | None:
    return None if one.values.get("line") is None else one.number("line", 1)


def _pack(row: object) -> Pack:
    match row:
        case [digest, size] if _is_size(size):
            return Pack(_digest(digest), size)
        case _:
            raise ValueError("a pack is not [sha256, size]")


def _number(entry: ServerEntry | ClientEntry) -> int:
    return entry.number if isinstance(entry, ServerEntry) else entry.entry.number


def _entry(one: JsonObject, packs: tuple[Pack, ...]) -> ServerEntry | ClientEntry:
    number = one.number("number", 1)
    if "folders" in one.values:
        files = [file for folder in one.many("folders", MOST_FILES) for file in _folder(folder, packs, one.where)]
        files.sort(key=lambda file: file.output.key)
        for file, other in pairwise(files):
            if file.output.key == other.output.key:
                raise ValueError(f"{file.output} and {other.output} of {one.where} are one file on Windows")
        return ServerEntry(number, _line(one), tuple(files))
    return ClientEntry(
        FileEntry(
            number=number,
            include=one.text("include"),
            output_folder=one.text("outputFolder"),
            exclude=one.text("exclude"),
            sub_dirs=one.flag("subDirs"),
            line=_line(one),
        )
    )


def _folder(given: object, packs: tuple[Pack, ...], where: str) -> Iterator[ManifestFile]:
    match given:
        case [str(name), [*rows]]:
            folder = as_path(name, f"a folder of {where}")
            for row in rows:
                yield _file(folder, row, packs, where)
        case _:
            raise ValueError(f"a folder of {where} is not [path, files]")


def _file(folder: RelPath, row: object, packs: tuple[Pack, ...], where: str) -> ManifestFile:
    """Without `match`, which takes half as long again for ten thousand rows."""
    if not isinstance(row, list) or len(row) not in (4, 6):
        raise ValueError(f"a file of {where} is not [name, size, sha256, modified] with or without [pack, offset]")
    name, size, digest, modified = row[:4]
    try:
        output = folder.child(as_text(name))
    except ConfigError as wrong:
        raise ValueError(f"a file of {where}: {wrong.problems[0].message}") from wrong
    if not _is_size(size) or type(modified) is not int or not OLDEST <= modified <= NEWEST:
        raise ValueError(f"the size or time of {output} of {where} is none")
    place = _place(row[4], row[5], size, packs, where) if len(row) == 6 else None
    return ManifestFile(output, size, _digest(digest), modified, place)


def _place(number: object, offset: object, size: int, packs: tuple[Pack, ...], where: str) -> InPack:
    if _is_size(number) and number < len(packs) and _is_size(offset):
        pack = packs[number]
        if offset + size <= pack.size:
            return InPack(pack.sha256, offset)
    raise ValueError(f"a file of {where} lies outside of its pack")


def _digest(text: object) -> Sha256:
    if type(text) is not str or not _DIGEST.fullmatch(text):
        raise ValueError("a digest is not 64 hexadecimal digits in lower case")
    return Sha256(text)


def _is_size(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= HIGHEST

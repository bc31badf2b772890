"""Installing what a server published: from an address to its manifest, and from a manifest to a plan.

    http://HOST/MiCCEInstallation/install[/CustomerID]       the address people know
    http://HOST/MiCCEInstallation/manifest[/CustomerID]      the manifest itself
    http://HOST/.../customers/<id>/manifest.json             the same on any static host

What the server resolved is taken at its word, digest by digest; what it left to the client is resolved
here, with this machine's identifiers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.atomic import write_atomic
from deploy.config.identifiers import Identifiers, expand_config
from deploy.config.model import SetupConfig
from deploy.digest import sha256_of_bytes
from deploy.errors import ConfigError, Severity, SourceError, error
from deploy.jobs import source_of
from deploy.manifest import CUSTOMERS, MANIFEST, OBJECTS, PACKS, ClientEntry, Manifest, ServerEntry
from deploy.manifest_json import LARGEST, parse_manifest
from deploy.plan import Plan, PlannedFile, Promise, build_plan, selections
from deploy.relpath import fold
from deploy.resolve import Document, with_address
from deploy.sources import Sources
from deploy.transport.contract import Transport, Unchanged, Validators
from deploy.transport.location import Location, Scheme, parse_location

SERVER_ORIGIN = "the manifest"
LARGEST_PACKED = 16 * 1024 * 1024  # bytes of one file in a pack
_DEFAULT = "Default"
_PIECE = 256 * 1024
_KEPT = "manifests"


@dataclass(frozen=True, slots=True)
class PublishedAddress:
    """Where a manifest is, and the folder its packs and objects lie in."""

    manifest: Location
    contents: Location


def published_address(text: str) -> PublishedAddress | None:
    """What an address of a published release means; None for any other address (of a Setup.config)."""
    if "://" not in text:
        return None
    try:
        location = parse_location(text)
    except ConfigError:
        return None
    if location.scheme not in (Scheme.HTTP, Scheme.HTTPS):
        return None
    *above, last = location.segments or ("",)
    if len(above) >= 2 and fold(last) == fold(MANIFEST) and fold(above[-2]) == fold(CUSTOMERS):
        return PublishedAddress(location, location.with_segments(tuple(above[:-2])))
    for names, customer in (((*above, last), _DEFAULT), (tuple(above), last)):
        if len(names) > 1 and fold(names[-1]) in ("INSTALL", "MANIFEST"):
            root = location.with_segments(names[:-1])
            return PublishedAddress(root.child("manifest").child(customer), root.child("published"))
    return None


def read_manifest(address: PublishedAddress, sources: Sources, state: Path) -> Manifest:
    """The manifest, asked for on the condition that it changed since the last time.

    Raises `SourceError`, `ConfigError` (bad-manifest, newer-manifest). A damaged copy only costs a transfer.
    """
    kept = _Kept(state / _KEPT / f"{sha256_of_bytes(source_of(address.manifest).encode())[:32]}")

    def ask(transport: Transport, at: Location) -> bytes:
        known = kept.load()
        body = transport.open(at, unless=None if known is None else Validators(etag=known[0]))
        if isinstance(body, Unchanged):
            assert known is not None
            return known[1]
        try:
            data = _whole(body.readinto, at)
        finally:
            body.close()
        if body.validators.strong_etag is not None:
            kept.save(body.validators.strong_etag, data)
        return data

    data = sources.submit(address.manifest, ask).result()
    return parse_manifest(data, str(address.manifest))


def plan_of(manifest: Manifest, address: PublishedAddress, identifiers: Identifiers, sources: Sources) -> Plan:
    """The plan of a manifest on this machine; raises `ConfigError` with every problem when it cannot be carried out."""
    name = str(address.manifest)
    known = {key: text for key, text in manifest.identifiers if identifiers.get(key) is None}
    told = with_address(identifiers.with_values(known, SERVER_ORIGIN), Document(name, b"", address.manifest))
    entries = tuple(one.entry for one in manifest.entries if isinstance(one, ClientEntry))
    draft = SetupConfig(name, manifest.tenant_id, entries, manifest.customer_name, manifest.execute)
    config, unset = expand_config(draft, told, unset=Severity.ERROR)
    ready, wrong = selections(config)
    said = (*unset, *wrong)
    if any(problem.is_error for problem in said):
        raise ConfigError(said)
    promised = list(_promised(manifest, address.contents, name))
    plan, errors = build_plan(config, sources.gather(ready), promised)
    if errors:
        raise ConfigError((*said, *plan.warnings, *errors))
    return replace(plan, warnings=(*said, *plan.warnings))


def _promised(manifest: Manifest, contents: Location, name: str) -> Iterator[PlannedFile]:
    packs, objects = contents.child(PACKS), contents.child(OBJECTS)
    for entry in manifest.entries:
        if not isinstance(entry, ServerEntry):
            continue
        for file in entry.files:
            place = file.place
            if place is not None and file.size > LARGEST_PACKED:
                said = f"{file.output} is to lie in a pack and has {file.size} bytes"
                raise ConfigError(error("bad-manifest", said, "publish the release again", file=name))
            pack = None if place is None else packs.child(place.pack[:2]).child(place.pack)
            yield PlannedFile(
                source=objects.child(file.sha256[:2]).child(file.sha256),
                output=file.output,
                validators=Validators(file.size, f'"{file.sha256}"', float(file.modified)),
                entry=entry.number,
                line=entry.line,
                promise=Promise(file.sha256, file.size, pack, 0 if place is None else place.offset),
            )


@dataclass(frozen=True, slots=True)
class _Kept:
    """The copy of a manifest: its entity tag and digest in the first line, then its bytes."""

    path: Path

    def load(self) -> tuple[str, bytes] | None:
        try:
            head, _, data = self.path.read_bytes().partition(b"\n")
        except OSError:
            return None
        digest, _, etag = head.partition(b" ")
        if sha256_of_bytes(data).encode() != digest:
            return None
        return etag.decode("latin-1"), data

    def save(self, etag: str, data: bytes) -> None:
        try:
            os.makedirs(self.path.parent, mode=0o700, exist_ok=True)
            write_atomic(self.path, f"{sha256_of_bytes(data)} {etag}\n".encode("latin-1") + data)
        except OSError:
            return


def _whole(read: Callable[[memoryview], int], at: Location) -> bytes:
    content = bytearray()
    buffer = memoryview(bytearray(_PIECE))
    while count := read(buffer):
        content += buffer[:count]
        if len(content) > LARGEST:
            raise SourceError(error("too-large", f"{at} is larger than {LARGEST} bytes", "this is no manifest"))
    return bytes(content)

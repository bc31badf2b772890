"""Publishing one customer: resolve, have the contents, write the missing ones, and the manifest last."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from deploy.config.model import Execute, FileEntry, SetupConfig
from deploy.digest import Sha256
from deploy.errors import MicceError, Problem, SourceError, warning
from deploy.host.fileversion import version_of
from deploy.jobs import source_of
from deploy.manifest import ClientEntry, InPack, Manifest, ManifestFile, ServerEntry
from deploy.manifest_json import NEWEST, OLDEST
from deploy.plan import PlannedFile
from deploy.relpath import fold
from deploy.site.model import Customer, ServerSettings
from deploy.site.packing import EVERYBODY, Content, Owners, files_of, plan
from deploy.site.publish_ingest import Ingested, Ingestion
from deploy.site.publish_reading import Reader, still_changing
from deploy.site.publish_result import CustomerResult, State, Step, Tell
from deploy.site.publish_sources import Memory, OurFolders, server_values
from deploy.site.publish_stock import Stock
from deploy.site.publish_tree import Piece
from deploy.site.resolving import LATER, Resolution, Resolver
from deploy.transport.files import WINDOWS_PATHS, native_path
from deploy.transport.location import Location, Scheme

_SEPARATORS = re.compile(r"[\\/]+")


@dataclass(frozen=True, slots=True)
class Later:
    """A customer that cannot be published now, and why; a moment later it may be."""

    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Had:
    """The content of one file: who may read its pack, its time of change in POSIX seconds, where to read it."""

    owners: Owners
    content: Content
    modified: int
    piece: Piece | None


@dataclass(slots=True)
class Publishing:
    """What publishing customers takes; one for a publication."""

    settings: ServerSettings
    ours: OurFolders
    resolver: Resolver
    memory: Memory
    reader: Reader
    ingestion: Ingestion
    stock: Stock
    tell: Tell
    clock: Callable[[], float] = time.time
    _releases: dict[str, str] = field(default_factory=dict)

    def publish(self, customer: Customer) -> CustomerResult | Later:
        """Publish a customer, or say why not, whether its Setup.config, a source or this computer is in the way."""
        if customer.config is None:
            return CustomerResult(customer.id, State.REFUSED, customer.problems)
        resolution = self.resolver.resolve(customer.config)
        if resolution.is_wrong:
            return CustomerResult(customer.id, State.REFUSED, resolution.problems)
        try:
            ready = self._read(customer, customer.config, resolution)
            if isinstance(ready, Later):
                return ready
            if ready.is_wrong:
                return CustomerResult(customer.id, State.REFUSED, ready.problems)
            return self._ingested(customer, customer.config, ready)
        except MicceError as wrong:
            if isinstance(wrong, SourceError) and wrong.transient and wrong.code == "changed":
                self.memory.forget()
                return Later(wrong.problems)
            return CustomerResult(customer.id, State.REFUSED, (*resolution.problems, *wrong.problems))

    def _read(self, customer: Customer, config: SetupConfig, resolution: Resolution) -> Resolution | Later:
        """The resolution once every local file of it was read, and is still what the resolution says."""
        paths = [_path(file.source) for file in resolution.files if self._is_local(file.source)]
        unread = self.reader.unread(paths)
        restless = self.reader.restless(unread)
        if restless:
            return Later((still_changing(restless),))
        if not unread:
            return resolution
        self.tell(Step("read", customer.id, len(unread), sum(stat.size for stat in unread.values())))
        self.reader.read(unread, self.tell)
        # What was copied meanwhile belongs to the same release, or the customer waits.
        self.memory.forget()
        again = self.resolver.resolve(config)
        same = [(one.source, one.output) for one in again.files] == [
            (one.source, one.output) for one in resolution.files
        ]
        moved = self.reader.moved_on(unread)
        if not same or moved:
            return Later((still_changing(moved or [str(customer.folder)]),))
        return again

    def _ingested(self, customer: Customer, config: SetupConfig, resolution: Resolution) -> CustomerResult:
        foreign = [file for file in resolution.files if not self._is_local(file.source)]
        ingested = Ingested({}, {})
        if foreign:
            self.tell(Step("ingest", customer.id, len(foreign)))
            ingested = self.ingestion.fetch(_key(customer), foreign, self.tell)
            resolution = _without_lost(config, resolution, ingested)
        if resolution.is_wrong:
            return CustomerResult(customer.id, State.REFUSED, resolution.problems)
        had = {file.output.key: self._had(customer, file, ingested.paths) for file in resolution.files}
        self._write(customer, list(had.values()))
        result = self._manifest(customer, config, resolution, had)
        if foreign:
            self.ingestion.stage(_key(customer)).discard()
        return result

    def _is_local(self, location: Location) -> bool:
        """Whether a file is read where it lies: the server's own, or of this computer."""
        return location.scheme is Scheme.FILE or self.ours.serving(location) is not None

    def _had(self, customer: Customer, file: PlannedFile, staged: Mapping[str, str]) -> _Had:
        if self._is_local(file.source):
            path = _path(file.source)
            known = self.reader.known[path]
            content = Content(known.sha256, known.stat.size)
            owners = EVERYBODY if self.ours.is_shared(file.source) else frozenset({_key(customer)})
            return _Had(owners, content, known.stat.mtime_ns // 10**9, Piece(path, 0, content))
        fetched = self.ingestion.known[source_of(file.source)]
        content = Content(fetched.sha256, fetched.size)
        modified = fetched.validators.modified
        when = fetched.fetched_at if modified is None else modified
        path_of = staged.get(fetched.sha256)
        piece = self.stock.piece(content) if path_of is None else Piece(path_of, 0, content)
        return _Had(frozenset({_key(customer)}), content, int(when), piece)

    def _write(self, customer: Customer, had: Sequence[_Had]) -> None:
        missing = [one for one in had if not self.stock.places.has(_key(customer), one.content)]
        if not missing:
            return
        planned = plan((one.owners, one.content) for one in missing)
        pieces = {one.content.sha256: one.piece for one in missing if one.piece is not None}
        size = sum(pack.size for pack in planned.packs) + sum(one.size for one in planned.objects)
        self.tell(Step("write", customer.id, len(pieces), size))
        self.stock.write(planned, pieces)

    def _manifest(
        self, customer: Customer, config: SetupConfig, resolution: Resolution, had: Mapping[str, _Had]
    ) -> CustomerResult:
        id_ = _key(customer)
        old = self.stock.manifest(id_)
        before = {} if old is None else {file.sha256: file.place for file in files_of(old)}
        now = datetime.fromtimestamp(int(self.clock()), UTC)
        new = Manifest(
            customer=customer.id,
            customer_name=customer.name,
            tenant_id=config.tenant_id,
            release=self._release(config.execute, resolution),
            published=now if old is None else old.published,
            execute=config.execute,
            entries=tuple(self._entries(id_, resolution, had, before)),
            identifiers=tuple(sorted(server_values(self.settings).items())),
        )
        new = self.stock.with_sizes(new)
        state = State.UNCHANGED
        if new != old:
            state = State.PUBLISHED
            if old is None or _unplaced(new) != _unplaced(old):
                new = replace(new, published=now)
            self.stock.publish(id_, new)
        left = sum(isinstance(one, ClientEntry) for one in new.entries)
        return CustomerResult(customer.id, state, resolution.problems, new.files, new.size, left)

    def _entries(
        self, id_: str, resolution: Resolution, had: Mapping[str, _Had], before: Mapping[Sha256, InPack | None]
    ) -> Iterator[ServerEntry | ClientEntry]:
        for entry in resolution.entries:
            if isinstance(entry, ClientEntry):
                yield entry
                continue
            files = []
            for file in entry.files:
                one = had[file.output.key]
                place = self.stock.places.place(id_, one.content, before.get(one.content.sha256))
                modified = min(max(one.modified, OLDEST), NEWEST)
                files.append(ManifestFile(file.output, one.content.size, one.content.sha256, modified, place))
            yield ServerEntry(entry.number, entry.line, tuple(files))

    def _release(self, execute: Execute | None, resolution: Resolution) -> str:
        """What people see as the release: as set, else the version of the program that is executed, else nothing."""
        if self.settings.release is not None:
            return self.settings.release
        if execute is None:
            return ""
        wanted = fold("/".join(_SEPARATORS.split(execute.command.strip().strip('"'))))
        for file in resolution.files:
            if file.output.key == wanted and self._is_local(file.source):
                return _version(_path(file.source)) or ""
        return ""


def _version(path: str) -> str | None:
    try:
        return version_of(Path(path))
    except OSError:
        return None


def _key(customer: Customer) -> str:
    return customer.id.lower()


def _path(location: Location) -> str:
    return native_path(location, windows=WINDOWS_PATHS)


def _wanted(resolution: Resolution) -> list[tuple[Location, str]]:
    return [(file.source, file.output.key) for file in resolution.files]


def _unplaced(manifest: Manifest) -> Manifest:
    """The manifest without where contents lie, which is nobody's concern but the downloading program's."""
    entries = tuple(
        replace(one, files=tuple(replace(file, place=None) for file in one.files))
        if isinstance(one, ServerEntry)
        else one
        for one in manifest.entries
    )
    return replace(manifest, entries=entries, packs=())


def _without_lost(config: SetupConfig, resolution: Resolution, ingested: Ingested) -> Resolution:
    """The resolution where entries whose server does not answer any more are left to the clients."""
    left: dict[int, FileEntry] = {}
    problems: list[Problem] = list(ingested.stopped)
    written = {entry.number: entry for entry in config.files}
    for file in resolution.files:
        said = ingested.failed.get(source_of(file.source), ())
        placed = [problem.at(config.name, file.line) for problem in said]
        if placed and all(problem.code in LATER for problem in placed):
            if file.entry not in left:
                message = f"left to the clients, for the server cannot have it: {placed[0].message}"
                problems.append(warning("left-to-clients", message, placed[0].hint).at(config.name, file.line))
            left[file.entry] = written[file.entry]
        else:
            problems += placed
    return resolution.left_to_clients(left.values(), problems)

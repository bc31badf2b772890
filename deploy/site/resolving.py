"""One customer's Setup.config as the server resolves it: files where it can see them, else entries for the client.

What is matched and what overwrites what is decided by `deploy.plan`, here as on a client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from deploy.config.identifiers import Identifiers, expand_config
from deploy.config.model import FileEntry, SetupConfig
from deploy.errors import Problem, Severity, SourceError, warning
from deploy.manifest import ClientEntry
from deploy.plan import Findings, Plan, PlannedFile, Selection, build_plan, selections
from deploy.relpath import fold
from deploy.site.model import ServerSettings
from deploy.site.publish_sources import OurFolders, ReadFrom
from deploy.sources import Sources
from deploy.transport.location import Location, Scheme, parse_location

LATER = ("unreachable", "timed-out")
"""What a source may say today and not tomorrow: its entry is left to the clients."""

FETCHED = (Scheme.HTTP, Scheme.HTTPS, Scheme.FTP, Scheme.FTPS, Scheme.FTPES)
"""Protocols of foreign servers that are asked once, by this server, instead of by every client."""


@dataclass(frozen=True, slots=True)
class ResolvedEntry:
    """A `<file>` the server resolved: its 1-based number and line, and its files sorted by folded output."""

    number: int
    line: int | None
    files: tuple[PlannedFile, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a Setup.config means here. With an error among the problems it must not be published."""

    entries: tuple[ResolvedEntry | ClientEntry, ...]
    problems: tuple[Problem, ...]

    @property
    def files(self) -> Iterator[PlannedFile]:
        """Every file, entry by entry; one that a later entry of the server overwrites is not there."""
        for one in self.entries:
            if isinstance(one, ResolvedEntry):
                yield from one.files

    @property
    def is_wrong(self) -> bool:
        return any(problem.is_error for problem in self.problems)

    def left_to_clients(self, entries: Iterable[FileEntry], said: Iterable[Problem]) -> Resolution:
        """The same where some entries, by number, are left to the clients after all."""
        written = {entry.number: ClientEntry(entry) for entry in entries}
        return Resolution(
            tuple(written.get(_number(one), one) for one in self.entries),
            (*self.problems, *said),
        )


@dataclass(frozen=True, slots=True)
class _Reading:
    """What to do for an entry: ask at a place of the server's choice, or leave it as it is written."""

    written: FileEntry
    selection: Selection | None
    ours: bool = False


class Resolver:
    """Resolves the customers of one server; `sources` ask through `deploy.site.publish_sources.Opener`."""

    def __init__(self, settings: ServerSettings, ours: OurFolders, sources: Sources) -> None:
        self._ours = ours
        self._sources = sources
        self._ingest = tuple(map(parse_location, settings.ingest))

    def resolve(self, config: SetupConfig) -> Resolution:
        """What a Setup.config means here, all problems at once."""
        problems: list[Problem] = []
        readings = [one for entry in config.files for one in self._read(config, entry, problems)]
        asked = [one for one in readings if one.selection is not None]
        found = self._sources.gather([one.selection for one in asked if one.selection is not None])
        kept: list[Findings] = []
        left: list[FileEntry] = [one.written for one in readings if one.selection is None]
        for one, finding in zip(asked, found, strict=True):
            later = [problem for problem in finding.problems if problem.code in LATER]
            if later:
                left.append(one.written)
                problems += [_not_asked(problem, config, one.written) for problem in later[:1]]
            else:
                kept.append(_without_spelling(finding) if one.ours else finding)
        plan, errors = build_plan(config, kept)
        entries = [*_entries(plan, [one.selection.entry for one in kept]), *map(ClientEntry, left)]
        return Resolution(tuple(sorted(entries, key=_number)), (*problems, *plan.warnings, *errors))

    def _read(self, config: SetupConfig, entry: FileEntry, problems: list[Problem]) -> Iterator[_Reading]:
        """Nothing where an entry cannot be meant; that is a problem then."""
        expanded, unset = _expanded(config, entry, self._ours.identifiers)
        if any(problem.is_error for problem in unset):
            problems += unset
            return
        if unset:
            # Perhaps only the Web server is not known, which is this one.
            expanded, still = _expanded(config, entry, self._ours.assumed)
            if still:
                yield _Reading(entry, None)
                return
        ready, wrong = selections(expanded)
        problems += wrong
        for selection in ready:
            yield self._placed(config, entry, selection, problems)

    def _placed(self, config: SetupConfig, entry: FileEntry, selection: Selection, problems: list[Problem]) -> _Reading:
        folder = selection.source.folder
        if self._ours.is_ours(folder):
            try:
                return _Reading(entry, replace(selection, source=self._ours.local(selection.source)), ours=True)
            except SourceError as wrong:
                problems += [problem.at(config.name, entry.line) for problem in wrong.problems]
                return _Reading(entry, None)
        if self._ours.names_nobody(folder):
            problems.append(_nobody(config, entry))
            return _Reading(entry, None)
        is_asked = folder.scheme in FETCHED or any(_begins(folder, start) for start in self._ingest)
        return _Reading(entry, selection if is_asked else None)


def read_from(config: SetupConfig, ours: OurFolders) -> frozenset[ReadFrom]:
    """What of this server a Setup.config reads from, as far as that can be told."""
    found = set()
    for entry in config.files:
        expanded, unset = _expanded(config, entry, ours.assumed)
        for selection in () if unset else selections(expanded)[0]:
            if ours.is_ours(selection.source.folder):
                try:
                    found.add(ours.read_from(ours.local(selection.source).folder))
                except SourceError:
                    continue
    return frozenset(found)


def _expanded(
    config: SetupConfig, entry: FileEntry, identifiers: Identifiers
) -> tuple[SetupConfig, tuple[Problem, ...]]:
    """The configuration with this entry alone, its identifiers replaced; those without a value are warnings."""
    alone = replace(config, files=(entry,), execute=None, customer_name="")
    return expand_config(alone, identifiers, unset=Severity.WARNING)


def _begins(location: Location, start: Location) -> bool:
    """Whether a location is `start` or lies below it; names compare in any case."""
    depth = len(start.segments)
    same = (location.scheme, location.host.lower(), location.effective_port, location.anchor.lower()) == (
        start.scheme,
        start.host.lower(),
        start.effective_port,
        start.anchor.lower(),
    )
    return same and tuple(map(fold, location.segments[:depth])) == tuple(map(fold, start.segments))


def _entries(plan: Plan, asked: Sequence[FileEntry]) -> Sequence[ResolvedEntry | ClientEntry]:
    files: dict[int, list[PlannedFile]] = {entry.number: [] for entry in asked}
    for file in plan.files:
        files[file.entry].append(file)
    return [ResolvedEntry(entry.number, entry.line, tuple(files[entry.number])) for entry in asked]


def _number(one: ResolvedEntry | ClientEntry) -> int:
    return one.number if isinstance(one, ResolvedEntry) else one.entry.number


def _without_spelling(finding: Findings) -> Findings:
    """Without the remark on upper and lower case: the server takes its addresses in any."""
    return replace(finding, problems=tuple(one for one in finding.problems if one.code != "other-spelling"))


def _not_asked(problem: Problem, config: SetupConfig, entry: FileEntry) -> Problem:
    said = f"left to the clients, for the server cannot ask: {problem.message}"
    hint = "let the server reach it and publish again, or leave it at that if only clients are to reach it"
    return warning("left-to-clients", said, hint).at(config.name, entry.line)


def _nobody(config: SetupConfig, entry: FileEntry) -> Problem:
    said = "left to the clients, for the server does not know the address it is reached under"
    return warning("left-to-clients", said, "give it as uri in server.toml").at(config.name, entry.line)

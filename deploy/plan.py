"""From a Setup.config and what its sources hold to the list of files an installation needs.

Pure: the caller asks the sources (see `deploy.sources`) and hands the answers in. Preview, dry run
and installation share the one `Plan` (manual: `<file>`; specification: Wildcards, Output).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from deploy.config.model import Execute, FileEntry, SetupConfig
from deploy.digest import Sha256
from deploy.errors import ConfigError, Problem, error, warning
from deploy.relpath import RelPath, segment_problem
from deploy.transport.contract import Listing, Validators, presentable
from deploy.transport.location import Location, Source, parse_source
from deploy.wildcard import Exclude, Pattern

MOST_REFUSALS = 20
SHOWN_NAME = 80


@dataclass(frozen=True, slots=True)
class Selection:
    """One `<file>` entry made ready: where to look, what to take, where it goes."""

    entry: FileEntry
    source: Source
    output: RelPath
    exclude: Exclude

    def searches(self, below: tuple[str, ...]) -> bool:
        """Whether the folder `below` the included one is looked into at all."""
        return self.entry.sub_dirs and not self.exclude.covers(below)


@dataclass(frozen=True, slots=True)
class FolderFound:
    """A folder that was listed for a selection; `below` are its presentable names under the included folder."""

    below: tuple[str, ...]
    listing: Listing


@dataclass(frozen=True, slots=True)
class FileFound:
    """The one file a selection without wildcard means."""

    location: Location
    validators: Validators


@dataclass(frozen=True, slots=True)
class Findings:
    """What the source said about one selection. Problems are errors (the entry cannot be
    resolved) or warnings; they carry no place yet."""

    selection: Selection
    found: tuple[FolderFound, ...] | FileFound | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Promise:
    """What a manifest promises of a file: `size` in bytes, and where it lies if not in a file of its own.

    `pack` is a file that holds many, and this one from `offset` on.
    """

    sha256: Sha256
    size: int
    pack: Location | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file to have: from where, under which name, and the 1-based `<file>` and line it comes from."""

    source: Location
    output: RelPath
    validators: Validators
    entry: int
    line: int | None = None
    promise: Promise | None = None


@dataclass(frozen=True, slots=True)
class Overwritten:
    """A file that a later `<file>` entry replaces; only the winner is downloaded."""

    loser: PlannedFile
    winner: PlannedFile


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything an installation does. `files` is ordered by entry, then by folded path.

    `name` is the path or address of the Setup.config, for messages.
    """

    name: str
    customer_name: str
    tenant_id: int
    execute: Execute | None
    files: tuple[PlannedFile, ...]
    overwritten: tuple[Overwritten, ...]
    warnings: tuple[Problem, ...]


def selections(config: SetupConfig) -> tuple[tuple[Selection, ...], tuple[Problem, ...]]:
    """Read every entry of a configuration whose identifiers are replaced; all problems at once."""
    ready: list[Selection] = []
    problems: list[Problem] = []
    for entry in config.files:
        source = _attempt(parse_source, entry.include, config, entry, problems)
        output = _attempt(RelPath.parse, entry.output_folder, config, entry, problems)
        exclude = _attempt(Exclude.parse, entry.exclude, config, entry, problems)
        if source is None or output is None or exclude is None:
            continue
        if not source.wildcard and (reason := segment_problem(presentable(source.name))):
            problems.append(_unsafe(presentable(source.name), reason, source).at(config.name, entry.line))
            continue
        ready.append(Selection(entry, source, output, exclude))
    return tuple(ready), tuple(problems)


def build_plan(
    config: SetupConfig, findings: Iterable[Findings], promised: Iterable[PlannedFile] = ()
) -> tuple[Plan, tuple[Problem, ...]]:
    """Turn the sources' answers into a plan, together with files that a manifest promised.

    Returns the plan of everything that could be resolved and every error; with an error the plan
    must not be carried out. Warnings are in the plan.
    """
    problems: list[Problem] = []
    files: list[PlannedFile] = [*promised]
    for finding in findings:
        taken, said = _taken(finding)
        files.extend(taken)
        line = finding.selection.entry.line
        problems.extend(problem.at(config.name, line) for problem in (*finding.problems, *said))
    files.sort(key=lambda file: file.entry)
    kept, overwritten, clashes = _later_wins(_one_spelling(files))
    problems.extend(clash.at(config.name) for clash in clashes)
    plan = Plan(
        name=config.name,
        customer_name=config.customer_name,
        tenant_id=config.tenant_id,
        execute=config.execute,
        files=kept,
        overwritten=overwritten,
        warnings=tuple(problem for problem in problems if not problem.is_error),
    )
    return plan, tuple(problem for problem in problems if problem.is_error)


def subfolders(selection: Selection, folder: FolderFound) -> Iterator[tuple[Location, tuple[str, ...]]]:
    """The folders to list next below `folder`: (location, presentable names under the included folder)."""
    for entry in folder.listing.entries:
        if entry.folder:
            below = (*folder.below, presentable(entry.name))
            if segment_problem(below[-1]) is None and selection.searches(below):
                yield folder.listing.folder.child(entry.name), below


_Read = TypeVar("_Read")


def _attempt(
    read: Callable[[str], _Read], text: str, config: SetupConfig, entry: FileEntry, problems: list[Problem]
) -> _Read | None:
    try:
        return read(text)
    except ConfigError as wrong:
        problems.extend(problem.at(config.name, entry.line) for problem in wrong.problems)
        return None


def _taken(finding: Findings) -> tuple[list[PlannedFile], list[Problem]]:
    selection = finding.selection
    match finding.found:
        case None:
            return [], []
        case FileFound(location, validators):
            output = selection.output.child(presentable(selection.source.name))
            return [PlannedFile(location, output, validators, selection.entry.number, selection.entry.line)], []
        case folders:
            return _matching(selection, folders)


def _matching(selection: Selection, folders: Sequence[FolderFound]) -> tuple[list[PlannedFile], list[Problem]]:
    pattern = Pattern(selection.source.name)
    number, line = selection.entry.number, selection.entry.line
    files: list[PlannedFile] = []
    problems: list[Problem] = []
    for folder in folders:
        output = selection.output.join(folder.below) if folder.below else selection.output
        problems.extend(_refusals(selection, folder))
        for entry in folder.listing.entries:
            name = presentable(entry.name)
            if entry.folder or not pattern.matches(name) or selection.exclude.matches((*folder.below, name)):
                continue
            if segment_problem(name) is None:
                source = folder.listing.folder.child(entry.name)
                files.append(PlannedFile(source, output.child(name), entry.validators, number, line))
    if not files:
        problems.append(
            warning(
                "no-match",
                f"nothing matches {selection.source}",
                "check the folder and the pattern, or remove the <file>",
            )
        )
    files.sort(key=lambda file: file.output.key)
    problems.extend(_case_twins(files))
    return files, problems


def _refusals(selection: Selection, folder: FolderFound) -> Iterator[Problem]:
    """A warning for each name of the listing that this installation may not create."""
    refused = [(presentable(one.name), one.reason) for one in folder.listing.refused]
    for entry in folder.listing.entries:
        name = presentable(entry.name)
        if (reason := segment_problem(name)) is not None and not selection.exclude.matches((*folder.below, name)):
            refused.append((name, reason))
    for name, reason in refused[:MOST_REFUSALS]:
        yield warning(
            "unsafe-name",
            f"{_printable(name)} in {folder.listing.folder} is left out: {reason}",
            "rename it on the server, or name it in exclude",
        )
    if len(refused) > MOST_REFUSALS:
        yield warning(
            "unsafe-name", f"{len(refused) - MOST_REFUSALS} more such names in {folder.listing.folder} are left out"
        )


def _case_twins(files: Sequence[PlannedFile]) -> Iterator[Problem]:
    """`files` is sorted by folded output, so twins are neighbours."""
    for one, other in pairwise(files):
        if one.output.key == other.output.key:
            yield error(
                "case-twins",
                f"{one.source} and {other.source} are one file on Windows",
                "rename one of them on the server, or name it in exclude",
            )


def _one_spelling(files: Iterable[PlannedFile]) -> Iterator[PlannedFile]:
    """The same folder under one spelling, the first: on Windows it is one folder anyway."""
    spelled: dict[tuple[str, ...], RelPath] = {}
    by_key: dict[str, RelPath] = {}
    for file in files:
        folder = file.output.segments[:-1]
        known = spelled.get(folder)
        if known is None:
            known = RelPath.BASE
            for name in folder:
                longer = known.child(name)
                known = by_key.setdefault(longer.key, longer)
            spelled[folder] = known
        yield file if known.segments == folder else replace(file, output=known.child(file.output.name))


def _later_wins(files: Iterable[PlannedFile]) -> tuple[tuple[PlannedFile, ...], tuple[Overwritten, ...], list[Problem]]:
    winners: dict[str, PlannedFile] = {}
    losers: list[PlannedFile] = []
    for file in files:
        key = file.output.key
        earlier = winners.get(key)
        if earlier is not None:
            if earlier.entry == file.entry:
                continue
            losers.append(earlier)
        winners[key] = file
    kept = tuple(file for _, file in sorted(winners.items(), key=lambda item: (item[1].entry, item[0])))
    overwritten = tuple(Overwritten(loser, winners[loser.output.key]) for loser in losers)
    return kept, overwritten, list(_files_as_folders(winners))


def _files_as_folders(winners: Mapping[str, PlannedFile]) -> Iterator[Problem]:
    """One output that is a file and, for another, a folder: no file system can hold both."""
    by_folder = {file.output.segments[:-1]: file for file in winners.values()}
    folders: dict[str, PlannedFile] = {}
    for file in by_folder.values():
        parent = file.output.parent
        while parent.segments and parent.key not in folders:
            folders[parent.key] = file
            parent = parent.parent
    for key in winners.keys() & folders.keys():
        yield error(
            "file-and-folder",
            f"{winners[key].output} is a file for {winners[key].source} and a folder for {folders[key].source}",
            "change one outputFolder",
        )


def _printable(name: str) -> str:
    return repr(name if len(name) <= SHOWN_NAME else name[:SHOWN_NAME] + "\u2026")


def _unsafe(name: str, reason: str, source: Source) -> Problem:
    return error(
        "unsafe-path", f"{source} cannot be stored as {_printable(name)}: {reason}", "rename the file on its server"
    )

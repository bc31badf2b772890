"""The files of a hotfix's package: what the manifest refers to, found in the folder of the `*.config`.

Names are found in any case. Nothing is read but names and sizes; digests are what the manifest says.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.digest import Sha256
from deploy.errors import ConfigError, Problem, TargetError, error, quoted
from deploy.inventory import local_path
from deploy.relpath import RelPath, fold, segment_problem
from deploy.wildcard import has_wildcard
from hotfix.manifest_check import split_include
from hotfix.model import CommandEntry, Content, FileEntry, Manifest
from hotfix.paths import packaged_program, split_command_line
from hotfix.selection import Selection

MOST_FILES = 100_000
DEEPEST = 64

_AGAIN = "get the whole package again, or build it again"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file of a package.

    `path` is below the folder of the `*.config`, spelled as it is there; `size` is in bytes, as found;
    `sha256` is what it must have by `<file>` or `<contents>`, None where neither says. `line` is that
    of the first entry that needs it.
    """

    path: RelPath
    size: int
    sha256: Sha256 | None = None
    line: int | None = None


def files_of(manifest: Manifest, folder: Path) -> tuple[PackageFile, ...]:
    """Every file of the package that the manifest refers to, each once, ordered by path.

    These are what `<file>` entries select (never the `*.config` itself), the programs of commands and
    of their undo that are not absolute, with everything that lies in or below the subfolder of such a
    program, and the sources of entries that cannot be carried out. Give it the manifest as it was
    expanded for a machine to have only what that machine needs, as parsed to have all.

    Raises `ConfigError` with every problem and its line: missing-file, nothing-included,
    ambiguous-name, not-a-file, leaves-package, unsafe-path, size-mismatch, not-in-contents,
    contradiction, package-too-large; `TargetError` (cannot-read) for what this account may not read.
    """
    search = _Search(Path(os.path.abspath(folder)), _own_name(manifest))
    listed = None if manifest.contents is None else {one.path.key: one for one in manifest.contents}
    try:
        for entry in manifest.files:
            _select(search, entry, listed)
        for command in manifest.commands:
            _programs(search, command, listed)
        for unsupported in manifest.unsupported:
            for source in unsupported.sources:
                search.one(RelPath.parse(source), unsupported.when.line)
    except OSError as wrong:
        said = f"{wrong.filename} cannot be read: {wrong.strerror}"
        raise TargetError(
            error("cannot-read", said, "let this account read the package", file=manifest.source)
        ) from wrong
    problems = list(search.problems)
    files = _checked(manifest, search.found, listed, problems)
    if problems:
        raise ConfigError(sorted((one.at(manifest.source) for one in problems), key=lambda one: one.line or 0))
    return files


@dataclass(frozen=True, slots=True)
class Match:
    """A file that a `<file>` entry selects, and its place below the entry's outputFolder."""

    file: PackageFile
    output: RelPath


def matches_of(entry: FileEntry, files: Iterable[PackageFile]) -> tuple[Match, ...]:
    """Which of a package's files an entry selects, in their order. Touches nothing."""
    selection = Selection(entry)
    found = ((one, selection.output(one.path)) for one in files)
    return tuple(Match(one, output) for one, output in found if output is not None)


def _own_name(manifest: Manifest) -> str:
    return fold(manifest.source.replace("\\", "/").rpartition("/")[2])


def _select(search: _Search, entry: FileEntry, listed: dict[str, Content] | None) -> None:
    line = entry.when.line
    folder, name = split_include(entry.include)
    if not has_wildcard(name):
        search.one(folder.child(name), line)
        return
    selection = Selection(entry)
    count, before = 0, len(search.problems)
    for path in search.below(folder, line, selection, deep=entry.sub_dirs):
        search.add(path, line)
        count += 1
    for one in () if listed is None else listed.values():
        if selection.output(one.path) is not None:
            search.one(one.path, line)
            count += 1
    if not count and len(search.problems) == before:
        said = f"{quoted(entry.include)} matches no file of the package"
        search.problems.append(error("nothing-included", said, f"correct include; {_AGAIN}", line=line))


def _programs(search: _Search, command: CommandEntry, listed: dict[str, Content] | None) -> None:
    """A program of the package, and what lies in its subfolder: it may need it."""
    line = command.when.line
    for text in filter(None, (command.command, split_command_line(command.undo)[0])):
        program = packaged_program(text)
        if program is None:
            continue
        search.one(program, line)
        if not program.parent.segments:
            continue
        for path in search.below(program.parent, line, None, deep=True):
            search.add(path, line)
        above = f"{program.parent.key}/"
        for one in () if listed is None else listed.values():
            if one.path.key.startswith(above):
                search.one(one.path, line)


def _checked(
    manifest: Manifest, found: dict[str, PackageFile], listed: dict[str, Content] | None, problems: list[Problem]
) -> tuple[PackageFile, ...]:
    """The files with what the manifest says about them, which has to be one thing."""
    said: dict[str, FileEntry] = {}
    for entry in manifest.files:
        if not has_wildcard(entry.include):
            folder, name = split_include(entry.include)
            said.setdefault(folder.child(name).key, entry)
    files = []
    for key in sorted(found):
        one, pinned, content = found[key], said.get(key), None if listed is None else listed.get(key)
        if listed is not None and content is None:
            text = f"{one.path} is not one of the files the package was built with"
            problems.append(error("not-in-contents", text, f"remove it, or {_AGAIN}", line=one.line))
        sizes = {pinned.size if pinned else None, content.size if content else None} - {None}
        digests = {pinned.sha256 if pinned else "", content.sha256 if content else ""} - {""}
        if len(sizes) > 1 or len(digests) > 1:
            text = f"<file> and <contents> say different things about {one.path}"
            problems.append(error("contradiction", text, "build the package again", line=one.line))
        elif sizes - {one.size}:
            text = f"{one.path} has {one.size} bytes, and the manifest says {sizes.pop()}"
            problems.append(error("size-mismatch", text, _AGAIN, line=one.line))
        files.append(replace(one, sha256=Sha256(digests.pop()) if digests else None))
    return tuple(files)


@dataclass(slots=True)
class _Search:
    """Looks names up in any case, each folder listed once."""

    folder: Path
    own_name: str
    found: dict[str, PackageFile] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _listed: dict[RelPath, dict[str, list[str]]] = field(default_factory=dict)

    def one(self, wanted: RelPath, line: int | None) -> None:
        """Find one file that has to be there."""
        path = self._spelled(wanted, line)
        if path is not None and path.key not in self.found:
            self.add(path, line)

    def below(self, folder: RelPath, line: int | None, selection: Selection | None, *, deep: bool) -> Iterator[RelPath]:
        """The files in a folder, and (`deep`) below it; none where it is not there."""
        start = self._spelled(folder, line, optional=True)
        waiting = [] if start is None else [start]
        while waiting:
            current = waiting.pop()
            if len(current.segments) > DEEPEST or len(self.found) > MOST_FILES:
                said = (
                    f"the folder of the package holds more than {MOST_FILES} files, or {DEEPEST} folders in each other"
                )
                self.problems.append(
                    error("package-too-large", said, "put the package into a folder of its own", line=line)
                )
                return
            for name, twins in self._each(current):
                path = self._child(current, name, line, selection)
                if path is None or (not current.segments and fold(name) == self.own_name):
                    continue
                if self._is_folder(path):
                    if deep and (selection is None or not selection.leaves_out(path)):
                        waiting.append(path)
                elif selection is None or selection.output(path) is not None:
                    yield from self._twinless(twins, path, line)

    def _each(self, folder: RelPath) -> Iterator[tuple[str, list[str]]]:
        for names in self._names(folder).values():
            for name in names:
                yield name, names

    def add(self, path: RelPath, line: int | None) -> None:
        """Take a file that was found, if it is one and lies inside."""
        if path.key in self.found:
            return
        place = local_path(self.folder, path)
        status = os.stat(place)
        if not self._is_inside(place):
            said = f"{path} is a link that leads out of the package"
            self.problems.append(error("leaves-package", said, "replace it by the file itself", line=line))
        elif not stat.S_ISREG(status.st_mode):
            self.problems.append(
                error("not-a-file", f"{path} is not a file", f"correct the entry; {_AGAIN}", line=line)
            )
        else:
            self.found[path.key] = PackageFile(path, status.st_size, line=line)

    def _twinless(self, names: list[str], path: RelPath, line: int | None) -> Iterator[RelPath]:
        if len(names) == 1:
            yield path
        elif path.name == min(names):
            said = f"{', '.join(sorted(names))} in {path.parent} differ in upper and lower case only"
            self.problems.append(error("ambiguous-name", said, "keep one of them", line=line))

    def _spelled(self, wanted: RelPath, line: int | None, *, optional: bool = False) -> RelPath | None:
        """The path as it is spelled on disk; one that is missing is said unless `optional`."""
        path = RelPath.BASE
        for name in wanted.segments:
            names = self._names(path).get(fold(name), [])
            if name in names:
                path = path.child(name)
            elif len(names) == 1:
                path = path.child(names[0])
            elif names:
                said = f"{wanted} may be {' or '.join(sorted(names))}"
                self.problems.append(error("ambiguous-name", said, "keep one of them", line=line))
                return None
            else:
                if not optional:
                    said = f"{wanted} is missing beside the manifest"
                    self.problems.append(error("missing-file", said, f"correct the entry; {_AGAIN}", line=line))
                return None
        return path

    def _names(self, folder: RelPath) -> dict[str, list[str]]:
        """The names in a folder by their folded form; none where it is no folder or lies elsewhere."""
        known = self._listed.get(folder)
        if known is None:
            known = self._listed[folder] = {}
            place = local_path(self.folder, folder)
            if os.path.isdir(place) and self._is_inside(place):
                for name in sorted(os.listdir(place)):
                    known.setdefault(fold(name), []).append(name)
        return known

    def _child(self, folder: RelPath, name: str, line: int | None, selection: Selection | None) -> RelPath | None:
        reason = segment_problem(name)
        if reason is None:
            return folder.child(name)
        if selection is not None and not selection.matches_name(name):
            return None
        said = f"{quoted(name)} in {folder} cannot be stored, because {reason}"
        self.problems.append(error("unsafe-path", said, "rename it, or move it out of the package", line=line))
        return None

    def _is_folder(self, path: RelPath) -> bool:
        """Whether it is a folder to be looked into: a link to one is not, for it may lead back."""
        place = local_path(self.folder, path)
        return os.path.isdir(place) and not os.path.islink(place)

    def _is_inside(self, place: str) -> bool:
        real, base = os.path.realpath(place), os.path.realpath(self.folder)
        return real == base or real.startswith(base.rstrip(os.sep) + os.sep)

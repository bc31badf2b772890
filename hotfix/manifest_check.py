"""What can be said of a manifest whose identifiers are replaced, by their values or by examples.

Pure. Paths and patterns that cannot be meant, XPaths that cannot be read, entries that contradict each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from deploy.config.identifiers import in_part
from deploy.errors import ConfigError, Problem, error, quoted
from deploy.relpath import RelPath, fold, segment_problem
from deploy.wildcard import Exclude, Pattern, has_wildcard
from hotfix.model import (
    Edit,
    EditKind,
    FileEntry,
    Manifest,
    RegistryAction,
    RequiredFile,
    RequiredHotfix,
    RequiredSpace,
    When,
)
from hotfix.paths import check_absolute, packaged_program, split_command_line
from hotfix.xpath import attribute_name, parse_xpath

_Place = tuple[str, str, When]
_Judged = TypeVar("_Judged")
MOST_ALIKE = 50  # entries about one thing that are compared
_EDITED, _DELETED = "edited", "deleted"
_DONE = {RegistryAction.SET: "set", RegistryAction.CREATE: "made", RegistryAction.DELETE: _DELETED}


def check_manifest(manifest: Manifest) -> tuple[Problem, ...]:
    """Every problem of a manifest with examples for its identifiers, in no order.

    Errors: bad-path, unsafe-path, bad-include, wildcard-in-folder, bad-pattern, bad-exclude, bad-command,
    bad-xpath, repeated-entry, contradiction.
    """
    problems = [*check_paths(manifest, names=True), *_hotfixes(manifest)]
    for entry in manifest.files:
        problems += _include(entry, manifest.source)
    for config_file in manifest.config_files:
        for edit in config_file.edits:
            problems += _judged(_read_edit, edit, "xpath", manifest.source, edit.line)
    problems += _repeated(manifest)
    return tuple(problems)


def check_paths(manifest: Manifest, *, names: bool = False) -> tuple[Problem, ...]:
    """Every path that is not absolute or goes upwards, and (`names`) holds a name that Windows does not allow."""
    problems: list[Problem] = []
    for text, part, when in _paths(manifest):
        problems += _judged(partial(check_absolute, names=names), text, part, manifest.source, when.line)
    for command in manifest.commands:
        programs = [(command.command, "command")]
        if command.undo:
            programs.append((split_command_line(command.undo)[0], "undo"))
        for text, part in programs:
            problems += _judged(packaged_program, text, part, manifest.source, command.when.line)
    return tuple(problems)


def _paths(manifest: Manifest) -> Iterator[_Place]:
    for requirement in manifest.requires:
        if isinstance(requirement, (RequiredFile, RequiredSpace)):
            yield requirement.path, "path", requirement.when
    for entry in manifest.files:
        yield entry.output_folder, "outputFolder", entry.when
    for delete in manifest.deletes:
        yield delete.path, "path", delete.when
    for config_file in manifest.config_files:
        yield config_file.path, "path", config_file.when
    groups = (
        manifest.requires, manifest.services, manifest.processes, manifest.files, manifest.deletes,
        manifest.config_files, manifest.registry, manifest.commands, manifest.unsupported,
    )  # fmt: skip
    for group in groups:
        for one in group:
            if one.when.condition:
                yield one.when.condition, "condition", one.when


def _judged(
    judge: Callable[[_Judged], object], value: _Judged, part: str, source: str, line: int | None
) -> tuple[Problem, ...]:
    try:
        judge(value)
    except ConfigError as wrong:
        return tuple(in_part(wrong.problems, part, source, line))
    return ()


def _include(entry: FileEntry, source: str) -> Iterator[Problem]:
    """What is wrong with the files an entry selects, and with the name it gives one."""
    line = entry.when.line
    yield from _judged(split_include, entry.include, "include", source, line)
    yield from _judged(Exclude.parse, entry.exclude, "exclude", source, line)
    if entry.output_name:
        reason = segment_problem(entry.output_name)
        if reason is not None:
            said = f"outputName: {quoted(entry.output_name)} cannot be used, because {reason}"
            yield error("unsafe-path", said, "write one file name", file=source, line=line)


def split_include(include: str) -> tuple[RelPath, str]:
    r"""The folder below that of the `*.config` and the last part, a file name or a pattern.

    Raises `ConfigError`: bad-include, wildcard-in-folder, unsafe-path, bad-pattern.
    """
    if "$(" in include:
        hint = r"write a path below the folder of the *.config, as in Client\*.*"
        raise ConfigError(error("bad-include", "a file of the package has no identifier in its path", hint))
    folder, _, name = include.strip().replace("\\", "/").rpartition("/")
    if has_wildcard(folder):
        hint = 'write the folder out, or use subDirs="true" to go deeper'
        raise ConfigError(error("wildcard-in-folder", f"{quoted(include)} has a wildcard in a folder", hint))
    # Also refuses what `RelPath` would, had the separators been taken off: an absolute path.
    path = RelPath.parse(f"{folder}/x" if folder or include.strip()[:1] in "\\/" else "x").parent
    if has_wildcard(name):
        Pattern(name)
    elif not name:
        hint = r"write the files, as in Client\*.*"
        raise ConfigError(error("bad-include", f"{quoted(include)} names a folder", hint))
    else:
        path.child(name)
    return path, name


def _read_edit(edit: Edit) -> None:
    path = parse_xpath(edit.xpath, dict(edit.namespaces))
    if edit.attribute:
        attribute_name(edit.attribute, dict(edit.namespaces))
    if path.attribute is not None and (edit.kind is EditKind.ADD or edit.attribute):
        said = "names an attribute already" if edit.attribute else "names an attribute, which holds no elements"
        raise ConfigError(error("bad-xpath", f"{quoted(edit.xpath)} {said}", "end it with an element"))


def _hotfixes(manifest: Manifest) -> Iterator[Problem]:
    """Ids that cannot be required, superseded or excluded together."""
    own = fold(manifest.id)
    required = {fold(one.id): one.when.line for one in manifest.requires if isinstance(one, RequiredHotfix)}
    superseded, conflicting = set(map(fold, manifest.supersedes)), set(map(fold, manifest.conflicts))
    for ids, said in (
        ({own} & (required.keys() | superseded | conflicting), "names the hotfix itself"),
        (required.keys() & conflicting, "is required and excluded"),
        (superseded & conflicting, "is superseded and excluded"),
    ):
        for id_ in sorted(ids) if own else ():
            message = f"{quoted(id_)} {said}"
            yield error("contradiction", message, "remove one of them", file=manifest.source, line=required.get(id_))


def _repeated(manifest: Manifest) -> Iterator[Problem]:
    """Entries that say two things about one file, value, service or program, on one machine."""
    groups: dict[tuple[str, str], list[_Subject]] = {}
    for subject in _subjects(manifest):
        groups.setdefault((subject.kind, fold(subject.name)), []).append(subject)
    for entries in groups.values():
        for number, later in enumerate(entries[:MOST_ALIKE]):
            earlier = next((one for one in entries[:number] if _disagree(one, later)), None)
            if earlier is None:
                continue
            what, line = f"{later.kind} {quoted(later.name)}", earlier.when.line
            if earlier.what == later.what:
                said = f"{what} has an entry already, on line {line}"
                yield error("repeated-entry", said, "keep one of them", file=manifest.source, line=later.when.line)
            else:
                said = f"{what} is {later.what} here and {earlier.what} on line {line}"
                yield error("contradiction", said, "keep one of them", file=manifest.source, line=later.when.line)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What an entry is about, and what happens to it."""

    kind: str
    name: str
    what: str
    when: When


def _subjects(manifest: Manifest) -> Iterator[_Subject]:
    for entry in manifest.files:
        if not has_wildcard(entry.include):
            name = entry.output_name or entry.include.strip().replace("\\", "/").rpartition("/")[2]
            yield _Subject("the file", _plain(f"{entry.output_folder}/{name}"), "placed", entry.when)
    for delete in manifest.deletes:
        yield _Subject("the file", _plain(delete.path), _DELETED, delete.when)
    for config_file in manifest.config_files:
        yield _Subject("the file", _plain(config_file.path), _EDITED, config_file.when)
    for service in manifest.services:
        yield _Subject("the service", service.name, "", service.when)
    for process in manifest.processes:
        yield _Subject("the program", process.name, "", process.when)
    for value in manifest.registry:
        key = f"{value.key} ({value.key.view} bit)"
        name, kind = (key, "the key") if value.name is None else (f"{value.name} in {key}", "the value")
        yield _Subject(kind, name, _DONE[value.action], value.when)


def _plain(path: str) -> str:
    return "/".join(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))


def _disagree(one: _Subject, other: _Subject) -> bool:
    """Whether both may be meant for one machine, and only one of them can be; a file may be placed, then edited."""
    done = {one.what, other.what}
    return _together(one.when, other.when) and (_EDITED not in done or _DELETED in done)


def _together(one: When, other: When) -> bool:
    """Whether both apply on some machine, as far as their words tell."""
    same = (one.condition, one.negated) == (other.condition, other.negated)
    return same and (not one.roles or not other.roles or bool(one.roles & other.roles))

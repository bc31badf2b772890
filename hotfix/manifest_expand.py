"""A manifest with its identifiers replaced, and without what does not concern this machine's roles.

Pure. Identifiers stand in paths, arguments, registry data, values and fragments of XML, and infoUrl.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from deploy.config.check import in_order
from deploy.config.identifiers import Identifiers, expand, in_part
from deploy.config.xmltree import with_texts
from deploy.errors import ConfigError, Problem, Severity
from deploy.host.registry import RegistryValue, ValueType
from deploy.machine import Role
from hotfix.manifest_check import check_paths
from hotfix.model import (
    CommandEntry,
    ConfigFileEntry,
    DeleteEntry,
    Edit,
    FileEntry,
    Manifest,
    ParsedManifest,
    ProcessEntry,
    RegistryEntry,
    RequiredFile,
    RequiredRegistry,
    RequiredSpace,
    Requirement,
    Service,
    UnsupportedEntry,
    When,
)
from hotfix.paths import join_command_line, split_command_line
from hotfix.registry_data import parse_value

_Entry = TypeVar(
    "_Entry",
    Requirement,
    Service,
    ProcessEntry,
    FileEntry,
    DeleteEntry,
    ConfigFileEntry,
    RegistryEntry,
    CommandEntry,
    UnsupportedEntry,
)


def expand_manifest(manifest: Manifest, identifiers: Identifiers, roles: frozenset[Role]) -> ParsedManifest:
    """The manifest as this machine carries it out: what its roles rule out dropped, then identifiers replaced.

    What is dropped first may name identifiers that this machine has no value for. `manifest` is None
    where there is an error: unknown-identifier, unterminated-identifier, unset-identifier, unsafe-path,
    bad-path, bad-registry-data, each with its line. An unset identifier in infoUrl only makes that
    empty. `contents` is kept whole. Conditions are not looked at.
    """
    limited = for_roles(manifest, roles)
    result, problems = expanded(limited, identifiers)
    if not problems:
        problems = check_paths(result)
    complete = not any(problem.is_error for problem in problems)
    return ParsedManifest(result if complete else None, in_order(problems))


def for_roles(manifest: Manifest, roles: frozenset[Role]) -> Manifest:
    """The manifest without the entries that name roles and none of these."""
    return replace(
        manifest,
        requires=_concerned(manifest.requires, roles),
        services=_concerned(manifest.services, roles),
        processes=_concerned(manifest.processes, roles),
        files=_concerned(manifest.files, roles),
        deletes=_concerned(manifest.deletes, roles),
        config_files=_concerned(manifest.config_files, roles),
        registry=_concerned(manifest.registry, roles),
        commands=_concerned(manifest.commands, roles),
        unsupported=_concerned(manifest.unsupported, roles),
    )


def _concerned(entries: Iterable[_Entry], roles: frozenset[Role]) -> tuple[_Entry, ...]:
    return tuple(one for one in entries if not one.when.roles or one.when.roles & roles)


def expanded(manifest: Manifest, identifiers: Identifiers) -> tuple[Manifest, tuple[Problem, ...]]:
    """Every entry with its identifiers replaced, and the problems; what a problem names stays as written."""
    text = _Expander(manifest.source, identifiers)
    result = replace(
        manifest,
        info_url=text.shown(manifest.info_url),
        requires=tuple(text.requirement(one) for one in manifest.requires),
        services=tuple(replace(one, when=text.when(one.when)) for one in manifest.services),
        processes=tuple(replace(one, when=text.when(one.when)) for one in manifest.processes),
        files=tuple(text.file(one) for one in manifest.files),
        deletes=tuple(text.delete(one) for one in manifest.deletes),
        config_files=tuple(text.config_file(one) for one in manifest.config_files),
        registry=tuple(text.registry(one) for one in manifest.registry),
        commands=tuple(text.command(one) for one in manifest.commands),
        unsupported=tuple(replace(one, when=text.when(one.when)) for one in manifest.unsupported),
    )
    return result, tuple(text.problems)


@dataclass(slots=True)
class _Expander:
    """Gathers the problems of all texts of one manifest."""

    source: str
    identifiers: Identifiers
    problems: list[Problem] = field(default_factory=list)

    def __call__(self, text: str, part: str, line: int | None) -> str:
        if "$(" not in text:
            return text
        found = expand(text, self.identifiers)
        self.problems += in_part(found.problems, part, self.source, line)
        return found.text

    def shown(self, text: str) -> str:
        """A text for people only: empty where a value is missing on this machine."""
        found = expand(text, self.identifiers, unset=Severity.WARNING)
        self.problems += in_part((one for one in found.problems if one.is_error), "infoUrl", self.source, None)
        return "" if found.problems else found.text

    def when(self, when: When) -> When:
        return replace(when, condition=self(when.condition, "condition", when.line)) if when.condition else when

    def requirement(self, one: Requirement) -> Requirement:
        when, line = self.when(one.when), one.when.line
        if isinstance(one, (RequiredFile, RequiredSpace)):
            return replace(one, path=self(one.path, "path", line), when=when)
        if isinstance(one, RequiredRegistry) and one.equals is not None:
            return replace(one, equals=self.value(one.equals, "equals", line), when=when)
        return replace(one, when=when)

    def file(self, one: FileEntry) -> FileEntry:
        line = one.when.line
        return replace(
            one,
            output_folder=self(one.output_folder, "outputFolder", line),
            output_name=self(one.output_name, "outputName", line),
            when=self.when(one.when),
        )

    def delete(self, one: DeleteEntry) -> DeleteEntry:
        return replace(one, path=self(one.path, "path", one.when.line), when=self.when(one.when))

    def config_file(self, one: ConfigFileEntry) -> ConfigFileEntry:
        path = self(one.path, "path", one.when.line)
        return replace(one, path=path, edits=tuple(map(self.edit, one.edits)), when=self.when(one.when))

    def edit(self, one: Edit) -> Edit:
        fragment = one.fragment
        if "$(" in fragment:
            fragment = self._fragment(fragment, one.line)
        xpath, value = self(one.xpath, "xpath", one.line), self(one.value, "value", one.line)
        return replace(one, xpath=xpath, value=value, fragment=fragment)

    def _fragment(self, fragment: str, line: int | None) -> str:
        try:
            return with_texts(fragment, lambda text: self(text, "add", line))
        except ConfigError as wrong:
            self.problems += in_part(wrong.problems, "add", self.source, line)
            return fragment

    def registry(self, one: RegistryEntry) -> RegistryEntry:
        value = None if one.value is None else self.value(one.value, "data", one.when.line)
        return replace(one, value=value, when=self.when(one.when))

    def value(self, value: RegistryValue, part: str, line: int | None) -> RegistryValue:
        """Numbers and bytes that were written with an identifier are read now."""
        data = value.data
        if isinstance(data, tuple):
            return replace(value, data=tuple(self(one, part, line) for one in data))
        if not isinstance(data, str):
            return value
        before = len(self.problems)
        text = self(data, part, line)
        if len(self.problems) > before or value.type in (ValueType.STRING, ValueType.EXPAND):
            return replace(value, data=text)
        try:
            return parse_value(value.type, text)
        except ConfigError as wrong:
            self.problems += in_part(wrong.problems, part, self.source, line)
            return value

    def command(self, one: CommandEntry) -> CommandEntry:
        line = one.when.line
        return replace(
            one,
            command=self(one.command, "command", line),
            args=self(one.args, "args", line),
            undo=self._command_line(one.undo, line),
            when=self.when(one.when),
        )

    def _command_line(self, text: str, line: int | None) -> str:
        """Taken apart first, for a folder that is put in may hold blanks."""
        if "$(" not in text:
            return text
        program, args = split_command_line(text)
        return join_command_line(self(program, "undo", line), self(args, "undo", line))

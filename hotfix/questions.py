"""What has to be asked of a machine before a hotfix can be planned on it.

Pure: from a manifest with its identifiers replaced, and the names in its package.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deploy.host.registry import RegistryKey
from deploy.relpath import RelPath
from hotfix.model import (
    FileEntry,
    Manifest,
    Overwrite,
    RegistryAction,
    RequiredFile,
    RequiredRegistry,
    RequiredSpace,
)
from hotfix.paths import packaged_program, split_command_line
from hotfix.placements import placements
from hotfix.places import native


class Wanted(enum.Flag):
    """What has to be known of a path besides what lies there."""

    NOTHING = 0
    DIGEST = enum.auto()
    VERSION = enum.auto()
    CONTENT = enum.auto()


@dataclass(frozen=True, slots=True)
class PathQuestion:
    """An absolute path in the machine's own form."""

    path: str
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Questions:
    """Everything to be asked.

    `placed` says which file of the package goes to which of `paths`: where that is a file of `edited`,
    its bytes are needed. `versions` are files of the package whose version is needed. `values` are
    registry values, `keys` keys, `trees` keys with everything below them.
    """

    paths: tuple[PathQuestion, ...] = ()
    placed: tuple[tuple[str, RelPath], ...] = ()
    edited: tuple[str, ...] = ()
    versions: tuple[RelPath, ...] = ()
    services: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    keys: tuple[RegistryKey, ...] = ()
    values: tuple[tuple[RegistryKey, str], ...] = ()
    trees: tuple[RegistryKey, ...] = ()


def questions_of(manifest: Manifest, package: Iterable[RelPath], separator: str) -> Questions:
    """What a plan of `manifest` has to know; `package` are the files beside it, `separator` that of the machine."""
    placed = placements(manifest.files, tuple(package), separator)
    asked: dict[str, Wanted] = {}
    for text, wanted in _paths(manifest):
        path = native(text, separator)
        if path is not None:
            asked[path] = asked.get(path, Wanted.NOTHING) | wanted
    for one in placed:
        newer = Wanted.VERSION if one.entry.overwrite is Overwrite.NEWER else Wanted.NOTHING
        asked[one.path] = asked.get(one.path, Wanted.NOTHING) | Wanted.DIGEST | newer
    edited = (native(one.path, separator) for one in manifest.config_files)
    keys, values, trees = _registry(manifest)
    return Questions(
        paths=tuple(PathQuestion(path, asked[path]) for path in asked),
        placed=tuple((one.path, one.source) for one in placed),
        edited=tuple(dict.fromkeys(path for path in edited if path is not None)),
        versions=tuple(dict.fromkeys(one.source for one in placed if _has_version(one.entry))),
        services=tuple(dict.fromkeys(one.name for one in manifest.services)),
        processes=tuple(dict.fromkeys(one.name for one in manifest.processes)),
        keys=keys,
        values=values,
        trees=trees,
    )


def programs_of(manifest: Manifest) -> Iterator[str]:
    """The absolute paths of programs that commands and their ways back run."""
    for command in manifest.commands:
        for text in (command.command, split_command_line(command.undo)[0]):
            if text and packaged_program(text) is None:
                yield text.strip().strip('"')


def _has_version(entry: FileEntry) -> bool:
    return bool(entry.version) or entry.overwrite is Overwrite.NEWER


def _paths(manifest: Manifest) -> Iterator[tuple[str, Wanted]]:
    for requirement in manifest.requires:
        if isinstance(requirement, RequiredFile):
            versions = requirement.versions.minimum or requirement.versions.maximum
            wanted = Wanted.VERSION if versions else Wanted.NOTHING
            yield requirement.path, wanted | (Wanted.DIGEST if requirement.sha256 else Wanted.NOTHING)
        elif isinstance(requirement, RequiredSpace):
            yield requirement.path, Wanted.NOTHING
    for delete in manifest.deletes:
        yield delete.path, Wanted.DIGEST
    for config_file in manifest.config_files:
        yield config_file.path, Wanted.DIGEST | Wanted.CONTENT
    for program in programs_of(manifest):
        yield program, Wanted.NOTHING
    groups = (
        manifest.requires, manifest.services, manifest.processes, manifest.files, manifest.deletes,
        manifest.config_files, manifest.registry, manifest.commands, manifest.unsupported,
    )  # fmt: skip
    for group in groups:
        for one in group:
            if one.when.condition:
                yield one.when.condition, Wanted.NOTHING


_Registry = tuple[tuple[RegistryKey, ...], tuple[tuple[RegistryKey, str], ...], tuple[RegistryKey, ...]]


def _registry(manifest: Manifest) -> _Registry:
    """Keys, values and trees."""
    keys: list[RegistryKey] = []
    values: list[tuple[RegistryKey, str]] = []
    trees: list[RegistryKey] = []
    for one in manifest.requires:
        if isinstance(one, RequiredRegistry):
            if one.name is None:
                keys.append(one.key)
            else:
                values.append((one.key, one.name))
    for entry in manifest.registry:
        if entry.name is not None:
            values.append((entry.key, entry.name))
        elif entry.action is RegistryAction.DELETE:
            trees.append(entry.key)
        else:
            keys.append(entry.key)
    return tuple(dict.fromkeys(keys)), tuple(dict.fromkeys(values)), tuple(dict.fromkeys(trees))

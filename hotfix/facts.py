"""Asks a machine what a plan has to know, and reads the package; nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.config.identifiers import IDENTIFIERS, Kind
from deploy.config.xmltree import LARGEST
from deploy.disk import free_space
from deploy.errors import MicceError, Problem, error
from deploy.host.registry import Registry, RegistryKey, RegistryValue
from deploy.host.services import ServiceManager, ServiceStatus
from deploy.inventory import local_path
from deploy.machine import ServicesDriver
from deploy.relpath import RelPath, fold
from hotfix import layout
from hotfix.copying import original_of, unreadable
from hotfix.foreseen import Foreseen
from hotfix.history import read_history
from hotfix.installed import Installed
from hotfix.known import Facts, Folder, KeyName, Known, Part, Seen, ValueName, key_name, value_name
from hotfix.looking import READERS, Looking
from hotfix.manifest import parse_manifest
from hotfix.package import PackageFile
from hotfix.places import native
from hotfix.questions import Questions
from hotfix.target import Target
from hotfix.versions import INSTALLER

_WINDOWS = "windows"
_REPOSITORY = "InstallDir"


@dataclass(frozen=True, slots=True)
class PackageAt:
    """The files of a package, in the folder they lie in."""

    folder: Path
    files: tuple[PackageFile, ...] = ()


def gather(questions: Questions, package: PackageAt, target: Target, foreseen: Foreseen) -> Facts:
    """The answers to `questions`, with the digest of every file of the package.

    Where something cannot be told (no service manager, no registry, a file that cannot be read) that is
    a problem in the facts; nothing is raised.
    """
    host = target.means.host
    system = host.system()
    looking = Looking(host, foreseen.files)
    paths = looking.all(questions.paths)
    parts, problems = _Package(package, target).parts(questions, _edited_sources(questions, paths))
    statuses, service_problems = _services(questions.services, target.means.services)
    registry = _RegistryLook(target.means.registry, foreseen).at(questions)
    history, history_problems = installed_here(target, foreseen)
    store = looking.folder(_native(str(target.hotfixes)))
    roots = _roots(target, looking)
    folders = (*(one.folder for one in paths.values()), store, *roots)
    install_dir = _folder_of(target, _REPOSITORY)
    return replace(
        registry,
        separator=os.sep,
        system=system.name,
        system_version=system.version,
        architecture=system.architecture,
        elevated=host.is_elevated(),
        services_need_elevation=system.name == _WINDOWS or target.machine.services.driver is ServicesDriver.SYSTEMD,
        account=host.account(),
        roles=target.machine.roles,
        product_version=target.machine.product_version or "",
        installer_version=INSTALLER,
        store=str(target.hotfixes),
        store_folder=store,
        roots=roots,
        repository=None if install_dir is None else looking.folder(install_dir),
        free=_free(folders, paths.values()),
        paths=paths,
        package=parts,
        services=statuses,
        service_problems=service_problems,
        processes={name: len(target.means.processes.named(name)) for name in questions.processes},
        history=history,
        problems=(*history_problems, *problems),
    )


def installed_here(target: Target, foreseen: Foreseen) -> tuple[tuple[Known, ...], tuple[Problem, ...]]:
    """The installed hotfixes with what their manifests say about others, and why records cannot be read."""
    found = read_history(target.hotfixes)
    new = {fold(one.record.id) for one in foreseen.hotfixes}
    known = (_known(one, target.hotfixes) for one in found.records if fold(one.id) not in new)
    return (*known, *foreseen.hotfixes), found.problems


def _known(record: Installed, hotfixes: Path) -> Known:
    """What the manifest that was kept says; one that is lost says nothing."""
    folder = layout.revision(record.id, record.revision)
    if not record.package or not record.config:
        return Known(record)
    path = local_path(hotfixes, folder.join((record.package, record.config)))
    try:
        with open(path, "rb") as file:
            manifest = parse_manifest(file.read(LARGEST + 1), path).manifest
    except OSError:
        return Known(record)
    return Known(record) if manifest is None else Known(record, manifest.supersedes, manifest.conflicts)


def _edited_sources(questions: Questions, paths: dict[str, Seen]) -> frozenset[RelPath]:
    """The files of the package that are placed where a file is edited."""
    edited = {paths[one].key for one in questions.edited}
    return frozenset(source for path, source in questions.placed if paths[path].key in edited)


class _Package:
    """Reads the files of a package, by several threads."""

    def __init__(self, package: PackageAt, target: Target) -> None:
        self._package = package
        self._host = target.means.host

    def parts(self, questions: Questions, edited: frozenset[RelPath]) -> tuple[tuple[Part, ...], tuple[Problem, ...]]:
        versions = frozenset(questions.versions)
        files = self._package.files
        with ThreadPoolExecutor(READERS) as threads:
            read = list(threads.map(lambda one: self._part(one, one.path in versions, one.path in edited), files))
        return (
            tuple(one for one in read if isinstance(one, Part)),
            tuple(problem for one in read if isinstance(one, MicceError) for problem in one.problems),
        )

    def _part(self, file: PackageFile, with_version: bool, with_content: bool) -> Part | MicceError:
        path = os.path.realpath(local_path(self._package.folder, file.path))
        try:
            found = original_of(path)
            if found is None:
                return MicceError(error("cannot-read", f"{path} is gone", "run the same command again", file=path))
            version = self._host.file_version(Path(path)) or "" if with_version else ""
            content = None
            if with_content:
                with open(path, "rb") as opened:
                    content = opened.read(LARGEST + 1)
        except OSError as wrong:
            return unreadable(wrong, path)
        except MicceError as wrong:
            return wrong
        return Part(file.path, found.size, found.sha256, file.sha256, version, content, file.line)


def _services(
    names: Iterable[str], manager: ServiceManager
) -> tuple[dict[str, ServiceStatus | None], dict[str, tuple[Problem, ...]]]:
    """The services and all that need them, by the names asked for and by those of the machine."""
    found: dict[str, ServiceStatus | None] = {}
    problems: dict[str, tuple[Problem, ...]] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found or name in problems:
            continue
        try:
            status = manager.status(name)
        except MicceError as wrong:
            problems[name] = wrong.problems
            continue
        found[name] = status
        if status is not None:
            found[status.name] = status
            waiting += status.dependents
    return found, problems


class _RegistryLook:
    """Reads the registry as it will be."""

    def __init__(self, registry: Registry, foreseen: Foreseen) -> None:
        self._registry = registry
        self._foreseen = foreseen
        self._problems: dict[KeyName | ValueName, tuple[Problem, ...]] = {}

    def at(self, questions: Questions) -> Facts:
        """The facts about the registry alone."""
        keys = {key_name(key): self._has_key(key) for key in (*questions.keys, *questions.trees)}
        values = {value_name(key, name): self._value(key, name) for key, name in questions.values}
        for key in questions.trees:
            problems = self._unkeepable(key)
            if problems:
                self._problems[key_name(key)] = problems
        return Facts(keys=keys, values=values, registry_problems=self._problems)

    def _has_key(self, key: RegistryKey) -> bool:
        try:
            return self._foreseen.has_key(key, self._registry.has_key(key))
        except MicceError as wrong:
            self._problems[key_name(key)] = wrong.problems
            return False

    def _value(self, key: RegistryKey, name: str) -> RegistryValue | None:
        try:
            return self._foreseen.value(key, name, self._registry.value(key, name))
        except MicceError as wrong:
            self._problems[value_name(key, name)] = wrong.problems
            return None

    def _unkeepable(self, key: RegistryKey) -> tuple[Problem, ...]:
        """Why a tree could not be brought back, the first reason."""
        waiting = [key]
        try:
            while waiting:
                current = waiting.pop()
                for name in self._registry.value_names(current):
                    self._registry.value(current, name)
                names = self._registry.subkeys(current)
                waiting += (replace(current, path=f"{current.path}\\{name}") for name in names)
        except MicceError as wrong:
            return wrong.problems
        return ()


def _roots(target: Target, looking: Looking) -> tuple[Folder, ...]:
    """The folders of identifiers that are there."""
    names = [one.name for one in IDENTIFIERS if one.kind is Kind.FOLDER]
    paths = [path for name in names if (path := _folder_of(target, name)) is not None]
    found = (looking.folder(path) for path in paths)
    return tuple(dict.fromkeys(one for one in found if one.is_there))


def _folder_of(target: Target, name: str) -> str | None:
    """The folder an identifier means, in the machine's own form; None where it has none here."""
    value = target.identifiers.get(name)
    return None if value is None else native(value.text, os.sep)


def _native(path: str) -> str:
    return native(path, os.sep) or path


def _free(folders: Iterable[Folder], paths: Iterable[Seen]) -> dict[int, int | None]:
    """How much may still be written on each volume."""
    found: dict[int, int | None] = {}
    places = [(one.volume, one.existing) for one in folders]
    places += [(one.volume, one.path) for one in paths]
    for volume, path in places:
        if volume is not None and volume not in found:
            found[volume] = free_space(path)
    return found

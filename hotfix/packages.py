"""The package of a hotfix, copied to where only this product writes, and proven while it is copied.

Commands run from the copy and files are staged from it: what was verified is what is used. A copy that
no record names is removed by `tidy`.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.atomic import fsync_folder
from deploy.change import files
from deploy.change.model import Command, CommandLine
from deploy.digest import sha256_of_bytes
from deploy.disk import target_error
from deploy.errors import Problem, TargetError, error
from deploy.inventory import local_path
from deploy.relpath import RelPath, segment_problem
from hotfix import copying, layout
from hotfix.copying import Count
from hotfix.installed import Installed
from hotfix.manifest import parse_manifest
from hotfix.manifest_expand import expanded
from hotfix.model import Manifest
from hotfix.package import PackageFile, files_of
from hotfix.paths import packaged_program, split_command_line
from hotfix.planned import Plan
from hotfix.roots import is_within
from hotfix.target import Target

_FOLDER_MODE = 0o700
_PROGRAM = 0o700
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class PackageCopy:
    """A verified copy: the name of its folder, its absolute path, its files by their folded path.

    `usable` is the same folder in the form under which files of any length can be opened.
    """

    name: str
    folder: str
    usable: str
    files: Mapping[str, PackageFile]

    def path(self, source: RelPath) -> str:
        """Where a file of the package, in any case, can be opened."""
        return local_path(Path(self.usable), self.files[source.key].path)

    def program(self, source: RelPath) -> str:
        """The absolute path under which a program of the package is started."""
        return local_path(Path(self.folder), self.files[source.key].path)


def wanted_files(plan: Plan, target: Target) -> tuple[PackageFile, ...]:
    """The files of a plan's package with what each has to be: the `*.config` and what it refers to.

    Where the hotfix is published that is everything, else what this machine needs. Raises `TargetError`
    (changed, cannot-read), `ConfigError` for files that are missing.
    """
    folder = Path(plan.folder)
    name = os.path.basename(plan.manifest.source)
    path = folder / name
    try:
        data = path.read_bytes()
    except OSError as wrong:
        raise copying.unreadable(wrong, str(path)) from wrong
    if sha256_of_bytes(data) != plan.digest:
        raise TargetError(_changed(name, folder, None))
    manifest = plan.manifest
    parsed = parse_manifest(data, plan.manifest.source).manifest if plan.publishes else None
    if parsed is not None:
        # What other machines need too; they have identifiers that this one may have no value for.
        manifest, _ = expanded(parsed, target.identifiers.with_examples())
    planned = {file.source.key: file.after for file in plan.files if file.source is not None}
    config = PackageFile(RelPath((name,)), len(data), plan.digest)
    return (
        config,
        *(replace(one, sha256=planned.get(one.path.key) or one.sha256) for one in files_of(manifest, folder)),
    )


def programs_of(manifest: Manifest) -> frozenset[str]:
    """The files of the package that commands start, as folded paths."""
    texts = [one.command for one in manifest.commands]
    texts += [split_command_line(one.undo)[0] for one in manifest.commands if one.undo.strip()]
    return frozenset(path.key for path in map(packaged_program, texts) if path is not None)


def copy_package(plan: Plan, wanted: Iterable[PackageFile], target: Target, count: Count) -> PackageCopy:
    """Copy the files of a plan's package into a new folder of the hotfix, durably; its programs can be started there.

    `wanted` says what each has to be, as far as that is known. Raises `TargetError` with every file that
    is something else (changed), or cannot-read, disk-full, cannot-write; the copy is the next tidying's then.
    """
    hotfixes = target.means.host.any_length(target.hotfixes)
    source, place, programs = Path(plan.folder), (plan.manifest.id, plan.manifest.revision), programs_of(plan.manifest)
    name, folder = _new_folder(hotfixes, place)
    problems: list[Problem] = []
    copies: dict[str, PackageFile] = {}
    for one in wanted:
        origin = os.path.realpath(local_path(source, one.path))
        place_of_copy = local_path(folder, one.path)
        copied = copying.copy(origin, _in_folder(place_of_copy), count)
        if one.sha256 not in (None, copied.sha256):
            problems.append(_changed(str(one.path), source, one.line))
        copies[one.path.key] = replace(one, sha256=copied.sha256, size=copied.size)
        mode, mtime_ns = _looks_of(origin)
        # A zip does not say what can be started.
        copying.dress(place_of_copy, _PROGRAM if one.path.key in programs else mode, mtime_ns, None)
    if problems:
        raise TargetError(problems[:_SHOWN])
    _flush(hotfixes, folder, [local_path(folder, one.path) for one in copies.values()])
    plain = local_path(target.hotfixes, layout.revision(*place).child(name))
    return PackageCopy(name, plain, str(folder), copies)


def relocated(command: Command, planned: str, actual: str) -> Command:
    """The command with programs and working folders below the folder `planned` moved below `actual`."""
    undo = None if command.undo is None else _moved(command.undo, planned, actual)
    return replace(command, line=_moved(command.line, planned, actual), undo=undo)


def tidy(hotfixes: Path, records: Iterable[Installed]) -> None:
    """Remove the packages that no record names, and the folders that hold nothing; raises `OSError`."""
    revisions = {layout.revision(one.id, one.revision): one for one in records}
    named = {place.child(one.package).key for place, one in revisions.items() if one.package}
    for id in _folders(hotfixes, RelPath.BASE):
        for revision in _folders(hotfixes, id):
            for folder in _folders(hotfixes, revision):
                if layout.is_package(folder.name) and folder.key not in named:
                    remove_tree(local_path(hotfixes, folder))
            if revision not in revisions:
                files.remove(local_path(hotfixes, revision.child(layout.WAITING)))
            _remove_empty(local_path(hotfixes, revision))
        _remove_empty(local_path(hotfixes, id))


def remove_tree(folder: str) -> None:
    """Remove a folder of our own with all that is in it, read-only files too; raises `OSError`."""
    for here, _, names in os.walk(folder):
        for name in names:
            files.remove(os.path.join(here, name))
    shutil.rmtree(folder)


def _changed(name: str, folder: Path, line: int | None) -> Problem:
    said = f"{name} in the package is not the file that was looked at"
    hint = "look for who changes it, then look at the plan again; or get the whole package again"
    return error("changed", said, hint, file=str(folder), line=line)


def _new_folder(hotfixes: Path, place: tuple[str, int]) -> tuple[str, Path]:
    copy = 1
    while os.path.lexists(local_path(hotfixes, layout.package(*place, copy))):
        copy += 1
    relative = layout.package(*place, copy)
    folder = Path(local_path(hotfixes, relative))
    try:
        for parent in (relative.parent.parent, relative.parent):
            os.makedirs(local_path(hotfixes, parent), _FOLDER_MODE, exist_ok=True)
        os.mkdir(folder, _FOLDER_MODE)
    except OSError as wrong:
        raise target_error(wrong, folder) from wrong
    return relative.name, folder


def _in_folder(target: str) -> str:
    folder = os.path.dirname(target)
    try:
        os.makedirs(folder, _FOLDER_MODE, exist_ok=True)
    except OSError as wrong:
        raise target_error(wrong, folder) from wrong
    return target


def _looks_of(path: str) -> tuple[int, int]:
    """The mode a copy gets, for this account only, and its time in nanoseconds."""
    try:
        found = os.stat(path)
    except OSError as wrong:
        raise copying.unreadable(wrong, path) from wrong
    return (_PROGRAM if found.st_mode & stat.S_IXUSR else copying.PRIVATE), found.st_mtime_ns


def _flush(hotfixes: Path, folder: Path, paths: list[str]) -> None:
    copying.flush(paths, str(folder))
    inner = {os.path.dirname(path) for path in paths}
    above = [folder.parent, folder.parent.parent, hotfixes]
    for one in (*inner, *map(str, above)):
        try:
            fsync_folder(one)
        except OSError as wrong:
            raise target_error(wrong, one) from wrong


def _moved(line: CommandLine, planned: str, actual: str) -> CommandLine:
    def moved(path: str) -> str:
        return actual + path[len(planned) :] if is_within(path, planned) else path

    return replace(line, program=moved(line.program), folder=moved(line.folder))


def _folders(hotfixes: Path, inside: RelPath) -> list[RelPath]:
    try:
        with os.scandir(local_path(hotfixes, inside)) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return [inside.child(name) for name in sorted(names) if segment_problem(name) is None and not name.startswith(".")]


def _remove_empty(folder: str) -> None:
    if not os.listdir(folder):
        os.rmdir(folder)

"""The repository of hotfixes that clients pull from: folders of published files, and the catalogue that names them.

    <InstallDir>/HotFixes/catalog.json
    <InstallDir>/HotFixes/<id>/<revision>/...

Files are there, whole and durable, before the catalogue names them, and the catalogue is replaced by one
rename: a reader sees the old state or the new one, whenever it comes and whenever a writer is killed.
Writers exclude each other: that is up to who calls.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from deploy.atomic import flush_tree, fsync_folder, write_atomic
from deploy.catalog import LARGEST, Catalog, CatalogEntry, CatalogFile, encode_catalog, parse_catalog
from deploy.config.identifiers import Identifiers
from deploy.digest import CHUNK, Digest, Sha256, sha256_of
from deploy.disk import target_error, write_all
from deploy.errors import ConfigError, Problem, TargetError, error, warning
from deploy.inventory import local_path
from deploy.relpath import RelPath

FOLDER = "HotFixes"
CATALOG = "catalog.json"
READABLE = 0o644  # by the account of the web server
_FOLDER_MODE = 0o755
_ADDING = ".adding"
_LEFT_CATALOG = f".{CATALOG}."
_ATTEMPTS = 40  # of writing, each with the patience of `write_atomic`: many clients may be reading
_PAUSE = 0.01  # seconds

Checkpoint = Callable[[str], None]
_Result = TypeVar("_Result")


def _pass_by(_: str) -> None:
    return


def repository_of(identifiers: Identifiers) -> Path:
    """Where the repository of this machine lies; raises `ConfigError` (unset-identifier) without an InstallDir."""
    install = identifiers.get("InstallDir")
    if install is None:
        hint = "give it with --set InstallDir=..., or under [identifiers] in machine.toml"
        raise ConfigError(error("unset-identifier", "$(InstallDir) has no value on this machine", hint))
    return Path(install.text.replace("\\", os.sep)) / FOLDER


@dataclass(frozen=True, slots=True)
class Verified:
    """What reading every published file again found: files and bytes looked at, and every problem."""

    files: int
    size: int
    problems: tuple[Problem, ...]


class Repository:
    """The repository in one folder, which need not be there yet."""

    def __init__(self, folder: Path, checkpoint: Checkpoint = _pass_by) -> None:
        self.folder = folder
        self._reached = checkpoint

    @property
    def catalog_path(self) -> Path:
        """The catalogue."""
        return self.folder / CATALOG

    def catalog(self) -> Catalog:
        """What is published; nothing where there is no repository.

        Raises `ConfigError` (bad-catalog, newer-catalog), `TargetError` (cannot-read).
        """
        try:
            data = _patiently(self._catalog_bytes)
        except FileNotFoundError:
            return Catalog()
        except OSError as wrong:
            raise _unreadable(wrong, self.catalog_path) from wrong
        return parse_catalog(data, str(self.catalog_path))

    def _catalog_bytes(self) -> bytes:
        with self.catalog_path.open("rb") as file:
            return file.read(LARGEST + 1)

    def add(self, entry: CatalogEntry, package: Path) -> CatalogEntry:
        """Publish the files of a package with exactly the digests of the entry; returns it as it is published.

        What is published already, byte for byte, stays; if it was withdrawn, it is offered again. Raises
        `ConfigError` (contradiction and what reading the catalogue does), `TargetError`: changed (a file
        of the package is not what the entry says), cannot-read, cannot-write, disk-full.
        """
        catalog = self.catalog()
        placed = catalog.placed(entry)
        try:
            self._tidy()
            if self.lacking(placed):
                self._bring(placed, package)
            self._reached("files")
            self._publish(catalog, catalog.with_entry(placed))
        except OSError as wrong:
            raise target_error(wrong, wrong.filename or self.folder) from wrong
        self._reached("published")
        return placed

    def withdraw(self, id: str, revision: int | None, when: datetime) -> tuple[CatalogEntry, ...]:
        """Take back every revision of a hotfix, or one; returns those that were offered until now.

        Their files stay for whoever is downloading them. Raises `TargetError`: not-published,
        already-withdrawn, cannot-read, cannot-write; `ConfigError` as `catalog`.
        """
        catalog = self.catalog()
        label = id if revision is None else f"{id} revision {revision}"
        if catalog.find(id, revision) is None:
            hint = "see what is published: micce-deploy hotfixes list"
            raise TargetError(error("not-published", f"{label} is not published", hint, file=str(self.catalog_path)))
        after = catalog.withdrawn(id, revision, when.astimezone(UTC).replace(microsecond=0))
        changed = tuple(one for one, before in zip(after.entries, catalog.entries, strict=True) if one != before)
        if not changed:
            hint = "nothing to do; micce-deploy hotfixes add offers it again"
            raise TargetError(error("already-withdrawn", f"{label} was withdrawn before", hint))
        try:
            self._tidy()
            self._publish(catalog, after)
        except OSError as wrong:
            raise target_error(wrong, wrong.filename or self.folder) from wrong
        return changed

    def verify(self) -> Verified:
        """Read every published file again and compare; withdrawn hotfixes too.

        Problems: missing-file, size-mismatch, digest-mismatch, cannot-read (errors), unlisted-file
        (a warning). Raises as `catalog`.
        """
        problems: list[Problem] = []
        files = size = 0
        entries = self.catalog().entries
        listed: set[str] = set()
        for entry in entries:
            for file in entry.files:
                path = entry.folder.join(file.path.segments)
                listed.add(path.key)
                problem = self._fault(path, file)
                files, size = files + 1, size + file.size
                if problem is not None:
                    problems.append(problem)
        folders = {entry.folder.key for entry in entries}
        found: dict[str, RelPath] = {}
        for path in self._present():
            if path.key not in listed:
                folder = RelPath(path.segments[:2])
                unlisted = path if folder.key in folders else folder
                found.setdefault(unlisted.key, unlisted)
        for unlisted in found.values():
            said = f"{local_path(self.folder, unlisted)} belongs to no published hotfix"
            problems.append(warning("unlisted-file", said, "remove it if nobody downloads it any more"))
        return Verified(files, size, tuple(problems))

    def _fault(self, path: RelPath, file: CatalogFile) -> Problem | None:
        """What is wrong with one published file, if anything."""
        place = local_path(self.folder, path)
        hint = "publish the hotfix again from its package: micce-deploy hotfixes add"
        try:
            found = os.stat(place).st_size
            if found != file.size:
                said = f"{place} has {found} bytes and was published with {file.size}"
                return error("size-mismatch", said, hint, file=place)
            digest = _digest_at(place)
        except FileNotFoundError:
            return error("missing-file", f"{place} is gone", hint, file=place)
        except OSError as wrong:
            return _unreadable(wrong, place).problems[0]
        if digest != file.sha256:
            return error("digest-mismatch", f"{place} is not what was published", hint, file=place)
        return None

    def _present(self) -> Iterator[RelPath]:
        """Every file in the folders of hotfixes; names that could not be published are left out."""
        for folder, folders, names in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            parts = Path(folder).relative_to(self.folder).parts
            for name in sorted(names) if parts else ():
                try:
                    yield RelPath((*parts, name))
                except ConfigError:
                    continue

    def lacking(self, entry: CatalogEntry) -> tuple[CatalogFile, ...]:
        """The files of an entry that do not lie in its folder as it says."""
        return tuple(
            file for file in entry.files if self._fault(entry.folder.join(file.path.segments), file) is not None
        )

    def _bring(self, entry: CatalogEntry, package: Path) -> None:
        """Copy the files beside their place and rename their folder; one that nobody names gives way."""
        _make_readable(self.folder)
        adding = self.folder / _ADDING
        os.mkdir(adding, _FOLDER_MODE)
        copies = []
        for file in entry.files:
            target = local_path(adding, file.path)
            os.makedirs(os.path.dirname(target), _FOLDER_MODE, exist_ok=True)
            _copy(local_path(package, file.path), target, file)
            copies.append(target)
        for folder, _, _ in os.walk(adding):
            os.chmod(folder, _FOLDER_MODE)
        flush_tree(copies, adding)
        for folder, _, _ in os.walk(adding):
            fsync_folder(folder)
        self._reached("copied")
        place = local_path(self.folder, entry.folder)
        parent = os.path.dirname(place)
        _make_readable(parent)
        if os.path.lexists(place):
            # Left by a writer that was killed, or damaged: the same files come back under the same names.
            os.rename(place, self.folder / f"{_ADDING}-old")
        os.rename(adding, place)
        fsync_folder(parent)
        fsync_folder(self.folder)
        _remove(self.folder / f"{_ADDING}-old")

    def _publish(self, before: Catalog, after: Catalog) -> None:
        if after != before:
            _make_readable(self.folder)
            data = encode_catalog(after)
            _patiently(lambda: write_atomic(self.catalog_path, data, mode=READABLE))

    def _tidy(self) -> None:
        """Remove what a writer left that was killed."""
        if not self.folder.is_dir():
            return
        for name in os.listdir(self.folder):
            if name.startswith(_ADDING):
                _remove(self.folder / name)
            elif name.startswith(_LEFT_CATALOG):
                os.unlink(self.folder / name)


def _patiently(act: Callable[[], _Result]) -> _Result:
    """Do what Windows refuses as long as somebody else has the catalogue open at that moment; raises `OSError`."""
    for left in reversed(range(_ATTEMPTS)):
        try:
            return act()
        except PermissionError:
            # A system with folders that can be opened lets files be replaced while they are read.
            if not left or hasattr(os, "O_DIRECTORY"):
                raise
            time.sleep(_PAUSE)
    raise AssertionError("the last attempt returns or raises")


def _make_readable(folder: Path | str) -> None:
    """Make a folder that everybody may list, whatever this account's umask; one that is there stays as it is."""
    if not os.path.isdir(folder):
        os.mkdir(folder)
        os.chmod(folder, _FOLDER_MODE)


def _remove(folder: Path) -> None:
    if os.path.lexists(folder):
        shutil.rmtree(folder)


def _digest_at(place: str) -> Sha256:
    with open(place, "rb", buffering=0) as opened:
        return sha256_of(opened)


def _copy(source: str, target: str, file: CatalogFile) -> None:
    """Copy a file and prove it; raises `TargetError` (changed, cannot-read), `OSError` for the target."""
    try:
        opened = open(source, "rb", buffering=0)  # noqa: SIM115
    except OSError as wrong:
        raise _unreadable(wrong, source) from wrong
    digest, size = Digest(), 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    with opened:
        descriptor = os.open(target, flags, READABLE)
        try:
            while data := opened.read(CHUNK):
                digest.update(data)
                size += len(data)
                write_all(descriptor, data)
        finally:
            os.close(descriptor)
    os.chmod(target, READABLE)
    if digest.value != file.sha256 or size != file.size:
        said = f"{source} was changed while it was being published"
        raise TargetError(error("changed", said, "run the same command again when nobody writes there", file=source))


def _unreadable(wrong: OSError, path: Path | str) -> TargetError:
    said = f"{path}: {wrong.strerror or type(wrong).__name__}"
    return TargetError(error("cannot-read", said, "let this account read it", file=str(path)))

"""Looks at paths of this machine for a plan: what lies there, in which folder and on which volume; nothing is changed.

Names are found as Windows finds them: in any case, where none is spelled exactly so.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from deploy.config.xmltree import LARGEST
from deploy.digest import Sha256, sha256_of_bytes
from deploy.errors import MicceError, Problem, error
from deploy.host.contract import Host
from deploy.relpath import fold
from hotfix.copying import original_of
from hotfix.known import Folder, Kind, Seen
from hotfix.questions import PathQuestion, Wanted

READERS = 4
_LONG = 200  # MAX_PATH (260) less what a name may add


class Looking:
    """Looks, and remembers folders; `foreseen` says what other bytes some files will have (`Foreseen.files`)."""

    def __init__(self, host: Host, foreseen: Mapping[str, str | bytes | None]) -> None:
        self._host = host
        self._foreseen = foreseen
        self._folders: dict[str, Folder] = {}
        self._names: dict[str, dict[str, list[str]]] = {}

    def all(self, questions: Sequence[PathQuestion]) -> dict[str, Seen]:
        """Everything that was asked, by the path of the question; files are read by several threads.

        Paths that are one file get all that is wanted of any of them: it is read once.
        """
        looked = {one.path: self._look(one.path) for one in questions}
        each: dict[str, Seen] = {}
        wanted: dict[str, Wanted] = {}
        for one in questions:
            place = os.path.normcase(looked[one.path].path)
            each.setdefault(place, looked[one.path])
            wanted[place] = wanted.get(place, Wanted.NOTHING) | one.wanted
        with ThreadPoolExecutor(READERS) as threads:
            read = dict(zip(each, threads.map(self._read, each.values(), wanted.values()), strict=True))
        return {path: read[os.path.normcase(seen.path)] for path, seen in looked.items()}

    def folder(self, path: str) -> Folder:
        """A folder by its absolute path in the machine's own form."""
        known = self._folders.get(path)
        if known is None:
            known = self._folders[path] = self._find_folder(path)
        return known

    def _find_folder(self, path: str) -> Folder:
        above, name = os.path.split(path)
        if not name:
            return self._present(path) if os.path.isdir(path) else Folder(path, "", None, writable=False)
        parent = self.folder(above)
        if not parent.is_there or parent.blocked:
            return replace(parent, path=os.path.join(parent.path, name))
        whole = os.path.join(parent.path, name)
        if not os.path.lexists(self._usable(whole)):
            whole = os.path.join(parent.path, self._spelled(parent.path, name)[0])
        if os.path.isdir(self._usable(whole)):
            return self._present(os.path.realpath(whole))
        blocked = whole if os.path.lexists(self._usable(whole)) else ""
        return replace(parent, path=whole, blocked=blocked)

    def _present(self, path: str) -> Folder:
        usable = self._usable(path)
        try:
            volume = os.stat(usable).st_dev
        except OSError:
            return Folder(path, "", None, writable=False)
        return Folder(path, path, volume, os.access(usable, os.W_OK | os.X_OK))

    def _look(self, path: str) -> Seen:
        above, name = os.path.split(path)
        folder = self.folder(above)
        if not name:
            return Seen(path, folder, Kind.FOLDER, folder.is_there, volume=folder.volume)
        if not folder.is_there or folder.blocked:
            return Seen(os.path.join(folder.path, name), folder, volume=folder.volume)
        spelled, problems = self._spelled(folder.path, name)
        whole = os.path.join(folder.path, spelled)
        if fold(whole) in self._foreseen:
            there = self._foreseen[fold(whole)] is not None
            kind = Kind.FILE if there else Kind.NOTHING
            return Seen(whole, folder, kind, there, volume=folder.volume)
        try:
            found = os.lstat(self._usable(whole))
        except (FileNotFoundError, NotADirectoryError):
            return Seen(whole, folder, volume=folder.volume, problems=problems)
        except OSError as wrong:
            return Seen(whole, folder, Kind.OTHER, volume=folder.volume, problems=(_unreadable(wrong, whole),))
        kind = _kind_of(found)
        inside = self.folder(whole) if kind is Kind.FOLDER else folder
        exists = os.path.exists(self._usable(whole))
        size = found.st_size if kind is Kind.FILE else 0
        return Seen(whole, folder, kind, exists, size, volume=inside.volume, problems=problems)

    def _read(self, seen: Seen, wanted: Wanted) -> Seen:
        """The same with what is wanted of the file; a link is followed."""
        is_file = seen.kind is Kind.FILE or (seen.kind is Kind.LINK and os.path.isfile(seen.path))
        if not is_file or wanted is Wanted.NOTHING:
            return seen
        source = self._foreseen.get(seen.key, self._usable(seen.path))
        if seen.kind is Kind.LINK:
            source = os.path.realpath(seen.path)
        content, version = None, ""
        sha256: Sha256 | None = None
        size = seen.size
        try:
            if isinstance(source, bytes):
                content, sha256, size = source, sha256_of_bytes(source), len(source)
            elif source is not None:
                content = _content(source) if wanted & Wanted.CONTENT else None
                if wanted & (Wanted.DIGEST | Wanted.CONTENT):
                    sha256, size = _digest(source, content)
                if wanted & Wanted.VERSION:
                    version = self._host.file_version(Path(source)) or ""
        except OSError as wrong:
            return replace(seen, problems=(*seen.problems, _unreadable(wrong, seen.path)))
        except MicceError as wrong:
            return replace(seen, problems=(*seen.problems, *wrong.problems))
        return replace(seen, size=size, sha256=sha256, version=version, content=content)

    def _spelled(self, folder: str, name: str) -> tuple[str, tuple[Problem, ...]]:
        """A name as it is spelled in a folder that is there, and a problem where it may be several.

        A name that the system knows and does not list (a short one, a folder that may not be read) is right.
        """
        names = self._listed(folder).get(fold(name), [])
        if len(names) == 1:
            return names[0], ()
        if names and name not in names:
            said = f"{os.path.join(folder, name)} may be {' or '.join(sorted(names))}"
            return name, (error("ambiguous-name", said, "keep one of them", file=folder),)
        return name, ()

    def _listed(self, folder: str) -> dict[str, list[str]]:
        known = self._names.get(folder)
        if known is None:
            known = self._names[folder] = {}
            try:
                names = os.listdir(self._usable(folder))
            except OSError:
                names = []
            for name in names:
                known.setdefault(fold(name), []).append(name)
        return known

    def _usable(self, path: str) -> str:
        """The form under which a path of any length can be opened."""
        if len(path) < _LONG:
            return path
        folder, name = os.path.split(path)
        return os.path.join(self._host.any_length(Path(folder)), name)


def _kind_of(found: os.stat_result) -> Kind:
    if stat.S_ISLNK(found.st_mode) or _is_junction(found):
        return Kind.LINK
    if stat.S_ISDIR(found.st_mode):
        return Kind.FOLDER
    return Kind.FILE if stat.S_ISREG(found.st_mode) else Kind.OTHER


def _is_junction(found: os.stat_result) -> bool:
    return getattr(found, "st_reparse_tag", 0) == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)


def _content(path: str) -> bytes:
    """The bytes of a document, no more than one too many; raises `OSError`."""
    with open(path, "rb") as file:
        return file.read(LARGEST + 1)


def _digest(path: str, content: bytes | None) -> tuple[Sha256 | None, int]:
    """Of the bytes at hand where these are all, so that both are of one moment."""
    if content is not None and len(content) <= LARGEST:
        return sha256_of_bytes(content), len(content)
    found = original_of(path)
    return (None, 0) if found is None else (found.sha256, found.size)


def _unreadable(wrong: OSError, path: str) -> Problem:
    hint = "let this account read it, then run the same command again"
    return error("cannot-read", f"{path}: {wrong.strerror or type(wrong).__name__}", hint, file=path)

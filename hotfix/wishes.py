"""What a manifest wants of each file of this machine: placed, deleted, edited; each file once.

Pure. Where two entries place one file the later one counts, as in a Setup.config.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from deploy.errors import Problem, error
from deploy.relpath import fold
from hotfix.applicability import Situation
from hotfix.known import Folder, Seen
from hotfix.model import ConfigFileEntry, DeleteEntry, Manifest, When
from hotfix.placements import Placement, placements
from hotfix.places import native


@dataclass(slots=True)
class Wish:
    """What one file is to become, from the entries that apply: at most a placement or a deletion, then edits."""

    seen: Seen
    placement: Placement | None = None
    delete: DeleteEntry | None = None
    edits: list[ConfigFileEntry] = field(default_factory=list)

    @property
    def when(self) -> When:
        """The restrictions of the entry that says most about it."""
        if self.placement is not None:
            return self.placement.entry.when
        return self.edits[0].when if self.delete is None else self.delete.when


def wishes_of(manifest: Manifest, situation: Situation) -> tuple[tuple[Wish, ...], tuple[Problem, ...]]:
    """The wishes in the order of the manifest: placed, deleted, only edited; and contradictions among them."""
    facts = situation.facts
    spelling = _Spelling(facts.separator)
    wishes: dict[str, Wish] = {}
    problems: list[Problem] = []

    def at(path: str) -> Wish:
        seen = spelling.of(facts.look(path))
        return wishes.setdefault(seen.key, Wish(seen))

    entries = (one for one in manifest.files if situation.holds(one.when))
    for placement in placements(entries, (one.path for one in facts.package), facts.separator):
        at(placement.path).placement = placement
    for delete in manifest.deletes:
        if _is_here(delete.path, delete.when, situation):
            at(delete.path).delete = delete
    for config_file in manifest.config_files:
        if _is_here(config_file.path, config_file.when, situation):
            at(config_file.path).edits.append(config_file)
    for wish in wishes.values():
        problems += _contradictions(wish, manifest.source)
    problems += _files_as_folders(wishes.values(), manifest.source, facts.separator)
    return tuple(wishes.values()), tuple(problems)


def _is_here(path: str, when: When, situation: Situation) -> bool:
    return situation.holds(when) and native(path, situation.facts.separator) is not None


def _contradictions(wish: Wish, source: str) -> Iterable[Problem]:
    other = wish.placement.entry.when if wish.placement is not None else None
    if other is None and wish.edits:
        other = wish.edits[0].when
    if wish.delete is not None and other is not None:
        said = f"{wish.seen.path} is deleted here, and line {other.line} puts something there or edits it"
        line = wish.delete.when.line
        yield error("contradiction", said, "keep one of them", file=source, line=line)


def _files_as_folders(wishes: Iterable[Wish], source: str, separator: str) -> Iterable[Problem]:
    """Files of this hotfix that have to be folders for others of it."""
    found = {one.seen.key: one for one in wishes if one.delete is None}
    above: dict[str, Wish] = {}
    for one in found.values():
        folder = one.seen.key
        while (folder := folder.rpartition(separator)[0]) and folder not in above:
            above[folder] = one
    for key in found.keys() & above.keys():
        said = f"{found[key].seen.path} is a file here, and a folder for {above[key].seen.path}"
        line = found[key].when.line
        yield error("file-and-folder", said, "change one outputFolder", file=source, line=line)


class _Spelling:
    """One spelling, the first, for folders that are not there yet: they would be one folder on Windows."""

    def __init__(self, separator: str) -> None:
        self._separator = separator
        self._known: dict[str, str] = {}
        self._folders: dict[Folder, str] = {}

    def of(self, seen: Seen) -> Seen:
        folder = seen.folder
        if folder.is_there or not folder.path:
            return seen
        if folder not in self._folders:
            self._folders[folder] = self._folder(folder)
        path = self._folders[folder]
        if path == folder.path:
            return seen
        name = seen.path[len(folder.path.rstrip(self._separator)) + 1 :]
        whole = f"{path.rstrip(self._separator)}{self._separator}{name}"
        return replace(seen, path=whole, folder=replace(folder, path=path))

    def _folder(self, folder: Folder) -> str:
        path = folder.existing
        for name in folder.path[len(folder.existing) :].split(self._separator):
            if name:
                longer = f"{path.rstrip(self._separator)}{self._separator}{name}"
                path = self._known.setdefault(fold(longer), longer)
        return path

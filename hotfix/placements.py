"""Which file of the package goes where, by the `<file>` entries of a manifest.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from deploy.relpath import RelPath
from deploy.wildcard import has_wildcard
from hotfix.manifest_check import split_include
from hotfix.model import FileEntry
from hotfix.places import joined, native
from hotfix.selection import Selection


@dataclass(frozen=True, slots=True)
class Placement:
    """One file of the package for one entry, and its absolute path here as the entry says it."""

    entry: FileEntry
    source: RelPath
    path: str


def placements(entries: Iterable[FileEntry], package: Iterable[RelPath], separator: str) -> tuple[Placement, ...]:
    """What the entries select, in their order; those of one entry in the order of the package.

    Identifiers are replaced. An entry whose folder is no path of this machine places nothing.
    """
    by_key = {path.key: path for path in package}
    return tuple(one for entry in entries for one in _of(entry, by_key, separator))


def _of(entry: FileEntry, package: Mapping[str, RelPath], separator: str) -> Iterator[Placement]:
    folder = native(entry.output_folder, separator)
    if folder is None:
        return
    selection = Selection(entry)
    for path in _candidates(entry, package):
        output = selection.output(path)
        if output is not None:
            yield Placement(entry, path, joined(folder, *output.segments, separator=separator))


def _candidates(entry: FileEntry, package: Mapping[str, RelPath]) -> Iterable[RelPath]:
    """The files worth looking at: one where the entry names one."""
    if has_wildcard(entry.include):
        return package.values()
    folder, name = split_include(entry.include)
    found = package.get(folder.child(name).key)
    return () if found is None else (found,)

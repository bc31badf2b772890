"""Which files of a package a `<file>` entry selects, and where below its outputFolder each goes.

Pure.
"""

from __future__ import annotations

from deploy.relpath import RelPath
from deploy.wildcard import Exclude, Pattern, has_wildcard
from hotfix.manifest_check import split_include
from hotfix.model import FileEntry


class Selection:
    """The `include`, `exclude` and `subDirs` of one entry of a manifest without errors."""

    def __init__(self, entry: FileEntry) -> None:
        self._folder, self._name = split_include(entry.include)
        self._pattern = Pattern(self._name) if has_wildcard(self._name) else None
        self._exclude = Exclude.parse(entry.exclude)
        self._deep = entry.sub_dirs
        self._output_name = entry.output_name

    def output(self, path: RelPath) -> RelPath | None:
        """Where a file of the package goes, below outputFolder; None when it is not selected."""
        depth = len(self._folder.segments)
        below = path.segments[depth:]
        if not below or RelPath(path.segments[:depth]).key != self._folder.key:
            return None
        if self._pattern is None:
            wanted = len(below) == 1 and path.key == self._folder.child(self._name).key
            return RelPath((self._output_name or self._name,)) if wanted else None
        if not self._deep and len(below) > 1:
            return None
        if not self._pattern.matches(below[-1]) or self._exclude.matches(below):
            return None
        return RelPath(below)

    def matches_name(self, name: str) -> bool:
        """Whether the last part of `include` matches a name, whatever else is said."""
        return self._pattern is not None and self._pattern.matches(name)

    def leaves_out(self, folder: RelPath) -> bool:
        """Whether every file below a folder of the package is left out."""
        return self._exclude.covers(folder.segments[len(self._folder.segments) :])

"""What the files of a plan become, and where the bytes of everything that is to be kept come from."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from deploy.digest import Sha256, sha256_of_bytes
from deploy.errors import ConfigError
from deploy.relpath import fold
from hotfix import copying
from hotfix.copying import Count
from hotfix.installed import Installed, Original
from hotfix.model import IfMissing
from hotfix.originals import Originals, needed_by
from hotfix.packages import PackageCopy
from hotfix.planned import FileAction, Plan, PlannedFile
from hotfix.recording import FileEffect
from hotfix.xmledit import edited

_NEW_FILE = 0o644
_STARTABLE = 0o111


class FileEffects:
    """The effects of the files of `plan`; `found` are these files as they are now, by their folded paths.

    `paths` says, for the same keys, under which name each can be opened.
    """

    def __init__(
        self,
        plan: Plan,
        found: Mapping[str, Original | None],
        paths: Mapping[str, str],
        package: PackageCopy,
        originals: Originals,
    ) -> None:
        self._found = found
        self._paths = paths
        self._package = package
        self._originals = originals
        self._deletes = {one.when.line for one in plan.manifest.deletes}
        self._files = tuple(file for file in plan.files if self._has_effect(file))
        self._sources: dict[Sha256, str] = {}
        self._made: dict[Sha256, bytes] = {}
        self._now = time.time_ns()
        self._new = {fold(file.path): self._content(file) for file in self._files}

    def content(self, file: PlannedFile) -> Original | None:
        """The file as it will be; None for no file."""
        return self._new[fold(file.path)]

    def source(self, file: PlannedFile) -> str | bytes:
        """Where its new content is read from, or the bytes themselves; nothing where it is deleted."""
        if file.content is not None:
            return file.content
        return b"" if file.source is None else self._package.path(file.source)

    def all(self, *, kept: bool) -> tuple[FileEffect, ...]:
        """The effects as records take them; with `kept` originals are kept where the plan says so.

        A file that is right already has one too: it has to stay right when what lies over it is removed.
        """
        return tuple(
            FileEffect(
                path=file.path,
                found=self._found[fold(file.path)],
                effect=partial(self._become, file),
                kept=kept and file.backup,
                in_use=file.in_use,
            )
            for file in self._files
        )

    def unkept(self, records: Iterable[Installed], history: Iterable[Installed]) -> tuple[Original, ...]:
        """What these records need and is not kept yet.

        What `history` needed before is there by its size; anything else of that name may be the rest of
        a kill, and is read.
        """
        known = {one.sha256 for one in needed_by(history)}
        return tuple(
            one
            for one in needed_by(records)
            if not (self._originals.is_kept(one) if one.sha256 in known else self._originals.is_intact(one))
        )

    def keep(self, wanted: Iterable[Original], count: Count) -> None:
        """Store these contents durably; raises `TargetError`. What was lost long ago stays lost."""
        keys = [fold(file.path) for file in self._files]
        places = {one.sha256: self._paths[key] for key in keys if (one := self._found[key]) is not None}
        for one in wanted:
            made, source = self._made.get(one.sha256), places.get(one.sha256) or self._sources.get(one.sha256)
            if made is not None:
                self._originals.keep_bytes(one.sha256, made)
                count(len(made))
            elif source is not None:
                self._originals.keep(one, source, count)
        self._originals.flush()

    def _has_effect(self, file: PlannedFile) -> bool:
        """Whether the hotfix decides what is in a file: not where it only keeps what is there, whatever that is."""
        if file.action is not FileAction.KEEP or file.edits or file.content is not None:
            return True
        if file.source is None:
            return file.before is None and file.line in self._deletes
        return self._package.files[file.source.key].sha256 == file.before

    def _content(self, file: PlannedFile) -> Original | None:
        found = self._found[fold(file.path)]
        if file.after == file.before:
            return found
        if file.after is None:
            return None
        mode, owner = (_NEW_FILE, None) if found is None else (found.mode, found.owner)
        if file.content is not None:
            self._made[file.after] = file.content
            return Original(file.after, len(file.content), self._now, mode, owner)
        if file.source is None:
            raise ValueError(f"the plan does not say where {file.path} comes from")
        source = self._package.path(file.source)
        self._sources[file.after] = source
        try:
            status = os.stat(source)
        except OSError as wrong:
            raise copying.unreadable(wrong, source) from wrong
        if found is None:
            mode |= status.st_mode & _STARTABLE
        return Original(file.after, status.st_size, status.st_mtime_ns, mode, owner)

    def _become(self, file: PlannedFile, below: Original | None) -> Original | None:
        """What a content becomes: the one the plan found, or one that a later hotfix found at its place."""
        found, new = self._found[fold(file.path)], self._new[fold(file.path)]
        if not file.edits or (None if found is None else found.sha256) == (None if below is None else below.sha256):
            return new
        if below is not None and not self._originals.is_kept(below):
            return below  # Nobody can bring it back, so it does not matter what it would be.
        return self._edited(file, below)

    def _edited(self, file: PlannedFile, below: Original | None) -> Original | None:
        data = None if below is None else self._read(self._originals.path(below.sha256))
        try:
            for entry in file.edits:
                if data is not None or entry.if_missing is IfMissing.CREATE:
                    data = edited(data or b"", entry)
        except ConfigError:
            return below  # The edit was meant for a file that has what it looks for, as the one in place has.
        if data is None:
            return None
        sha256 = sha256_of_bytes(data)
        if below is not None and sha256 == below.sha256:
            return below
        self._made[sha256] = data
        mode, owner = (_NEW_FILE, None) if below is None else (below.mode, below.owner)
        return Original(sha256, len(data), self._now, mode, owner)

    @staticmethod
    def _read(path: str) -> bytes:
        try:
            return Path(path).read_bytes()
        except OSError as wrong:
            raise copying.unreadable(wrong, path) from wrong

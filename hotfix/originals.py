"""What files held before hotfixes changed them, kept by content: `.originals/<sha256>` below `Target.hotfixes`.

A content is stored and durable before the record that needs it is written, and removed after the last
record that needs it is gone. So there is no moment at which a record names what is not there, and
nothing that is kept is ever written over.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from deploy.atomic import fsync_folder
from deploy.change import files
from deploy.digest import Sha256, parse_sha256
from deploy.disk import target_error
from deploy.errors import Problem, TargetError, error
from deploy.inventory import local_path
from hotfix import copying, layout
from hotfix.copying import Count, uncounted
from hotfix.installed import Installed, Original

_FOLDER_MODE = 0o700
_PARTIAL = ".partial"
AGAIN = "run the same command again"


def needed_by(records: Iterable[Installed]) -> tuple[Original, ...]:
    """The contents these records need to be removed one day, each once."""
    files = (file for one in records for file in one.files if file.kept and file.before is not None)
    return tuple({file.before.sha256: file.before for file in files if file.before is not None}.values())


class Originals:
    """The contents that are kept; methods raise `TargetError` (disk-full, cannot-write, cannot-read)."""

    def __init__(self, hotfixes: Path) -> None:
        self._folder = os.path.join(hotfixes, layout.ORIGINALS)
        self._hotfixes = hotfixes
        self._new: list[str] = []

    def path(self, sha256: Sha256) -> str:
        """Where a content is kept, whether it is there or not."""
        return local_path(self._hotfixes, layout.original(sha256))

    def is_kept(self, original: Original) -> bool:
        """Whether a file of that size is there; its bytes are proven when they are used."""
        try:
            found = files.look(self.path(original.sha256))
        except OSError:
            return False
        return found is not None and found.st_size == original.size

    def is_intact(self, original: Original) -> bool:
        """Whether the content is there, byte for byte."""
        if not self.is_kept(original):
            return False
        found = copying.original_of(self.path(original.sha256))
        return found is not None and found.sha256 == original.sha256

    def keep(self, original: Original, source: str, count: Count = uncounted) -> None:
        """Store what a file holds; raises `TargetError` (changed) where that is something else by now."""
        partial = self._partial(original.sha256)
        copied = copying.copy(source, partial, count)
        if copied.sha256 != original.sha256:
            files.remove(partial)
            said = f"{source} was changed while its content was being kept"
            raise TargetError(error("changed", said, AGAIN, file=source))
        self._finish(partial, original.sha256)

    def keep_bytes(self, sha256: Sha256, data: bytes) -> None:
        """Store these bytes, which have this digest."""
        partial = self._partial(sha256)
        copying.write(data, partial)
        self._finish(partial, sha256)

    def flush(self) -> None:
        """Make everything stored since durable."""
        if self._new:
            copying.flush(self._new, self._folder)
            try:
                fsync_folder(self._hotfixes)
            except OSError as wrong:
                raise target_error(wrong, self._hotfixes) from wrong
            self._new.clear()

    def missing(self, records: Iterable[Installed]) -> tuple[Problem, ...]:
        """What the records need and is not there."""
        found = []
        for one in records:
            for file in one.files:
                if file.before is not None and file.kept and not self.is_kept(file.before):
                    said = f"what {file.path} held before {one.label} is not kept any more"
                    hint = f"bring {self.path(file.before.sha256)} back from a backup; {one.id} cannot be removed else"
                    found.append(error("original-missing", said, hint, file=file.path))
        return tuple(found)

    def tidy(self, records: Iterable[Installed]) -> None:
        """Remove what no record needs; raises `OSError`."""
        needed = {one.sha256 for one in needed_by(records)}
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return
        for name in names:
            if parse_sha256(name.removesuffix(_PARTIAL)) is not None and name not in needed:
                files.remove(os.path.join(self._folder, name))
        if not needed and not os.listdir(self._folder):
            os.rmdir(self._folder)

    def _partial(self, sha256: Sha256) -> str:
        partial = self.path(sha256) + _PARTIAL
        try:
            os.makedirs(self._folder, _FOLDER_MODE, exist_ok=True)
            files.remove(partial)
        except OSError as wrong:
            raise target_error(wrong, self._folder) from wrong
        return partial

    def _finish(self, partial: str, sha256: Sha256) -> None:
        path = self.path(sha256)
        try:
            files.replace(partial, path)
        except OSError as wrong:
            raise target_error(wrong, path) from wrong
        self._new.append(path)

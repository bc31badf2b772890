"""When to publish what: folders are looked at again and again, which works on network shares too.

A customer is due when something changed in a folder its Setup.config reads from, and all of these folders
have been quiet for a while: a folder that is still copied to is never offered.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.site.publish_sources import is_hidden

Signature = str
DEEPEST = 64


@dataclass(frozen=True, slots=True)
class _Quiet:
    """What a folder looked like last, and since when; None is a folder that cannot be looked at."""

    signature: Signature | None
    since: float


@dataclass(slots=True)
class Watch:
    """Decides from what was seen; moments are seconds of any clock that only goes forward."""

    quiet: float
    _folders: dict[Path, _Quiet] = field(default_factory=dict)
    _offered: dict[str, Mapping[Path, Signature | None]] = field(default_factory=dict)

    def seen(self, now: float, signatures: Mapping[Path, Signature | None]) -> None:
        """Take down how every watched folder looks now; one that is not named any more is forgotten."""
        folders = {}
        for folder, signature in signatures.items():
            known = self._folders.get(folder)
            same = known is not None and known.signature == signature
            folders[folder] = known if known is not None and same else _Quiet(signature, now)
        self._folders = folders

    def due(self, now: float, uses: Mapping[str, Iterable[Path]]) -> tuple[str, ...]:
        """The customers to publish now; `uses` are the folders each of them reads from."""
        return tuple(customer for customer, folders in uses.items() if self._is_due(now, customer, folders))

    def offer(self, customer: str, folders: Iterable[Path]) -> None:
        """A customer is published, or cannot be, with its folders as they were last seen."""
        self._offered[customer] = self._look(folders)

    def forget(self, customer: str) -> None:
        """A customer was put off, and is due again when its folders are quiet."""
        self._offered.pop(customer, None)

    def _is_due(self, now: float, customer: str, folders: Iterable[Path]) -> bool:
        looks = [self._folders.get(folder) for folder in folders]
        if any(one is None or one.signature is None or now - one.since < self.quiet for one in looks):
            return False
        return self._offered.get(customer) != self._look(folders)

    def _look(self, folders: Iterable[Path]) -> Mapping[Path, Signature | None]:
        return {folder: seen.signature for folder in folders if (seen := self._folders.get(folder)) is not None}


def signature(folder: Path) -> Signature | None:
    """How a folder and all below it looks: names, sizes, times of change; hidden names are left out.

    None where any of it cannot be looked at, or goes too deep.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        for row in _rows(os.fspath(folder), "", 0):
            digest.update(row.encode("utf-8", "surrogatepass"))
    except OSError:
        return None
    return digest.hexdigest()


def _rows(path: str, below: str, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        raise OSError(0, "too deep", path)
    with os.scandir(path) as found:
        entries = sorted((one for one in found if not is_hidden(one.name)), key=lambda one: one.name)
    for one in entries:
        name = f"{below}/{one.name}"
        if one.is_dir(follow_symlinks=False):
            yield f"{name}/\0"
            yield from _rows(one.path, name, depth + 1)
        else:
            look = _look(one)
            yield f"{name}\0{look.st_size}\0{look.st_mtime_ns}\0{look.st_ino}\0"


def _look(one: os.DirEntry[str]) -> os.stat_result:
    """What a listing says of a file, of a link what it leads to; a link to nothing is looked at itself."""
    if not one.is_symlink():
        return one.stat(follow_symlinks=False)
    try:
        return os.stat(one.path)
    except FileNotFoundError:
        return one.stat(follow_symlinks=False)

"""Files of served folders: found in any case, opened at once, never outside their folder."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from deploy.relpath import fold
from deploy.site.model import VIEWS

KEYS = (".key", ".pem", ".pfx", ".p12", ".jks", ".kdbx", ".ppk")
"""Ends of names in a customer folder that are taken for private keys, and not served."""
_SECRETS = frozenset(map(fold, VIEWS))
_CACHED_FOLDERS = 1024
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file that is open: whoever has it closes `descriptor`. `size` in bytes."""

    descriptor: int
    name: str
    size: int
    mtime_ns: int
    inode: int


def open_file(folder: Path, segments: tuple[str, ...]) -> OpenFile | None:
    """Open a file below `folder`, its path in any case; None where there is none to be served.

    The exact spelling comes first. Not served are names that begin with a dot, anything that is no
    regular file (opening never waits), and what a link leads to outside the folder.
    """
    if not segments or any(name.startswith(".") for name in segments):
        return None
    root = _real(folder)
    found = _opened(root, os.path.join(root, *segments))
    if found is None and (spelled := _spelled(root, segments)) is not None:
        found = _opened(root, spelled)
    return found


def customer_file(folder: Path, segments: tuple[str, ...]) -> OpenFile | None:
    """Open a file of a customer folder; its views and what looks like a private key stay unseen."""
    if fold(segments[-1]) in _SECRETS or segments[-1].lower().endswith(KEYS):
        return None
    return open_file(folder, segments)


@lru_cache(maxsize=256)
def _real(folder: Path) -> str:
    return os.path.realpath(folder)


def _opened(root: str, path: str) -> OpenFile | None:
    try:
        real = os.path.realpath(path, strict=True)
        if os.path.commonpath((root, real)) != root or os.path.basename(real).startswith("."):
            return None
        descriptor = os.open(real, _FLAGS)
    except (OSError, ValueError):
        return None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        return None
    return OpenFile(descriptor, os.path.basename(real), about.st_size, about.st_mtime_ns, about.st_ino)


def _spelled(root: str, segments: tuple[str, ...]) -> str | None:
    """The path as it is spelled on disk; None if nothing there has these names in any case."""
    at = root
    for name in segments:
        try:
            names = _names(at, os.stat(at).st_mtime_ns)
        except OSError:
            return None
        found = names.get(fold(name))
        if found is None:
            return None
        at = os.path.join(at, found)
    return at


@lru_cache(maxsize=_CACHED_FOLDERS)
def _names(folder: str, _changed: int) -> dict[str, str]:
    """The names in a folder by their folded form; of twins the first one by code points."""
    found: dict[str, str] = {}
    for name in sorted(os.listdir(folder)):
        found.setdefault(fold(name), name)
    return found

"""Copies of a folder that was broken off in the middle of a change, to begin from it again and again."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path


def replicate(source: Path, target: Path) -> None:
    """Make `target` a copy of `source`, times and modes and all; files that are one there are one in the copy."""
    shutil.rmtree(target, ignore_errors=True)
    known: dict[int, str] = {}
    for here, _, names in os.walk(source):
        there = os.path.join(target, os.path.relpath(here, source))
        os.makedirs(there, exist_ok=True)
        os.chmod(there, os.stat(here).st_mode & 0o7777)
        for name in names:
            old, new = os.path.join(here, name), os.path.join(there, name)
            found = os.lstat(old)
            if found.st_ino in known:
                os.link(known[found.st_ino], new)
                continue
            shutil.copyfile(old, new)
            os.chmod(new, found.st_mode & 0o7777)
            os.utime(new, ns=(found.st_atime_ns, found.st_mtime_ns))
            known[found.st_ino] = new


def fingerprint(folder: Path) -> str:
    """Equal for folders between which no recovery can tell a difference.

    Ballast is random and its content means nothing, temporary files have random names, and a time means
    something only where it was set on purpose: to a whole second.
    """
    found: list[tuple[object, ...]] = []
    numbers: dict[int, int] = {}
    for here, inner, names in sorted(os.walk(folder)):
        found += [(os.path.relpath(os.path.join(here, name), folder),) for name in sorted(inner)]
        for name in sorted(names):
            path = Path(here, name)
            status = path.lstat()
            content = b"" if name == "ballast" else path.read_bytes()
            shown = ".tmp" if name.endswith(".tmp") else name
            time = 0 if status.st_mtime_ns % 10**9 else status.st_mtime_ns
            number = numbers.setdefault(status.st_ino, len(numbers))
            digest = hashlib.sha256(content).hexdigest()
            found.append((os.path.relpath(here, folder), shown, number, status.st_mode, time, digest))
    return hashlib.sha256(repr(found).encode()).hexdigest()

"""An installation with an old tree that is about to become a new one, and what may be left of it after a fault."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.change.steps import Create, Delete, MakeFolder, Replace, Step
from deploy.change.work import WORK
from deploy.digest import sha256_of_bytes
from deploy.relpath import RelPath

STAGING = ".staging"
OLD_TIME, NEW_TIME = 1_500_000_000, 1_600_000_000

OLD = {
    "same-size.dll": b"old bytes" * 300,
    "lib/longer.dll": b"old" * 20_000,
    "lib/empty.ini": b"",
    "lib/old-only.dll": b"goes away",
    "stays.txt": b"nobody touches it",
}
NEW = {
    "same-size.dll": b"new bytes" * 300,
    "lib/longer.dll": b"new",
    "lib/empty.ini": b"not empty any more",
    "stays.txt": b"nobody touches it",
    "brand-new.exe": b"\0new" * 5_000,
    "made/deep/er.txt": b"in folders that were not there",
    "made/empty-one.txt": b"",
}
EMPTY_FOLDER = "hollow"

Leaf = tuple[bytes, int, int]
"""Content, mtime in nanoseconds, permission bits."""


@dataclass(frozen=True)
class Scene:
    """One base folder; `extra` more files are replaced and as many created, to make a change large."""

    base: Path
    extra: int = 0

    @property
    def old(self) -> dict[str, bytes]:
        return {**OLD, **{f"many/{n % 3}/{n}": b"old %d" % n for n in range(self.extra)}}

    @property
    def new(self) -> dict[str, bytes]:
        more = {f"many/{n % 3}/{n}": b"new %d" % n for n in range(self.extra)}
        return {**NEW, **more, **{f"fresh/{n % 3}/{n}": b"fresh %d" % n for n in range(self.extra)}}

    def set_up(self) -> None:
        """The old tree, and everything new staged."""
        shutil.rmtree(self.base, ignore_errors=True)
        for name, data in self.old.items():
            _write(self.base / name, data, OLD_TIME)
        self.stage()

    def stage(self) -> None:
        """Everything new in the staging folder."""
        for number, (name, data) in enumerate(sorted(self.new.items())):
            if data != self.old.get(name):
                _write(self.base / STAGING / str(number), data, NEW_TIME - 5)

    def steps(self) -> list[Step]:
        """What makes the new tree of the old one."""
        steps: list[Step] = [Delete(RelPath.parse("lib/old-only.dll"), None), MakeFolder(RelPath.parse(EMPTY_FOLDER))]
        for number, (name, data) in enumerate(sorted(self.new.items())):
            before = self.old.get(name)
            staged = str(self.base / STAGING / str(number))
            digest, target = sha256_of_bytes(data), RelPath.parse(name)
            if before is None:
                steps.append(Create(target, staged, digest, len(data), NEW_TIME))
            elif before != data:
                # Whether the caller knows the old digest makes no difference.
                old = sha256_of_bytes(before) if number % 2 else None
                steps.append(Replace(target, staged, old, digest, len(data), NEW_TIME))
        return steps

    def state(self) -> str:
        """`old`, `new`, or what is wrong; nothing may be left over, and no second name of a file."""
        leaves, folders = self._look()
        for name, wanted, made in (("old", self.old, set()), ("new", self.new, {EMPTY_FOLDER})):
            if {path: leaf[0] for path, leaf in leaves.items()} != wanted:
                continue
            expected = made | {parent for path in wanted for parent in _parents(path)}
            if folders != expected:
                return f"{name} files, but folders {sorted(folders ^ expected)}"
            for path, (data, mtime, mode) in leaves.items():
                time = OLD_TIME if name == "old" or data == self.old.get(path) else NEW_TIME
                if mtime != time * 10**9 or mode != 0o644:
                    return f"{name}, but {path} has time {mtime} and mode {mode:o}"
            return name
        mixed = {path: _which(path, leaves, self.old, self.new) for path in {**self.old, **self.new, **leaves}}
        return f"mixed: {mixed}"

    def is_staged(self) -> bool:
        """Whether everything new lies in the staging folder, with its bytes."""
        folder = self.base / STAGING
        return all(
            (folder / str(number)).is_file() and (folder / str(number)).read_bytes() == data
            for number, (name, data) in enumerate(sorted(self.new.items()))
            if data != self.old.get(name)
        )

    @property
    def is_clean(self) -> bool:
        """Whether no work folder is left."""
        return not (self.base / WORK).exists()

    def _look(self) -> tuple[dict[str, Leaf], set[str]]:
        leaves: dict[str, Leaf] = {}
        folders: set[str] = set()
        for here, inner, names in os.walk(self.base):
            inner[:] = [name for name in inner if name not in (STAGING, WORK)]
            for name in inner:
                folders.add(os.path.relpath(os.path.join(here, name), self.base))
            for name in names:
                path = Path(here, name)
                found = path.lstat()
                key = path.relative_to(self.base).as_posix()
                leaves[key] = (path.read_bytes(), found.st_mtime_ns, found.st_mode & 0o7777)
        return leaves, folders


def _write(path: Path, data: bytes, time: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o644)
    os.utime(path, (time, time))


def _parents(path: str) -> set[str]:
    names = path.split("/")
    return {"/".join(names[:count]) for count in range(1, len(names))}


def _which(path: str, leaves: dict[str, Leaf], old: dict[str, bytes], new: dict[str, bytes]) -> str:
    data = leaves[path][0] if path in leaves else None
    return (
        "same"
        if data == old.get(path) == new.get(path)
        else "old"
        if data == old.get(path)
        else ("new" if data == new.get(path) else "neither")
    )

"""The data: deterministic trees of files, made once for a work folder and checked after a download."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB
RELEASED = 1_718_000_000  # every file's time, POSIX seconds
_POOL = 64 * MIB


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree on disk: `files` are relative paths with forward slashes, `size` their sum in bytes."""

    name: str
    root: Path
    files: tuple[str, ...]
    size: int

    def check(self, copy: Path) -> None:
        """Compare a copy byte for byte; raises `AssertionError` naming the first file that differs."""
        for name in self.files:
            if not _same(self.root / name, copy / name):
                raise AssertionError(f"{copy / name} is not what the server has")


def many_small(docroot: Path, name: str = "A", count: int = 10_000) -> Tree:
    """`count` files of 4 to 64 KiB, about a hundred in each folder, folders two deep."""
    sizes = random.Random(f"sizes {name}")
    files = {_name(number): sizes.randint(4 * KIB, 64 * KIB) for number in range(count)}
    return _made(docroot, name, files)


def few_large(docroot: Path, name: str = "B", count: int = 4, size: int = 256 * MIB) -> Tree:
    """`count` files of `size` bytes in one folder."""
    return _made(docroot, name, {f"large{number}.bin": size for number in range(count)})


def _name(number: int) -> str:
    ending = ("exe", "dll", "xml")[number % 3]
    return f"part{number // 1000:02d}/module{number // 100 % 10}/file{number % 100:02d}.{ending}"


def _made(docroot: Path, name: str, files: dict[str, int]) -> Tree:
    root = docroot / name
    ready = docroot / f".{name}-{len(files)}-{sum(files.values())}"
    tree = Tree(name, root, tuple(files), sum(files.values()))
    if ready.exists():
        return tree
    contents = random.Random(name)
    pool = memoryview(contents.randbytes(min(_POOL, max(files.values()) * 2)))
    for path, size in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as output:
            _write(output.fileno(), pool, size, contents)
        os.utime(target, (RELEASED, RELEASED))
    ready.touch()
    return tree


def _write(descriptor: int, pool: memoryview, size: int, contents: random.Random) -> None:
    """Random slices of the pool, each begun by fresh bytes: no two files or blocks are equal."""
    left = size
    while left:
        block = min(left, 8 * MIB, len(pool) // 2)
        head = contents.randbytes(min(32, block))
        start = contents.randrange(len(pool) - block)
        os.write(descriptor, head)
        rest = pool[start : start + block - len(head)]
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        left -= block


def _same(one: Path, other: Path) -> bool:
    try:
        if one.stat().st_size != other.stat().st_size:
            return False
        with one.open("rb") as left, other.open("rb") as right:
            while block := left.read(MIB):
                if block != right.read(MIB):
                    return False
    except FileNotFoundError:
        return False
    return True

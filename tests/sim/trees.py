"""Folder trees to download: the same for the same seed, in sizes and shapes like an installation's."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class TreeShape:
    """`files` files of `least` to `most` bytes (evenly spread), in folders nested up to `depth` deep, `fan` in each."""

    files: int
    least: int = 4 * 1024
    most: int = 64 * 1024
    depth: int = 3
    fan: int = 8
    seed: int = 1


MANY_SMALL = TreeShape(files=10_000)
FEW_LARGE = TreeShape(files=4, least=256 << 20, most=256 << 20, depth=0)


def planned(shape: TreeShape) -> Iterator[tuple[str, int]]:
    """(relative path with forward slashes, size in bytes) of every file, without making any."""
    chance = random.Random(shape.seed)
    for number in range(shape.files):
        depth = chance.randint(0, shape.depth)
        folders = [f"folder-{chance.randrange(shape.fan)}" for _ in range(depth)]
        size = chance.randint(shape.least, shape.most)
        yield "/".join([*folders, f"file-{number:05}.dat"]), size


def content(seed: int, path: str, size: int) -> bytes:
    """The bytes of one file: they do not compress, and no two files share a beginning."""
    chance = random.Random(f"{seed}:{path}")
    block = chance.randbytes(min(size, BLOCK))
    whole, rest = divmod(size, len(block) or 1)
    return block * whole + block[:rest]


def grow(root: Path, shape: TreeShape) -> dict[str, int]:
    """Make the tree below `root`; returns the sizes by relative path."""
    sizes = dict(planned(shape))
    for path, size in sizes.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content(shape.seed, path, size))
        os.utime(target, (1_600_000_000, 1_600_000_000))
    return sizes

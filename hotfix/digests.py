"""The bytes of a package that is read as it lies there: its `*.config`, and the digests of its files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.config.xmltree import LARGEST
from deploy.errors import ConfigError, Problem, TargetError, error
from deploy.inventory import local_path
from hotfix.copying import Count, original_of, uncounted, unreadable
from hotfix.manifest import parse_manifest
from hotfix.model import Manifest
from hotfix.package import PackageFile, files_of


@dataclass(frozen=True, slots=True)
class WholePackage:
    """A package with everything for every machine: its folder, the bytes of its `*.config`, files with digests.

    `manifest` is as it was parsed, `warnings` what parsing it said.
    """

    folder: Path
    data: bytes
    manifest: Manifest
    files: tuple[PackageFile, ...]
    warnings: tuple[Problem, ...] = ()


def read_package(config: Path, count: Count = uncounted) -> WholePackage:
    """Read a package that nothing is wrong with; `count` is told of bytes as they are read.

    Raises `ConfigError` with every problem of the manifest, or of the files (as `files_of`, and
    digest-mismatch); `TargetError` (cannot-read).
    """
    data = read_config(config)
    parsed = parse_manifest(data, str(config))
    if parsed.manifest is None:
        raise ConfigError(parsed.problems)
    folder = Path(os.path.abspath(config)).parent
    files = with_digests(folder, files_of(parsed.manifest, folder), str(config), count)
    return WholePackage(folder, data, parsed.manifest, files, parsed.problems)


def read_config(config: Path) -> bytes:
    """The bytes of a manifest, no more than one byte too many; raises `TargetError` (cannot-read)."""
    try:
        with config.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as wrong:
        raise unreadable(wrong, str(config)) from wrong


def with_digests(
    folder: Path, files: Iterable[PackageFile], source: str, count: Count = uncounted
) -> tuple[PackageFile, ...]:
    """The files with the digest and size they have; `source` is the manifest's path.

    Raises `ConfigError` (digest-mismatch) with every one that the manifest says is another;
    `TargetError` (changed, cannot-read).
    """
    problems = []
    proven = []
    for one in files:
        place = os.path.realpath(local_path(folder, one.path))
        found = original_of(place, count)
        if found is None:
            said = f"{one.path} was there a moment ago and is gone"
            raise TargetError(error("changed", said, "run the same command again", file=place))
        if one.sha256 not in (None, found.sha256):
            said = f"{one.path} is not the file that the manifest describes"
            hint = "get the whole package again, or build it again"
            problems.append(error("digest-mismatch", said, hint, file=source, line=one.line))
        proven.append(replace(one, sha256=found.sha256, size=found.size))
    if problems:
        raise ConfigError(problems)
    return tuple(proven)

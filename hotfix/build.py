"""Build a package: fill in digests and sizes, check everything, write one zip.

The digest of the `*.config` in it stands for the whole package, for that lists the digest of every other
file: whoever signs or publishes that one digest has signed or published them all.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Protocol

from deploy.atomic import fsync_folder
from deploy.digest import CHUNK, Digest, Sha256, sha256_of, sha256_of_bytes
from deploy.disk import target_error
from deploy.errors import ConfigError, Problem, TargetError, error, warning
from deploy.inventory import local_path
from deploy.relpath import RelPath
from deploy.wildcard import has_wildcard
from hotfix.copying import unreadable
from hotfix.digests import read_config, with_digests
from hotfix.fill_in import filled_in
from hotfix.manifest import parse_manifest
from hotfix.model import Content, Manifest
from hotfix.package import files_of
from hotfix.selection import Selection

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first a zip can say
_MODE = 0o100644 << 16
_POSIX = 3


class _Source(Protocol):
    """What bytes are read from, as a binary file."""

    def read(self, size: int, /) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Built:
    """A package that was built.

    `sha256` and `size` (bytes) are those of the zip, `config_sha256` that of the `*.config` in it, whose
    name is `config`; `files` is everything else in it.
    """

    id: str
    revision: int
    archive: Path
    sha256: Sha256
    size: int
    config: RelPath
    config_sha256: Sha256
    files: tuple[Content, ...]
    warnings: tuple[Problem, ...] = ()


def build(config: Path, output: Path | None = None) -> Built:
    """Write `<id>-r<revision>.zip` into the folder `output`, the current one by default.

    The zip holds the `*.config` with `sha256` and `size` on each `<file>` of one file and a `<contents>`
    with every file, and those files; the same input gives the same bytes with the same zlib. The folder
    of the package stays as it is, a zip of the same name is replaced.

    Raises `ConfigError` with every problem of manifest and package, and output-in-package where the zip
    would become a part of the package; `TargetError`: cannot-read, changed (a file while it was read),
    cannot-write, disk-full.
    """
    data = read_config(config)
    manifest = _parsed(data, config)
    folder = Path(os.path.abspath(config)).parent
    pins = tuple(replace(one, sha256="", size=None) for one in manifest.files)
    found = with_digests(folder, files_of(replace(manifest, contents=None, files=pins), folder), str(config))
    contents = tuple(Content(one.path, one.sha256, one.size) for one in found if one.sha256 is not None)
    filled = filled_in(data, contents)
    warnings = parse_manifest(filled, str(config)).problems
    files_of(_parsed(filled, config), folder)
    archive = Path(os.path.abspath(output or Path())) / f"{manifest.id}-r{manifest.revision}.zip"
    _refuse_inside(archive, folder, manifest)
    name = RelPath((config.name,))
    try:
        sha256, size = _written(archive, folder, (name, filled), contents)
    except OSError as wrong:
        raise target_error(wrong, wrong.filename or archive) from wrong
    said = (*warnings, *_replaced(manifest, contents))
    return Built(manifest.id, manifest.revision, archive, sha256, size, name, sha256_of_bytes(filled), contents, said)


def _parsed(data: bytes, config: Path) -> Manifest:
    parsed = parse_manifest(data, str(config))
    if parsed.manifest is None:
        raise ConfigError(parsed.problems)
    return parsed.manifest


def _replaced(manifest: Manifest, contents: Sequence[Content]) -> tuple[Problem, ...]:
    """Digests that were written and are not those of the files."""
    found = {one.path.key: one for one in contents}
    warnings = []
    for entry in manifest.files:
        if has_wildcard(entry.include):
            continue
        for one in found.values():
            if entry.sha256 not in ("", one.sha256) and Selection(entry).output(one.path) is not None:
                said = f"the sha256 that was written for {one.path} is not that of the file and was replaced"
                hint = "look whether it is the right file"
                warnings.append(warning("digest-replaced", said, hint, file=manifest.source, line=entry.when.line))
    return tuple(warnings)


def _refuse_inside(archive: Path, folder: Path, manifest: Manifest) -> None:
    """The next build would take the zip for a part of the package."""
    real, base = os.path.realpath(archive), os.path.realpath(folder)
    if not real.startswith(base.rstrip(os.sep) + os.sep):
        return
    inside = RelPath(Path(os.path.relpath(real, base)).parts)
    if any(Selection(entry).output(inside) is not None for entry in manifest.files):
        said = f"{archive} would be a part of the package itself"
        raise ConfigError(error("output-in-package", said, "write it elsewhere: --output FOLDER", file=manifest.source))


def _written(
    archive: Path, folder: Path, config: tuple[RelPath, bytes], contents: Sequence[Content]
) -> tuple[Sha256, int]:
    """Write the zip beside its place, prove what went in, rename it; raises `OSError`."""
    temporary = archive.with_name(f".{archive.name}.{os.urandom(8).hex()}.tmp")
    try:
        with zipfile.ZipFile(temporary, "x", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            name, data = config
            _pack(packed, name, BytesIO(data), None)
            for content in sorted(contents, key=lambda one: one.path.key):
                place = os.path.realpath(local_path(folder, content.path))
                try:
                    opened = open(place, "rb", buffering=0)  # noqa: SIM115
                except OSError as wrong:
                    raise unreadable(wrong, place) from wrong
                with opened:
                    _pack(packed, content.path, opened, content.sha256)
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
            sha256, size = sha256_of(written), os.fstat(written.fileno()).st_size
        os.replace(temporary, archive)
        fsync_folder(archive.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return sha256, size


def _pack(packed: zipfile.ZipFile, path: RelPath, source: _Source, wanted: Sha256 | None) -> None:
    """One file, with nothing in the zip but its name and bytes; raises `TargetError` (changed)."""
    info = zipfile.ZipInfo(str(path), _EPOCH)
    info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, _MODE, _POSIX
    digest = Digest()
    with packed.open(info, "w", force_zip64=True) as target:
        while data := source.read(CHUNK):
            digest.update(data)
            target.write(data)
    if wanted not in (None, digest.value):
        said = f"{path} was changed while it was read"
        raise TargetError(error("changed", said, "build again when nobody writes there", file=str(path)))

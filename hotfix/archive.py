"""A package wherever it lies: a `*.config`, a folder that holds one, or the zip that `build` made of it."""

from __future__ import annotations

import os
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.digest import CHUNK
from deploy.disk import disk_full, free_space, target_error, write_all
from deploy.errors import ConfigError, Problem, UsageError, error, quoted
from deploy.inventory import local_path
from deploy.relpath import RelPath
from hotfix.copying import unreadable
from hotfix.package import MOST_FILES

LARGEST_PACKAGE = 16 * 1024**3  # bytes, unpacked
_CONFIG = ".config"
_ZIP = ".zip"
_AGAIN = "get the package again, or build it again"
_ENCRYPTED = 0x1


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The `*.config` of a package, beside its files; those of a zip lie in a temporary folder until the end.

    Raises `UsageError` (cannot-read, no-config) for what is no package; `ConfigError` (bad-archive,
    unsafe-path) for a zip that no build made; `TargetError`: cannot-read, disk-full, cannot-write.
    """
    if path.is_dir():
        yield _only_config(path, [one.name for one in sorted(path.iterdir()) if one.is_file()])
    elif path.suffix.lower() == _ZIP:
        with tempfile.TemporaryDirectory(prefix="micce-hotfix-") as folder:
            yield unpack(path, Path(folder))
    elif path.is_file():
        yield path
    else:
        raise UsageError(error("cannot-read", f"{path}: no such file", "name a *.config, a zip or a folder"))


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a zip into an empty folder; returns its `*.config`. Raises as `opened`."""
    try:
        with zipfile.ZipFile(archive) as packed:
            members = _checked(archive, packed.infolist())
            needed = sum(info.file_size for info, _ in members)
            free = free_space(folder)
            if free is not None and free < needed:
                raise disk_full(folder, needed)
            for info, path in members:
                _unpack_one(archive, packed, info, local_path(folder, path))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as wrong:
        raise ConfigError(_bad(archive, f"it is no zip, or damaged: {wrong}")) from wrong
    except OSError as wrong:
        raise unreadable(wrong, str(archive)) from wrong
    names = [path.name for _, path in members if len(path.segments) == 1]
    # A build puts its manifest first: others may be files of the package.
    return _only_config(folder, names[:1] if names[:1] and names[0].lower().endswith(_CONFIG) else names)


def _checked(archive: Path, infos: Sequence[zipfile.ZipInfo]) -> list[tuple[zipfile.ZipInfo, RelPath]]:
    """The files of a zip with their paths, each of which stays inside; raises `ConfigError` with every other."""
    problems: list[Problem] = []
    found: dict[str, tuple[zipfile.ZipInfo, RelPath]] = {}
    if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > LARGEST_PACKAGE:
        raise ConfigError(_bad(archive, "it holds more than a package can"))
    for info in infos:
        try:
            path = RelPath.parse(info.filename)
        except ConfigError as wrong:
            problems += [one.at(str(archive)) for one in wrong.problems]
            continue
        mode = info.external_attr >> 16
        if info.flag_bits & _ENCRYPTED or (stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR)):
            problems.append(_bad(archive, f"{quoted(info.filename)} is encrypted, a link or no file"))
        elif info.is_dir():
            continue
        elif path.key in found or not path.segments:
            problems.append(_bad(archive, f"it holds {quoted(info.filename)} twice"))
        else:
            found[path.key] = info, path
    if problems:
        raise ConfigError(problems[:100])
    return list(found.values())


def _unpack_one(archive: Path, packed: zipfile.ZipFile, info: zipfile.ZipInfo, target: str) -> None:
    """One file, no longer than the zip says; its checksum is looked at."""
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(target, flags, 0o600)
    except OSError as wrong:
        raise target_error(wrong, target) from wrong
    try:
        with packed.open(info) as source:
            left = info.file_size
            while data := source.read(min(CHUNK, left + 1)):
                left -= len(data)
                if left < 0:
                    raise ConfigError(_bad(archive, f"{quoted(info.filename)} is longer than it says"))
                try:
                    write_all(descriptor, data)
                except OSError as wrong:
                    raise target_error(wrong, target, left) from wrong
    finally:
        os.close(descriptor)


def _only_config(folder: Path, names: Sequence[str]) -> Path:
    """The one `*.config` of a folder."""
    configs = [name for name in names if name.lower().endswith(_CONFIG)]
    if len(configs) != 1:
        said = f"{folder} holds {'no' if not configs else len(configs)} *.config"
        raise UsageError(error("no-config", said, "name the *.config of the hotfix itself"))
    return folder / configs[0]


def _bad(archive: Path, said: str) -> Problem:
    return error("bad-archive", f"{archive} cannot be unpacked: {said}", _AGAIN, file=str(archive))

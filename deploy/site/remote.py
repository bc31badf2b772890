"""The published tree copied to where clients can reach it: an object store, another folder, any static host.

Contents first, manifests last. A content is read and verified before it is sent. What no manifest has
referred to for the time of grace is removed; since when that is so stands beside the copy, in `STATE`.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import fsspec  # type: ignore[import-untyped]

from deploy.atomic import write_atomic
from deploy.errors import ConfigError, Problem, TargetError, UsageError, error
from deploy.manifest import CUSTOMERS, MANIFEST, OBJECTS, PACKS
from deploy.manifest_json import parse_manifest
from deploy.site.packing import usage, waste
from deploy.site.publish_result import Step, Tell
from deploy.site.publish_tree import READABLE, Tree

GRACE = 24 * 3600.0  # seconds
STATE = ".publishing.json"
LOCAL = ("file", "local")
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "memory")
"""Protocols under which a written object is there whole or not at all."""

_USERINFO = re.compile(r"(?<=//)[^/@]*@")


@dataclass(frozen=True, slots=True)
class PushResult:
    """What copying did; `uploaded` contents of `size` bytes, changed `manifests`, contents `removed`."""

    url: str
    uploaded: int
    size: int
    manifests: int
    removed: int
    problems: tuple[Problem, ...] = ()


class _Files(Protocol):
    """What is used of a file system of fsspec."""

    protocol: str | tuple[str, ...]

    def find(self, path: str, detail: bool) -> dict[str, dict[str, object]]: ...
    def put_file(self, lpath: str, rpath: str) -> None: ...
    def pipe_file(self, path: str, value: bytes) -> None: ...
    def cat_file(self, path: str) -> bytes: ...
    def makedirs(self, path: str, exist_ok: bool) -> None: ...
    def mv(self, path1: str, path2: str) -> None: ...
    def rm_file(self, path: str) -> None: ...
    def invalidate_cache(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """A folder of a file system, with `/` between names and none at its end; `shown` is its address for messages."""

    files: _Files
    root: str
    shown: str

    @property
    def protocols(self) -> tuple[str, ...]:
        return (self.files.protocol,) if isinstance(self.files.protocol, str) else self.files.protocol

    def path(self, address: str) -> str:
        return f"{self.root}/{address}"

    def present(self, folder: str) -> dict[str, int]:
        """The files below a folder: sizes in bytes by address."""
        try:
            found = self.files.find(self.path(folder), detail=True)
        except FileNotFoundError:
            return {}
        start = len(self.root) + 1
        sizes = ((path[start:], info.get("size")) for path, info in found.items())
        return {address: size for address, size in sizes if isinstance(size, int)}

    def replace(self, address: str, data: bytes) -> None:
        """Write a small file so that readers see the old one or this one."""
        path = self.path(address)
        self.make_folder(address)
        if set(self.protocols) & set(LOCAL):
            write_atomic(Path(path), data, mode=READABLE)
        elif set(self.protocols) & set(OBJECT_STORES):
            self.files.pipe_file(path, data)
        else:
            temporary = f"{path}.{os.urandom(4).hex()}.tmp"
            self.files.pipe_file(temporary, data)
            self.files.mv(temporary, path)

    def make_folder(self, address: str) -> None:
        if not set(self.protocols) & set(OBJECT_STORES):
            self.files.makedirs(self.path(address).rpartition("/")[0], exist_ok=True)

    def put(self, local: str, address: str) -> None:
        """Copy a file; what is cut short has another size, and no manifest names it yet."""
        self.make_folder(address)
        self.files.put_file(local, self.path(address))


def push(
    published: Path, target: Target, tell: Tell, *, grace: float = GRACE, clock: Callable[[], float] = time.time
) -> PushResult:
    """Make the tree at `target` offer what the one in `published` does.

    Raises `TargetError` (nothing-published, damaged-content, cannot-read, cannot-upload).
    """
    return _Copy(Tree(published, lambda _: None), target, tell).run(clock(), grace)


def open_target(url: str) -> Target:
    """Where a copy is to lie; raises `UsageError` (missing-package, bad-address), `TargetError` (cannot-upload)."""
    shown = _USERINFO.sub("***@", url)
    try:
        with _refusals(shown):
            files, root = fsspec.core.url_to_fs(url)
    except ImportError as wrong:
        said = f"{shown} cannot be reached: {wrong}"
        hint = "install what it names beside this program, as in: pip install s3fs"
        raise UsageError(error("missing-package", said, hint)) from wrong
    except ValueError as wrong:
        hint = "write it as s3://bucket/folder, file:///srv/folder or another address that fsspec knows"
        raise UsageError(error("bad-address", f"{shown}: {wrong}", hint)) from wrong
    return Target(cast(_Files, files), str(root).rstrip("/"), shown)


class _Copy:
    """One copying."""

    def __init__(self, tree: Tree, target: Target, tell: Tell) -> None:
        self._tree = tree
        self._target = target
        self._tell = tell
        self._problems: list[Problem] = []

    def run(self, now: float, grace: float) -> PushResult:
        manifests = self._manifests()
        used = frozenset(address for _, needed in manifests.values() for address in needed)
        with _refusals(self._target.shown):
            self._target.files.invalidate_cache()
            present = self._target.present(PACKS) | self._target.present(OBJECTS)
            sizes = {address: os.path.getsize(self._tree.path(address)) for address in sorted(used)}
            missing = {address: size for address, size in sizes.items() if present.get(address) != size}
            self._tell(Step("upload", files=len(missing), size=sum(missing.values())))
            for address in missing:
                self._upload(address)
            changed = self._replace({id_: data for id_, (data, _) in manifests.items()})
            removed = 0 if self._problems else self._remove(present.keys() | missing.keys(), used, now, grace)
        return PushResult(
            self._target.shown, len(missing), sum(missing.values()), changed, removed, tuple(self._problems)
        )

    def _manifests(self) -> dict[str, tuple[bytes, frozenset[str]]]:
        """The bytes of each manifest by id, and what it refers to; raises `TargetError` where there is none."""
        found = {}
        for id_ in self._tree.customers():
            data = self._tree.manifest_bytes(id_)
            if data is None:
                continue
            try:
                manifest = parse_manifest(data, str(self._tree.manifest_path(id_)))
            except ConfigError as wrong:
                self._problems += wrong.problems
                continue
            found[id_] = data, frozenset(usage(manifest).addresses())
        if not found:
            said = f"nothing is published in {self._tree.folder}"
            raise TargetError(error("nothing-published", said, "publish first: micce-deploy publish"))
        return found

    def _upload(self, address: str) -> None:
        if not self._tree.is_right(address):
            hint = "repair it first: micce-deploy publish --verify"
            raise TargetError(error("damaged-content", f"{self._tree.path(address)} is missing or damaged", hint))
        self._target.put(self._tree.path(address), address)

    def _replace(self, manifests: Mapping[str, bytes]) -> int:
        """Replace the manifests that differ, and take back those of customers that are published no more."""
        changed = 0
        there = self._target.present(CUSTOMERS)
        for id_, data in manifests.items():
            address = f"{CUSTOMERS}/{id_}/{MANIFEST}"
            if address not in there or self._target.files.cat_file(self._target.path(address)) != data:
                self._target.replace(address, data)
                changed += 1
        kept = {f"{CUSTOMERS}/{id_}/{MANIFEST}" for id_ in self._tree.customers()}
        for address in there.keys() - kept:
            if address.endswith(f"/{MANIFEST}"):
                self._target.files.rm_file(self._target.path(address))
                changed += 1
        return changed

    def _remove(self, present: frozenset[str] | set[str], used: frozenset[str], now: float, grace: float) -> int:
        found = waste(present, used, self._since(), now, grace)
        data = json.dumps({"format": 1, "unused": dict(sorted(found.since.items()))}, indent=1).encode("ascii")
        self._target.replace(STATE, data)
        for address in sorted(found.expired):
            with suppress(FileNotFoundError):
                self._target.files.rm_file(self._target.path(address))
        return len(found.expired)

    def _since(self) -> Mapping[str, float]:
        """Since when contents are not used; nothing where nobody knows, which begins their time of grace anew."""
        try:
            document = json.loads(self._target.files.cat_file(self._target.path(STATE)))
        except (FileNotFoundError, ValueError):
            return {}
        unused = document.get("unused") if isinstance(document, dict) else None
        rows = unused.items() if isinstance(unused, dict) else ()
        return {address: float(when) for address, when in rows if isinstance(when, (int, float))}


@contextmanager
def _refusals(shown: str) -> Iterator[None]:
    """What a file system of fsspec refuses, whatever it is made with, as `TargetError` (cannot-upload)."""
    refusals: tuple[type[Exception], ...] = (OSError, NotImplementedError, *_own_errors())
    try:
        yield
    except refusals as wrong:
        said = f"{shown}: {_USERINFO.sub('***@', str(wrong)) or type(wrong).__name__}"
        hint = "check the address, the credentials and the network; what was copied stays, run the same command again"
        raise TargetError(error("cannot-upload", said, hint)) from wrong


def _own_errors() -> tuple[type[Exception], ...]:
    """Errors that s3fs lets through from the library below it."""
    try:
        botocore = importlib.import_module("botocore.exceptions")
    except ImportError:
        return ()
    return tuple(vars(botocore)[name] for name in ("BotoCoreError", "ClientError"))

"""The published tree as its readers see it: a summary for each customer, read again when a manifest changed."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from deploy.digest import sha256_of_bytes
from deploy.errors import ConfigError
from deploy.manifest import CUSTOMERS, MANIFEST, ClientEntry, Manifest
from deploy.manifest_json import LARGEST, parse_manifest
from deploy.site.model import Release, id_problem
from deploy.site.packing import files_of
from deploy.site.publish_index import LocalStat
from deploy.site.publish_tree import local_stat

_LOG = logging.getLogger("micce.site")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A manifest as it was when it was read; `release` is None for one that cannot be used."""

    stat: LocalStat
    release: Release | None


@dataclass(slots=True)
class PublishedTree:
    """What is published in a folder; implements `deploy.site.model.Publication`, for any number of threads.

    A manifest that cannot be read or used counts as none, and is told to the log once.
    """

    folder: Path
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def release(self, customer: str) -> Release | None:
        """What is published for a customer, its id in any case; None before the first publication."""
        if id_problem(customer) is not None:
            return None
        id_ = customer.lower()
        path = self._path(id_)
        try:
            stat = local_stat(path)
        except OSError:
            self._seen.pop(id_, None)
            return None
        seen = self._seen.get(id_)
        if seen is None or seen.stat != stat:
            with self._reading:
                seen = self._seen.get(id_)
                if seen is None or seen.stat != stat:
                    seen = _Seen(stat, self._summary(path))
                    self._seen[id_] = seen
        return seen.release

    def manifest(self, customer: str) -> Manifest | None:
        """The whole manifest, read anew each time; None as `release`."""
        if id_problem(customer) is not None:
            return None
        found = _read(self._path(customer.lower()))
        return None if found is None else found[1]

    def _path(self, id_: str) -> Path:
        return self.folder / CUSTOMERS / id_ / MANIFEST

    def _summary(self, path: Path) -> Release | None:
        found = _read(path)
        if found is None:
            return None
        data, manifest = found
        parts: Counter[str] = Counter()
        for file in files_of(manifest):
            parts[file.output.segments[0] if len(file.output.segments) > 1 else ""] += file.size
        return Release(
            customer=manifest.customer,
            customer_name=manifest.customer_name,
            tenant_id=manifest.tenant_id,
            release=manifest.release,
            published=manifest.published,
            manifest=path,
            etag=f'"{sha256_of_bytes(data)[:32]}"',
            size=len(data),
            files=manifest.files,
            total=manifest.size,
            client_entries=sum(isinstance(one, ClientEntry) for one in manifest.entries),
            parts=dict(parts),
        )


def _read(path: Path) -> tuple[bytes, Manifest] | None:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        return data, parse_manifest(data, str(path))
    except FileNotFoundError:
        return None
    except OSError as wrong:
        _LOG.log(logging.WARNING, "%s cannot be read: %s", path, wrong.strerror)
    except ConfigError as wrong:
        for problem in wrong.problems:
            _LOG.log(logging.WARNING, "%s", problem)
    return None

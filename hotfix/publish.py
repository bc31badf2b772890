"""Publishing a hotfix: what its catalogue entry says, and which files of the repository it changes.

`publication` is for a change that does more, such as applying the hotfix on the Broker's machine;
`Repository.add` publishes alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from deploy.catalog import Catalog, CatalogEntry, CatalogFile, Prerequisite, encode_catalog
from deploy.config.identifiers import Identifiers
from deploy.digest import Sha256, sha256_of_bytes
from deploy.errors import ConfigError
from deploy.hotfixes import Repository, repository_of
from deploy.inventory import local_path
from deploy.machine import Role
from deploy.relpath import RelPath
from hotfix.digests import WholePackage
from hotfix.manifest import parse_manifest
from hotfix.model import Manifest, RequiredHotfix
from hotfix.package import PackageFile


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file of the repository that publishing changes: its whole path, and what it is to hold.

    `source` is its path below the folder of the package, None where `content` are its bytes. It is to be
    readable by everybody: `deploy.hotfixes.READABLE`.
    """

    path: str
    source: RelPath | None
    content: bytes | None
    sha256: Sha256
    size: int


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing does: the entry as it will be published, and the files to change, the catalogue last."""

    entry: CatalogEntry
    files: tuple[PublishedFile, ...]


def publication(
    data: bytes, config: RelPath, files: Iterable[PackageFile], identifiers: Identifiers, when: datetime
) -> Publication:
    """What publishing a package changes in the repository of this machine.

    `data` are the bytes of its `*.config` and `config` the name of that, `files` everything of the package
    with its digest, with or without the `*.config`. What is right already is left out; nothing is
    changed here. Reads the catalogue, and the files that are published.

    Raises `ConfigError`: every problem of the manifest, unset-identifier (no InstallDir), contradiction,
    bad-catalog, newer-catalog; `TargetError` (cannot-read).
    """
    parsed = parse_manifest(data, config.name)
    if parsed.manifest is None:
        raise ConfigError(parsed.problems)
    repository = Repository(repository_of(identifiers))
    catalog = repository.catalog()
    own = PackageFile(config, len(data), sha256_of_bytes(data))
    entry = catalog.placed(entry_of(parsed.manifest, own, files, when))
    changed = []
    for one in repository.lacking(entry):
        path = local_path(repository.folder, entry.folder.join(one.path.segments))
        source, content = (None, data) if one.path == config else (one.path, None)
        changed.append(PublishedFile(path, source, content, one.sha256, one.size))
    after = catalog.with_entry(entry)
    if after != catalog:
        changed.append(_catalog_file(repository, after))
    return Publication(entry, tuple(changed))


def entry_of(manifest: Manifest, config: PackageFile, files: Iterable[PackageFile], when: datetime) -> CatalogEntry:
    """The entry of a package; every file has its digest. The folder is `<id>/<revision>`.

    `manifest` is as it was parsed, with everything for every role.
    """
    listed = {
        one.path.key: CatalogFile(one.path, one.sha256, one.size) for one in (*files, config) if one.sha256 is not None
    }
    return CatalogEntry(
        id=manifest.id,
        revision=manifest.revision,
        folder=RelPath((manifest.id, str(manifest.revision))),
        config=config.path,
        files=tuple(listed[key] for key in sorted(listed)),
        published=when.astimezone(UTC).replace(microsecond=0),
        name=manifest.name,
        classification=manifest.classification,
        description=manifest.description,
        released=manifest.release_date,
        roles=roles_of(manifest),
        requires=tuple(
            Prerequisite(one.id, one.min_revision) for one in manifest.requires if isinstance(one, RequiredHotfix)
        ),
        supersedes=manifest.supersedes,
        allow_uninstall=manifest.allow_uninstall,
    )


def entry_of_package(package: WholePackage, when: datetime) -> CatalogEntry:
    """The entry of a package that was read as it lies there."""
    name = RelPath((os.path.basename(package.manifest.source),))
    own = PackageFile(name, len(package.data), sha256_of_bytes(package.data))
    return entry_of(package.manifest, own, package.files, when)


def roles_of(manifest: Manifest) -> frozenset[Role]:
    """The roles that some step applies to; a step that names none applies to all of them."""
    groups = (
        manifest.services, manifest.processes, manifest.files, manifest.deletes, manifest.config_files,
        manifest.registry, manifest.commands, manifest.unsupported,
    )  # fmt: skip
    found: set[Role] = set()
    for group in groups:
        for one in group:
            found |= one.when.roles or set(Role)
    return frozenset(found)


def _catalog_file(repository: Repository, catalog: Catalog) -> PublishedFile:
    data = encode_catalog(catalog)
    return PublishedFile(os.fspath(repository.catalog_path), None, data, sha256_of_bytes(data), len(data))

"""How published hotfixes look: JSON for programs, plain lines for people."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from deploy.catalog import Catalog, CatalogEntry
from deploy.disk import readable_size
from deploy.hotfixes import Verified
from deploy.machine import Role
from deploy.rendering import Json, problem_json, write_problems


def catalog_json(folder: Path, catalog: Catalog, entries: Sequence[CatalogEntry]) -> Json:
    """The document of `micce-deploy hotfixes list --json`."""
    return {"repository": str(folder), "hotfixes": [entry_json(one, catalog) for one in entries]}


def entry_json(entry: CatalogEntry, catalog: Catalog, *, with_files: bool = False) -> Json:
    """One published hotfix; times are UTC as `2023-07-14T09:00:00Z`."""
    standing = catalog.standing(entry)
    document: dict[str, object] = {
        "id": entry.id,
        "revision": entry.revision,
        "name": entry.name,
        "classification": entry.classification,
        "description": entry.description,
        "released": entry.released,
        "published": _time(entry.published),
        "withdrawn": None if entry.withdrawn is None else _time(entry.withdrawn),
        "replacedBy": standing.replaced_by,
        "supersededBy": standing.superseded_by or None,
        "offered": entry in catalog.offered(),
        "roles": [role.value for role in Role if role in entry.roles],
        "requires": [{"id": one.id, "minRevision": one.min_revision} for one in entry.requires],
        "supersedes": list(entry.supersedes),
        "allowUninstall": entry.allow_uninstall,
        "folder": str(entry.folder),
        "config": str(entry.config),
        "size": entry.size,
    }
    if with_files:
        document["files"] = [{"path": str(one.path), "size": one.size, "sha256": one.sha256} for one in entry.files]
    return document


def verified_json(found: Verified) -> Json:
    """The document of `micce-deploy hotfixes verify --json`."""
    return {
        "ok": not any(one.is_error for one in found.problems),
        "files": found.files,
        "size": found.size,
        "problems": [problem_json(one) for one in found.problems],
    }


def write_catalog(folder: Path, catalog: Catalog, entries: Sequence[CatalogEntry]) -> None:
    """A line a hotfix, in the order of publication."""
    width = max((len(one.id) for one in entries), default=0)
    for one in entries:
        line = f"{one.id:<{width}}  r{one.revision:<3} {_state(one, catalog):<30} {_time(one.published)}  {one.name}"
        sys.stdout.write(line.rstrip() + "\n")
    number = len(entries)
    sys.stdout.write(f"{folder}: {number or 'no'} {'hotfix' if number == 1 else 'hotfixes'}\n")


def write_entry(folder: Path, entry: CatalogEntry, catalog: Catalog) -> None:
    """Everything about one published hotfix."""
    say = sys.stdout.write
    say(f"{entry.id} revision {entry.revision}: {entry.name} ({entry.classification})\n")
    for line in entry.description.splitlines():
        say(f"    {line}\n")
    say(f"state:       {_state(entry, catalog)}\n")
    say(f"published:   {_time(entry.published)}{f', released {entry.released}' if entry.released else ''}\n")
    say(f"roles:       {', '.join(role.value for role in Role if role in entry.roles) or 'none'}\n")
    needs = (f"{one.id} from revision {one.min_revision}" for one in entry.requires)
    say(f"requires:    {', '.join(needs) or 'no other hotfix'}\n")
    say(f"supersedes:  {', '.join(entry.supersedes) or 'none'}\n")
    say(f"removable:   {'yes' if entry.allow_uninstall else 'no'}\n")
    say(f"files in {folder / entry.folder.segments[0] / entry.folder.segments[1]}:\n")
    for file in entry.files:
        say(f"{file.size:>12}  {file.sha256[:16]}  {file.path}\n")
    say(f"{len(entry.files)} files, {readable_size(entry.size)}\n")


def write_published(folder: Path, entry: CatalogEntry, catalog: Catalog) -> None:
    """The outcome of `micce-deploy hotfixes add`."""
    said = f"{entry.id} revision {entry.revision} is published in {folder}: {_state(entry, catalog)}"
    sys.stdout.write(f"{said} ({len(entry.files)} files, {readable_size(entry.size)})\n")


def write_withdrawn(entries: Sequence[CatalogEntry]) -> None:
    """The outcome of `micce-deploy hotfixes withdraw`."""
    for one in entries:
        sys.stdout.write(f"{one.id} revision {one.revision} is withdrawn; its files stay\n")


def write_verified(folder: Path, found: Verified) -> None:
    """The outcome of `micce-deploy hotfixes verify`."""
    write_problems(found.problems)
    errors = sum(one.is_error for one in found.problems)
    outcome = "every file is as it was published" if not errors else f"{errors} damaged or missing"
    sys.stdout.write(f"{folder}: {outcome} ({found.files} files, {readable_size(found.size)})\n")


def _state(entry: CatalogEntry, catalog: Catalog) -> str:
    standing = catalog.standing(entry)
    if standing.withdrawn:
        return "withdrawn"
    if standing.replaced_by is not None:
        return f"replaced by revision {standing.replaced_by}"
    if standing.superseded_by:
        return f"obsolete since {standing.superseded_by}"
    return "offered to clients" if Role.CLIENT in entry.roles else "for servers only"


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")

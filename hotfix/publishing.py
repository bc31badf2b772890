"""On the machine of the Broker an applied hotfix is published by the same change: clients see all of it or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from deploy.change.model import Doing
from deploy.hotfixes import READABLE, Repository, repository_of
from deploy.inventory import local_path
from deploy.relpath import RelPath
from hotfix import copying
from hotfix.carrying import Carrying
from hotfix.events import Tell
from hotfix.installed import Original
from hotfix.package import PackageFile
from hotfix.packages import PackageCopy
from hotfix.planned import Plan
from hotfix.publish import publication
from hotfix.target import Target


def published_paths(plan: Plan, target: Target, wanted: Iterable[PackageFile]) -> tuple[str, ...]:
    """The files of the repository that publishing a plan may change; none where it is not published.

    Raises `ConfigError` (unset-identifier) without an InstallDir.
    """
    if not plan.publishes:
        return ()
    repository = Repository(repository_of(target.identifiers))
    folder = RelPath((plan.manifest.id, str(plan.manifest.revision)))
    paths = (local_path(repository.folder, folder.join(one.path.segments)) for one in wanted)
    return (os.fspath(repository.catalog_path), *paths)


def publish(plan: Plan, target: Target, package: PackageCopy, carrying: Carrying, tell: Tell) -> None:
    """Stage what publishing changes, the catalogue last; nothing where the plan does not publish.

    Raises `ConfigError` and `TargetError` as `hotfix.publish.publication` does.
    """
    if not plan.publishes:
        return
    tell(Doing("publish", plan.manifest.id))
    config = RelPath((os.path.basename(plan.manifest.source),))
    path = package.path(config)
    try:
        data = Path(path).read_bytes()
    except OSError as wrong:
        raise copying.unreadable(wrong, path) from wrong
    now = datetime.now(UTC)
    for one in publication(data, config, package.files.values(), target.identifiers, now).files:
        source = one.content if one.source is None else package.path(one.source)
        if source is None:
            raise ValueError(f"{one.path} is published from nowhere")
        carrying.put_file(one.path, source, Original(one.sha256, one.size, int(now.timestamp() * 10**9), READABLE))

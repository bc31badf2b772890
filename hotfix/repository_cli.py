"""`micce-deploy hotfixes`: what clients are offered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli import JsonOption, SetOption, assignments, reporting
from deploy.config.identifiers import Identifiers
from deploy.errors import TargetError, error
from deploy.host.contract import Host
from deploy.host.current import current
from deploy.hotfixes import Repository, repository_of
from deploy.machine_file import gather_machine, identifiers_for
from deploy.rendering import Json, write_json, write_problems
from hotfix.target import Target, open_target

app = typer.Typer(
    name="hotfixes",
    help="Publish hotfixes for clients, list and withdraw them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id of a published hotfix, in any case.")]
RevisionOption = Annotated[
    int | None, typer.Option("--revision", metavar="N", min=1, help="This revision only.", show_default=False)
]


@app.command("list", epilog="Example: micce-deploy hotfixes list --json")
def list_command(
    everything: Annotated[
        bool, typer.Option("--all", help="Withdrawn and obsolete ones, too, and those for servers only.")
    ] = False,
    set_values: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Show the hotfixes that clients are offered."""
    from deploy.hotfixes_rendering import catalog_json, write_catalog

    with reporting(as_json):
        repository = _repository(set_values)
        catalog = repository.catalog()
        entries = catalog.entries if everything else catalog.offered()
        if as_json:
            write_json(catalog_json(repository.folder, catalog, entries))
        else:
            write_catalog(repository.folder, catalog, entries)


@app.command("show", epilog="Example: micce-deploy hotfixes show MICCE-9.6.1-HF003")
def show_command(
    id: IdArgument,
    revision: RevisionOption = None,
    set_values: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Show a published hotfix with its files."""
    from deploy.hotfixes_rendering import entry_json, write_entry

    with reporting(as_json):
        repository = _repository(set_values)
        catalog = repository.catalog()
        entry = catalog.find(id, revision)
        if entry is None:
            said = f"{id}{'' if revision is None else f' revision {revision}'} is not published"
            hint = "see what is: micce-deploy hotfixes list --all"
            raise TargetError(error("not-published", said, hint, file=str(repository.catalog_path)))
        if as_json:
            write_json(entry_json(entry, catalog, with_files=True))
        else:
            write_entry(repository.folder, entry, catalog)


@app.command("add", epilog="Example: micce-deploy hotfixes add MICCE-9.6.1-HF003-r2.zip")
def add_command(
    package: Annotated[
        Path, typer.Argument(metavar="FILE", help="A *.config beside its files, their folder, or a zip of them.")
    ],
    set_values: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Publish a hotfix: from the moment it is there whole, clients are offered it."""
    from deploy.hotfixes_rendering import entry_json, write_published
    from hotfix.archive import opened
    from hotfix.digests import read_package
    from hotfix.publish import entry_of_package

    with reporting(as_json), opened(package) as config:
        target = open_target(current(), assignments(set_values))
        repository = _repository_of(target.means.host, target.identifiers)
        read = read_package(config)
        with _alone(target, repository):
            entry = repository.add(entry_of_package(read, datetime.now(UTC)), read.folder)
        catalog = repository.catalog()
        write_problems(read.warnings)
        if as_json:
            write_json(entry_json(entry, catalog, with_files=True))
        else:
            write_published(repository.folder, entry, catalog)


@app.command("withdraw", epilog="Example: micce-deploy hotfixes withdraw MICCE-9.6.1-HF003 --revision 2")
def withdraw_command(
    id: IdArgument,
    revision: RevisionOption = None,
    set_values: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """No longer offer a hotfix, or one revision of it; clients that have it keep it."""
    from deploy.hotfixes_rendering import entry_json, write_withdrawn

    with reporting(as_json):
        target = open_target(current(), assignments(set_values))
        repository = _repository_of(target.means.host, target.identifiers)
        with _alone(target, repository):
            changed = repository.withdraw(id, revision, datetime.now(UTC))
        if as_json:
            catalog = repository.catalog()
            document: Json = {"withdrawn": [entry_json(one, catalog) for one in changed]}
            write_json(document)
        else:
            write_withdrawn(changed)


@app.command("verify", epilog="Example: micce-deploy hotfixes verify")
def verify_command(
    set_values: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Read every published file again and compare. Exit code 1 when one is damaged or missing."""
    from deploy.hotfixes_rendering import verified_json, write_verified

    with reporting(as_json):
        repository = _repository(set_values)
        found = repository.verify()
        if as_json:
            write_json(verified_json(found))
        else:
            write_verified(repository.folder, found)
        if any(one.is_error for one in found.problems):
            raise typer.Exit(1)


def _repository(set_values: list[str]) -> Repository:
    """The repository of this machine, to be read."""
    host = current()
    found = gather_machine(host)
    found.usable()
    return _repository_of(host, identifiers_for(found, host, assignments(set_values)))


def _repository_of(host: Host, identifiers: Identifiers) -> Repository:
    return Repository(host.any_length(repository_of(identifiers).absolute()))


@contextmanager
def _alone(target: Target, repository: Repository) -> Iterator[None]:
    """While nobody else changes the repository, and no change of it waits for being undone.

    Raises `TargetError`: busy, change-unfinished, no-install-folder.
    """
    from hotfix.locking import alone
    from hotfix.recovery import is_unfinished

    install = repository.folder.parent
    if not install.is_dir():
        said = f"{install} is not there, and the repository lies in it"
        hint = "correct InstallDir: micce-deploy doctor shows where it comes from"
        raise TargetError(error("no-install-folder", said, hint, file=str(install)))
    with alone(target, (str(install),)):
        if is_unfinished(target):
            said = "the installation of a hotfix was broken off, and undoing it may change what is published"
            raise TargetError(error("change-unfinished", said, "first run: micce-hotfix recover"))
        yield

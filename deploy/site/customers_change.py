"""Adding and removing customers: a folder appears whole by one rename, and goes by one, and nothing is deleted.

A server may be reading the repository meanwhile. Whoever changes it this way does so one at a time.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.atomic import fsync_folder, write_atomic
from deploy.config.rewriting import value_problems, with_customer
from deploy.config.xmltree import LARGEST
from deploy.disk import target_error
from deploy.errors import ConfigError, TargetError, UsageError, error, quoted
from deploy.lock import only_one
from deploy.resolve import DOCUMENT_NAME
from deploy.site.customers import ADDING, REMOVED, Customers
from deploy.site.customers_folder import entries_of, no_repository, unreadable
from deploy.site.model import DEFAULT_CUSTOMER, Customer, id_problem

LOCK = ".lock"
_PERMISSIONS = 0o7777
_LONGEST_TRY = 1000

Checkpoint = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Removed:
    """A customer that was taken away: `folder` is where it was, `kept` where all of it is now."""

    id: str
    folder: Path
    kept: Path


def _pass_by(_: str) -> None:
    return


def add(root: Path, id: str, name: str, tenant_id: int, checkpoint: Checkpoint = _pass_by) -> Customer:
    """Make the folder of a new customer with the Setup.config of Default, changed to `name` and `tenant_id`.

    Comments, layout, encoding and line ends of that file stay; permissions and owner are taken from
    there too. Raises `UsageError`: unsafe-customer-id, bad-value; `ConfigError` with every problem of
    Default's Setup.config; `TargetError`: customer-exists, no-default-customer, cannot-read, cannot-write,
    disk-full, busy.
    """
    because = id_problem(id)
    wrong = list(value_problems(name, tenant_id))
    if because is not None:
        hint = "write a short name such as acmecorp: it becomes a part of addresses"
        wrong.insert(0, error("unsafe-customer-id", f"{quoted(id)} is no safe customer ID: {because}", hint))
    if wrong:
        raise UsageError(wrong)
    with _changing(root):
        twins = _entries(root).get(id.lower())
        if twins:
            hint = f"see what it is: micce-deploy customers show {twins[0].name}"
            raise TargetError(error("customer-exists", f"there is a customer {twins[0].name}", hint, file=str(root)))
        pattern = _pattern(root)
        data = with_customer(_read(pattern), str(pattern), name, tenant_id)
        beginning = root / f"{ADDING}{secrets.token_hex(8)}"
        try:
            _fill(beginning, data, pattern)
            checkpoint("filled")
            os.rename(beginning, root / id)
            checkpoint("renamed")
            fsync_folder(root)
        except OSError as wrong_there:
            shutil.rmtree(beginning, ignore_errors=True)
            raise target_error(wrong_there, root / id) from wrong_there
    added = Customers(root).find(id)
    if added is None:
        raise TargetError(error("cannot-read", f"{root / id} is gone again", "see who else changes the repository"))
    return added


def remove(root: Path, id: str, now: datetime | None = None, checkpoint: Checkpoint = _pass_by) -> Removed:
    """Take a customer out of the repository by moving its folder to `.removed`, where it stays as it was.

    `id` counts in any case; where two folders differ in case only, it must be the exact name of one.
    Raises `UsageError` (default-customer), `TargetError`: unknown-customer, cannot-write, busy.
    """
    if id.lower() == DEFAULT_CUSTOMER.lower():
        hint = "it is what clients get without a customer ID, and what new customers are copied from"
        raise UsageError(error("default-customer", f"{DEFAULT_CUSTOMER} cannot be removed", hint))
    with _changing(root):
        folder = _existing(root, id)
        aside = root / REMOVED
        try:
            aside.mkdir(mode=0o700, exist_ok=True)
            kept = _free_place(aside, f"{folder.name}-{(now or datetime.now(UTC)):%Y%m%dT%H%M%SZ}")
            checkpoint("ready")
            os.rename(folder, kept)
            checkpoint("renamed")
            fsync_folder(aside)
            fsync_folder(root)
        except OSError as wrong:
            raise target_error(wrong, folder) from wrong
    return Removed(folder.name, folder, kept)


def unknown_customer(root: Path, id: str) -> TargetError:
    """The error (unknown-customer) for an id that no folder has."""
    hint = "see which there are: micce-deploy customers list"
    return TargetError(error("unknown-customer", f"there is no customer {quoted(id)}", hint, file=str(root)))


@contextmanager
def _changing(root: Path) -> Iterator[None]:
    """While no other command changes the repository; what a killed one left half added is swept away."""
    if not root.is_dir():
        raise TargetError(no_repository(root))
    with only_one(root / LOCK, f"the customers of {root}"):
        for left in root.glob(f"{ADDING}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _entries(root: Path) -> Mapping[str, Sequence[os.DirEntry[str]]]:
    """What is in the repository, by its name in lower case; raises `TargetError` (cannot-read)."""
    try:
        return entries_of(root)
    except OSError as wrong:
        raise TargetError(unreadable(wrong, root)) from wrong


def _pattern(root: Path) -> Path:
    """The Setup.config of Default; raises `TargetError` (no-default-customer) without a Default, `ConfigError`."""
    default = Customers(root).find(DEFAULT_CUSTOMER)
    if default is None:
        hint = f"make {root / DEFAULT_CUSTOMER / DOCUMENT_NAME} first: new customers are copied from it"
        raise TargetError(error("no-default-customer", f"there is no {DEFAULT_CUSTOMER} to copy", hint))
    if default.config is None:
        raise ConfigError(default.problems)
    return Path(default.config.name)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as wrong:
        raise TargetError(unreadable(wrong, path)) from wrong


def _fill(folder: Path, data: bytes, pattern: Path) -> None:
    """Make a folder that holds the Setup.config, durable, as accessible as the one it was made from."""
    folder.mkdir()
    document = folder / DOCUMENT_NAME
    write_atomic(document, data)
    for made, model in ((document, pattern), (folder, pattern.parent)):
        found = model.stat()
        if hasattr(os, "chown"):
            with suppress(PermissionError):
                os.chown(made, found.st_uid, found.st_gid)
        made.chmod(found.st_mode & _PERMISSIONS)
    fsync_folder(folder)


def _existing(root: Path, id: str) -> Path:
    """The folder with this id, spelled exactly so or else in any case."""
    found = () if id_problem(id) is not None else _entries(root).get(id.lower(), ())
    twins = [entry.name for entry in found if entry.is_dir() or entry.is_symlink()]
    if id in twins:
        return root / id
    if len(twins) == 1:
        return root / twins[0]
    if not twins:
        raise unknown_customer(root, id)
    hint = f"write one of them exactly: {', '.join(twins)}"
    raise TargetError(error("case-twins", f"{len(twins)} folders are called {quoted(id)}", hint, file=str(root)))


def _free_place(folder: Path, name: str) -> Path:
    for number in range(1, _LONGEST_TRY):
        place = folder / (name if number == 1 else f"{name}-{number}")
        if not os.path.lexists(place):
            return place
    return folder / f"{name}-{secrets.token_hex(8)}"

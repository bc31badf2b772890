"""Reading one folder of the repository, and telling cheaply whether it has to be read again.

Nothing here raises for what is on the disk: a folder that is being copied, changed or removed while
it is read gives a customer that is broken, with the reason.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.config.check import check
from deploy.config.document import parse
from deploy.config.identifiers import Identifiers
from deploy.config.model import ParsedConfig
from deploy.config.xmltree import LARGEST
from deploy.digest import sha256_of_bytes
from deploy.errors import Problem, error
from deploy.resolve import DOCUMENT_NAME
from deploy.site.model import CLIENT_INI, DEFAULT_CUSTOMER, VIEWS, Customer

SETTLED_NS = 2_000_000_000
"""A change this long ago has a time stamp that no later change can have too ("racy git"): FAT counts in 2 seconds."""

_NOTHING = ParsedConfig(None, ())


@dataclass(frozen=True, slots=True)
class Signature:
    """What `stat` says of a file or folder, and whether its times were settled when it was looked at."""

    identity: tuple[int, ...]
    settled: bool

    def proves(self, later: Signature | None) -> bool:
        """Whether what was read under this signature is still what is there."""
        return self.settled and later is not None and self.identity == later.identity


def signature(path: Path | str) -> Signature | None:
    """The signature of what `path` leads to; None where there is nothing, or nothing that may be looked at."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    identity = (found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return Signature(identity, max(found.st_mtime_ns, found.st_ctime_ns) + SETTLED_NS < time.time_ns())


@dataclass(frozen=True, slots=True)
class Reading:
    """A customer as its folder was read.

    `seen` is the folder's signature, taken before it was listed, None where it could not be; `document`
    that of the Setup.config at `path`, None where that could not be read. `digest` and `parsed` are of
    its bytes.
    """

    customer: Customer
    seen: Signature | None = None
    path: Path | None = None
    document: Signature | None = None
    digest: str = ""
    parsed: ParsedConfig = _NOTHING

    def holds(self) -> bool:
        """Whether nothing has changed since: two `stat`s."""
        if self.seen is None or not self.seen.proves(signature(self.customer.folder)):
            return False
        return self.path is None or (self.document is not None and self.document.proves(signature(self.path)))


def read_folder(root: str, folder: Path, identifiers: Identifiers, before: Reading | None = None) -> Reading:
    """Read a customer's folder; `root` is the real path of the repository, which no link may leave.

    `before` is an earlier reading: what was made of a Setup.config with the very same bytes is used
    again. Problems: no-setup-config, cannot-read, outside-repository, case-twins, and those of the
    document; any of them about the Setup.config breaks the customer. Raises nothing for what is on
    the disk.
    """
    seen = signature(folder)
    try:
        entries = entries_of(folder)
    except OSError as wrong:
        return Reading(Customer(folder.name, folder, None, (unreadable(wrong, folder),)))
    path, problems = _only(entries, DOCUMENT_NAME, root, folder)
    aside: list[Problem] = []
    files: list[Path | None] = []
    for name in (CLIENT_INI, *VIEWS):
        file, wrong_with_it = _only(entries, name, root, folder)
        files.append(file)
        aside += wrong_with_it
    document, digest, parsed = None, "", _NOTHING
    if path is not None:
        document = signature(path)
        digest, parsed = _parsed(path, identifiers, before)
        document = document if digest else None
    elif not problems:
        problems = [_lacking(folder)]
    view = next((file for file in files[1:] if file is not None), None)
    customer = Customer(folder.name, folder, parsed.config, (*problems, *parsed.problems, *aside), files[0], view)
    return Reading(customer, seen, path, document, digest, parsed)


def entries_of(folder: Path | str) -> Mapping[str, Sequence[os.DirEntry[str]]]:
    """What is in a folder, by name in lower case; more than one where names differ in case only. Raises `OSError`."""
    found: dict[str, list[os.DirEntry[str]]] = {}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            found.setdefault(entry.name.lower(), []).append(entry)
    return found


def leaves(root: str, entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a link (or junction) to something that is not below `root`, a real path."""
    try:
        if not entry.is_symlink() and not _is_junction(entry):
            return False
        real = os.path.realpath(entry.path)
        return real == root or os.path.commonpath((root, real)) != root
    except (OSError, ValueError):
        return True


def unreadable(wrong: OSError, path: Path | str) -> Problem:
    """The problem (cannot-read) of what could not be read."""
    said = wrong.strerror or type(wrong).__name__
    return error("cannot-read", f"{path}: {said}", "let the account of the server read it", file=str(path))


def no_repository(root: Path) -> Problem:
    """The problem (cannot-read) of a repository that is not there."""
    return error("cannot-read", f"{root}: no such folder", "name the repository with --root, or in server.toml")


def outside(path: str) -> Problem:
    """The problem (outside-repository) of a link that leaves the repository."""
    hint = "put the files themselves there: links may lead to other places of the repository only"
    return error("outside-repository", f"{path} is a link that leaves the repository", hint, file=path)


def _only(
    entries: Mapping[str, Sequence[os.DirEntry[str]]], name: str, root: str, folder: Path
) -> tuple[Path | None, list[Problem]]:
    """The one regular file with this name in any case, and what keeps one from being used."""
    twins = entries.get(name.lower(), ())
    if len(twins) > 1:
        names = ", ".join(twin.name for twin in twins)
        hint = "keep one of them: names are read in any case"
        return None, [error("case-twins", f"{names} are one file to Windows", hint, file=str(folder))]
    for entry in twins:
        if leaves(root, entry):
            return None, [outside(entry.path)]
        try:
            if entry.is_file():
                return Path(entry.path), []
        except OSError as wrong:
            return None, [unreadable(wrong, entry.path)]
    return None, []


def _parsed(path: Path, identifiers: Identifiers, before: Reading | None) -> tuple[str, ParsedConfig]:
    """The digest of a Setup.config, "" if it cannot be read, and what was made of it."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as wrong:
        return "", ParsedConfig(None, (unreadable(wrong, path),))
    digest = sha256_of_bytes(data)
    if before is not None and before.digest == digest and before.path == path:
        return digest, before.parsed
    parsed = parse(data, str(path))
    if parsed.config is not None and any(value is not None for _, value in identifiers):
        problems = tuple(dict.fromkeys((*parsed.problems, *check(parsed.config, identifiers.with_examples()))))
        parsed = ParsedConfig(None if any(one.is_error for one in problems) else parsed.config, problems)
    return digest, parsed


def _lacking(folder: Path) -> Problem:
    hint = f"copy {DOCUMENT_NAME} from {DEFAULT_CUSTOMER} and set <customerName> and <tenantID> in it"
    return error("no-setup-config", f"{folder.name} has no {DOCUMENT_NAME}", hint, file=str(folder))


def _is_junction(entry: os.DirEntry[str]) -> bool:
    tag = getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0)
    return tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)

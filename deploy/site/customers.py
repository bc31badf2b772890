"""The customers of a repository: one folder each, read again when it changes (manual: CUSTOMER CONFIGURATIONS)."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.config.identifiers import Identifiers
from deploy.errors import Problem, Severity, error, quoted
from deploy.site.customers_folder import (
    Reading,
    Signature,
    entries_of,
    leaves,
    outside,
    read_folder,
    signature,
    unreadable,
)
from deploy.site.model import Customer, id_problem

REMOVED = ".removed"
ADDING = ".adding-"
"""Folders of the repository that are its own: what was removed, and the start of what is being added."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """The folders of the repository; `seen` is its signature, taken before it was listed.

    `folders` maps an id in lower case to the folders with that name, sorted.
    """

    seen: Signature | None = None
    folders: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    refused: tuple[Problem, ...] = ()


class Customers:
    """The customers below `root`; implements `CustomerDirectory`, from any number of threads.

    A folder and its Setup.config are read when they were not read before or `stat` shows a change, so
    that asking for a customer costs three `stat`s as a rule. With `identifiers` known, what they make
    of a Setup.config is judged too. Nothing here raises for what is on the disk.
    """

    def __init__(self, root: Path, identifiers: Identifiers | None = None) -> None:
        self.root = root
        self._identifiers = Identifiers() if identifiers is None else identifiers
        self._lock = threading.Lock()
        self._listing = _Listing()
        self._readings: dict[str, Reading] = {}

    def all(self) -> tuple[Customer, ...]:
        """Every customer with a safe id, broken ones too, by folded id."""
        folders = self._listed().folders
        return tuple(self._customer(key, folders[key]) for key in sorted(folders))

    def find(self, id: str) -> Customer | None:
        """The customer with this id in any case; None if there is none or the id is not safe."""
        if id_problem(id) is not None:
            return None
        key = id.lower()
        folders = self._listed().folders.get(key)
        return None if folders is None else self._customer(key, folders)

    def refused(self) -> tuple[Problem, ...]:
        """A problem for each folder that is not served (unsafe-customer-id, outside-repository).

        Only a warning for a hidden folder; cannot-read where the repository itself cannot be read.
        """
        return self._listed().refused

    def _listed(self) -> _Listing:
        with self._lock:
            listing = self._listing
        seen = signature(self.root)
        if listing.seen is not None and listing.seen.proves(seen):
            return listing
        listing = _list(self.root, seen)
        with self._lock:
            self._listing = listing
            for key in self._readings.keys() - listing.folders.keys():
                del self._readings[key]
        return listing

    def _customer(self, key: str, folders: Sequence[Path]) -> Customer:
        if len(folders) > 1:
            return Customer(folders[0].name, folders[0], None, (_twins(folders),))
        with self._lock:
            before = self._readings.get(key)
        if before is not None and before.customer.folder != folders[0]:
            before = None
        if before is not None and before.holds():
            return before.customer
        reading = read_folder(os.path.realpath(self.root), folders[0], self._identifiers, before)
        with self._lock:
            self._readings[key] = reading
        return reading.customer


def _list(root: Path, seen: Signature | None) -> _Listing:
    try:
        entries = entries_of(root)
        real = os.path.realpath(root)
    except OSError as wrong:
        return _Listing(refused=(unreadable(wrong, root),))
    folders: dict[str, list[Path]] = {}
    refused: list[Problem] = []
    for key, twins in entries.items():
        for entry in twins:
            if not _is_candidate(entry):
                continue
            because = id_problem(entry.name)
            if because is not None:
                refused.append(_unsafe(root, entry.name, because))
            elif leaves(real, entry):
                refused.append(outside(entry.path))
            else:
                folders.setdefault(key, []).append(Path(entry.path))
    return _Listing(seen, folders, tuple(refused))


def _is_candidate(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is somebody's folder: also a link to nothing, which may come to lead to one."""
    if entry.name == REMOVED or entry.name.startswith(ADDING):
        return False
    try:
        return entry.is_dir() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:
        return True


def _unsafe(root: Path, name: str, because: str) -> Problem:
    hidden = name.startswith(".")
    return Problem(
        Severity.WARNING if hidden else Severity.ERROR,
        "unsafe-customer-id",
        f"the folder {quoted(name)} is not served, because its name is no safe customer ID: {because}",
        "move it out of the repository" if hidden else "rename it, for example to the short name of the customer",
        os.path.join(root, quoted(name)[1:-1]),
    )


def _twins(folders: Sequence[Path]) -> Problem:
    names = ", ".join(folder.name for folder in folders)
    hint = "keep one of them, and take the other away with micce-deploy customers remove and its exact name"
    said = f"{names} are one customer, because upper and lower case do not count"
    return error("case-twins", said, hint, file=str(folders[0].parent))

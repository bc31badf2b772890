"""What the journal keeps of a step on a file, and what undoes it.

Pure. What undoes an op depends on what is found on disk and on nothing else, so undoing may be
broken off and begun again at any moment.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from deploy.change.model import InUse
from deploy.digest import Sha256
from deploy.relpath import RelPath


class Kind(enum.StrEnum):
    """What an op does to its target; the names stand in the journal."""

    FOLDER = "folder"
    CREATE = "create"
    REPLACE = "replace"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Before:
    """A file as it was before the change: bytes, mtime in nanoseconds, permission bits; the digest where known."""

    size: int
    mtime_ns: int
    mode: int
    sha256: Sha256 | None


@dataclass(frozen=True, slots=True)
class Op:
    """A step with what was there before.

    `staged` is below the same root as `target`; `staged`, `new` and `before` are None where they do
    not apply. `root` counts the roots of the change from 0.
    """

    kind: Kind
    target: RelPath
    staged: RelPath | None
    new: Sha256 | None
    before: Before | None
    root: int = 0
    in_use: InUse = InUse.RETRY


@dataclass(frozen=True, slots=True)
class Seen:
    """What lies on disk for one op.

    `is_old`: the target is the file that was there before; `is_new`: it is the file that was staged.
    """

    target: bool
    staged: bool
    backup: bool
    is_old: bool
    is_new: bool


class Undo(enum.Enum):
    """What brings the target of an op back to what it was."""

    NOTHING = enum.auto()
    REMOVE_FOLDER = enum.auto()
    UNSTAGE = enum.auto()
    """Move the new file back to the staging folder: nothing has to be transferred twice."""
    REMOVE = enum.auto()
    RESTORE = enum.auto()
    """Rename the backup to the target."""
    SWAP = enum.auto()
    """`UNSTAGE`, then `RESTORE`."""
    LOST = enum.auto()
    """The old file is neither in place nor kept."""


def undo_of(op: Op, seen: Seen) -> Undo:
    """What undoes an op.

    A rename leaves a file under exactly one of its names: while the staged name is there, the
    target was not touched yet, or was undone already.
    """
    if op.kind is Kind.FOLDER:
        return Undo.REMOVE_FOLDER if seen.target else Undo.NOTHING
    if op.kind is Kind.CREATE:
        if not seen.target:
            return Undo.NOTHING
        if not seen.staged:
            return Undo.UNSTAGE
        # Both are there: the same bytes were staged again, or the target is somebody else's.
        return Undo.REMOVE if seen.is_new else Undo.NOTHING
    if seen.is_old:
        return Undo.NOTHING
    if not seen.backup:
        return Undo.LOST
    return Undo.SWAP if op.kind is Kind.REPLACE and seen.target and not seen.staged else Undo.RESTORE

"""The list of what Windows renames at its next start (PendingFileRenameOperations of the Session Manager). Pure."""

from __future__ import annotations

from collections.abc import Sequence

_NT_PREFIX = "\\??\\"
_LONG_PREFIX = "\\\\?\\"


def without(entries: Sequence[str], source: str) -> list[str] | None:
    """`entries` without the operations on `source`, an absolute path; None where there are none.

    The list alternates between what is renamed and to what, "" for a removal. One of odd length is not
    understood: raises `ValueError`, for half of somebody else's operation would become a removal.
    """
    if len(entries) % 2:
        raise ValueError(f"PendingFileRenameOperations has {len(entries)} entries, which are not pairs")
    wanted = native(source).casefold()
    pairs = list(zip(entries[::2], entries[1::2], strict=True))
    kept = [pair for pair in pairs if pair[0].casefold() != wanted]
    return None if len(kept) == len(pairs) else [entry for pair in kept for entry in pair]


def native(path: str) -> str:
    """An absolute path as that list has it: `\\??\\C:\\file`, `\\??\\UNC\\SERVER\\Share\\file`."""
    path = path.replace("/", "\\")
    if path.startswith(_LONG_PREFIX):
        return _NT_PREFIX + path.removeprefix(_LONG_PREFIX)
    if path.startswith("\\\\"):
        return f"{_NT_PREFIX}UNC{path[1:]}"
    return _NT_PREFIX + path

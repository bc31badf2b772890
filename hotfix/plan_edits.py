"""The edits of an XML file: its bytes with every entry that applies to it made, one after the other.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.errors import ConfigError, Problem, error
from hotfix.known import Seen
from hotfix.model import ConfigFileEntry, IfMissing
from hotfix.softening import softened
from hotfix.xmledit import edited


@dataclass(frozen=True, slots=True)
class Edited:
    """The bytes after the edits, None where there is no file then; `entries` are those that were made.

    `reason` says in words why there is nothing to edit.
    """

    content: bytes | None = None
    entries: tuple[ConfigFileEntry, ...] = ()
    problems: tuple[Problem, ...] = ()
    reason: str = ""


def edits_of(entries: Sequence[ConfigFileEntry], base: bytes | None, seen: Seen, source: str) -> Edited:
    """Edit `base`, the bytes a file has or gets (None for no file); what goes wrong has the place of its entry.

    An entry that may be left out (`onError="continue"`) is left out as a whole. Codes: no-file-to-edit and those
    of `hotfix.xmledit`.
    """
    content = base
    made: list[ConfigFileEntry] = []
    problems: list[Problem] = []
    for entry in entries:
        try:
            content = _with(entry, content, seen)
        except ConfigError as wrong:
            problems += softened(wrong.problems, entry.when, source)
            continue
        if content is not None:
            made.append(entry)
    reason = "it is not there, and ifMissing is skip" if content is None and not problems else ""
    return Edited(content if made else None, tuple(made), tuple(problems), reason)


def _with(entry: ConfigFileEntry, content: bytes | None, seen: Seen) -> bytes | None:
    if content is not None:
        return edited(content, entry)
    if entry.if_missing is IfMissing.CREATE:
        return edited(b"", entry)
    if entry.if_missing is IfMissing.SKIP:
        return None
    hint = 'correct the path; ifMissing="skip" or "create" allows that it is missing'
    raise ConfigError(error("no-file-to-edit", f"{seen.path} is not there, and it is to be edited", hint))

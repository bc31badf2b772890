"""The records of installed hotfixes on disk: `<ID>/<revision>/record.json` below `Target.hotfixes`.

A record is written and removed by the transaction that changes the machine, so it is there exactly
while the hotfix is. One that cannot be read is never skipped: which hotfix lies over which would be
guessed without it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deploy import inventory
from deploy.atomic import write_atomic
from deploy.digest import Sha256
from deploy.errors import Problem, TargetError, error, warning
from deploy.jsonlines import json_line
from deploy.relpath import fold, segment_problem
from hotfix import layout
from hotfix.copying import original_of
from hotfix.installed import Installed, NewerFormatError, in_order, parse_record

SIZE_CAP = 64 * 1024 * 1024
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class History:
    """Every record that can be read, in the order of installation, and a problem for every other."""

    records: tuple[Installed, ...] = ()
    problems: tuple[Problem, ...] = ()

    def usable(self) -> tuple[Installed, ...]:
        """The records; raises `TargetError` with every problem where there is one."""
        if self.problems:
            raise TargetError(self.problems[:_SHOWN])
        return self.records


def installed(hotfixes: Path) -> tuple[Installed, ...]:
    """The installed hotfixes, superseded ones among them, in the order they were installed in.

    Raises `TargetError`: record-damaged, record-newer, cannot-read.
    """
    return read_history(hotfixes).usable()


def find(records: tuple[Installed, ...], id: str) -> Installed | None:
    """The record of a hotfix by its id, in any case."""
    return next((one for one in records if one.is_hotfix(id)), None)


def read_history(hotfixes: Path) -> History:
    """What can be read and what cannot; nothing is raised and nothing changed."""
    records: list[Installed] = []
    problems: list[Problem] = []
    try:
        places = list(_records(hotfixes))
    except OSError as wrong:
        return History((), (_unreadable(hotfixes, wrong),))
    for path, id, revision in places:
        try:
            records.append(_read(path, id, revision))
        except FileNotFoundError:
            continue
        except OSError as wrong:
            problems.append(_unreadable(path, wrong))
        except NewerFormatError as wrong:
            problems.append(_newer(path, wrong))
        except ValueError as wrong:
            problems.append(_damaged(path, str(wrong)))
    ordered = in_order(records)
    return History(ordered, (*problems, *_contradictions(hotfixes, ordered)))


def restart_pending(records: Iterable[Installed], paths: Iterable[str] | None) -> tuple[Problem, ...]:
    """Why files may not be changed now: of `paths` (None for any) these get another content at the next restart."""
    keys = None if paths is None else {fold(path) for path in paths}
    return tuple(
        error(
            "restart-pending", f"{path} gets what {one.label} brought at the next restart", "restart first", file=path
        )
        for one in records
        for path in one.waiting
        if keys is None or fold(path) in keys
    )


def note_waiting(hotfixes: Path, one: Installed, waiting: Sequence[str]) -> tuple[Problem, ...]:
    """Keep in mind which files get their content at the next restart; a warning where that cannot be."""
    path = _path(hotfixes, one).with_name(layout.WAITING)
    try:
        if waiting:
            write_atomic(path, json_line(list(waiting)))
        else:
            path.unlink(missing_ok=True)
    except OSError as wrong:
        said = f"that {len(waiting)} files wait for a restart could not be noted: {wrong.strerror}"
        return (warning("record-not-kept", said, "restart the machine soon", file=str(path)),)
    return ()


def _records(hotfixes: Path) -> Iterator[tuple[Path, str, str]]:
    """Where records may be, with the names of their folders; raises `OSError`."""
    for id in _folders(hotfixes):
        if segment_problem(id) is None and not id.startswith("."):
            for revision in _folders(hotfixes / id):
                yield hotfixes / id / revision / layout.RECORD, id, revision


def _folders(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def _read(path: Path, id: str, revision: str) -> Installed:
    with path.open("rb") as file:
        data = file.read(SIZE_CAP + 1)
    if len(data) > SIZE_CAP:
        raise ValueError(f"it is larger than {SIZE_CAP} bytes")
    one = parse_record(data)
    if fold(one.id) != fold(id) or str(one.revision) != revision:
        raise ValueError(f"it is that of {one.label}")
    return replace(one, waiting=_waiting(path.with_name(layout.WAITING), one))


def _waiting(path: Path, one: Installed) -> tuple[str, ...]:
    """Which of the files that waited for a restart still do; a note that is lost costs a hint only."""
    try:
        names = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return ()
    after = {file.key: file.after for file in one.files}
    noted = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return tuple(name for name in noted if fold(name) in after and _digest(name) != after[fold(name)])


def _digest(path: str) -> Sha256 | None:
    try:
        now = original_of(path)
    except TargetError:
        return None
    return None if now is None else now.sha256


def _contradictions(hotfixes: Path, records: tuple[Installed, ...]) -> Iterator[Problem]:
    ids: dict[str, Installed] = {}
    numbers: dict[int, Installed] = {}
    for one in records:
        other = ids.setdefault(fold(one.id), one)
        if other is not one:
            yield _damaged(_path(hotfixes, one), f"revision {other.revision} of it is installed too")
        other = numbers.setdefault(one.sequence, one)
        if other is not one:
            yield _damaged(_path(hotfixes, one), f"it has the number {one.sequence} of {other.label}")


def _path(hotfixes: Path, one: Installed) -> Path:
    return Path(inventory.local_path(hotfixes, layout.record(one.id, one.revision)))


def _unreadable(path: Path, wrong: OSError) -> Problem:
    hint = "let this account read it; hotfixes are installed by an administrator"
    return error("cannot-read", f"{path}: {wrong.strerror}", hint, file=str(path))


def _newer(path: Path, wrong: ValueError) -> Problem:
    said = f"the record of a hotfix was written by a later version of this program: {wrong}"
    return error("record-newer", said, "use that version, or a later one", file=str(path))


def _damaged(path: Path, said: str) -> Problem:
    hint = (
        "bring the file back from a backup; or move its folder away: the hotfix then counts as not installed, "
        "what it changed stays, and it can be applied again"
    )
    return error("record-damaged", f"the record of a hotfix cannot be used: {said}", hint, file=str(path))

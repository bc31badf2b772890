"""What the records say after a hotfix was applied or removed.

Pure. A hotfix that is applied again keeps its place in the order and everything it is known to have
changed; a higher revision takes all that over from the lower one. See `hotfix.layers` for what that
does to the hotfixes that lie above it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from deploy.change.model import InUse, ProcessChange, ServiceChange
from deploy.digest import Sha256
from deploy.host.registry import Hive, RegistryKey, View
from deploy.relpath import fold
from hotfix.installed import Installed, InstalledFile, InstalledKey, InstalledValue, Original
from hotfix.layers import Effect, Layer, applied

_Content = TypeVar("_Content")
_Entry = TypeVar("_Entry")
_Named = TypeVar("_Named", bound=ServiceChange | ProcessChange)
KeyName = tuple[Hive, View, str]


@dataclass(frozen=True, slots=True)
class FileEffect:
    """What applying does to a file: what was found there, and what becomes of that. `kept`: it is to come back."""

    path: str
    found: Original | None
    effect: Effect[Original | None]
    kept: bool = True
    in_use: InUse = InUse.RETRY


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that applying changes: files, keys and values (as found and as left).

    `folders` are those that are made, or that it would have to make if nobody else had.
    """

    files: tuple[FileEffect, ...] = ()
    keys: tuple[InstalledKey, ...] = ()
    values: tuple[InstalledValue, ...] = ()
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Records:
    """The record of the hotfix, those of others that change with it, and the one of a lower revision that goes."""

    own: Installed
    others: tuple[Installed, ...] = ()
    dropped: Installed | None = None


def key_name(key: RegistryKey) -> KeyName:
    """A key as it is compared."""
    return key.hive, key.view, fold(key.path)


def value_name(key: RegistryKey, name: str) -> tuple[KeyName, str]:
    """A value as it is compared."""
    return key_name(key), fold(name)


def after_applying(history: Sequence[Installed], new: Installed, effects: Effects) -> Records:
    """The records once `new` is applied; `history` is in order, and the lists of `new` say what this time does."""
    before = next((one for one in history if one.is_hotfix(new.id)), None)
    own = _beginning(history, before, new, _folders(history, before, effects))
    records = sorted((*(one for one in history if one is not before), own), key=lambda one: one.sequence)
    number = own.sequence
    files = _files(records)
    for file in effects.files:
        files.apply(number, fold(file.path), file.found, file.effect, _file_entry(files, number, file))
    keys = _Table[InstalledKey, bool](
        {one.sequence: {key_name(key.key): key for key in one.keys} for one in records},
        lambda entry: (entry.before, entry.after),
        lambda entry, layer: replace(entry, before=layer.before, after=layer.after),
    )
    for key in effects.keys:
        keys.apply(number, key_name(key.key), key.before, _always(key.after), key)
    values = _Table(
        {one.sequence: {value_name(value.key, value.name): value for value in one.values} for one in records},
        lambda entry: (entry.before, entry.after),
        lambda entry, layer: replace(entry, before=layer.before, after=layer.after),
    )
    for value in effects.values:
        values.apply(number, value_name(value.key, value.name), value.before, _always(value.after), value)
    written = {
        one.sequence: replace(
            one, files=files.of(one.sequence), keys=keys.of(one.sequence), values=values.of(one.sequence)
        )
        for one in records
    }
    others = tuple(written[one.sequence] for one in records if one is not own and written[one.sequence] != one)
    dropped = before if before is not None and before.revision != own.revision else None
    return Records(written[number], others, dropped)


def after_removing(
    history: Sequence[Installed], last: Installed, left: Iterable[InstalledFile]
) -> tuple[Installed, ...]:
    """The records of others that change once `last`, the last one in order, is removed.

    The files in `left` stay as it left them: what lies below takes them for its own.
    """
    by_key = {file.key: file.after for file in left}
    changed = []
    for one in reversed([one for one in history if one.sequence < last.sequence]):
        taken = {file.key for file in one.files if file.key in by_key}
        if taken:
            files = (replace(file, after=by_key[file.key]) if file.key in taken else file for file in one.files)
            changed.append(replace(one, files=tuple(files)))
        for key in taken:
            del by_key[key]
    return tuple(changed)


class _Table(Generic[_Entry, _Content]):
    """The entries of one kind in every record, by the records' numbers and what the entries are about."""

    def __init__(
        self,
        entries: dict[int, dict[Hashable, _Entry]],
        contents: Callable[[_Entry], tuple[_Content, _Content]],
        changed: Callable[[_Entry, Layer[_Content]], _Entry],
    ) -> None:
        self._entries = entries
        self._contents = contents
        self._changed = changed

    def apply(self, number: int, key: Hashable, found: _Content, effect: Effect[_Content], template: _Entry) -> None:
        """Let the hotfix of this number do its effect; `template` becomes its entry where it has none."""
        layers = [Layer(at, *self._contents(entries[key])) for at, entries in self._entries.items() if key in entries]
        reaches = any(layer.sequence >= number for layer in layers)
        if not reaches and effect(found) == found:
            return
        for layer in applied(layers, number, found, effect):
            entries = self._entries[layer.sequence]
            entries[key] = self._changed(entries.get(key, template), layer)

    def first_above(self, number: int, key: Hashable) -> _Entry | None:
        """The entry of the next hotfix in order that has one."""
        return next((entries[key] for at, entries in self._entries.items() if at > number and key in entries), None)

    def of(self, number: int) -> tuple[_Entry, ...]:
        """The entries of one record."""
        return tuple(self._entries[number].values())


def _files(records: Sequence[Installed]) -> _Table[InstalledFile, Original | None]:
    return _Table(
        {one.sequence: {file.key: file for file in one.files} for one in records},
        lambda entry: (entry.before, _only_digest(entry.after)),
        lambda entry, layer: replace(
            entry, before=layer.before, after=None if layer.after is None else layer.after.sha256
        ),
    )


def _file_entry(files: _Table[InstalledFile, Original | None], number: int, file: FileEffect) -> InstalledFile:
    above = files.first_above(number, fold(file.path))
    return InstalledFile(file.path, None, None, file.kept and (above is None or above.kept), file.in_use)


def _only_digest(sha256: Sha256 | None) -> Original | None:
    """What a hotfix left, as far as its record tells; nothing asks for more."""
    return None if sha256 is None else Original(sha256, 0, 0, 0)


def _always(content: _Content) -> Effect[_Content]:
    return lambda _: content


def _beginning(
    history: Sequence[Installed], before: Installed | None, new: Installed, folders: tuple[str, ...]
) -> Installed:
    """The record with everything but the effects of this time."""
    if before is None:
        return replace(new, sequence=max((one.sequence for one in history), default=0) + 1, folders=folders)
    return replace(
        new,
        sequence=before.sequence,
        allow_uninstall=new.allow_uninstall and before.allow_uninstall,
        published=new.published or before.published,
        supersedes=_united(before.supersedes, new.supersedes),
        roots=_united(before.roots, new.roots),
        folders=_united(before.folders, folders),
        files=before.files,
        keys=before.keys,
        values=before.values,
        services=_by_name(before.services, new.services),
        processes=_by_name(before.processes, new.processes),
    )


def _folders(history: Sequence[Installed], before: Installed | None, effects: Effects) -> tuple[str, ...]:
    """The folders that are made, and those above its files that a later hotfix made: that one may go first."""
    later = () if before is None else [one for one in history if one.sequence > before.sequence]
    theirs = [folder for one in later for folder in one.folders]
    paths = [fold(file.path) for file in effects.files]
    needed = (one for one in theirs if any(path.startswith((fold(one) + "/", fold(one) + "\\")) for path in paths))
    return _united(effects.folders, tuple(needed))


def _by_name(old: tuple[_Named, ...], new: tuple[_Named, ...]) -> tuple[_Named, ...]:
    """What the new revision says of a service counts; one that only the old one knew still has to be stopped."""
    names = {fold(one.name) for one in new}
    return (*(one for one in old if fold(one.name) not in names), *new)


def _united(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return tuple({fold(one): one for one in (*old, *new)}.values())

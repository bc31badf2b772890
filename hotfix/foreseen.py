"""What a machine will be like once the hotfixes before in a batch are applied, as far as a plan of the next one asks.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.change.model import DeleteKey, DeleteValue, MakeKey, SetValue
from deploy.host.registry import RegistryKey, RegistryValue
from deploy.relpath import fold
from hotfix.installed import Installed
from hotfix.known import KeyName, Known, ValueName, key_name, value_name
from hotfix.places import joined
from hotfix.planned import FileAction, Plan, PlannedFile


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The differences from what is there now.

    `files` says for folded paths where the bytes will come from: a path, bytes at hand, None for no
    file. Of the keys in `trees` and what is below them only that will be there which `keys` and `values`
    say. `hotfixes` are those that will be installed besides.
    """

    files: Mapping[str, str | bytes | None] = field(default_factory=dict)
    keys: Mapping[KeyName, bool] = field(default_factory=dict)
    values: Mapping[ValueName, RegistryValue | None] = field(default_factory=dict)
    trees: frozenset[KeyName] = frozenset()
    hotfixes: tuple[Known, ...] = ()

    def value(self, key: RegistryKey, name: str, now: RegistryValue | None) -> RegistryValue | None:
        """What a value will be that is `now` today."""
        wanted = value_name(key, name)
        if wanted in self.values:
            return self.values[wanted]
        return None if self._is_gone(key) else now

    def has_key(self, key: RegistryKey, now: bool) -> bool:
        """Whether a key will be there that is there `now`, or is not."""
        wanted = key_name(key)
        if wanted in self.keys:
            return self.keys[wanted]
        return now and not self._is_gone(key)

    def _is_gone(self, key: RegistryKey) -> bool:
        names = fold(key.path).split("\\")
        above = ((key.hive, key.view, "\\".join(names[:count])) for count in range(1, len(names) + 1))
        return any(one in self.trees for one in above)


def after(plan: Plan, before: Foreseen, separator: str) -> Foreseen:
    """What will be different once a plan that is ready was carried out too."""
    files = dict(before.files)
    for file in plan.files:
        if file.action is not FileAction.KEEP:
            files[fold(file.path)] = _source(file, plan.folder, separator)
    keys, values, trees = dict(before.keys), dict(before.values), set(before.trees)
    for one in plan.registry:
        match one.step:
            case MakeKey(key):
                _make(key, keys)
            case SetValue(key, name, value):
                _make(key, keys)
                values[value_name(key, name)] = value
            case DeleteValue(key, name):
                values[value_name(key, name)] = None
            case DeleteKey(key):
                _delete(key, keys, values)
                trees.add(key_name(key))
    manifest = plan.manifest
    number = 1 + max((one.record.sequence for one in before.hotfixes), default=1_000_000)
    own = Known(
        Installed(manifest.id, manifest.revision, number, manifest.name, supersedes=plan.replaces),
        manifest.supersedes,
        manifest.conflicts,
    )
    return Foreseen(files, keys, values, frozenset(trees), (*before.hotfixes, own))


def _source(file: PlannedFile, folder: str, separator: str) -> str | bytes | None:
    if file.content is not None:
        return file.content
    return None if file.source is None else joined(folder, *file.source.segments, separator=separator)


def _make(key: RegistryKey, keys: dict[KeyName, bool]) -> None:
    names = fold(key.path).split("\\")
    for count in range(1, len(names) + 1):
        keys[key.hive, key.view, "\\".join(names[:count])] = True


def _delete(key: RegistryKey, keys: dict[KeyName, bool], values: dict[ValueName, RegistryValue | None]) -> None:
    """Forget what was foreseen of a tree."""
    tree = key_name(key)
    for one in [one for one in keys if _is_in(one, tree)]:
        del keys[one]
    for value in [value for value in values if _is_in(value[0], tree)]:
        del values[value]


def _is_in(key: KeyName, tree: KeyName) -> bool:
    return key[:2] == tree[:2] and f"{key[2]}\\".startswith(f"{tree[2]}\\")

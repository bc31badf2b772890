"""What registry steps change, as records hold it, and the steps that take it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from deploy.change.model import DeleteKey, DeleteValue, MakeKey, RegistryStep, SetValue
from deploy.errors import Problem, error
from deploy.host.registry import Registry, RegistryKey, RegistryValue
from deploy.relpath import fold
from hotfix.installed import InstalledKey, InstalledValue
from hotfix.planned import PlannedRegistry
from hotfix.recording import KeyName, key_name, value_name

_AGAIN = "look at the plan again, then run the same command"


@dataclass(frozen=True, slots=True)
class RegistryEffects:
    """Keys and values before the first step and after the last, also those that are right already.

    A key has to be there for its values, even where another hotfix made it.
    """

    keys: tuple[InstalledKey, ...]
    values: tuple[InstalledValue, ...]


def effects_of(steps: Iterable[RegistryStep], registry: Registry) -> RegistryEffects:
    """What these steps will change; raises `TargetError` for values that cannot be kept."""
    future = _Future(registry)
    for step in steps:
        match step:
            case MakeKey(key):
                future.make(key)
            case SetValue(key, name, value):
                future.make(key)
                future.set(key, name, value)
            case DeleteValue(key, name):
                future.set(key, name, None)
            case DeleteKey(key):
                future.delete(key)
    return future.effects()


def unlike_plan(planned: Iterable[PlannedRegistry], registry: Registry) -> tuple[Problem, ...]:
    """Values that are not what the plan found any more, and keys that came or went."""
    problems = []
    for one in planned:
        match one.step:
            case SetValue(key, name) | DeleteValue(key, name) if registry.value(key, name) != one.before:
                problems.append(error("changed", f"{shown(key, name)} has changed since it was planned", _AGAIN))
            case _:
                continue
    return tuple(problems)


def unlike_after(effects: RegistryEffects, registry: Registry) -> tuple[Problem, ...]:
    """What is not as the steps should have left it."""
    hint = "look for what changes it (a policy, a virus scanner, another program)"
    problems = [
        error(
            "registry-not-kept",
            f"{shown(one.key, one.name)} was {'set' if one.after else 'removed'} and is not so now",
            hint,
        )
        for one in effects.values
        if registry.value(one.key, one.name) != one.after
    ]
    problems += [
        error("registry-not-kept", f"{one.key} was {'made' if one.after else 'removed'} and is not so now", hint)
        for one in effects.keys
        if registry.has_key(one.key) != one.after
    ]
    return tuple(problems)


def unlike_steps(planned: Iterable[PlannedRegistry], registry: Registry) -> tuple[Problem, ...]:
    """Values that are not as these steps should have left them."""
    hint = "look for what changes it (a policy, a virus scanner, another program)"
    return tuple(
        error("registry-not-kept", f"{shown(one.step.key, one.step.name)} was brought back and has changed again", hint)
        for one in planned
        if isinstance(one.step, (SetValue, DeleteValue)) and registry.value(one.step.key, one.step.name) != one.after
    )


def drifted(values: Iterable[InstalledValue], registry: Registry) -> tuple[Problem, ...]:
    """Values that are neither as the hotfix left them nor as they were before it."""
    hint = "set it back to what the hotfix set, or remove the hotfix with force: then it is what it was before"
    return tuple(
        error("changed-since", f"{shown(one.key, one.name)} was changed since the hotfix set it", hint)
        for one in values
        if registry.value(one.key, one.name) not in (one.before, one.after)
    )


def steps_back(
    keys: Iterable[InstalledKey], values: Iterable[InstalledValue], registry: Registry
) -> tuple[PlannedRegistry, ...]:
    """The steps that bring back what was there before; keys that were made go where nothing else came into them."""
    made = sorted((one.key for one in keys if not one.before), key=_depth, reverse=True)
    removed = sorted((one.key for one in keys if one.before), key=_depth)
    steps = [PlannedRegistry(MakeKey(key), None, None) for key in removed if not registry.has_key(key)]
    going: set[tuple[KeyName, str]] = set()
    for one in values:
        now = registry.value(one.key, one.name)
        if one.before is None:
            going.add(value_name(one.key, one.name))
        if now == one.before:
            continue
        step = DeleteValue(one.key, one.name) if one.before is None else SetValue(one.key, one.name, one.before)
        steps.append(PlannedRegistry(step, now, one.before))
    gone: set[KeyName] = set()
    for key in made:
        if registry.has_key(key) and _is_empty(key, registry, going, gone):
            steps.append(PlannedRegistry(DeleteKey(key), None, None))
            gone.add(key_name(key))
    return tuple(steps)


def shown(key: RegistryKey, name: str) -> str:
    """A value as messages call it."""
    return f"{key}\\{name}" if name else f"the default value of {key}"


def _is_empty(key: RegistryKey, registry: Registry, going: set[tuple[KeyName, str]], gone: set[KeyName]) -> bool:
    if any(value_name(key, name) not in going for name in registry.value_names(key)):
        return False
    return all(key_name(_inside(key, name)) in gone for name in registry.subkeys(key))


def _inside(key: RegistryKey, name: str) -> RegistryKey:
    return replace(key, path=f"{key.path}\\{name}")


def _depth(key: RegistryKey) -> int:
    return key.path.count("\\")


def _chain(key: RegistryKey) -> Iterator[RegistryKey]:
    """The keys down to this one, uppermost first."""
    names = key.path.split("\\")
    for count in range(1, len(names) + 1):
        yield replace(key, path="\\".join(names[:count]))


class _Future:
    """The registry as it will be after the steps so far, over the one there is."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._keys: dict[KeyName, InstalledKey] = {}
        self._values: dict[tuple[KeyName, str], InstalledValue] = {}

    def make(self, key: RegistryKey) -> None:
        for one in _chain(key):
            self._note_key(one, self._has_key(one), True)

    def set(self, key: RegistryKey, name: str, value: RegistryValue | None) -> None:
        known = self._values.get(value_name(key, name))
        if known is None:
            known = InstalledValue(key, name, self._registry.value(key, name), None)
        self._values[value_name(key, name)] = replace(known, after=value)

    def delete(self, key: RegistryKey) -> None:
        for inner in self._registry.subkeys(key):
            self.delete(_inside(key, inner))
        for name in self._registry.value_names(key):
            self.set(key, name, None)
        prefix = fold(key.path) + "\\"
        for known in tuple(self._values.values()):
            if key_name(known.key) == key_name(key) or _is_below(known.key, key, prefix):
                self.set(known.key, known.name, None)
        for made in tuple(self._keys.values()):
            if _is_below(made.key, key, prefix):
                self._note_key(made.key, made.before, False)
        if self._has_key(key):
            self._note_key(key, True, False)

    def effects(self) -> RegistryEffects:
        return RegistryEffects(tuple(self._keys.values()), tuple(self._values.values()))

    def _has_key(self, key: RegistryKey) -> bool:
        known = self._keys.get(key_name(key))
        return self._registry.has_key(key) if known is None else known.after

    def _note_key(self, key: RegistryKey, before: bool, after: bool) -> None:
        known = self._keys.get(key_name(key))
        self._keys[key_name(key)] = InstalledKey(key, before if known is None else known.before, after)


def _is_below(key: RegistryKey, above: RegistryKey, prefix: str) -> bool:
    return (key.hive, key.view) == (above.hive, above.view) and fold(key.path).startswith(prefix)

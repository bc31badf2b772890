"""What happens to the registry: each step with what is there before and after.

Pure.
"""

from __future__ import annotations

from deploy.change.model import DeleteKey, DeleteValue, MakeKey, RegistryStep, SetValue
from deploy.errors import Problem
from deploy.host.registry import RegistryValue
from hotfix.applicability import Situation
from hotfix.known import Facts, at_line, key_name, value_name
from hotfix.model import Manifest, RegistryAction, RegistryEntry
from hotfix.planned import PlannedRegistry
from hotfix.softening import softened


def plan_registry(manifest: Manifest, situation: Situation) -> tuple[tuple[PlannedRegistry, ...], tuple[Problem, ...]]:
    """Every step that applies, in the order written, also where all is right already; and what cannot be read.

    `before` is what is there now, before the first of the steps.
    """
    facts = situation.facts
    planned: list[PlannedRegistry] = []
    problems: list[Problem] = []
    for entry in manifest.registry:
        if not situation.holds(entry.when):
            continue
        unreadable = at_line(_problems_of(entry, facts), manifest.source, entry.when.line)
        if unreadable:
            problems += softened(unreadable, entry.when, manifest.source)
        else:
            planned.append(_planned(entry, facts))
    return tuple(planned), tuple(problems)


def _problems_of(entry: RegistryEntry, facts: Facts) -> tuple[Problem, ...]:
    name = key_name(entry.key) if entry.name is None else value_name(entry.key, entry.name)
    return facts.registry_problems.get(name, ())


def _planned(entry: RegistryEntry, facts: Facts) -> PlannedRegistry:
    before: RegistryValue | None = None
    step: RegistryStep
    if entry.name is None:
        step = DeleteKey(entry.key) if entry.action is RegistryAction.DELETE else MakeKey(entry.key)
    else:
        before = facts.value(entry.key, entry.name)
        if entry.value is None or entry.action is RegistryAction.DELETE:
            step = DeleteValue(entry.key, entry.name)
        else:
            step = SetValue(entry.key, entry.name, entry.value)
    after = step.value if isinstance(step, SetValue) else None
    return PlannedRegistry(step, before, after, entry.when.line)

"""Whether a hotfix concerns this machine, and what has to be in order before it may be applied.

Pure. What the hotfix itself changed, where it is installed already, is judged as it was before: it
applied then, and it applies again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from deploy.errors import Problem, error, quoted, warning
from deploy.relpath import fold
from hotfix.installed import Installed, InstalledFile
from hotfix.known import Facts, Known, Seen, key_name, value_name
from hotfix.model import (
    Manifest,
    RequiredFile,
    RequiredHotfix,
    RequiredProduct,
    RequiredRegistry,
    RequiredSpace,
    RequiredSystem,
    Requirement,
    When,
)
from hotfix.versions import is_newer, is_within, shown

MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Situation:
    """A machine with the hotfix that is installed under the same id, if any; `changes` are its files by key."""

    facts: Facts
    own: Installed | None = None
    changes: Mapping[str, InstalledFile] = field(default_factory=dict)

    def holds(self, when: When) -> bool:
        """Whether the condition of an action is met, on the machine as it is or was before this hotfix."""
        return not when.condition or self.existed(when.condition) is not when.negated

    def existed(self, path: str) -> bool:
        """Whether a file or folder is there, and was before this hotfix."""
        seen = self.facts.look(path)
        changed = self.changed(seen)
        if changed is not None:
            return changed.before is not None
        made = () if self.own is None else self.own.folders
        return seen.exists and seen.key not in map(fold, made)

    def changed(self, seen: Seen) -> InstalledFile | None:
        """What the record of this hotfix says about a path, if it changed that."""
        return self.changes.get(seen.key)


def situation_of(manifest: Manifest, facts: Facts) -> Situation:
    """The situation of a hotfix on a machine."""
    known = facts.installed(manifest.id)
    if known is None:
        return Situation(facts)
    return Situation(facts, known.record, {one.key: one for one in known.record.files})


def unmet(manifest: Manifest, situation: Situation) -> tuple[Problem, ...]:
    """Why the hotfix does not concern this machine, as warnings; nothing where it does.

    Codes: obsolete, other-product, other-system, file-unmet, registry-unmet.
    """
    found = [*_obsolete(manifest, situation.facts)]
    for one in manifest.requires:
        said = _unmet(one, situation) if situation.holds(one.when) else None
        if said is not None:
            found.append(said.at(manifest.source, one.when.line))
    return tuple(found)


def refusals(manifest: Manifest, situation: Situation) -> tuple[Problem, ...]:
    """Everything that has to be in order first and is not, whatever the hotfix would change.

    Codes: lower-revision, installer-too-old, unknown-product, missing-prerequisite, conflicting-hotfix,
    no-such-volume, disk-full, unsupported-element, and those of questions that could not be answered.
    """
    facts, own = situation.facts, situation.own
    problems: list[Problem] = [*facts.problems]
    if own is not None and own.revision > manifest.revision:
        said = f"{own.label} is installed, and revision {manifest.revision} is lower"
        hint = "uninstall it first, if the lower one is really wanted"
        problems.append(error("lower-revision", said, hint, file=manifest.source))
    if is_newer(manifest.min_installer_version, facts.installer_version):
        said = (
            f"it needs an installer of {manifest.min_installer_version}, and this one is of {facts.installer_version}"
        )
        hint = "use the MiCCEHotFixInstaller that came with the hotfix"
        problems.append(error("installer-too-old", said, hint, file=manifest.source))
    for one in manifest.requires:
        if situation.holds(one.when):
            problems += (problem.at(manifest.source, one.when.line) for problem in _refused(one, facts))
    problems += _conflicts(manifest, facts)
    for entry in manifest.unsupported:
        if situation.holds(entry.when):
            said = f"{entry.what} ({quoted(entry.subject)}) cannot be carried out by this installer"
            hint = "use the MiCCEHotFixInstaller that came with the hotfix, or ask for another hotfix"
            problems.append(error("unsupported-element", said, hint, file=manifest.source, line=entry.when.line))
    return tuple(problems)


def replaced(manifest: Manifest, facts: Facts) -> tuple[str, ...]:
    """The ids of installed hotfixes that this one makes obsolete, as their records spell them."""
    wanted = {fold(id) for id in manifest.supersedes}
    return tuple(one.record.id for one in facts.history if fold(one.record.id) in wanted)


def _obsolete(manifest: Manifest, facts: Facts) -> Iterator[Problem]:
    for one in facts.history:
        if one.makes_obsolete(manifest.id) and not one.record.is_hotfix(manifest.id):
            said = f"{one.record.label} is installed, which makes {manifest.id} obsolete"
            yield warning("obsolete", said, "nothing has to be done", file=manifest.source)


def _unmet(one: Requirement, situation: Situation) -> Problem | None:
    facts = situation.facts
    match one:
        case RequiredProduct(versions):
            if not facts.product_version or is_within(facts.product_version, versions):
                return None
            said = f"it is for version {shown(versions)}, and {facts.product_version} is installed"
            return warning("other-product", said, "get the hotfix for that version")
        case RequiredSystem(versions, architecture):
            fits = not architecture or fold(architecture) == fold(facts.architecture)
            if fits and is_within(facts.system_version, versions):
                return None
            wanted = f"{shown(versions)} {architecture}".strip()
            said = (
                f"it is for systems of {wanted}, and this is {facts.system} {facts.system_version} {facts.architecture}"
            )
            return warning("other-system", said)
        case RequiredFile():
            lacking = _file_unmet(one, situation)
            return None if lacking is None else warning("file-unmet", lacking)
        case RequiredRegistry():
            lacking = _registry_unmet(one, situation)
            return None if lacking is None else warning("registry-unmet", lacking)
        case _:
            return None


def _file_unmet(one: RequiredFile, situation: Situation) -> str | None:
    seen = situation.facts.look(one.path)
    if seen.problems:
        return None  # What cannot be told is a refusal.
    said = _seen_unmet(one, seen)
    changed = situation.changed(seen)
    if said is None or changed is None:
        return said
    # It met the requirement when the hotfix was installed; of its version then nothing is known.
    if changed.before is None:
        return said if one.exists else None
    if not one.exists:
        return said
    return said if one.sha256 and changed.before.sha256 != one.sha256 else None


def _seen_unmet(one: RequiredFile, seen: Seen) -> str | None:
    if not one.exists:
        return f"{one.path} is there, and it is for machines without it" if seen.exists else None
    if not seen.exists:
        return f"{one.path} is not there"
    if not is_within(seen.version, one.versions):
        version = f"version {seen.version}" if seen.version else "no version"
        return f"{one.path} has {version}, and it is for {shown(one.versions)}"
    if one.sha256 and one.sha256 != seen.sha256:
        return f"{one.path} has another content than it is for"
    return None


def _registry_unmet(one: RequiredRegistry, situation: Situation) -> str | None:
    facts = situation.facts
    name = str(one.key) if one.name is None else f"{one.key}\\{one.name or '(default)'}"
    if _registry_problems(one, facts) or any(_is_met(one, *state) for state in _registry_states(one, situation)):
        return None
    there = facts.has_key(one.key) if one.name is None else facts.value(one.key, one.name) is not None
    if not one.exists:
        return f"{name} is there, and it is for machines without it"
    return f"{name} has another value than it is for" if there else f"{name} is not there"


def _registry_states(one: RequiredRegistry, situation: Situation) -> Iterable[tuple[bool, object]]:
    """Whether it is there and what it holds, now and (where this hotfix changed it) before."""
    facts, own = situation.facts, situation.own
    if one.name is None:
        yield facts.has_key(one.key), None
        for key in () if own is None else own.keys:
            if key_name(key.key) == key_name(one.key):
                yield key.before, None
        return
    value = facts.value(one.key, one.name)
    yield value is not None, value
    for changed in () if own is None else own.values:
        if value_name(changed.key, changed.name) == value_name(one.key, one.name):
            yield changed.before is not None, changed.before


def _registry_problems(one: RequiredRegistry, facts: Facts) -> tuple[Problem, ...]:
    name = key_name(one.key) if one.name is None else value_name(one.key, one.name)
    return facts.registry_problems.get(name, ())


def _is_met(one: RequiredRegistry, there: bool, value: object) -> bool:
    return there is one.exists and (one.equals is None or not one.exists or value == one.equals)


def _refused(one: Requirement, facts: Facts) -> tuple[Problem, ...]:
    match one:
        case RequiredProduct(versions) if not facts.product_version and (versions.minimum or versions.maximum):
            said = f"it is for version {shown(versions)}, and nothing says which version is installed"
            return (error("unknown-product", said, 'set product_version in machine.toml, as in "9.6.1.0"'),)
        case RequiredHotfix(id, revision):
            return () if _is_installed(id, revision, facts) else (_prerequisite(id, revision, facts.installed(id)),)
        case RequiredSpace(path, megabytes):
            return tuple(_space(path, megabytes, facts))
        case RequiredRegistry():
            return _registry_problems(one, facts)
        case RequiredFile(path):
            return facts.look(path).problems
        case _:
            return ()


def _is_installed(id: str, revision: int, facts: Facts) -> bool:
    """Whether a hotfix, or one that makes it obsolete, is installed."""
    own = facts.installed(id)
    if own is not None and own.record.revision >= revision:
        return True
    return any(one.makes_obsolete(id) and not one.record.is_hotfix(id) for one in facts.history)


def _prerequisite(id: str, revision: int, found: Known | None) -> Problem:
    there = "it is not installed" if found is None else f"revision {found.record.revision} is installed"
    wanted = f"revision {revision} of {id}" if revision > 1 else id
    return error("missing-prerequisite", f"the hotfix needs {wanted}, and {there}", f"apply {wanted} first")


def _space(path: str, megabytes: int, facts: Facts) -> Iterator[Problem]:
    volume = facts.look(path).volume
    if volume is None:
        yield error("no-such-volume", f"there is no folder above {path}", "connect or mount the disk it lies on")
        return
    free = facts.free.get(volume)
    if free is not None and free < megabytes * MEGABYTE:
        said = f"{path}: {megabytes} MB have to be free, and {free // MEGABYTE} MB are"
        yield error("disk-full", said, "make room there, then run the same command again")


def _conflicts(manifest: Manifest, facts: Facts) -> Iterator[Problem]:
    """Hotfixes that may not be there together with this one; what is obsolete, or becomes it, does not count."""
    excluded, obsolete = {fold(id) for id in manifest.conflicts}, {fold(id) for id in manifest.supersedes}
    for one in facts.history:
        if one.record.superseded_by or fold(one.record.id) in obsolete:
            continue
        if one.record.is_hotfix(manifest.id):
            continue
        if fold(one.record.id) in excluded:
            said = f"{one.record.label} is installed, and the hotfix cannot be there together with it"
        elif fold(manifest.id) in map(fold, one.conflicts):
            said = f"{one.record.label} is installed, which cannot be there together with {manifest.id}"
        else:
            continue
        yield error("conflicting-hotfix", said, f"uninstall {one.record.id} first", file=manifest.source)

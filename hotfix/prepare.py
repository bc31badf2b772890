"""From a `*.config` and this machine to its plan, and from several to theirs; nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.digest import Sha256, sha256_of_bytes
from deploy.errors import ConfigError, MicceError, Problem, error, warning
from deploy.machine import Role
from deploy.relpath import fold
from hotfix import batch, foreseen
from hotfix.applicability import situation_of, unmet
from hotfix.digests import read_config
from hotfix.facts import PackageAt, gather
from hotfix.foreseen import Foreseen
from hotfix.manifest import parse_manifest
from hotfix.manifest_expand import expand_manifest, expanded, for_roles
from hotfix.model import Manifest
from hotfix.package import files_of
from hotfix.plan import Occasion, build_plan, not_applicable, refused
from hotfix.planned import Plan, Verdict
from hotfix.questions import questions_of
from hotfix.recovery import is_unfinished
from hotfix.target import Target


def prepare(config: Path, target: Target, *, silent: bool, publish: bool = True) -> Plan:
    """The plan of one hotfix on this machine.

    `silent`: nobody can be asked, so programs that ask are closed. `publish` false: it is not added to
    the repository for clients, even where there is one. What is wrong with the package or the machine
    is in a refused plan, all of it.

    Raises `ConfigError` with every problem of the manifest, `TargetError` (cannot-read) where it cannot
    be read.
    """
    return _Preparing(target, silent, publish).plan(_read(config), Foreseen())


def prepare_all(configs: Sequence[Path], target: Target, *, silent: bool, publish: bool = True) -> tuple[Plan, ...]:
    """The plans of several hotfixes, in the order in which they have to be applied.

    Each is planned as if those before it that are ready were applied already, so look at it for a
    preview, and `prepare` it anew once they are. The same one named twice is planned once. A lower
    revision beside a higher one, and what another one makes obsolete, is not applicable; hotfixes that need each
    other are refused, as are two of one revision.

    Raises `ConfigError` with every problem of every manifest, `TargetError` (cannot-read).
    """
    drafts: list[_Draft] = []
    problems: list[Problem] = []
    for config in configs:
        try:
            draft = _read(config)
        except ConfigError as wrong:
            problems += wrong.problems
            continue
        if not any(one.digest == draft.digest and one.is_same(draft) for one in drafts):
            drafts.append(draft)
    if problems:
        raise ConfigError(problems)
    return _Preparing(target, silent, publish).all(drafts)


def in_order(plans: Iterable[Plan]) -> tuple[Plan, ...]:
    """Plans in the order of applying; raises `ConfigError` (requires-circle) where there is none."""
    given = tuple(plans)
    order = batch.ordered([one.manifest for one in given])
    if order.circles:
        circles = ([given[number].manifest for number in circle] for circle in order.circles)
        raise ConfigError(batch.circle_problem(circle, circle[0].source) for circle in circles)
    return tuple(given[number] for number in order.sequence)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A manifest that was read and has no error."""

    config: Path
    digest: Sha256
    manifest: Manifest
    warnings: tuple[Problem, ...]

    @property
    def folder(self) -> Path:
        return Path(os.path.abspath(self.config)).parent

    def is_same(self, other: _Draft) -> bool:
        """Whether both are one revision of one hotfix."""
        return fold(self.manifest.id) == fold(other.manifest.id) and self.manifest.revision == other.manifest.revision


def _read(config: Path) -> _Draft:
    data = read_config(config)
    parsed = parse_manifest(data, str(config))
    if parsed.manifest is None:
        raise ConfigError(parsed.problems)
    return _Draft(config, sha256_of_bytes(data), parsed.manifest, parsed.problems)


class _Preparing:
    """Plans on one machine."""

    def __init__(self, target: Target, silent: bool, publish: bool) -> None:
        self._target = target
        self._silent = silent
        self._publish = publish

    def all(self, drafts: Sequence[_Draft]) -> tuple[Plan, ...]:
        """The plans of a batch, in order."""
        roles = self._target.machine.roles
        order = batch.ordered([for_roles(one.manifest, roles) for one in drafts])
        circles = {number: circle for circle in order.circles for number in circle}
        expected = Foreseen()
        plans: list[Plan] = []
        problems: list[Problem] = []
        for number in order.sequence:
            draft = drafts[number]
            twins = [other for other in drafts if other is not draft and other.is_same(draft)]
            try:
                if number in circles:
                    members = [drafts[one].manifest for one in circles[number]]
                    plan = self._refused(draft, batch.circle_problem(members, str(draft.config)))
                elif twins:
                    plan = self._refused(draft, _twin(draft, twins[0]))
                else:
                    plan = self._after_others(draft, expected)
            except ConfigError as wrong:
                problems += wrong.problems
                continue
            plans.append(plan)
            if plan.verdict is Verdict.READY:
                expected = foreseen.after(plan, expected, os.sep)
        if problems:
            raise ConfigError(problems)
        return tuple(plans)

    def plan(self, draft: _Draft, expected: Foreseen) -> Plan:
        """The plan of one; raises `ConfigError` with every problem of the manifest on this machine."""
        occasion = Occasion(str(draft.folder), draft.digest, self._silent, self._publish, draft.warnings)
        wanted = expand_manifest(draft.manifest, self._target.identifiers, self._target.machine.roles)
        reasons = self._unmet(draft.manifest, expected)
        if reasons:
            return not_applicable(wanted.manifest or draft.manifest, reasons, occasion)
        if wanted.manifest is None:
            raise ConfigError((*draft.warnings, *wanted.problems))
        said = (*draft.warnings, *wanted.problems, *_unfinished(self._target))
        package, problems = self._package(draft, wanted.manifest)
        questions = questions_of(wanted.manifest, (one.path for one in package.files), os.sep)
        facts = gather(questions, package, self._target, expected)
        return build_plan(wanted.manifest, facts, replace(occasion, problems=(*said, *problems)))

    def _unmet(self, manifest: Manifest, expected: Foreseen) -> tuple[Problem, ...]:
        """Why it is not for this machine, as far as its requirements alone tell: nothing else is read for that."""
        alone = Manifest(manifest.source, manifest.id, manifest.revision, requires=manifest.requires)
        machine = self._target.machine
        requirements = expand_manifest(alone, self._target.identifiers, machine.roles).manifest
        if requirements is None:
            return ()  # The same problems will be found in the whole manifest.
        questions = questions_of(requirements, (), os.sep)
        facts = gather(questions, PackageAt(Path()), self._target, expected)
        return unmet(requirements, situation_of(requirements, facts))

    def _package(self, draft: _Draft, wanted: Manifest) -> tuple[PackageAt, tuple[Problem, ...]]:
        """The files this machine needs, or all of them where they are published; and what is wrong with them."""
        manifest = wanted
        if self._publish and Role.BROKER in self._target.machine.roles:
            manifest, _ = expanded(draft.manifest, self._target.identifiers.with_examples())
        try:
            return PackageAt(draft.folder, files_of(manifest, draft.folder)), ()
        except MicceError as wrong:
            return PackageAt(draft.folder), wrong.problems

    def _after_others(self, draft: _Draft, expected: Foreseen) -> Plan:
        manifest = draft.manifest
        higher = [
            one.record.revision
            for one in expected.hotfixes
            if one.record.is_hotfix(manifest.id) and one.record.revision > manifest.revision
        ]
        if not higher:
            return self.plan(draft, expected)
        said = f"revision {higher[0]} of it is among those to be applied"
        reason = warning("obsolete", said, "nothing has to be done", file=str(draft.config))
        return not_applicable(manifest, (reason,), self._occasion(draft))

    def _refused(self, draft: _Draft, problem: Problem) -> Plan:
        return refused(draft.manifest, (problem,), draft.warnings, self._occasion(draft))

    def _occasion(self, draft: _Draft) -> Occasion:
        return Occasion(str(draft.folder), draft.digest, self._silent, self._publish, draft.warnings)


def _unfinished(target: Target) -> tuple[Problem, ...]:
    """That files may be another state in a moment."""
    if not is_unfinished(target):
        return ()
    said = "a change of this machine is under way or was broken off: what is planned now holds for this moment only"
    return (warning("unfinished-change", said, "look at the plan again when that has ended, or was recovered"),)


def _twin(draft: _Draft, other: _Draft) -> Problem:
    label = f"revision {draft.manifest.revision} of {draft.manifest.id}"
    said = f"{draft.config} and {other.config} both are {label}, and differ"
    return error("two-of-one-revision", said, "name one of them", file=str(draft.config))

"""From a manifest and the facts to the one plan, or to every reason why there is none.

Pure. `hotfix.prepare` asks for the facts; docs/reference/hotfix-plan.md says what the rules are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from deploy.digest import Sha256
from deploy.errors import Problem, error, warning
from deploy.host.registry import Hive
from deploy.machine import Role
from deploy.relpath import fold
from hotfix.applicability import Situation, refusals, replaced, situation_of, unmet
from hotfix.known import Facts
from hotfix.model import Manifest, When
from hotfix.plan_commands import plan_commands
from hotfix.plan_files import plan_files
from hotfix.plan_programs import elevation_missing, plan_processes, plan_services
from hotfix.plan_registry import plan_registry
from hotfix.plan_roots import SLACK, space_needed, too_little_room
from hotfix.planned import FileAction, Plan, PlannedFile, Verdict

_JUDGED_TWICE = frozenset({"runs-last", "unsupported-element"})
"""What reading the manifest says for any machine, and the plan again for this one."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a plan is made of and for, besides the manifest and the facts.

    `folder` is where the package lies, `digest` that of its `*.config`. `silent`: nobody can be asked.
    `publish` false: not added to the repository, even here. `problems` are those found before: warnings of the
    manifest, what is wrong with the files of the package.
    """

    folder: str
    digest: Sha256
    silent: bool = True
    publish: bool = True
    problems: tuple[Problem, ...] = ()


def build_plan(manifest: Manifest, facts: Facts, occasion: Occasion) -> Plan:
    """The plan of a hotfix; `manifest` has its identifiers replaced and holds what the roles of this machine leave.

    `facts` answer `questions_of(manifest, ...)`. The verdict is not applicable where requirements are
    unmet or nothing is left to do, refused with every error otherwise found.
    """
    situation = situation_of(manifest, facts)
    publishes = occasion.publish and Role.BROKER in facts.roles
    reasons = unmet(manifest, situation)
    if not reasons and not publishes and not _concerns(manifest, situation):
        reasons = (_nothing_here(manifest, facts),)
    if reasons:
        return not_applicable(manifest, reasons, occasion)
    plan, problems = _planned(manifest, situation, occasion, publishes)
    found = _each_once((*occasion.problems, *problems))
    errors = tuple(one for one in found if one.is_error)
    warnings = tuple(one for one in found if not one.is_error)
    if errors:
        return refused(manifest, errors, warnings, occasion)
    return replace(plan, warnings=warnings)


def not_applicable(manifest: Manifest, reasons: tuple[Problem, ...], occasion: Occasion) -> Plan:
    """The plan of a hotfix that does not concern this machine."""
    warnings = tuple(one for one in occasion.problems if not one.is_error)
    verdict = Verdict.NOT_APPLICABLE
    return Plan(manifest, occasion.folder, occasion.digest, verdict, reasons, warnings, reboot=manifest.reboot)


def refused(manifest: Manifest, errors: tuple[Problem, ...], warnings: tuple[Problem, ...], occasion: Occasion) -> Plan:
    """The plan of a hotfix that must not be applied."""
    verdict = Verdict.REFUSED
    return Plan(manifest, occasion.folder, occasion.digest, verdict, errors, warnings, reboot=manifest.reboot)


def _planned(
    manifest: Manifest, situation: Situation, occasion: Occasion, publishes: bool
) -> tuple[Plan, tuple[Problem, ...]]:
    """The plan as if nothing were wrong, and everything that is."""
    facts, own = situation.facts, situation.own
    problems = [*refusals(manifest, situation)]
    files = plan_files(manifest, situation, facts.repository if publishes else None)
    services = plan_services(manifest, situation)
    processes, running = plan_processes(manifest, situation, silent=occasion.silent)
    registry, unreadable = plan_registry(manifest, situation)
    commands, missing = plan_commands(manifest, situation, files.files)
    problems += (*files.problems, *services.problems, *running, *unreadable, *missing)
    needing = ["services"] if services.changes and facts.services_need_elevation else []
    if facts.system == "windows" and any(one.step.key.hive is not Hive.HKCU for one in registry):
        needing.append("the registry")
    problems += (one.at(manifest.source) for one in elevation_missing(needing, facts))
    if publishes:
        problems += (one.at(manifest.source) for one in _unpublishable(facts))
    space = space_needed(files.files, files.roots)
    package = sum(one.size for one in facts.package)
    store = SLACK + package + _originals(manifest, files.files, situation)
    short = too_little_room(space, files.roots, store, package if publishes else 0, facts)
    problems += (one.at(manifest.source) for one in short)
    plan = Plan(
        manifest=manifest,
        folder=occasion.folder,
        digest=occasion.digest,
        verdict=Verdict.READY,
        reinstall=own is not None and own.revision == manifest.revision,
        replaces=replaced(manifest, facts),
        roots=files.roots.folders,
        files=files.files,
        registry=registry,
        services=services.services,
        service_changes=services.changes,
        processes=processes,
        commands=commands,
        reboot=manifest.reboot,
        space=space,
        publishes=publishes,
    )
    return plan, tuple(problems)


def _concerns(manifest: Manifest, situation: Situation) -> bool:
    """Whether any action applies on this machine, by its roles (looked at before) and its conditions."""
    groups: tuple[Iterable[When], ...] = (
        (one.when for one in manifest.services),
        (one.when for one in manifest.processes),
        (one.when for one in manifest.files),
        (one.when for one in manifest.deletes),
        (one.when for one in manifest.config_files),
        (one.when for one in manifest.registry),
        (one.when for one in manifest.commands),
        (one.when for one in manifest.unsupported),
    )
    return any(situation.holds(when) for group in groups for when in group)


def _nothing_here(manifest: Manifest, facts: Facts) -> Problem:
    roles = ", ".join(sorted(facts.roles)) or "none, by machine.toml"
    said = f"no step of it concerns this machine (roles: {roles})"
    return warning("no-step-here", said, "apply it on the machines it is for", file=manifest.source)


def _unpublishable(facts: Facts) -> Iterator[Problem]:
    """Why nothing can be added to the repository of this machine."""
    repository = facts.repository
    if repository is None:
        said = "$(InstallDir) has no value on this machine, and the repository for clients lies there"
        hint = "give it with --set InstallDir=..., or under [identifiers] in machine.toml"
        yield error("unset-identifier", said, hint)
    elif repository.volume is None:
        said = f"there is no folder above {repository.path}"
        yield error("no-such-volume", said, "connect or mount the disk it lies on, or correct InstallDir")
    elif not repository.writable:
        said = f"{repository.existing} may not be changed by this account ({facts.account})"
        yield error("cannot-write", said, "run it as an administrator, or let the account write there")


def _originals(manifest: Manifest, files: Iterable[PlannedFile], situation: Situation) -> int:
    """Bytes of the files that will be kept for a removal and are not yet."""
    if not manifest.allow_uninstall:
        return 0
    sizes = {one.key: one.size for one in situation.facts.paths.values()}
    changed = (one for one in files if one.action is not FileAction.KEEP and one.before is not None and one.backup)
    keys = (fold(one.path) for one in changed)
    return sum(sizes.get(key, 0) for key in keys if key not in situation.changes)


def _each_once(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """By line, each once; errors before warnings that say the same."""
    found: dict[tuple[str, str | None, int | None, str], Problem] = {}
    for one in sorted(problems, key=lambda one: not one.is_error):
        words = "" if one.code in _JUDGED_TWICE else one.message
        found.setdefault((one.code, one.file, one.line, words), one)
    return tuple(sorted(found.values(), key=lambda one: one.line or 0))

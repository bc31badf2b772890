"""How hotfixes look: JSON for programs, plain lines for people. Results go to stdout, problems to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from deploy.change.model import CommandEnded
from deploy.change.recovery import Recovery
from deploy.disk import readable_size
from deploy.host.registry import RegistryKey
from deploy.rendering import Json, problem_json, write_problems
from hotfix.build import Built
from hotfix.conversation import (
    details,
    registry_words,
    removed_lines,
    result_lines,
    standing,
    steps,
    warning_text,
)
from hotfix.doctor import Diagnosis
from hotfix.events import Event, Progress
from hotfix.install import Applied
from hotfix.installed import Installed
from hotfix.planned import Plan, PlannedCommand, PlannedFile, PlannedProcess, PlannedRegistry, PlannedService
from hotfix.removal import UninstallPlan
from hotfix.uninstall import Removed


def event_json(event: Event) -> Json:
    """One line of `micce-hotfix apply --json` while it works."""
    match event:
        case Progress(done, total):
            return {"event": "progress", "bytesDone": done, "bytesTotal": total}
        case _:
            return {"event": "doing", "action": event.action, "subject": event.subject}


def plan_json(plan: Plan) -> Json:
    """The document of `micce-hotfix plan --json`."""
    manifest = plan.manifest
    return {
        "id": manifest.id,
        "revision": manifest.revision,
        "name": manifest.name or manifest.id,
        "classification": manifest.classification,
        "releaseDate": manifest.release_date,
        "description": manifest.description,
        "sha256": plan.digest,
        "verdict": plan.verdict.value,
        "reinstall": plan.reinstall,
        "replaces": list(plan.replaces),
        "publishes": plan.publishes,
        "reboot": plan.reboot.value,
        **_steps_json(plan),
        "space": [{"path": root, "bytes": needed} for root, needed in zip(plan.roots, plan.space, strict=True)],
        "reasons": [problem_json(one) for one in plan.reasons],
        "warnings": [problem_json(one) for one in plan.warnings],
    }


def uninstall_plan_json(plan: UninstallPlan) -> Json:
    """The document of `micce-hotfix uninstall --dry-run --json`."""
    return {
        "id": plan.installed.id,
        "revision": plan.installed.revision,
        "verdict": plan.verdict.value,
        "forced": plan.forced,
        "restores": list(plan.restores),
        "left": [one.path for one in plan.left],
        **_steps_json(plan),
        "reasons": [problem_json(one) for one in plan.reasons],
        "warnings": [problem_json(one) for one in plan.warnings],
    }


def _steps_json(plan: Plan | UninstallPlan) -> Json:
    return {
        "files": [_file_json(one) for one in plan.files],
        "registry": [_registry_json(one) for one in plan.registry],
        "services": [_service_json(one) for one in plan.services],
        "processes": [_process_json(one) for one in plan.processes],
        "commands": [_command_json(one) for one in plan.commands],
    }


def _file_json(one: PlannedFile) -> Json:
    return {
        "action": one.action.value,
        "path": one.path,
        "before": one.before,
        "after": one.after,
        "size": one.size,
        "reason": one.reason,
    }


def _registry_json(one: PlannedRegistry) -> Json:
    key: RegistryKey = one.step.key
    return {
        "key": str(key),
        "view": key.view.value,
        "step": registry_words(one.step),
        "existsBefore": one.before is not None,
        "existsAfter": one.after is not None,
    }


def _service_json(one: PlannedService) -> Json:
    return {
        "name": one.name,
        "state": one.state.value,
        "stops": one.stops,
        "starts": one.starts,
        "because": one.because,
    }


def _process_json(one: PlannedProcess) -> Json:
    return {"name": one.change.name, "running": one.running, "asks": one.asks, "ending": one.change.ending.value}


def _command_json(one: PlannedCommand) -> Json:
    return {"name": one.command.label, "moment": one.command.moment.value, "reversible": one.reversible}


def applied_json(applied: Applied) -> Json:
    """The last line of `micce-hotfix apply --json` for each hotfix."""
    return {
        "event": "done",
        "id": applied.id,
        "revision": applied.revision,
        "applied": applied.applied,
        "reinstalled": applied.reinstalled,
        "superseded": list(applied.superseded),
        "commands": _commands_json(applied.commands),
        "waiting": list(applied.waiting),
        "restartNeeded": applied.restart_needed,
        "published": applied.published,
        "recovered": _recovered(applied.recovered),
        "reasons": [problem_json(one) for one in applied.reasons],
        "warnings": [problem_json(one) for one in applied.warnings],
    }


def removed_json(removed: Removed) -> Json:
    """The last line of `micce-hotfix uninstall --json`."""
    return {
        "event": "done",
        "id": removed.id,
        "revision": removed.revision,
        "restores": list(removed.restores),
        "commands": _commands_json(removed.commands),
        "waiting": list(removed.waiting),
        "restartNeeded": removed.restart_needed,
        "recovered": _recovered(removed.recovered),
        "warnings": [problem_json(one) for one in removed.warnings],
    }


def _commands_json(commands: Iterable[CommandEnded]) -> list[Json]:
    return [{"name": one.label, "exitCode": one.exit_code} for one in commands]


def _recovered(recovery: Recovery | None) -> str:
    return "nothing" if recovery is None else recovery.outcome.value


def recovery_json(recovery: Recovery) -> Json:
    """The document of `micce-hotfix recover --json`."""
    return {
        "outcome": recovery.outcome.value,
        "files": recovery.files,
        "waiting": list(recovery.waiting),
        "warnings": [problem_json(one) for one in recovery.warnings],
    }


def installed_json(one: Installed) -> Json:
    """One hotfix of `micce-hotfix list --json`."""
    return {
        "id": one.id,
        "revision": one.revision,
        "name": one.name or one.id,
        "classification": one.classification,
        "state": one.state.value,
        "supersededBy": one.superseded_by or None,
        "sequence": one.sequence,
        "installedAt": one.installed_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "installedBy": one.installed_by,
        "restartPending": one.restart_pending,
        "allowUninstall": one.allow_uninstall,
        "published": one.published,
    }


def shown_json(one: Installed) -> Json:
    """The document of `micce-hotfix show --json`; data of registry values is left out."""
    return {
        **installed_json(one),
        "description": one.description,
        "infoUrl": one.info_url,
        "sha256": one.digest,
        "files": [
            {
                "path": file.path,
                "before": None if file.before is None else file.before.sha256,
                "after": file.after,
                "kept": file.kept,
            }
            for file in one.files
        ],
        "registry": [
            *({"key": str(key.key), "view": key.key.view.value, "name": None} for key in one.keys),
            *({"key": str(value.key), "view": value.key.view.value, "name": value.name} for value in one.values),
        ],
        "services": [service.name for service in one.services],
        "commands": [command.label for command in one.commands],
        "notUndone": list(one.not_undone),
        "waiting": list(one.waiting),
    }


def built_json(built: Built) -> Json:
    """The document of `micce-hotfix build --json`; sizes in bytes."""
    return {
        "id": built.id,
        "revision": built.revision,
        "archive": str(built.archive),
        "sha256": built.sha256,
        "size": built.size,
        "config": str(built.config),
        "configSha256": built.config_sha256,
        "files": [{"path": str(one.path), "sha256": one.sha256, "size": one.size} for one in built.files],
        "warnings": [problem_json(one) for one in built.warnings],
    }


def diagnosis_json(found: Diagnosis) -> Json:
    """The document of `micce-hotfix doctor --json`."""
    return {
        "ok": found.is_well,
        "account": {"name": found.account, "elevated": found.elevated},
        "volumes": [{"path": one.path, "free": one.free} for one in found.volumes],
        "installed": [installed_json(one) for one in found.installed],
        "unfinished": None
        if found.unfinished is None
        else {"phase": found.unfinished.phase.name.lower(), "failures": list(found.unfinished.failures)},
        "problems": [problem_json(one) for one in found.problems],
    }


def write_lines(lines: Iterable[str]) -> None:
    """Lines of a result on stdout."""
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def write_plan(plan: Plan) -> None:
    """The outcome of `micce-hotfix plan` for people."""
    write_problems(plan.warnings)
    write_lines((*details(plan), "", standing(plan), *steps(plan)))
    _warn(warning_text(plan))
    write_problems(plan.reasons)


def write_uninstall_plan(plan: UninstallPlan) -> None:
    """What a removal would do, for people."""
    write_problems(plan.warnings)
    label = f"{plan.installed.name or plan.installed.id} ({plan.installed.label})"
    left = (f"leave    {one.path} (its original is not kept)" for one in plan.left)
    write_lines((label, "", standing(plan), *steps(plan), *left))
    _warn(warning_text(plan))
    write_problems(plan.reasons)


def _warn(text: str) -> None:
    if text:
        write_lines(("", f"WARNING: {text}"))


def write_applied(applied: Applied) -> None:
    """What applying came to, for people."""
    write_problems((*applied.warnings, *applied.reasons))
    write_lines(result_lines(applied))


def write_removed(removed: Removed) -> None:
    """What a removal came to, for people."""
    write_problems(removed.warnings)
    write_lines(removed_lines(removed))


def write_recovery(recovery: Recovery) -> None:
    """What a recovery did, for people."""
    write_problems(recovery.warnings)
    said = {
        "nothing": "nothing was left unfinished",
        "rolled-back": "a change that was broken off is undone: everything is as it was before",
        "finished": "a change that was broken off at its end is finished: everything of it is in place",
    }
    write_lines((said[recovery.outcome.value], *(f"{path} waits for a restart" for path in recovery.waiting)))


def write_list(records: Sequence[Installed]) -> None:
    """The installed hotfixes, oldest first, a line each."""
    if not records:
        write_lines(("no hotfix is installed",))
    width = max((len(one.id) for one in records), default=0)
    for one in records:
        state = f"superseded by {one.superseded_by}" if one.superseded_by else one.state.value
        pending = ", waits for a restart" if one.restart_pending else ""
        when = one.installed_at.strftime("%Y-%m-%d %H:%MZ")
        write_lines((f"{one.id:<{width}}  r{one.revision:<3} {when}  {state}{pending}  {one.name}".rstrip(),))


def write_installed(one: Installed) -> None:
    """Everything about one installed hotfix, for people."""
    when = one.installed_at.strftime("%Y-%m-%d %H:%M:%SZ")
    lines = [
        f"{one.name or one.id}",
        f"{one.classification} {one.label}, {one.state.value}",
        f"installed {when} by {one.installed_by}",
    ]
    lines += [" ".join(one.description.split())] if one.description else []
    for file in one.files:
        how = "made" if file.before is None else "deleted" if file.after is None else "replaced"
        lines.append(f"{how:<9}{file.path}{'' if file.kept or file.before is None else ' (original not kept)'}")
    lines += [f"registry {one_value.name or '(default)'} in {one_value.key}" for one_value in one.values]
    lines += [f"stopped  service {service.name}" for service in one.services]
    lines += [f"waits    {path} gets its content at the next restart" for path in one.waiting]
    lines.append("can be uninstalled" if one.allow_uninstall else "cannot be uninstalled")
    write_lines(lines)


def write_built(built: Built) -> None:
    """What was built, for people."""
    write_problems(built.warnings)
    write_lines(
        (
            f"{built.archive}: {len(built.files)} files and {built.config}, {readable_size(built.size)}",
            f"sha256 of the zip     {built.sha256}",
            f"sha256 of the config  {built.config_sha256}",
        )
    )


def write_diagnosis(found: Diagnosis) -> None:
    """The outcome of `micce-hotfix doctor` for people."""
    write_lines((f"account:    {found.account}, {'elevated' if found.elevated else 'not elevated'}",))
    for one in found.volumes:
        write_lines((f"free:       {'unknown' if one.free is None else readable_size(one.free)} at {one.path}",))
    write_lines((f"installed:  {len(found.installed)}",))
    phase = "nothing" if found.unfinished is None else f"a change ({found.unfinished.phase.name.lower()})"
    write_lines((f"unfinished: {phase}", "all is well" if not found.problems else f"problems: {len(found.problems)}"))
    write_problems(found.problems)

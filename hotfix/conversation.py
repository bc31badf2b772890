"""What is said about a hotfix, in words: its details, its plan, the warning before services stop, the result.

The window, the terminal and the plain commands say the same lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deploy.change.model import DeleteKey, DeleteValue, Doing, MakeKey, RegistryStep, SetValue
from deploy.digest import Sha256
from hotfix.install import Applied
from hotfix.planned import (
    FileAction,
    Plan,
    PlannedCommand,
    PlannedFile,
    PlannedProcess,
    PlannedRegistry,
    PlannedService,
    Verdict,
)
from hotfix.removal import UninstallPlan
from hotfix.uninstall import Removed

DOING = {
    "begin": "beginning",
    "check": "checking that everything is in place",
    "back-up": "keeping the earlier files",
    "commit": "deciding",
    "recover": "undoing or finishing what was broken off before",
    "verify": "verifying",
    "copy-package": "copying the package",
    "keep-original": "keeping the original of",
    "stage-file": "staging",
    "publish": "publishing to the clients",
    "tidy-up": "tidying up",
    "run-command": "running",
    "stop-service": "stopping the service",
    "start-service": "starting the service",
    "close-process": "ending the program",
    "replace-file": "writing",
    "delete-file": "deleting",
    "set-registry": "setting",
    "undo": "undoing everything",
    "undo-command": "undoing",
}
_WITHOUT_SUBJECT = frozenset({"begin", "check", "back-up", "commit", "recover", "tidy-up", "undo", "publish"})
_SHORT = 12


def doing(event: Doing) -> str:
    """What is done now, as a line."""
    words = DOING.get(event.action, event.action)
    return words if event.action in _WITHOUT_SUBJECT or not event.subject else f"{words} {event.subject}"


def details(plan: Plan) -> tuple[str, ...]:
    """Name, classification, date, description of the hotfix, a line each."""
    manifest = plan.manifest
    lines = [
        f"{manifest.name or manifest.id}",
        f"{manifest.classification} {manifest.id}, revision {manifest.revision}"
        + (f", {manifest.release_date}" if manifest.release_date else ""),
    ]
    if manifest.description:
        lines.append(" ".join(manifest.description.split()))
    if manifest.info_url:
        lines.append(f"More: {manifest.info_url}")
    return tuple(lines)


def standing(plan: Plan | UninstallPlan) -> str:
    """Whether it can be carried out, as a sentence."""
    match plan.verdict:
        case Verdict.NOT_APPLICABLE:
            return "This hotfix does not concern this computer: nothing has to be done."
        case Verdict.REFUSED:
            what = "removed from" if isinstance(plan, UninstallPlan) else "applied to"
            return f"This hotfix cannot be {what} this computer as it is now."
        case Verdict.READY:
            pass
    if isinstance(plan, UninstallPlan):
        return "This hotfix can be removed."
    if plan.reinstall:
        return "This revision is installed: it will be installed again."
    if plan.replaces:
        return f"It replaces {', '.join(plan.replaces)}."
    return "This hotfix can be applied."


def steps(plan: Plan | UninstallPlan) -> tuple[str, ...]:
    """Every step in order, a line each; empty where nothing is done."""
    stops = [one for one in plan.services if one.stops]
    lines = [
        *(command_line(one) for one in plan.commands if one.command.moment == "before"),
        *(f"stop     service {one.name}{_because(one)}" for one in stops),
        *(process_line(one) for one in plan.processes),
        *(file_line(one) for one in plan.files),
        *(registry_line(one) for one in plan.registry),
        *(command_line(one) for one in plan.commands if one.command.moment == "afterFiles"),
        *(f"start    service {one.name}" for one in reversed(plan.services) if one.starts),
        *(command_line(one) for one in plan.commands if one.command.moment in ("after", "last")),
    ]
    if isinstance(plan, Plan) and plan.publishes:
        lines.append("publish  to the clients of this server")
    return tuple(lines)


def _because(one: PlannedService) -> str:
    return f" (needs {one.because})" if one.because else ""


def process_line(one: PlannedProcess) -> str:
    """A program that must not run."""
    running = "not running now" if not one.running else f"{one.running} running"
    return f"end      program {one.change.name} ({running})"


def file_line(one: PlannedFile) -> str:
    """One file: what happens, to what, and the digests before and after."""
    if one.action is FileAction.KEEP:
        return f"keep     {one.path} ({one.reason})"
    return f"{one.action.value:<8} {one.path} ({digest(one.before)} -> {digest(one.after)})"


def digest(value: Sha256 | None) -> str:
    """The first digits of a digest, for people."""
    return "none" if value is None else value[:_SHORT]


def registry_line(one: PlannedRegistry) -> str:
    """One key or value."""
    return f"registry {registry_words(one.step)}"


def registry_words(step: RegistryStep) -> str:
    """A registry step; the data of a value is not shown, for it may be secret."""
    where = f"{step.key} ({step.key.view.value}-bit)"
    match step:
        case MakeKey():
            return f"make key {where}"
        case DeleteKey():
            return f"delete key {where}"
        case SetValue(name=name, value=value):
            return f"set {name or '(default)'} ({value.type.value}) in {where}"
        case DeleteValue(name=name):
            return f"delete {name or '(default)'} in {where}"


def command_line(one: PlannedCommand) -> str:
    """One command, without its arguments."""
    return f"run      {one.command.label}{'' if one.reversible else ' (cannot be undone)'}"


def stopping(plan: Plan | UninstallPlan) -> tuple[str, ...]:
    """The names of running services that will be stopped, in that order."""
    return tuple(one.name for one in plan.services if one.stops and one.state != "stopped")


def closing(plan: Plan | UninstallPlan) -> tuple[str, ...]:
    """The names of running programs that will be asked to end."""
    return tuple(one.change.name for one in plan.processes if one.running)


def warning_text(plan: Plan | UninstallPlan) -> str:
    """The warning before services stop (manual: HOTFIX UPDATES, 1. c); "" where none does."""
    services, programs = stopping(plan), closing(plan)
    parts = []
    if services:
        parts.append(
            f"These services will be stopped while files are replaced: {', '.join(services)}. "
            "Calls and logged-on agents can be affected."
        )
    if programs:
        parts.append(f"These programs will be ended; save your work in them first: {', '.join(programs)}.")
    return " ".join(parts)


def result_lines(applied: Applied) -> tuple[str, ...]:
    """What applying came to."""
    label = f"{applied.id} revision {applied.revision}"
    if not applied.applied:
        return (f"{label} is not applicable to this computer; nothing was changed",)
    return (
        f"{label} is {'installed again' if applied.reinstalled else 'installed'}",
        *(f"it replaces {one}" for one in applied.superseded),
        *(["it is published to the clients"] if applied.published else []),
        *_afterwards(applied.restart_needed, applied.waiting),
    )


def removed_lines(removed: Removed) -> tuple[str, ...]:
    """What a removal came to."""
    return (
        f"{removed.id} revision {removed.revision} is removed",
        *(f"{one} counts again" for one in removed.restores),
        *_afterwards(removed.restart_needed, removed.waiting),
    )


def _afterwards(restart_needed: bool, waiting: Sequence[str]) -> Iterable[str]:
    if restart_needed:
        yield "a restart of this computer is needed"
    for path in waiting:
        yield f"{path} gets its new content at the restart"

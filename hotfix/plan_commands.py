"""Which commands run when, and whether undoing the change undoes them.

Pure. A program of the package is named where its verified copy will be: `hotfix.layout`.
"""

from __future__ import annotations

from collections.abc import Iterable

from deploy.change.model import Command, CommandLine, Moment
from deploy.errors import Problem, error, warning
from deploy.relpath import fold
from hotfix import layout
from hotfix.applicability import Situation
from hotfix.known import Facts, Kind
from hotfix.model import CommandEntry, CommandPhase, ExitCode, ExitResult, Manifest, OnError
from hotfix.paths import packaged_program, split_command_line
from hotfix.places import joined
from hotfix.planned import PlannedCommand, PlannedFile
from hotfix.softening import softened

SUCCESS = frozenset({0})
RESTART = frozenset({3010, 1641})  # ERROR_SUCCESS_REBOOT_REQUIRED, ERROR_SUCCESS_REBOOT_INITIATED

_MOMENTS = {
    CommandPhase.BEFORE: Moment.BEFORE,
    CommandPhase.AFTER_FILES: Moment.AFTER_FILES,
    CommandPhase.AFTER: Moment.AFTER,
    CommandPhase.ROLLBACK: Moment.ROLLBACK,
}
_WITH_NEW_FILES = frozenset({Moment.AFTER_FILES, Moment.AFTER, Moment.LAST})


def plan_commands(
    manifest: Manifest, situation: Situation, files: Iterable[PlannedFile]
) -> tuple[tuple[PlannedCommand, ...], tuple[Problem, ...]]:
    """Plan the commands that apply, those of removing the hotfix left out; `files` are those of the same plan.

    One that can neither be undone nor run twice runs last, with a warning (runs-last). A program that
    is not on this machine, and not brought before it is needed, is command-missing.
    """
    programs = _Programs(manifest, situation.facts, files)
    planned: list[PlannedCommand] = []
    problems: list[Problem] = []
    for entry in manifest.commands:
        moment = _MOMENTS.get(entry.phase)
        if moment is None or not situation.holds(entry.when):
            continue
        reversible = bool(entry.undo) or entry.idempotent or moment is Moment.ROLLBACK
        moment = moment if reversible else Moment.LAST
        line, undo, missing = programs.lines(entry, moment)
        if missing:
            problems += softened(missing, entry.when, manifest.source)
            continue
        success, restart = exit_codes(entry.exit_codes)
        label = _label(entry)
        optional = entry.when.on_error is OnError.CONTINUE
        command = Command(label, line, moment, success, restart, undo, entry.idempotent, optional)
        planned.append(PlannedCommand(command, reversible, entry.when.line))
        if not reversible:
            said = f"{label} cannot be undone, so it runs last, when everything else is in place and was checked"
            hint = 'undo="..." or idempotent="true" in the manifest would change that'
            problems.append(warning("runs-last", said, hint, file=manifest.source, line=entry.when.line))
    return tuple(planned), tuple(problems)


def exit_codes(codes: Iterable[ExitCode]) -> tuple[frozenset[int], frozenset[int]]:
    """The exit codes of success, and those that need a restart besides; where some are written, only these."""
    codes = tuple(codes)
    if not codes:
        return SUCCESS, RESTART
    good = [one for one in codes if one.result is not ExitResult.FAILURE]
    return frozenset(one.value for one in good if not one.reboot), frozenset(one.value for one in good if one.reboot)


def _label(entry: CommandEntry) -> str:
    """The program as people know it: its path in the package, or its file name."""
    inside = packaged_program(entry.command)
    if inside is not None:
        return str(inside)
    return _program(entry).replace("\\", "/").rpartition("/")[2]


def _program(entry: CommandEntry) -> str:
    return entry.command.strip().strip('"')


class _Programs:
    """Finds the programs of commands: in the package, among the files of the plan, on this machine."""

    def __init__(self, manifest: Manifest, facts: Facts, files: Iterable[PlannedFile]) -> None:
        self._facts = facts
        self._brought = {fold(one.path): one.path for one in files if one.after is not None}
        self._package = {one.path.key: one.path for one in facts.package}
        place = layout.package(manifest.id, manifest.revision)
        self._folder = joined(facts.store, *place.segments, separator=facts.separator)

    def lines(self, entry: CommandEntry, moment: Moment) -> tuple[CommandLine, CommandLine | None, tuple[Problem, ...]]:
        """A command, what takes it back while the new files are there, and which programs are missing."""
        missing: list[Problem] = []
        program, args = split_command_line(entry.undo)
        line = self._line(_program(entry), entry.args, entry, self._path(_program(entry), moment, missing))
        undo = self._line(program, args, entry, self._path(program, moment, missing)) if program else None
        return line, undo, tuple(missing)

    def _line(self, program: str, args: str, entry: CommandEntry, path: str | None) -> CommandLine:
        return CommandLine(path or program, args, self._folder, entry.hidden, float(entry.timeout))

    def _path(self, program: str, moment: Moment, missing: list[Problem]) -> str | None:
        facts = self._facts
        inside = packaged_program(program)
        if inside is not None:
            # One that is missing was said by whoever looked for the files of the package.
            found = self._package.get(inside.key, inside)
            return joined(self._folder, *found.segments, separator=facts.separator)
        seen = facts.look(program)
        brought = self._brought.get(seen.key) if moment in _WITH_NEW_FILES else None
        if brought is None and not (seen.exists and seen.kind in (Kind.FILE, Kind.LINK)):
            said = f"there is no program {program} on this machine"
            missing.append(error("command-missing", said, "correct the command, or put the program into the package"))
        return brought or seen.path

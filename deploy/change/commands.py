"""The commands of a change: run at their moment, undone in reverse; what began and how it ended is in the journal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deploy.change.course import Course
from deploy.change.journal import Journal
from deploy.change.model import Command, CommandEnded, CommandLine, Doing, Moment
from deploy.change.records import CommandDone, CommandStarted, CommandUndone, Run, Standing, can_be_undone, ended_well
from deploy.errors import Problem, Severity, TargetError, error, warning

_LOOK = "look into the log of that program, then run the same command again"


def run(moment: Moment, journal: Journal, course: Course) -> tuple[Problem, ...]:
    """Run the commands of one moment, in order; returns a warning for each optional one that failed.

    Raises `TargetError` (command-failed, command-not-started, command-timed-out) at the first other
    one. A command of `ROLLBACK` that ended well before is not run again.
    """
    warnings: list[Problem] = []
    done = {one.command for one in journal.now.runs if _is_over(journal.now.begin.commands[one.command], one)}
    concerned = [n for n, command in enumerate(journal.now.begin.commands) if command.moment is moment]
    for number in concerned:
        if number in done:
            continue
        command = journal.now.begin.commands[number]
        course.tell(Doing("run-command", command.label))
        journal.note(CommandStarted(number))
        course.reached(f"command-started {number}")
        exit_code, problem = _run(command, command.line, course)
        journal.note(CommandDone(number, exit_code))
        course.reached(f"command-done {number}")
        if problem is not None and not command.optional and not course.insist:
            raise TargetError(problem)
        if problem is not None:
            warnings.append(replace(problem, severity=Severity.WARNING, hint="see its own log"))
    return tuple(warnings)


def _is_over(command: Command, run: Run) -> bool:
    return run.is_done and ended_well(command, run)


def _run(command: Command, line: CommandLine, course: Course) -> tuple[int | None, Problem | None]:
    """The exit code of a program, and what is wrong with it; arguments are never told."""
    try:
        code = course.machine.host.start(
            Path(line.program), line.args, folder=Path(line.folder), hidden=line.hidden, timeout=line.timeout
        )
    except TimeoutError:
        said = f"{command.label} had not ended after {line.timeout:g} seconds and was ended"
        return None, error("command-timed-out", said, _LOOK, file=line.program)
    except OSError as wrong:
        said = f"{command.label} could not be started: {wrong.strerror or wrong}"
        hint = "check that the file is a program for this system and that nothing blocks it"
        return None, error("command-not-started", said, hint, file=line.program)
    if code in command.success | command.restart:
        return code, None
    return code, error("command-failed", f"{command.label} ended with exit code {code}", _LOOK, file=line.program)


def undo(journal: Journal, course: Course) -> tuple[Problem, ...]:
    """Undo every command that was started, the last one first; returns warnings (not-reversible, command-not-undone).

    Raises `TargetError` (command-not-undone) at the first way back that fails, unless the command was
    optional or the course insists: what came before it waits until then.
    """
    warnings: list[Problem] = []
    for one in reversed(journal.now.runs):
        command = journal.now.begin.commands[one.command]
        if one.is_undone or command.moment is Moment.ROLLBACK:
            continue
        if command.undo is None:
            if not can_be_undone(command):
                warnings.append(_not_reversible(command))
            continue
        course.tell(Doing("undo-command", command.label))
        _, problem = _run(command, command.undo, course)
        if problem is not None:
            said = f"the way back of {command.label} failed: {problem.message}"
            if not command.optional and not course.insist:
                raise TargetError(error("command-not-undone", said, _LOOK, file=command.undo.program))
            warnings.append(warning("command-not-undone", said, "undo by hand what it did", file=command.undo.program))
        journal.note(CommandUndone(one.command))
        course.reached(f"command-undone {one.command}")
    return tuple(warnings)


def _not_reversible(command: Command) -> Problem:
    said = f"{command.label} was begun and cannot be undone; everything else is"
    return warning("not-reversible", said, "see what it did, and undo it by hand where that is needed")


def ended(journal: Journal) -> tuple[CommandEnded, ...]:
    """How the commands of a change ended."""
    commands = journal.now.begin.commands
    return tuple(CommandEnded(commands[one.command].label, one.exit_code) for one in journal.now.runs if one.is_done)


def asks_for_restart(now: Standing) -> bool:
    """Whether one of them ended with a code that means: restart the system."""
    commands = now.begin.commands
    return any(one.exit_code in commands[one.command].restart for one in now.runs if one.is_done)

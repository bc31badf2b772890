"""The programs that may not run while files change; raises `TargetError` (program-running, no-permission)."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.change.course import Course
from deploy.change.model import Doing, Ending, ProcessChange
from deploy.errors import Problem, TargetError, error
from deploy.host.processes import Process

KILL_WAIT = 10.0
"""Seconds in which a program that was ended has to be gone."""


def refuse_running(changes: Sequence[ProcessChange], course: Course) -> None:
    """Refuse, before anything is changed, the programs that are not to be ended and run."""
    problems = [
        _running(change, found)
        for change in changes
        if change.ending is Ending.FAIL and (found := course.machine.processes.named(change.name))
    ]
    if problems:
        raise TargetError(problems)


def end(changes: Sequence[ProcessChange], course: Course) -> None:
    """Have every program end, as its change says."""
    for change in changes:
        _end(change, course)
    course.reached("programs-ended")


def _end(change: ProcessChange, course: Course) -> None:
    processes = course.machine.processes
    found = processes.named(change.name)
    if not found:
        return
    if change.ending is not Ending.FAIL:
        course.tell(Doing("close-process", change.name))
        for process in found:
            processes.close(process)
        left = processes.wait(found, change.timeout)
        if left and change.ending is Ending.KILL:
            for process in left:
                processes.kill(process)
            processes.wait(left, KILL_WAIT)
        # Somebody may have started it anew meanwhile.
        found = processes.named(change.name)
    if found:
        raise TargetError(_running(change, found))


def _running(change: ProcessChange, found: Sequence[Process]) -> Problem:
    numbers = ", ".join(str(process.pid) for process in found)
    hint = "close it, then run the same command again"
    return error("program-running", f"{change.name} still runs (process {numbers})", hint)

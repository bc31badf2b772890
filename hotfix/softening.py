"""What `onError="continue"` means before anything is changed: an entry that cannot be carried out here is left out.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from deploy.errors import Problem, Severity
from hotfix.model import OnError, When


def softened(problems: Iterable[Problem], when: When, source: str) -> tuple[Problem, ...]:
    """The problems of one entry with its place in the manifest; warnings where it is left out instead."""
    placed = (one if one.file is not None else one.at(source, when.line) for one in problems)
    if when.on_error is not OnError.CONTINUE:
        return tuple(placed)
    return tuple(
        replace(one, severity=Severity.WARNING, message=f"left out: {one.message}") if one.is_error else one
        for one in placed
    )

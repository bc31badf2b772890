"""What is told while a hotfix is applied or removed.

Pure. A `Doing` says what is done now (its actions besides those of a change: `verify`, `copy-package`,
`keep-original`, `stage-file`, `publish`), a `Progress` how far it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deploy.change.model import Doing


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of what was counted before is done, in bytes read and written before the first change."""

    done: int
    total: int


Event = Doing | Progress
Tell = Callable[[Event], None]


def ignore(_: Event) -> None:
    """For whoever need not be told."""


class Counter:
    """Tells how many of the bytes are done, as they are counted."""

    def __init__(self, tell: Tell, total: int) -> None:
        self._tell = tell
        self._total = total
        self._done = 0

    def __call__(self, count: int) -> None:
        self._done = min(self._done + count, self._total)
        self._tell(Progress(self._done, self._total))

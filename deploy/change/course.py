"""How a change is carried out or undone: with what means, who is told, how it waits, where tests stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deploy.change.files import Pause
from deploy.change.means import Means
from deploy.change.model import Doing

Checkpoint = Callable[[str], None]
"""Called with the name of a state as soon as it is reached and durable; tests stop the world there."""

Tell = Callable[[Doing], None]


def pass_by(_: str) -> None:
    """The checkpoint of every day: nobody waits there."""


def ignore(_: Doing) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Course:
    """One way of carrying out or undoing; `insist` leaves what resists for good, with a warning.

    `means` is None for an installation, which changes nothing but files.
    """

    means: Means | None
    tell: Tell
    pause: Pause
    reached: Checkpoint
    insist: bool = False

    @property
    def machine(self) -> Means:
        """The means, where the change is one of a machine; raises `ValueError`."""
        if self.means is None:
            raise ValueError("services, registry, programs and commands need the means of a machine")
        return self.means

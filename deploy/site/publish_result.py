"""What a publication tells on the way and at its end."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from deploy.errors import Problem
from deploy.events import Event


class State(enum.StrEnum):
    """What became of one customer; a refused one keeps what was published before."""

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class CustomerResult:
    """What became of one customer.

    `files` and `size` count what the server resolved, in bytes; `client_entries` are left to the clients.
    `problems` are errors where the state is REFUSED, and warnings.
    """

    customer: str
    state: State
    problems: tuple[Problem, ...] = ()
    files: int = 0
    size: int = 0
    client_entries: int = 0


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What a publication did.

    `written` counts new packs and objects, `bytes_written` their bytes, `removed` those nobody needed any
    more. `problems` are of the published tree itself.
    """

    customers: tuple[CustomerResult, ...]
    written: int = 0
    bytes_written: int = 0
    removed: int = 0
    problems: tuple[Problem, ...] = ()

    def count(self, state: State) -> int:
        """How many customers came to that."""
        return sum(one.state is state for one in self.customers)

    @property
    def ok(self) -> bool:
        """Whether everybody has what the repository says, and the tree is sound."""
        return self.count(State.REFUSED) == 0 and not any(problem.is_error for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of work begins: for which customer ("" for the tree as a whole), on how many files and bytes."""

    name: str
    customer: str = ""
    files: int = 0
    size: int | None = None


Tell = Callable[[Step | CustomerResult | Event], None]

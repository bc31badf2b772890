"""What the download engine and the installation say while they work. Pure.

Frozen values for whoever renders them: bars, plain lines, JSON. Sizes are in bytes, times in
seconds. `Fetched`, `Current` and `Failed` come once for each job, the others as often as they like.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.digest import Sha256
from deploy.errors import Problem
from deploy.transport.contract import Validators


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of work begins: its name, and how many files and bytes it is about where known."""

    name: str
    files: int
    size: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the whole download is.

    `done` counts files with an outcome, `bytes_done` the bytes of finished files and of the
    arrived part of the others; it goes back when a file has to start anew. `bytes_total` is None
    while the size of any file is unknown. `received` is what came over the wire in this run.
    """

    done: int
    files: int
    bytes_done: int
    bytes_total: int | None
    received: int


@dataclass(frozen=True, slots=True)
class Retrying:
    """An attempt failed and another follows after `delay` seconds; `attempt` is the one that failed, from 1."""

    key: str
    problem: Problem
    attempt: int
    delay: float


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file is staged and verified.

    `path` is its absolute path in the staging folder. `transferred` counts the body bytes received
    for it in this run: 0 when an earlier run had it already. `fetched_at` is the POSIX time at
    which its transfer began.
    """

    key: str
    path: str
    size: int
    sha256: Sha256
    validators: Validators
    fetched_at: float
    transferred: int


@dataclass(frozen=True, slots=True)
class Current:
    """The source says that the version described by the job's `unless` is still right."""

    key: str
    validators: Validators


@dataclass(frozen=True, slots=True)
class Failed:
    """A file could not be had; the problems name it."""

    key: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """Too many files failed: the download gave up with `unfinished` files not tried to the end."""

    problem: Problem
    unfinished: int


Result = Fetched | Current | Failed
Event = Phase | Progress | Retrying | Fetched | Current | Failed | Stopped

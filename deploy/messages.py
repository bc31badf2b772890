"""What the engine and its worker processes say to each other: one JSON value a line. Pure.

To a worker: `["begin", {...}]` once, then `["origin", number, ...]` before the first job of an origin,
`["jobs", row, ...]`, `["drop", number, problem]`; the end of the stream means to stop at once.
From a worker: `["report", received, moved, halted, [row, ...]]` and, should a thread fail on an error of
the program itself, `["broken", text]`. Both ends are the same program of the same version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deploy.digest import Sha256
from deploy.errors import Problem, Severity
from deploy.events import Current, Failed, Fetched, Retrying
from deploy.jobs import FetchJob, StagedFile, Task
from deploy.transport.contract import Proxies, SmbServer, TransportSettings, Validators
from deploy.transport.location import Credentials, Location, Scheme

Row = list[Any]
Outcome = Fetched | Current | Failed | Retrying


@dataclass(frozen=True, slots=True)
class Report:
    """What happened since the last one.

    `received` and `moved` are byte counts as in `deploy.fetch.Watch`; `halted` says what is wrong
    with this machine, after which nothing else can work.
    """

    outcomes: tuple[Outcome, ...]
    received: int = 0
    moved: int = 0
    halted: tuple[Problem, ...] = ()


def settings_row(settings: TransportSettings) -> dict[str, Any]:
    """Transport settings as JSON has them; holds passwords, so for a pipe only."""
    return asdict(settings)


def settings_of(row: dict[str, Any]) -> TransportSettings:
    """The settings of `settings_row`."""
    proxies = row["proxies"] | {"no_proxy": tuple(row["proxies"]["no_proxy"])}
    servers = tuple(SmbServer(**server) for server in row["smb_servers"])
    return TransportSettings(**(row | {"proxies": Proxies(**proxies), "smb_servers": servers}))


def origin_row(location: Location) -> Row:
    """What all locations of one origin share; holds credentials."""
    secret = location.credentials
    user = None if secret is None else [secret.username, secret.password]
    return [location.scheme.value, location.host, location.port, location.anchor, user]


def origin_of(row: Row) -> Location:
    """The origin's root."""
    scheme, host, port, anchor, user = row
    return Location(Scheme(scheme), host, port, anchor, (), None if user is None else Credentials(*user))


def task_row(task: Task, origin: int) -> Row:
    """A task; `origin` is the number its origin was announced with."""
    job, staged = task.job, task.staged
    row = [job.key, origin, job.location.segments, _described(job.known)]
    if staged is not None or job.unless is not None or job.size is not None or job.sha256 is not None:
        unless = None if job.unless is None else _described(job.unless)
        kept = None
        if staged is not None:
            kept = [staged.source, staged.size, staged.sha256, _described(staged.validators), staged.fetched_at]
        row += [unless, job.size, job.sha256, kept]
    return row


def task_of(row: Row, origins: Sequence[Location]) -> Task:
    """The task of a `task_row`."""
    root = origins[row[1]]
    location = Location(root.scheme, root.host, root.port, root.anchor, tuple(row[2]), root.credentials)
    if len(row) == 4:
        return Task(FetchJob(row[0], location, Validators(*row[3])))
    unless = None if row[4] is None else Validators(*row[4])
    staged = None
    if row[7] is not None:
        source, size, sha256, known, fetched_at = row[7]
        staged = StagedFile(row[0], source, size, Sha256(sha256), Validators(*known), fetched_at)
    return Task(FetchJob(row[0], location, Validators(*row[3]), unless, row[5], row[6]), staged)


def report_row(report: Report) -> Row:
    """A report; the paths of staged files are left out, both sides can form them."""
    halted = [problem_row(problem) for problem in report.halted]
    return ["report", report.received, report.moved, halted, [_outcome_row(one) for one in report.outcomes]]


def report_of(row: Row, paths: Callable[[str], str]) -> Report:
    """The report of a `report_row`; `paths` gives the staged path for a key."""
    _, received, moved, halted, outcomes = row
    return Report(
        tuple(_outcome_of(one, paths) for one in outcomes), received, moved, tuple(problem_of(one) for one in halted)
    )


def _described(known: Validators) -> Row:
    return [known.size, known.etag, known.modified, known.precision]


def _outcome_row(outcome: Outcome) -> Row:
    match outcome:
        case Fetched():
            known = _described(outcome.validators)
            return [
                "fetched",
                outcome.key,
                outcome.size,
                outcome.sha256,
                known,
                outcome.fetched_at,
                outcome.transferred,
            ]
        case Current(key, validators):
            return ["current", key, _described(validators)]
        case Failed(key, problems):
            return ["failed", key, [problem_row(problem) for problem in problems]]
        case Retrying(key, problem, attempt, delay):
            return ["retrying", key, problem_row(problem), attempt, delay]


def _outcome_of(row: Row, paths: Callable[[str], str]) -> Outcome:
    match row:
        case ["fetched", key, size, sha256, known, fetched_at, transferred]:
            return Fetched(key, paths(key), size, sha256, Validators(*known), fetched_at, transferred)
        case ["current", key, known]:
            return Current(key, Validators(*known))
        case ["failed", key, problems]:
            return Failed(key, tuple(problem_of(problem) for problem in problems))
        case [_, key, problem, attempt, delay]:
            return Retrying(key, problem_of(problem), attempt, delay)
        case _:
            raise ValueError(f"not an outcome: {row!r}")


def problem_row(problem: Problem) -> Row:
    """A problem as a row."""
    return [problem.severity.value, problem.code, problem.message, problem.hint, problem.file, problem.line]


def problem_of(row: Row) -> Problem:
    """The problem of a `problem_row`."""
    severity, *rest = row
    return Problem(Severity(severity), *rest)

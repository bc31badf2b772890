"""Install a plan: find out what is missing, download it beside the target, place it, execute.

Nothing in the base folder changes before every file is downloaded, verified and durable, and then
all of it changes or nothing does: what a kill or a power cut left half done, the next run undoes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deploy import inventory, record
from deploy.change.recovery import recover
from deploy.change.steps import Put
from deploy.change.transaction import apply
from deploy.digest import Sha256, sha256_of
from deploy.disk import target_error
from deploy.download import DownloadOptions, Workers, download
from deploy.errors import Problem, SourceError, TargetError, error
from deploy.events import Current, Event, Failed, Fetched, Phase, Stopped
from deploy.execute import Executed, program_of, run
from deploy.freshness import Freshness, freshness
from deploy.host.contract import Host
from deploy.inventory import LocalFile
from deploy.jobs import FetchJob, source_of
from deploy.lock import only_one
from deploy.packs import PackSettings, fetch_packed
from deploy.plan import Plan, PlannedFile, Promise
from deploy.record import InstalledFile
from deploy.relpath import RelPath, fold
from deploy.runs import PackedFile
from deploy.stage import Stage
from deploy.transport.contract import TransportSettings
from deploy.transport.registry import open_transport

STAGING = ".micce-staging"
LONGEST_PLAIN = 200  # MAX_PATH less what staging and change add
_NO_PROMISE = Promise(Sha256(""), 0)


@dataclass(frozen=True, slots=True)
class InstallOptions:
    """What the command line says of an installation.

    `verify` re-reads installed files instead of trusting their size and time.
    """

    base: Path
    state: Path
    download: DownloadOptions
    execute: bool = True
    verify: bool = False


@dataclass(frozen=True, slots=True)
class InstallResult:
    """What an installation did. `transferred` is in bytes received, `fetched` in files."""

    base: Path
    files: int
    fetched: int
    transferred: int
    already_right: int
    executed: Executed | None
    warnings: tuple[Problem, ...]


def install(
    plan: Plan,
    options: InstallOptions,
    settings: TransportSettings,
    host: Host,
    tell: Callable[[Event], None],
    workers: Workers | None = None,
) -> InstallResult:
    """Carry out a plan.

    `tell` is called with every event; `workers` are transfer processes started before. Raises
    `ConfigError` (the command is nowhere), `TargetError` (busy, disk-full, in-the-way, cannot-write),
    `SourceError` (a file could not be had) or `ExecuteError`; before placing began the base folder
    is then as it was.
    """
    base = _prepared(options.base)
    program = None
    if plan.execute is not None and options.execute:
        program = program_of(plan.execute, base, [file.output for file in plan.files])
    with only_one(record.record_path(options.state, base).with_suffix(".lock"), str(base)):
        work = _Work(plan, _roomy(base, plan, host), options, settings, tell, workers)
        fetched, warnings = work.bring()
        executed = None
        if program is not None:
            tell(Phase("execute", 1, None))
            executed = run(program, host)
    return InstallResult(
        base=base,
        files=len(plan.files),
        fetched=len(fetched),
        transferred=sum(one.transferred for one in fetched),
        already_right=len(plan.files) - len(fetched),
        executed=executed,
        warnings=(*plan.warnings, *warnings),
    )


class _Work:
    """One installation into one base folder, under its lock."""

    def __init__(
        self,
        plan: Plan,
        base: Path,
        options: InstallOptions,
        settings: TransportSettings,
        tell: Callable[[Event], None],
        workers: Workers | None,
    ) -> None:
        self._plan = plan
        self._base = base
        self._options = options
        self._settings = settings
        self._tell = tell
        self._workers = workers
        self._files = {file.output.key: file for file in plan.files}
        self._stage = Stage(base / STAGING)
        self._record = record.record_path(options.state, _prepared(options.base))

    def bring(self) -> tuple[tuple[Fetched, ...], tuple[Problem, ...]]:
        """Bring every file of the plan; returns what was transferred, and warnings."""
        recovered = recover(self._base)
        installed, unreadable = record.load(self._record)
        warnings = (*recovered.warnings, *unreadable)
        if proven := self._placed_before_a_kill():
            installed |= proven
            record.save(self._record, self._base, installed)
        held = self._held(installed)
        jobs = self._jobs(held)
        if not jobs:
            return (), (*warnings, *self._finished(installed, held.values()))
        self._refuse_obstacles()
        started = time.time()
        fetched, current = self._downloaded(jobs)
        still = [replace(held[fold(output)], recorded_at=started) for output in current]
        placed, left = self._placed(fetched) if fetched else ([], ())
        return fetched, (*warnings, *left, *self._finished(installed, [*held.values(), *still, *placed]))

    def _placed_before_a_kill(self) -> dict[str, InstalledFile]:
        """Files that a killed installation had moved to their place: proven by their digest."""
        proven = {}
        for output, staged in self._stage.remembered().items():
            file = self._files.get(fold(output))
            local = None if file is None else inventory.look(self._base, file.output)
            if local is None or local.size != staged.size:
                continue
            known = InstalledFile(
                output, staged.source, staged.sha256, staged.size, local.mtime_ns, staged.validators, staged.fetched_at
            )
            if self._digest(known) == known.sha256:
                proven[known.key] = known
        return proven

    def _held(self, installed: Mapping[str, InstalledFile]) -> dict[str, InstalledFile]:
        """The files of the plan that are on disk as they were installed, from the same source."""
        held = {}
        for key, file in self._files.items():
            known = installed.get(key)
            if known is None or not _is_of(known, file):
                continue
            local = inventory.look(self._base, file.output)
            if local != LocalFile(known.size, known.mtime_ns):
                continue
            if self._options.verify and self._digest(known) != known.sha256:
                continue
            held[key] = known
        return held

    def _digest(self, file: InstalledFile) -> Sha256 | None:
        try:
            with open(inventory.local_path(self._base, RelPath.parse(file.output)), "rb", buffering=0) as content:
                return sha256_of(content)
        except OSError:
            return None

    def _jobs(self, held: Mapping[str, InstalledFile]) -> list[FetchJob]:
        jobs = []
        for key, file in self._files.items():
            mine = held.get(key)
            if file.promise is not None:
                if mine is None:
                    promise = file.promise
                    jobs.append(
                        FetchJob(str(file.output), file.source, file.validators, None, promise.size, promise.sha256)
                    )
                continue
            state = Freshness.STALE if mine is None else freshness(mine.validators, mine.recorded_at, file.validators)
            if state is not Freshness.FRESH:
                unless = mine.validators if mine is not None and state is Freshness.ASK else None
                jobs.append(FetchJob(str(file.output), file.source, file.validators, unless))
        return jobs

    def _refuse_obstacles(self) -> None:
        problems = inventory.obstacles(self._base, [file.output for file in self._plan.files])
        if problems:
            raise TargetError(problems)

    def _downloaded(self, jobs: Sequence[FetchJob]) -> tuple[tuple[Fetched, ...], list[str]]:
        anew = [job for job in jobs if job.unless is None]
        if anew:
            self._tell(Phase("download", len(jobs), sum(job.known.size or 0 for job in anew)))
        else:
            self._tell(Phase("compare", len(jobs), None))
        fetched: list[Fetched] = []
        current: list[str] = []
        failed: list[Problem] = []
        for event in self._events(jobs):
            self._tell(event)
            match event:
                case Fetched():
                    fetched.append(event)
                case Current(key):
                    current.append(key)
                case Failed(key, problems):
                    failed.extend(problem.at(self._plan.name, self._files[fold(key)].line) for problem in problems)
                case Stopped(problem):
                    failed.append(problem)
        if failed:
            raise SourceError(failed)
        return tuple(fetched), current

    def _events(self, jobs: Sequence[FetchJob]) -> Iterator[Event]:
        """Download; a full disk is given back at once, for whatever else runs on this machine needs it more."""
        options = self._options.download
        packed = [self._packed(job) for job in jobs if self._promise(job).pack is not None]
        single = [job for job in jobs if self._promise(job).pack is None]
        try:
            if not packed:
                yield from download(jobs, self._stage, self._settings, options, workers=self._workers)
                return
            self._stage.create()
            staged = self._stage.load([job.key for job in jobs])
            settings = PackSettings(self._settings, options.retry, options.jobs, options.limit_rate)
            yield from fetch_packed(packed, self._stage, staged, settings, open_transport)
            if single:
                yield from download(single, self._stage, self._settings, options, workers=self._workers, staged=staged)
        except TargetError as wrong:
            if wrong.code == "disk-full":
                self._stage.discard()
            raise

    def _promise(self, job: FetchJob) -> Promise:
        return self._files[fold(job.key)].promise or _NO_PROMISE

    def _packed(self, job: FetchJob) -> PackedFile:
        promise = self._promise(job)
        assert promise.pack is not None
        return PackedFile(job.key, promise.pack, promise.offset, promise.size, promise.sha256)

    def _placed(self, fetched: Sequence[Fetched]) -> tuple[list[InstalledFile], tuple[Problem, ...]]:
        """Put the staged files in place, all or none, and look at them; returns warnings besides."""
        self._tell(Phase("place", len(fetched), None))
        pairs = [(one, self._files[fold(one.key)].output) for one in fetched]
        steps = [Put(output, one.path, one.sha256, one.size, self._modified(one)) for one, output in pairs]
        warnings = apply(self._base, steps)
        return [self._seen(one, output) for one, output in pairs], warnings

    def _modified(self, one: Fetched) -> float | None:
        file = self._files[fold(one.key)]
        return one.validators.modified if file.promise is None else file.validators.modified

    def _seen(self, one: Fetched, output: RelPath) -> InstalledFile:
        """The record of a file that was just placed, which is looked at for that."""
        local = inventory.look(self._base, output)
        if local is None or local.size != one.size:
            said = f"{inventory.local_path(self._base, output)} was placed and is gone or changed"
            raise TargetError(error("not-kept", said, "look for what removes it (a virus scanner, another installer)"))
        source = source_of(self._files[fold(one.key)].source)
        return InstalledFile(one.key, source, one.sha256, one.size, local.mtime_ns, one.validators, one.fetched_at)

    def _finished(self, before: Mapping[str, InstalledFile], now: Iterable[InstalledFile]) -> tuple[Problem, ...]:
        after = {**before, **{file.key: file for file in now}}
        warnings = record.save(self._record, self._base, after)
        return (*warnings, *self._stage.discard())


def _is_of(known: InstalledFile, file: PlannedFile) -> bool:
    """Whether an installed file came from where the plan takes it from, or is promised with its very digest."""
    if file.promise is not None:
        return known.sha256 == file.promise.sha256
    return known.source == source_of(file.source)


def may_be_large(options: InstallOptions) -> bool:
    """Whether it pays to start transfer processes before the plan is known: nothing was installed there yet."""
    return not record.record_path(options.state, Path(os.path.abspath(options.base)).resolve()).exists()


def _roomy(base: Path, plan: Plan, host: Host) -> Path:
    """The base folder in the form under which every file of the plan can be made."""
    longest = max((len(str(file.output)) for file in plan.files), default=0)
    return base if len(str(base)) + longest < LONGEST_PLAIN else host.any_length(base)


def _prepared(wanted: Path) -> Path:
    base = Path(os.path.abspath(wanted))
    try:
        base.mkdir(parents=True, exist_ok=True)
        return base.resolve(strict=True)
    except OSError as wrong:
        raise target_error(wrong, base) from wrong

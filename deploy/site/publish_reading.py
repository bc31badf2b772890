"""The digests of local files: remembered where a file provably is as it was read, else read anew.

A file that changes while it is read is read again, and then given up (`changed`). One that changed a moment
ago is not read at all until it was seen quiet: it may be copied this very moment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from deploy.digest import Sha256, sha256_of
from deploy.errors import Problem, SourceError, error
from deploy.events import Event, Progress
from deploy.site.publish_index import KnownFile, LocalStat
from deploy.site.publish_tree import local_stat

ATTEMPTS = 3
READERS = 4
STEP = 64  # files between two reports

Clock = Callable[[], float]


@dataclass(slots=True)
class Reader:
    """Reads local files for one publication. `known` is what earlier ones read, by path; it is brought up to date.

    `quiet` is how many seconds a file must not have changed; `clock` gives POSIX time.
    """

    known: dict[str, KnownFile]
    quiet: float
    clock: Clock = time.time
    used: set[str] = field(default_factory=set)
    _seen: dict[str, tuple[LocalStat, float]] = field(default_factory=dict)
    _read: dict[str, LocalStat] = field(default_factory=dict)

    def unread(self, paths: Iterable[str]) -> dict[str, LocalStat]:
        """Those of the files that have to be read; raises `SourceError` (cannot-read, changed)."""
        found = {}
        for path in dict.fromkeys(paths):
            stat = _look(path)
            self.used.add(path)
            known = self.known.get(path)
            if known is None or not (self._read.get(path) == stat == known.stat or known.holds(stat)):
                found[path] = stat
        return found

    def restless(self, unread: dict[str, LocalStat]) -> list[str]:
        """Those that changed within the quiet time, and were not seen like this for as long; to be asked again then.

        What says that it was changed in the future is watched the same.
        """
        now = self.clock()
        restless = []
        for path, stat in unread.items():
            if now - max(stat.mtime_ns, stat.ctime_ns) / 1e9 >= self.quiet:
                continue
            seen, since = self._seen.get(path, (None, now))
            if seen != stat:
                since = now
            if now - since < self.quiet:
                restless.append(path)
            self._seen[path] = stat, since
        return restless

    def read(self, unread: dict[str, LocalStat], tell: Callable[[Event], None]) -> None:
        """Read files whole, several at a time; raises `SourceError` with every file that could not be."""
        problems: list[Problem] = []
        total = sum(stat.size for stat in unread.values())
        done = 0
        with ThreadPoolExecutor(READERS, thread_name_prefix="digest") as threads:
            for number, (path, answer) in enumerate(zip(unread, threads.map(self._attempt, unread), strict=True), 1):
                if isinstance(answer, SourceError):
                    problems += answer.problems
                    continue
                self.known[path] = answer
                self._read[path] = answer.stat
                done += answer.stat.size
                if number % STEP == 0 or number == len(unread):
                    tell(Progress(number, len(unread), done, total, 0))
        if problems:
            raise SourceError(problems, transient=all(problem.code == "changed" for problem in problems))

    def moved_on(self, paths: Iterable[str]) -> list[str]:
        """Those that are no longer as they were read."""
        return [path for path in paths if _look(path) != self.known[path].stat]

    def forget_others(self) -> None:
        """Drop what nobody asked for in this publication."""
        for path in self.known.keys() - self.used:
            del self.known[path]

    def _attempt(self, path: str) -> KnownFile | SourceError:
        try:
            return self._digest(path)
        except SourceError as wrong:
            return wrong

    def _digest(self, path: str) -> KnownFile:
        for _ in range(ATTEMPTS):
            begun = self.clock()
            try:
                before, digest, after = _read_whole(path)
            except OSError as wrong:
                raise _unreadable(wrong, path) from wrong
            if before == after == _look(path):
                return KnownFile(before, digest, begun)
        said = f"{path} changed while it was read"
        raise SourceError(error("changed", said, "publish again when it is no longer written to"), transient=True)


def still_changing(paths: Sequence[str]) -> Problem:
    """The problem (changed) of files that do not come to rest."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    said = f"{paths[0]}{more} changed a moment ago and may be half copied"
    return error("changed", said, "publish again when nothing is written there any more")


def _read_whole(path: str) -> tuple[LocalStat, Sha256, LocalStat]:
    with open(path, "rb", buffering=0) as file:
        before = _stat_of(file.fileno())
        digest = sha256_of(file)
        return before, digest, _stat_of(file.fileno())


def _stat_of(descriptor: int) -> LocalStat:
    found = os.fstat(descriptor)
    return LocalStat(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _look(path: str) -> LocalStat:
    try:
        return local_stat(path)
    except OSError as wrong:
        raise _unreadable(wrong, path) from wrong


def _unreadable(wrong: OSError, path: str) -> SourceError:
    code = "changed" if isinstance(wrong, FileNotFoundError) else "cannot-read"
    said = f"{path}: {wrong.strerror or type(wrong).__name__}"
    return SourceError(error(code, said, "let the account that publishes read it"), transient=code == "changed")

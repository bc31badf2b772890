"""A source in memory that keeps the transport contract: for tests and simulations.

It counts what it was asked and how many bytes it gave, and fails where it is told to: once it is handed
to the engine as its opener, everything above the seam is the production code.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from deploy.errors import SourceError, error
from deploy.transport.contract import Body, Entry, Listing, Resume, TransportSettings, Unchanged, Validators
from deploy.transport.location import Location

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MemoryFile:
    """The bytes of a file and how the source describes them; `validators.size` is filled in."""

    data: bytes
    validators: Validators

    @property
    def described(self) -> Validators:
        return replace(self.validators, size=len(self.data))


@dataclass(slots=True)
class Fault:
    """Something that goes wrong `times` times when `file` (None: any) is opened or read.

    At opening while `after` is None, else when so many bytes of the file's content were given in one
    body. `change_to` replaces the file at that moment; `wrong` (if any) is raised.
    """

    wrong: SourceError | None = None
    file: Path | None = None
    after: int | None = None
    times: int = 1
    change_to: MemoryFile | None = None


class MemorySource:
    """Files by their path segments, the faults to come and the counts so far; safe for many threads.

    `opened` counts opens that gave a body, `unchanged` those answered by `Unchanged`, both by path;
    `asked` every call by (operation, path); `given` is in bytes. `step` is the most bytes one read gives.
    """

    def __init__(self, files: Mapping[str, bytes] | None = None, *, modified: float = 1e9, step: int = 1 << 16) -> None:
        self._lock = threading.Lock()
        self._files: dict[Path, MemoryFile] = {}
        self.faults: list[Fault] = []
        self.asked: Counter[tuple[str, Path]] = Counter()
        self.opened: Counter[Path] = Counter()
        self.unchanged: Counter[Path] = Counter()
        self.resumed: list[tuple[Path, int]] = []
        self.given = 0
        self.transports = 0
        self.step = step
        for path, data in (files or {}).items():
            self.put(path, data, modified=modified)

    def put(self, path: str, data: bytes, *, etag: str | None = None, modified: float | None = 1e9) -> MemoryFile:
        """Have a file, `path` with forward slashes, instead of the one there may be."""
        file = MemoryFile(data, Validators(etag=etag, modified=modified))
        with self._lock:
            self._files[_segments(path)] = file
        return file

    def remove(self, path: str) -> None:
        """Have a file no more."""
        with self._lock:
            del self._files[_segments(path)]

    def fail(
        self, code: str, path: str | None = None, *, after: int | None = None, times: int = 1, transient: bool = True
    ) -> None:
        """Have a `Fault` that raises `SourceError` with `code`."""
        wrong = SourceError(error(code, f"{path or 'every file'}: told to fail"), transient=transient)
        self.faults.append(Fault(wrong, None if path is None else _segments(path), after, times))

    def open_transport(self, _origin: Location, _settings: TransportSettings) -> MemoryTransport:
        """What `deploy.transport.registry.open_transport` is for real addresses."""
        with self._lock:
            self.transports += 1
        return MemoryTransport(self)

    def validators(self, path: str) -> Validators:
        """How the file is described."""
        with self._lock:
            return self._files[_segments(path)].described

    def names(self, folder: Path) -> dict[str, MemoryFile | None]:
        """Name to file, or to None for a folder, directly in `folder`; empty if there is no such folder."""
        found: dict[str, MemoryFile | None] = {}
        with self._lock:
            for path, file in self._files.items():
                if path[: len(folder)] == folder and len(path) > len(folder):
                    found[path[len(folder)]] = file if len(path) == len(folder) + 1 else None
        return found

    def look(self, operation: str, path: Path) -> MemoryFile:
        """Count a call and answer it; raises what the next fault says, or not-found."""
        with self._lock:
            self.asked[operation, path] += 1
            if operation == "open":
                self._strike(path, None)
            file = self._files.get(path)
        if file is None:
            raise SourceError(error("not-found", f"{'/'.join(path)} is not there", "check the spelling"))
        return file

    def give(self, path: Path, position: int, count: int) -> int:
        """How many of `count` bytes from `position` on may be given now; raises what a fault says."""
        with self._lock:
            stops = [fault.after for fault in self._faults_of(path) if fault.after is not None and fault.times]
            if position in stops:
                self._strike(path, position)
            ahead = [stop - position for stop in stops if stop > position]
            allowed = min([count, self.step, *ahead])
            self.given += allowed
        return allowed

    def _faults_of(self, path: Path) -> list[Fault]:
        return [fault for fault in self.faults if fault.file in (None, path)]

    def _strike(self, path: Path, position: int | None) -> None:
        for fault in self._faults_of(path):
            if fault.after == position and fault.times > 0:
                fault.times -= 1
                if fault.change_to is not None:
                    self._files[path] = fault.change_to
                if fault.wrong is not None:
                    raise fault.wrong


class MemoryBody:
    """The bytes of one file of a `MemorySource`."""

    def __init__(self, source: MemorySource, path: Path, file: MemoryFile, offset: int) -> None:
        self._source = source
        self._path = path
        self._file = file
        self._position = offset
        self._offset = offset
        self._closed = False

    @property
    def offset(self) -> int:
        return self._offset

    @property
    def validators(self) -> Validators:
        return self._file.described

    def readinto(self, buffer: memoryview) -> int:
        left = len(self._file.data) - self._position
        if self._closed and left:
            said = f"{'/'.join(self._path)} was closed {left} bytes before its end"
            raise SourceError(error("cut-off", said, "open it again"))
        count = self._source.give(self._path, self._position, min(len(buffer), left))
        buffer[:count] = self._file.data[self._position : self._position + count]
        self._position += count
        return count

    def close(self) -> None:
        """Give the rest up."""
        self._closed = True


class MemoryTransport:
    """One connection to a `MemorySource`."""

    def __init__(self, source: MemorySource) -> None:
        self._source = source

    def list(self, folder: Location) -> Listing:
        found = self._source.names(folder.segments)
        if not found:
            raise SourceError(error("not-found", f"{folder} is not there", "check the spelling"))
        entries = [
            Entry(name, file is None, Validators() if file is None else file.described) for name, file in found.items()
        ]
        return Listing(folder, tuple(entries))

    def stat(self, file: Location) -> Validators:
        return self._source.look("stat", file.segments).described

    def open(
        self, file: Location, *, resume: Resume | None = None, unless: Validators | None = None
    ) -> Body | Unchanged:
        found = self._source.look("open", file.segments)
        if unless is not None and _same(unless, found.described):
            self._source.unchanged[file.segments] += 1
            return Unchanged(found.described)
        offset = 0
        if resume is not None and resume.offset <= len(found.data) and _same(resume.validators, found.described):
            offset = resume.offset
            self._source.resumed.append((file.segments, offset))
        self._source.opened[file.segments] += 1
        return MemoryBody(self._source, file.segments, found, offset)

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _same(held: Validators, now: Validators) -> bool:
    if held.strong_etag is not None or now.strong_etag is not None:
        return held.strong_etag == now.strong_etag
    return held.size == now.size and held.modified is not None and held.modified == now.modified


def _segments(path: str) -> Path:
    return tuple(part for part in path.split("/") if part)

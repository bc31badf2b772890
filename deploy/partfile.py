"""A large file while it arrives, so that a killed run can go on where it was.

Beside the bytes (`.part`) lies a note (`.note`): JSON lines, the first says what is being fetched,
each further one that the first `offset` bytes have a certain digest. A later run reads the bytes
again up to the last such line and trusts them only if the digest is right, which a torn write, a
power loss or another's hand would break; what lies behind it is fetched again.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from deploy.digest import Digest, absorb
from deploy.disk import write_all
from deploy.jsonlines import json_line
from deploy.stage import FILE_MODE, NOTE, PART, open_flags, validators_of
from deploy.transport.contract import Validators

CHECKPOINT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """What a part file is a part of.

    `source` is `deploy.jobs.source_of` its location, `began` the POSIX time of the first request.
    """

    source: str
    validators: Validators
    began: float


@dataclass(frozen=True, slots=True)
class _Note:
    """The last good checkpoint: the digest of `offset` bytes; its line ends at byte `end` of the note."""

    origin: Origin
    offset: int
    digest: str
    end: int


class PartFile:
    """The bytes of one unfinished file and their digest; every method raises `OSError`.

    `size` is how many bytes it holds. Made by `begin` or `resume`.
    """

    def __init__(self, path: str, descriptor: int, origin: Origin, digest: Digest, size: int) -> None:
        self.origin = origin
        self.size = size
        self.digest = digest
        self._path = path
        self._descriptor = descriptor
        self._note: int | None = None
        self._noted = size

    @classmethod
    def begin(cls, path: str, origin: Origin) -> PartFile:
        """An empty part of the staged file at `path`, in place of any other."""
        forget(path)
        return cls(path, os.open(_part(path), open_flags(os.O_TRUNC), FILE_MODE), origin, Digest(), 0)

    @classmethod
    def resume(cls, path: str, source: str) -> PartFile | None:
        """The part an earlier run left, up to its last good checkpoint; None if there is none of `source`."""
        try:
            found = _read_note(_note(path))
        except FileNotFoundError:
            return None
        if found is None or found.origin.source != source:
            return None
        try:
            descriptor = os.open(_part(path), (open_flags(0) & ~os.O_WRONLY & ~os.O_CREAT) | os.O_RDWR)
        except FileNotFoundError:
            return None
        digest = Digest()
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            held = absorb(file, digest, found.offset)
        if held != found.offset or digest.value != found.digest:
            os.close(descriptor)
            return None
        os.ftruncate(descriptor, found.offset)
        os.lseek(descriptor, found.offset, os.SEEK_SET)
        part = cls(path, descriptor, found.origin, digest, found.offset)
        part._note = os.open(_note(path), open_flags(os.O_APPEND), 0o600)
        os.ftruncate(part._note, found.end)
        return part

    def write(self, data: memoryview) -> None:
        """Append bytes, and from time to time a checkpoint."""
        self.digest.update(data)
        write_all(self._descriptor, data)
        self.size += len(data)
        if self.size - self._noted >= CHECKPOINT:
            self._checkpoint()

    def finish(self) -> None:
        """Give the whole file its final name."""
        self.close()
        os.replace(_part(self._path), self._path)
        if self._noted:
            _unlink(_note(self._path))

    def close(self) -> None:
        """Leave the part as it is, for a later run."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._note is not None:
            os.close(self._note)
            self._note = None

    def _checkpoint(self) -> None:
        if self._note is None:
            self._note = os.open(_note(self._path), open_flags(os.O_TRUNC | os.O_APPEND), 0o600)
            known = self.origin.validators
            row = [known.size, known.etag, known.modified, known.precision]
            write_all(self._note, json_line([self.origin.source, row, self.origin.began]))
        write_all(self._note, json_line([self.size, self.digest.value]))
        self._noted = self.size


def forget(path: str) -> None:
    """Remove the part of the staged file at `path`, its note first; raises `OSError`."""
    _unlink(_note(path))
    _unlink(_part(path))


def _part(path: str) -> str:
    return f"{path}.{PART}"


def _note(path: str) -> str:
    return f"{path}.{NOTE}"


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def _read_note(path: str) -> _Note | None:
    """The last whole checkpoint of a note."""
    origin: Origin | None = None
    note: _Note | None = None
    end = 0
    with open(path, "rb") as file:
        for line in file:
            end += len(line)
            try:
                row = json.loads(line) if line.endswith(b"\n") else None
            except (ValueError, RecursionError):
                break
            match row:
                case [str(source), list(known), float(began)] if origin is None:
                    validators = validators_of(known)
                    if validators is None:
                        return None
                    origin = Origin(source, validators, began)
                case [int(offset), str(digest)] if origin is not None and offset > 0:
                    note = _Note(origin, offset, digest, end)
                case _:
                    break
    return note

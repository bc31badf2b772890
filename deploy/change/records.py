r"""The lines of a journal: one JSON array each, which begins with the CRC-32 of the rest.

    ["1c291ca3",["backed"]]

Paths are relative to the base folder, with forward slashes. Everything here is values in, values out.
"""

from __future__ import annotations

import enum
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deploy.change.steps import Before, Kind, Op
from deploy.digest import parse_sha256
from deploy.errors import ConfigError
from deploy.jsonlines import json_line
from deploy.relpath import RelPath

FORMAT = 1
FAILURES = 3
"""So many recoveries may fail before a person has to look."""
_HEAD = len('["00000000",')
_TAIL = len("]\n")


@dataclass(frozen=True, slots=True)
class Begin:
    """What is going to be changed; durable before the first file is backed up."""

    ops: tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class Backed:
    """Every old file has its backup; durable before the first file of the base folder changes."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything is changed and was looked at; durable before the first backup is removed."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """Everything is as it was; durable before the first backup is removed."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt to undo that did not succeed, and what stood in its way."""

    said: str


Record = Begin | Backed | Commit | RolledBack | Failed


class DamagedError(ValueError):
    """A line that is not a record; the message says why."""


class Phase(enum.Enum):
    """How far a change came, as its journal tells. Before `BACKED` nothing was changed and backups may be half made."""

    NOT_BEGUN = enum.auto()
    BEGUN = enum.auto()
    BACKED = enum.auto()
    COMMITTED = enum.auto()
    ROLLED_BACK = enum.auto()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a journal amounts to: the ops of its `begin`, how far they came, what failed recoveries said."""

    phase: Phase = Phase.NOT_BEGUN
    ops: tuple[Op, ...] = ()
    failures: tuple[str, ...] = ()


def standing(records: Iterable[Record]) -> Standing:
    """Read the records from first to last; raises `DamagedError` where one cannot follow the one before."""
    now = Standing()
    for number, record in enumerate(records, start=1):
        match record, now.phase:
            case Begin(ops), Phase.NOT_BEGUN:
                now = Standing(Phase.BEGUN, ops)
            case Backed(), Phase.BEGUN:
                now = Standing(Phase.BACKED, now.ops, now.failures)
            case Commit(), Phase.BACKED:
                now = Standing(Phase.COMMITTED, now.ops, now.failures)
            case RolledBack(), Phase.BACKED:
                now = Standing(Phase.ROLLED_BACK, now.ops, now.failures)
            case Failed(said), Phase.BACKED:
                now = Standing(now.phase, now.ops, (*now.failures, said))
            case _:
                raise DamagedError(f"line {number}: {_name(record)} cannot follow {now.phase.name.lower()}")
    return now


def encoded(record: Record) -> bytes:
    """The line of a record, with its line feed; ASCII."""
    payload = json_line(_row(record)).rstrip(b"\n")
    return b'["%08x",%b]\n' % (zlib.crc32(payload), payload)


def decoded(line: bytes) -> Record:
    """The record of a line with its line feed; raises `DamagedError`."""
    payload = line[_HEAD:-_TAIL]
    if line != b'["%08x",%b]\n' % (zlib.crc32(payload), payload):
        raise DamagedError("its checksum is wrong")
    try:
        return _record(json.loads(payload))
    except (ValueError, RecursionError, ConfigError) as wrong:
        raise DamagedError(str(wrong)) from wrong


def _name(record: Record) -> str:
    return type(record).__name__.lower()


def _row(record: Record) -> Sequence[object]:
    match record:
        case Begin(ops):
            return ("begin", FORMAT, [_op_row(op) for op in ops])
        case Failed(said):
            return ("failed", said)
        case _:
            return (_name(record),)


def _record(row: object) -> Record:
    match row:
        case ["begin", int(version), [*rows]]:
            if version != FORMAT:
                raise ValueError(f"it is of format {version}, this program knows {FORMAT}")
            return Begin(tuple(map(_op, rows)))
        case ["failed", str(said)]:
            return Failed(said)
        case ["backed"]:
            return Backed()
        case ["commit"]:
            return Commit()
        case ["rolledback"]:
            return RolledBack()
        case _:
            raise ValueError("it is no record this program knows")


def _op_row(op: Op) -> Sequence[object]:
    before = op.before
    return (
        op.kind,
        str(op.target),
        None if op.staged is None else str(op.staged),
        op.new,
        None if before is None else (before.size, before.mtime_ns, before.mode, before.sha256),
    )


def _op(row: object) -> Op:
    match row:
        case [str(kind), str(target), str() | None as staged, str() | None as new, before]:
            digest = None if new is None else parse_sha256(new)
            op = Op(Kind(kind), _path(target), None if staged is None else _path(staged), digest, _before(before))
        case _:
            raise ValueError("one of its steps is damaged")
    brings_file = op.kind in (Kind.CREATE, Kind.REPLACE)
    had_file = op.kind in (Kind.REPLACE, Kind.DELETE)
    if brings_file != (op.staged is not None and op.new is not None) or had_file != (op.before is not None):
        raise ValueError(f"its step for {op.target} is incomplete")
    return op


def _path(text: str) -> RelPath:
    path = RelPath.parse(text)
    if not path.segments:
        raise ValueError("one of its steps names the base folder")
    return path


def _before(row: object) -> Before | None:
    match row:
        case None:
            return None
        case [int(size), int(mtime_ns), int(mode), str() | None as sha256]:
            return Before(size, mtime_ns, mode, None if sha256 is None else parse_sha256(sha256))
        case _:
            raise ValueError("what was there before one of its steps is damaged")

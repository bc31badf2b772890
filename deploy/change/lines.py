r"""The lines of a journal: one JSON array each, which begins with the CRC-32 of the rest. Pure.

    ["1c291ca3",["backed"]]

Paths are relative to their root, with forward slashes. A journal that was begun in format 1, with
files below one folder only, is read too.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

from deploy.change.model import Command, CommandLine, InUse, Moment
from deploy.change.ops import Before, Kind, Op
from deploy.change.records import (
    Aside,
    Backed,
    Begin,
    CommandDone,
    CommandStarted,
    CommandUndone,
    Commit,
    DamagedError,
    Deferred,
    Failed,
    Record,
    RolledBack,
    Stopping,
    Undone,
)
from deploy.change.registry_ops import RegistryKind, RegistryOp
from deploy.change.service_ops import ServiceOp
from deploy.digest import parse_sha256
from deploy.errors import ConfigError
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType, View
from deploy.host.services import StartType
from deploy.jsonlines import json_line
from deploy.relpath import RelPath

FORMAT = 2
_FILES_ONLY = 1
_HEAD = len('["00000000",')
_TAIL = len("]\n")
_PLAIN: dict[str, Record] = {"backed": Backed(), "commit": Commit(), "undone": Undone(), "rolledback": RolledBack()}


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


def _row(record: Record) -> Sequence[object]:
    match record:
        case Begin():
            return _begin_row(record)
        case Stopping(also):
            return ("stopping", [_service_row(op) for op in also])
        case CommandStarted(command):
            return ("command-started", command)
        case CommandDone(command, exit_code):
            return ("command-done", command, exit_code)
        case CommandUndone(command):
            return ("command-undone", command)
        case Deferred(op, aside, path):
            return ("deferred", op, aside, str(path))
        case Failed(said):
            return ("failed", said)
        case _:
            return (next(name for name, plain in _PLAIN.items() if plain == record),)


def _record(row: object) -> Record:
    match row:
        case ["begin", *_]:
            return _begin(row)
        case ["stopping", [*also]]:
            return Stopping(tuple(map(_service, also)))
        case ["command-started", int(command)]:
            return CommandStarted(command)
        case ["command-done", int(command), int() | None as exit_code]:
            return CommandDone(command, exit_code)
        case ["command-undone", int(command)]:
            return CommandUndone(command)
        case ["deferred", int(op), str(aside), str(path)]:
            return Deferred(op, Aside(aside), _path(path))
        case ["failed", str(said)]:
            return Failed(said)
        case [str(name)] if name in _PLAIN:
            return _PLAIN[name]
        case _:
            raise ValueError("it is no record this program knows")


def _begin_row(begin: Begin) -> Sequence[object]:
    return (
        "begin",
        FORMAT,
        [_op_row(op) for op in begin.ops],
        begin.roots,
        [_registry_row(op) for op in begin.registry],
        [_service_row(op) for op in begin.services],
        [_command_row(command) for command in begin.commands],
        begin.account,
    )


def _begin(row: object) -> Begin:
    match row:
        case ["begin", int(version), [*ops]] if version == _FILES_ONLY:
            return Begin(tuple(map(_op, ops)))
        case ["begin", int(version), [*ops], [*roots], [*registry], [*services], [*commands], str(account)] if (
            version == FORMAT
        ):
            begin = Begin(
                tuple(map(_op, ops)),
                tuple(map(_text, roots)),
                tuple(map(_registry, registry)),
                tuple(map(_service, services)),
                tuple(map(_command, commands)),
                account,
            )
        case ["begin", int(version), *_] if version not in (_FILES_ONLY, FORMAT):
            raise ValueError(f"it is of format {version}, this program knows {FORMAT}")
        case _:
            raise ValueError("its beginning is damaged")
    if any(not 0 <= op.root < max(1, len(begin.roots)) for op in begin.ops):
        raise ValueError("one of its steps is in no root")
    return begin


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text is missing")
    return value


def _op_row(op: Op) -> Sequence[object]:
    before = op.before
    row = (
        op.kind,
        str(op.target),
        None if op.staged is None else str(op.staged),
        op.new,
        None if before is None else (before.size, before.mtime_ns, before.mode, before.sha256),
    )
    return row if not op.root and op.in_use is InUse.RETRY else (*row, op.root, op.in_use)


def _op(row: object) -> Op:
    match row:
        case [str(kind), str(target), str() | None as staged, str() | None as new, before, *place]:
            digest = None if new is None else parse_sha256(new)
            root, in_use = _place(place)
            where = None if staged is None else _path(staged)
            op = Op(Kind(kind), _path(target), where, digest, _before(before), root, in_use)
        case _:
            raise ValueError("one of its steps is damaged")
    brings_file = op.kind in (Kind.CREATE, Kind.REPLACE)
    had_file = op.kind in (Kind.REPLACE, Kind.DELETE)
    if brings_file != (op.staged is not None and op.new is not None) or had_file != (op.before is not None):
        raise ValueError(f"its step for {op.target} is incomplete")
    return op


def _place(row: list[object]) -> tuple[int, InUse]:
    match row:
        case []:
            return 0, InUse.RETRY
        case [int(root), str(in_use)]:
            return root, InUse(in_use)
        case _:
            raise ValueError("where one of its steps is to be is damaged")


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


def _service_row(op: ServiceOp) -> Sequence[object]:
    return (op.name, op.was_running, op.start_type, op.stops, op.starts, op.timeout)


def _service(row: object) -> ServiceOp:
    match row:
        case [str(name), bool(was_running), kind, bool(stops), bool(starts), int() | float() as timeout]:
            start_type = None if kind is None else StartType(_text(kind))
            return ServiceOp(name, was_running, start_type, stops, starts, timeout)
        case _:
            raise ValueError("one of its services is damaged")


def _registry_row(op: RegistryOp) -> Sequence[object]:
    key = op.key
    return (op.kind, key.hive, key.path, key.view, op.name, _value_row(op.value), _value_row(op.before))


def _registry(row: object) -> RegistryOp:
    match row:
        case [str(kind), str(hive), str(path), str(view), str(name), value, before]:
            key = RegistryKey(Hive(hive), path, View(view))
            return RegistryOp(RegistryKind(kind), key, name, _value(value), _value(before))
        case _:
            raise ValueError("one of its steps in the registry is damaged")


def _value_row(value: RegistryValue | None) -> Sequence[object] | None:
    if value is None:
        return None
    return value.type, value.data.hex() if isinstance(value.data, bytes) else value.data


def _value(row: object) -> RegistryValue | None:
    match row:
        case None:
            return None
        case ["binary", str(data)]:
            return RegistryValue(ValueType.BINARY, bytes.fromhex(data))
        case ["multiString", [*texts]]:
            return RegistryValue(ValueType.MULTI, tuple(text for text in texts if isinstance(text, str)))
        case ["dword" | "qword" as kind, int(number)]:
            return RegistryValue(ValueType(kind), number)
        case ["string" | "expandString" as kind, str(text)]:
            return RegistryValue(ValueType(kind), text)
        case _:
            raise ValueError("one of its registry values is damaged")


def _command_row(command: Command) -> Sequence[object]:
    return (
        command.label,
        _line_row(command.line),
        command.moment,
        sorted(command.success),
        sorted(command.restart),
        None if command.undo is None else _line_row(command.undo),
        command.idempotent,
        command.optional,
    )


def _command(row: object) -> Command:
    match row:
        case [str(label), line, str(moment), [*success], [*restart], undo, bool(idempotent), bool(optional)]:
            way_back = None if undo is None else _line(undo)
            good, again = _codes(success), _codes(restart)
            return Command(label, _line(line), Moment(moment), good, again, way_back, idempotent, optional)
        case _:
            raise ValueError("one of its commands is damaged")


def _codes(row: list[object]) -> frozenset[int]:
    codes = [code for code in row if isinstance(code, int)]
    if len(codes) != len(row):
        raise ValueError("an exit code is damaged")
    return frozenset(codes)


def _line_row(line: CommandLine) -> Sequence[object]:
    return (line.program, line.args, line.folder, line.hidden, line.timeout)


def _line(row: object) -> CommandLine:
    match row:
        case [str(program), str(args), str(folder), bool(hidden), int() | float() as timeout]:
            return CommandLine(program, args, folder, hidden, timeout)
        case _:
            raise ValueError("one of its command lines is damaged")

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from deploy.change.lines import decoded, encoded
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
    Phase,
    Record,
    RolledBack,
    Run,
    Stopping,
    Undone,
    standing,
)
from deploy.change.registry_ops import RegistryKind, RegistryOp
from deploy.change.service_ops import ServiceOp
from deploy.digest import sha256_of_bytes
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType, View
from deploy.host.services import StartType
from deploy.relpath import RelPath

DIGEST = sha256_of_bytes(b"x")
OPS = (
    Op(Kind.FOLDER, RelPath.parse("made"), None, None, None),
    Op(Kind.CREATE, RelPath.parse("made/ä.dll"), RelPath.parse(".stage/1"), DIGEST, None),
    Op(Kind.REPLACE, RelPath.parse("b"), RelPath.parse(".stage/2"), DIGEST, Before(5, 7, 0o600, DIGEST)),
    Op(Kind.DELETE, RelPath.parse("c"), None, None, Before(0, 0, 0o444, None)),
)
BEGIN = Begin(OPS)
KEY = RegistryKey(Hive.HKCU, "Software\\Ä", View.BITS64)
LINE = CommandLine("C:\\x.exe", '/q "a b"', "C:\\", True, 1.5)
COMMANDS = (
    Command("before", LINE, Moment.BEFORE, frozenset({0, 5}), frozenset({3010}), LINE, False, True),
    Command("last", LINE, Moment.LAST),
)
ROUTER = ServiceOp("Router", True, StartType.DELAYED, True, False, 120)
IN_REGISTRY = (
    RegistryOp(RegistryKind.SET_VALUE, KEY, "x", RegistryValue(ValueType.STRING, "a\ud800")),
    RegistryOp(RegistryKind.DELETE_VALUE, KEY, "", None, RegistryValue(ValueType.EXPAND, "%x%")),
    RegistryOp(
        RegistryKind.SET_VALUE, KEY, "y", RegistryValue(ValueType.DWORD, 7), RegistryValue(ValueType.QWORD, 2**64 - 1)
    ),
    RegistryOp(
        RegistryKind.SET_VALUE,
        KEY,
        "z",
        RegistryValue(ValueType.BINARY, b"\0\xff"),
        RegistryValue(ValueType.MULTI, ("a", "")),
    ),
    RegistryOp(RegistryKind.MAKE_KEY, KEY),
)
MACHINE = Begin(
    (*OPS, Op(Kind.DELETE, RelPath.parse("d"), None, None, Before(1, 2, 0o600, None), 1, InUse.REBOOT)),
    ("C:\\a", "C:\\b"),
    IN_REGISTRY,
    (ROUTER, ServiceOp("X", False, None, False, True, 0.5)),
    COMMANDS,
    "DOMAIN\\admin",
)
RECORDS: tuple[Record, ...] = (
    MACHINE,
    Stopping(),
    Stopping((ROUTER,)),
    CommandStarted(0),
    CommandDone(0, 0xC0000005),
    CommandDone(1, None),
    CommandUndone(0),
    Deferred(4, Aside.WAITING, RelPath.parse(".micce-restart/0f")),
    Undone(),
)


@pytest.mark.parametrize(
    "record", [BEGIN, Begin(()), Backed(), Commit(), RolledBack(), Failed('said "no"\nand more'), *RECORDS]
)
def test_a_record_is_one_line_of_json_and_comes_back(record: Record) -> None:
    line = encoded(record)
    assert line.count(b"\n") == 1
    assert isinstance(json.loads(line), list)
    assert decoded(line) == record


@pytest.mark.parametrize("record", [BEGIN, Backed()])
def test_every_changed_byte_and_every_cut_is_noticed(record: Record) -> None:
    line = encoded(record)
    for place in range(len(line)):
        with pytest.raises(DamagedError):
            decoded(line[:place])
        with pytest.raises(DamagedError):
            decoded(line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :])


def forged(row: object) -> bytes:
    """A line with a right checksum."""
    import zlib

    payload = json.dumps(row, separators=(",", ":")).encode()
    return b'["%08x",%b]\n' % (zlib.crc32(payload), payload)


@pytest.mark.parametrize(
    "row",
    [
        ["begin", 3, []],
        ["begin", 2, []],
        ["begin", 2, [["delete", "x", None, None, [1, 2, 3, None], 1, "retry"]], ["/a"], [], [], [], ""],
        ["begin", 2, [["delete", "x", None, None, [1, 2, 3, None], 0, "never"]], [], [], [], [], ""],
        ["begin", 2, [["delete", "x", None, None, [1, 2, 3, None], 0]], [], [], [], [], ""],
        ["begin", 2, [], [""], [], [], [], ""],
        ["begin", 2, [], [], [["make-key", "HKXX", "x", "32", "", None, None]], [], [], ""],
        ["begin", 2, [], [], [["set-value", "HKLM", "x", "32", "", ["dword", "1"], None]], [], [], ""],
        ["begin", 2, [], [], ["x"], [], [], ""],
        ["begin", 2, [], [], [], [["A", True, "sometimes", True, True, 1]], [], ""],
        ["begin", 2, [], [], [], [["A", True]], [], ""],
        ["begin", 2, [], [], [], [], [["x", ["p", "a", "f", True, 1], "never", [], [], None, True, True]], ""],
        ["begin", 2, [], [], [], [], [["x", ["p"], "last", [], [], None, True, True]], ""],
        ["begin", 2, [], [], [], [], [["x", ["p", "a", "f", True, 1], "last", ["0"], [], None, True, True]], ""],
        ["begin", 2, [], [], [], [], [1], ""],
        ["deferred", 0, "moved", "../x"],
        ["deferred", 0, "later", "x"],
        ["command-done", 0],
        ["begin", 1, [["create", "../x", "s", DIGEST, None]]],
        ["begin", 1, [["create", "x", "/etc/x", DIGEST, None]]],
        ["begin", 1, [["create", ".", "s", DIGEST, None]]],
        ["begin", 1, [["create", "x", None, DIGEST, None]]],
        ["begin", 1, [["create", "x", "s", "short", None]]],
        ["begin", 1, [["replace", "x", "s", DIGEST, None]]],
        ["begin", 1, [["replace", "x", "s", DIGEST, [1, 2]]]],
        ["begin", 1, [["explode", "x", None, None, None]]],
        ["begin", 1, ["x"]],
        ["other"],
        "backed",
    ],
)
def test_a_line_that_leaves_the_base_or_means_nothing_is_refused(row: object) -> None:
    with pytest.raises(DamagedError):
        decoded(forged(row))


@pytest.mark.parametrize(
    ("records", "phase"),
    [
        ([], Phase.NOT_BEGUN),
        ([BEGIN], Phase.BEGUN),
        ([BEGIN, Backed(), RolledBack()], Phase.ROLLED_BACK),
        ([BEGIN, Backed()], Phase.BACKED),
        ([BEGIN, Backed(), Commit()], Phase.COMMITTED),
        ([BEGIN, Backed(), Failed("x"), Failed("y"), RolledBack()], Phase.ROLLED_BACK),
    ],
)
def test_how_far_a_change_came(records: list[Record], phase: Phase) -> None:
    now = standing(records)
    assert now.phase is phase
    assert now.ops == (OPS if records else ())
    assert now.failures == tuple(one.said for one in records if isinstance(one, Failed))


@pytest.mark.parametrize(
    "records",
    [
        [Backed()],
        [BEGIN, BEGIN],
        [BEGIN, Commit()],
        [BEGIN, Backed(), Commit(), RolledBack()],
        [BEGIN, Backed(), RolledBack(), Commit()],
        [BEGIN, Backed(), Backed()],
        [BEGIN, RolledBack()],
        [BEGIN, Failed("x")],
    ],
)
def test_records_that_cannot_follow_each_other_are_damage(records: list[Record]) -> None:
    with pytest.raises(DamagedError, match=f"line {len(records)}"):
        standing(records)


def test_a_journal_of_the_first_format_is_read() -> None:
    row = ["begin", 1, [["create", "a", "s", DIGEST, None], ["delete", "c", None, None, [0, 0, 292, None]]]]
    wanted = (
        Op(Kind.CREATE, RelPath.parse("a"), RelPath.parse("s"), DIGEST, None),
        Op(Kind.DELETE, RelPath.parse("c"), None, None, Before(0, 0, 0o444, None)),
    )
    assert decoded(forged(row)) == Begin(wanted)


@pytest.mark.parametrize(
    ("records", "phase", "is_touched"),
    [
        ([MACHINE], Phase.BEGUN, False),
        ([MACHINE, CommandStarted(0)], Phase.BEGUN, True),
        ([MACHINE, Stopping()], Phase.BEGUN, True),
        ([MACHINE, Stopping(), RolledBack()], Phase.ROLLED_BACK, False),
        ([MACHINE, Stopping(), Failed("x"), Undone(), RolledBack()], Phase.ROLLED_BACK, False),
        ([MACHINE, Stopping(), Backed(), Deferred(4, Aside.MOVED, RelPath.parse("x"))], Phase.BACKED, True),
        ([MACHINE, Stopping(), Backed(), Stopping(), Undone()], Phase.UNDONE, False),
        ([MACHINE, Stopping(), Backed(), Commit()], Phase.COMMITTED, False),
    ],
)
def test_how_far_a_change_of_a_machine_came(records: list[Record], phase: Phase, is_touched: bool) -> None:
    now = standing(records)
    assert (now.phase, now.is_touched) == (phase, is_touched)
    assert now.services == MACHINE.services


@pytest.mark.parametrize(
    "records",
    [
        [MACHINE, CommandDone(0, 0)],
        [MACHINE, CommandUndone(0)],
        [MACHINE, CommandStarted(2)],
        [MACHINE, Undone()],
        [MACHINE, Deferred(0, Aside.MOVED, RelPath.parse("x"))],
        [MACHINE, Backed(), Deferred(5, Aside.MOVED, RelPath.parse("x"))],
        [MACHINE, Backed(), Commit(), Undone()],
        [MACHINE, Backed(), Undone(), CommandStarted(0)],
        [MACHINE, Backed(), Undone(), Commit()],
        [MACHINE, Backed(), Commit(), Failed("x")],
    ],
)
def test_records_of_a_machine_that_cannot_follow_each_other_are_damage(records: list[Record]) -> None:
    with pytest.raises(DamagedError, match=f"line {len(records)}"):
        standing(records)


def test_what_commands_came_to_is_told_of_each_start() -> None:
    now = standing(
        [
            MACHINE,
            CommandStarted(0),
            CommandDone(0, 5),
            Backed(),
            CommandStarted(1),
            CommandStarted(1),
            CommandDone(1, None),
            CommandUndone(0),
        ]
    )
    assert now.runs == (Run(0, True, 5, True), Run(1), Run(1, True, None))


def test_services_that_ran_besides_stop_before_those_they_need() -> None:
    late, later = (ServiceOp(name, True, None, True, True, 1) for name in ("Late", "Later"))
    now = standing([MACHINE, Stopping((late,)), Backed(), Stopping((later,))])
    assert now.services == (later, late, *MACHINE.services)


@pytest.mark.parametrize(
    ("more", "is_decided"),
    [
        ([CommandStarted(1)], False),
        ([CommandStarted(1), CommandDone(1, 1)], False),
        ([CommandStarted(1), CommandDone(1, 0)], True),
        ([CommandStarted(1), CommandDone(1, 3010)], True),
        ([CommandStarted(1), CommandDone(1, 0), Undone()], False),
        ([], False),
    ],
)
def test_a_last_command_that_ended_well_and_cannot_be_undone_decides(more: list[Record], is_decided: bool) -> None:
    assert standing([MACHINE, Backed(), *more]).is_decided is is_decided
    undoable = replace(MACHINE, commands=(COMMANDS[0], replace(COMMANDS[1], undo=LINE)))
    assert not standing([undoable, Backed(), *more]).is_decided

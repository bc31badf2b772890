from __future__ import annotations

import json

import pytest

from deploy.change.records import (
    Backed,
    Begin,
    Commit,
    DamagedError,
    Failed,
    Phase,
    Record,
    RolledBack,
    decoded,
    encoded,
    standing,
)
from deploy.change.steps import Before, Kind, Op
from deploy.digest import sha256_of_bytes
from deploy.relpath import RelPath

DIGEST = sha256_of_bytes(b"x")
OPS = (
    Op(Kind.FOLDER, RelPath.parse("made"), None, None, None),
    Op(Kind.CREATE, RelPath.parse("made/ä.dll"), RelPath.parse(".stage/1"), DIGEST, None),
    Op(Kind.REPLACE, RelPath.parse("b"), RelPath.parse(".stage/2"), DIGEST, Before(5, 7, 0o600, DIGEST)),
    Op(Kind.DELETE, RelPath.parse("c"), None, None, Before(0, 0, 0o444, None)),
)
BEGIN = Begin(OPS)


@pytest.mark.parametrize("record", [BEGIN, Begin(()), Backed(), Commit(), RolledBack(), Failed('said "no"\nand more')])
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
        ["begin", 2, []],
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

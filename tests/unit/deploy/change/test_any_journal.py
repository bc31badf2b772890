"""Whatever a journal holds and wherever it breaks off, it is read, and undoing leads back to the start."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from deploy.change.lines import decoded, encoded
from deploy.change.model import Command, CommandLine, InUse, Moment
from deploy.change.ops import Before, Kind, Op, Seen, Undo, undo_of
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
    Standing,
    Stopping,
    Undone,
    followed,
    standing,
)
from deploy.change.registry_ops import RegistryKind, RegistryOp
from deploy.change.service_ops import ServiceOp
from deploy.digest import sha256_of_bytes
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType, View
from deploy.host.services import StartType
from deploy.relpath import RelPath

texts = st.text(max_size=8)
names = st.text("abcä. ", min_size=1, max_size=4).map(lambda text: f"n{text}n")
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: RelPath.parse("/".join(parts)))
digests = st.binary(max_size=2).map(sha256_of_bytes)
numbers = st.integers(0, 2**40)
befores = st.builds(Before, numbers, st.integers(-5, 2**62), st.integers(0, 0o7777), st.none() | digests)
places = {"root": st.integers(0, 1), "in_use": st.sampled_from(InUse)}
ops = st.one_of(
    st.builds(Op, st.just(Kind.FOLDER), paths, st.none(), st.none(), st.none(), **places),
    st.builds(Op, st.just(Kind.CREATE), paths, paths, digests, st.none(), **places),
    st.builds(Op, st.just(Kind.REPLACE), paths, paths, digests, befores, **places),
    st.builds(Op, st.just(Kind.DELETE), paths, st.none(), st.none(), befores, **places),
)
values = st.one_of(
    st.builds(RegistryValue, st.sampled_from([ValueType.STRING, ValueType.EXPAND]), texts),
    st.builds(RegistryValue, st.just(ValueType.MULTI), st.lists(texts, max_size=2).map(tuple)),
    st.builds(RegistryValue, st.sampled_from([ValueType.DWORD, ValueType.QWORD]), numbers),
    st.builds(RegistryValue, st.just(ValueType.BINARY), st.binary(max_size=4)),
)
keys = st.builds(RegistryKey, st.sampled_from(Hive), texts, st.sampled_from(View))
in_registry = st.builds(RegistryOp, st.sampled_from(RegistryKind), keys, texts, st.none() | values, st.none() | values)
seconds = st.integers(0, 9) | st.floats(0, 9)
services = st.builds(
    ServiceOp, texts, st.booleans(), st.none() | st.sampled_from(StartType), st.booleans(), st.booleans(), seconds
)
lines = st.builds(CommandLine, texts, texts, texts, st.booleans(), seconds)
codes = st.frozensets(st.integers(0, 2**32 - 1), max_size=2)
commands = st.builds(
    Command, texts, lines, st.sampled_from(Moment), codes, codes, st.none() | lines, st.booleans(), st.booleans()
)
begins = st.builds(
    Begin,
    st.lists(ops, max_size=3).map(tuple),
    st.just(("/a", "/b")),
    st.lists(in_registry, max_size=2).map(tuple),
    st.lists(services, max_size=2).map(tuple),
    st.lists(commands, max_size=2).map(tuple),
    texts,
)
later = st.one_of(
    st.builds(CommandStarted, st.integers(0, 1)),
    st.builds(CommandDone, st.integers(0, 1), st.none() | st.integers(0, 2**32 - 1)),
    st.builds(CommandUndone, st.integers(0, 1)),
    st.builds(Stopping, st.lists(services, max_size=1).map(tuple)),
    st.builds(Deferred, st.integers(0, 2), st.sampled_from(Aside), paths),
    st.sampled_from([Backed(), Commit(), Undone(), RolledBack()]),
    st.builds(Failed, texts),
)


@st.composite
def journals(draw: st.DrawFn) -> list[Record]:
    """Records each of which can follow those before."""
    records: list[Record] = [draw(begins)]
    now = standing(records)
    for record in draw(st.lists(later, max_size=12)):
        try:
            now = followed(now, record)
        except DamagedError:
            continue
        records.append(record)
    return records


@given(journals())
def test_every_record_of_a_journal_comes_back(records: list[Record]) -> None:
    assert [decoded(encoded(record)) for record in records] == records


@given(journals(), st.data())
def test_every_beginning_of_a_journal_can_be_read(records: list[Record], data: st.DataObject) -> None:
    data_on_disk = b"".join(map(encoded, records))
    whole = data_on_disk[: data.draw(st.integers(0, len(data_on_disk)))].count(b"\n")
    read: Standing = standing(decoded(encoded(record)) for record in records[:whole])
    assert (read.phase is Phase.NOT_BEGUN) == (whole == 0)
    assert read.begin == (records[0] if whole else Begin(()))


@given(journals())
def test_what_is_decided_stays_decided(records: list[Record]) -> None:
    phases = [standing(records[:count]).phase for count in range(len(records) + 1)]
    for decided in (Phase.COMMITTED, Phase.ROLLED_BACK):
        if decided in phases:
            assert set(phases[phases.index(decided) :]) == {decided}
    if Phase.UNDONE in phases:
        assert set(phases[phases.index(Phase.UNDONE) :]) <= {Phase.UNDONE, Phase.ROLLED_BACK}


class Disk:
    """One target with its staged file and backup, as names of files."""

    def __init__(self, op: Op) -> None:
        self.op = op
        old = op.before is not None
        self.target = "old" if old else None
        self.staged = "new" if op.staged is not None else None
        self.backup = "old" if old else None

    def steps(self) -> Iterator[None]:
        """Carry the op out, one call at a time."""
        if self.op.kind is Kind.DELETE:
            self.target = None
        elif self.op.kind is Kind.FOLDER:
            self.target = "folder"
        else:
            self.target, self.staged = self.staged, None
        yield

    def undoing(self) -> Iterator[None]:
        """Undo it, one call at a time."""
        todo = undo_of(self.op, self.seen())
        assert todo is not Undo.LOST
        if todo in (Undo.UNSTAGE, Undo.SWAP):
            self.target, self.staged = None, self.target
            yield
        if todo in (Undo.REMOVE, Undo.REMOVE_FOLDER):
            self.target = None
            yield
        if todo in (Undo.SWAP, Undo.RESTORE):
            self.target, self.backup = self.backup, None
            yield

    def seen(self) -> Seen:
        there = self.target is not None
        return Seen(there, self.staged is not None, self.backup is not None, self.target == "old", self.target == "new")

    def is_as_before(self) -> bool:
        return self.target == ("old" if self.op.before is not None else None) and self.staged == (
            "new" if self.op.staged is not None else None
        )


@given(st.lists(ops, max_size=5), st.data())
def test_however_far_files_were_changed_and_however_often_undoing_is_broken_off(
    made: list[Op], data: st.DataObject
) -> None:
    disks = [Disk(op) for op in made]
    for disk in disks[: data.draw(st.integers(0, len(disks)))]:
        for _ in disk.steps():
            pass
    for _ in range(data.draw(st.integers(0, 3))):
        left = data.draw(st.integers(0, 2 * len(disks)))
        for disk in reversed(disks):
            for _ in disk.undoing():
                left -= 1
                if left <= 0:
                    break
            if left <= 0:
                break
    for disk in reversed(disks):
        for _ in disk.undoing():
            pass
    assert all(disk.is_as_before() for disk in disks)
    assert all(undo_of(disk.op, disk.seen()) is Undo.NOTHING for disk in disks)

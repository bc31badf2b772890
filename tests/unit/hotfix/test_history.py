from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.change.model import Command, CommandLine, Moment, ProcessChange, ServiceChange
from deploy.digest import sha256_of_bytes
from deploy.errors import TargetError
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from deploy.inventory import local_path
from hotfix import layout
from hotfix.history import installed, read_history
from hotfix.installed import (
    Installed,
    InstalledFile,
    InstalledKey,
    InstalledValue,
    NewerFormatError,
    Original,
    State,
    document_of,
    in_order,
    parse_record,
)

KEY = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel")
LINE = CommandLine("/state/tool", "/quiet", "/state", True, 60)
FULL = Installed(
    id="HF001",
    revision=2,
    sequence=7,
    name="Näme",
    supersedes=("HF000",),
    roots=("/opt/micce",),
    folders=("/opt/micce/made",),
    files=(
        InstalledFile("/opt/micce/a\udcff", Original(sha256_of_bytes(b""), 0, 1, 0o644, (0, 0)), None),
        InstalledFile("/opt/micce/b", None, sha256_of_bytes(b"b"), kept=False),
    ),
    keys=(InstalledKey(KEY, False, True),),
    values=(InstalledValue(KEY, "", None, RegistryValue(ValueType.MULTI, ("a", ""))),),
    services=(ServiceChange("Router", timeout=60),),
    processes=(ProcessChange("Agent.exe"),),
    commands=(Command("one", LINE, Moment.BEFORE, undo=LINE),),
)


def stored(hotfixes: Path, one: Installed, data: bytes | None = None) -> Path:
    path = Path(local_path(hotfixes, layout.record(one.id, one.revision)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(document_of(one) if data is None else data)
    return path


def test_a_record_comes_back_as_it_was_written() -> None:
    assert parse_record(document_of(FULL)) == FULL


def test_what_is_found_out_when_it_is_read_is_not_written() -> None:
    (_, one) = in_order([FULL, Installed("HF002", 1, 8, supersedes=("hf001",))])[::-1]
    assert (one.superseded_by, one.state) == ("HF002", State.SUPERSEDED)
    assert document_of(one) == document_of(FULL)


@given(st.data())
def test_a_damaged_record_is_never_read_as_another(data: st.DataObject) -> None:
    document = document_of(FULL)
    at = data.draw(st.integers(0, len(document) - 1))
    damaged = document[:at] + bytes([data.draw(st.integers(0, 255))]) + document[at + 1 :]
    with suppress(ValueError):
        assert parse_record(damaged) == FULL


@given(st.integers(0, len(document_of(FULL)) - 3))
def test_a_cut_record_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_record(document_of(FULL)[:length])


def test_a_record_that_was_edited_by_hand_is_refused() -> None:
    document = json.loads(document_of(FULL))
    document["record"]["sequence"] = 8
    with pytest.raises(ValueError, match="checksum"):
        parse_record(json.dumps(document).encode())


def test_a_later_format_is_told_from_damage() -> None:
    with pytest.raises(NewerFormatError, match="format 2"):
        parse_record(b'{"format": 2, "anything": []}')


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b"[" * 100_000, b"\xff"])
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_record(data)


def test_no_folder_is_an_empty_history(tmp_path: Path) -> None:
    assert installed(tmp_path / "none") == ()


def test_records_come_in_the_order_of_installation(tmp_path: Path) -> None:
    for number, id in ((3, "A"), (1, "C"), (2, "B")):
        stored(tmp_path, Installed(id, 1, number))
    assert [one.id for one in installed(tmp_path)] == ["C", "B", "A"]


def test_every_damaged_record_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    stored(tmp_path, Installed("A", 1, 1))
    damaged = stored(tmp_path, Installed("B", 1, 2), b"x")
    newer = stored(tmp_path, Installed("C", 1, 3), b'{"format": 9}')
    with pytest.raises(TargetError) as raised:
        installed(tmp_path)
    assert [(one.code, one.file) for one in raised.value.problems] == [
        ("record-damaged", str(damaged)),
        ("record-newer", str(newer)),
    ]
    history = read_history(tmp_path)
    assert [one.id for one in history.records] == ["A"]


def test_a_record_in_the_folder_of_another_is_refused(tmp_path: Path) -> None:
    stored(tmp_path, Installed("A", 1, 1), document_of(Installed("B", 1, 1)))
    with pytest.raises(TargetError, match="it is that of B revision 1"):
        installed(tmp_path)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Installed("A", 2, 2), "revision 1 of it is installed too"),
        (Installed("B", 1, 1), "it has the number 1 of A revision 1"),
    ],
)
def test_records_that_contradict_each_other_are_refused(tmp_path: Path, other: Installed, said: str) -> None:
    stored(tmp_path, Installed("A", 1, 1))
    stored(tmp_path, other)
    with pytest.raises(TargetError, match=said):
        installed(tmp_path)


def test_packages_and_originals_are_no_records(tmp_path: Path) -> None:
    stored(tmp_path, Installed("A", 1, 1))
    for name in (".originals/x/record.json", "A/3/package/record.json", "B/1/package/record.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert [one.id for one in installed(tmp_path)] == ["A"]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = stored(tmp_path, Installed("A", 1, 1))
    path.unlink()
    path.mkdir()
    with pytest.raises(TargetError) as raised:
        installed(tmp_path)
    assert raised.value.code == "cannot-read"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TargetError):
        installed(tmp_path / "file")

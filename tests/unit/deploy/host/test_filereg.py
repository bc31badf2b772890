"""The registry that is a file: what it looks like, what damages it, who else uses it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from deploy import atomic
from deploy.errors import TargetError
from deploy.host import filereg
from deploy.host.filereg import FileRegistry
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType, View

KEY = RegistryKey(Hive.HKLM, "SOFTWARE\\Mitel")
TEXT = RegistryValue(ValueType.STRING, "väl")
WRITER = """
import sys
from pathlib import Path
from deploy.host.filereg import FileRegistry
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
registry, own = FileRegistry(Path(sys.argv[1])), sys.argv[2]
key = RegistryKey(Hive.HKLM, "SOFTWARE\\\\Mitel")
registry.make_key(key)
for number in range(20):
    registry.set_value(key, f"{own} {number}", RegistryValue(ValueType.DWORD, number))
    registry.delete_value(key, f"{own} {number - 2}")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "registry.json"


def test_asking_leaves_nothing_behind(file: Path) -> None:
    registry = FileRegistry(file)
    assert registry.has_key(RegistryKey(Hive.HKLM, "SOFTWARE"))
    assert registry.value(KEY, "x") is None
    assert not file.parent.exists()


def test_a_change_that_changes_nothing_writes_nothing(file: Path) -> None:
    registry = FileRegistry(file)
    registry.delete_key(KEY)
    registry.delete_value(KEY, "x")
    assert not file.exists()
    registry.make_key(KEY)
    before = file.stat()
    registry.make_key(KEY)
    registry.delete_value(KEY, "x")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_file_can_be_read_by_people_and_is_their_accounts_only(file: Path) -> None:
    registry = FileRegistry(file)
    registry.make_key(KEY)
    registry.set_value(KEY, "Name", TEXT)
    text = file.read_text("ascii")
    lines = [line for line in text.splitlines() if "Mitel" in line]
    assert lines == [
        '{"hive": "HKLM", "key": "SOFTWARE\\\\Wow6432Node\\\\Mitel", "values": [["Name", "string", "v\\u00e4l"]]},'
    ]
    assert json.loads(text)["format"] == 1
    if os.name != "nt":
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700


def test_another_one_of_the_same_file_sees_every_change(file: Path) -> None:
    first, second = FileRegistry(file), FileRegistry(file)
    first.make_key(KEY)
    second.set_value(KEY, "x", TEXT)
    assert first.value(KEY, "X") == TEXT
    first.delete_value(KEY, "x")
    assert second.value(KEY, "x") is None


def test_elsewhere_both_views_see_the_same(file: Path) -> None:
    registry = FileRegistry(file)
    for hive, path in ((Hive.HKLM, "SYSTEM\\Micce"), (Hive.HKCU, "Software\\Micce"), (Hive.HKU, "S-1-5-18")):
        registry.make_key(RegistryKey(hive, path, View.BITS32))
        registry.set_value(RegistryKey(hive, path, View.BITS32), "x", TEXT)
        assert registry.value(RegistryKey(hive, path, View.BITS64), "x") == TEXT


@pytest.mark.parametrize("path", ["", "SOFTWARE", "software\\", "SYSTEM", "SOFTWARE\\WOW6432NODE"])
@pytest.mark.parametrize("view", View)
def test_what_belongs_to_the_system_stays(file: Path, path: str, view: View) -> None:
    registry = FileRegistry(file)
    key = RegistryKey(Hive.HKLM, path, view)
    with pytest.raises(TargetError) as caught:
        registry.delete_key(key)
    assert caught.value.code == "registry-failed"
    registry.make_key(key)
    assert registry.has_key(key)


@pytest.mark.parametrize(
    "path", ["SOFTWARE\\\\x", "SOFTWARE\\a\0b", "SOFTWARE\\" + "x" * 256, "SOFTWARE" + "\\x" * 600]
)
def test_what_can_be_no_key_is_refused(file: Path, path: str) -> None:
    with pytest.raises(TargetError) as caught:
        FileRegistry(file).make_key(RegistryKey(Hive.HKLM, path))
    assert caught.value.code == "registry-failed"
    assert not file.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"format": 2, "keys": []}',
        b'{"format": 1, "keys": [1]}',
        b'{"format": 1, "keys": [{"hive": "HKXX", "key": "a", "values": []}]}',
        b'{"format": 1, "keys": [{"hive": "HKLM", "key": "a\\\\\\\\b", "values": []}]}',
        b'{"format": 1, "keys": [{"hive": "HKLM", "key": "a", "values": [["x", "dword", "1"]]}]}',
        b'{"format": 1, "keys": [{"hive": "HKLM", "key": "a", "values": [["x", "dword", -1]]}]}',
        b'{"format": 1, "keys": [{"hive": "HKLM", "key": "a", "values": [["x", "dword", true]]}]}',
        b'{"format": 1, "keys": [{"hive": "HKLM", "key": "a", "values": [["x", "binary", "%%%"]]}]}',
        b'{"format": 1, "keys": [{"hive": "HKLM", "key": "a", "values": [["x", "binary", "\xc3\xa4"]]}]}',
        b'{"format": 1, "keys": [{"hive": "HKLM", "key": "a", "values": [["x", "none", ""]]}]}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_told_and_kept(file: Path, data: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(data)
    registry = FileRegistry(file)
    for ask in (
        lambda: registry.value(KEY, "x"),
        lambda: registry.make_key(KEY),
        lambda: registry.delete_key(KEY),
        lambda: registry.set_value(KEY, "x", TEXT),
    ):
        with pytest.raises(TargetError) as caught:
            ask()
        assert caught.value.code == "registry-failed"
        assert str(file) in str(caught.value)
    assert file.read_bytes() == data


def test_a_file_that_is_no_registry_is_not_read_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filereg, "MOST_BYTES", 100)
    file.parent.mkdir()
    file.write_bytes(b" " * 101)
    with pytest.raises(TargetError, match="more than 100 bytes"):
        FileRegistry(file).has_key(KEY)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_what_cannot_be_written_leaves_the_old_registry(
    file: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    registry = FileRegistry(file)
    registry.make_key(KEY)

    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic, "write_all", refused)
    with pytest.raises(TargetError) as caught:
        registry.set_value(KEY, "x", TEXT)
    assert caught.value.code == "registry-failed"
    monkeypatch.undo()
    assert registry.has_key(KEY)
    assert registry.value(KEY, "x") is None
    assert {one.name for one in file.parent.iterdir()} - {"registry.lock"} == {"registry.json"}


def test_no_permission_is_told_as_such(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(filereg, "write_atomic", refused)
    with pytest.raises(TargetError) as caught:
        FileRegistry(file).make_key(KEY)
    assert caught.value.code == "no-permission"


def test_one_that_is_locked_for_ever_is_an_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filereg, "LOCK_SECONDS", 0.2)
    FileRegistry(file).make_key(KEY)
    with FileLock(file.with_suffix(".lock")):
        assert FileRegistry(file).has_key(KEY)
        held = subprocess.run(
            [sys.executable, "-c", _set("0.2"), str(file)], capture_output=True, text=True, check=False
        )
    assert "registry-failed" in held.stdout


def _set(seconds: str) -> str:
    return f"""
import sys
from pathlib import Path
from deploy.errors import TargetError
from deploy.host import filereg
from deploy.host.registry import Hive, RegistryKey
filereg.LOCK_SECONDS = {seconds}
try:
    filereg.FileRegistry(Path(sys.argv[1])).make_key(RegistryKey(Hive.HKLM, "SOFTWARE\\\\Other"))
except TargetError as wrong:
    print(wrong.code)
"""


def test_several_programs_at_once_lose_nothing(file: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(file), name]) for name in ("a", "b", "c")]
    assert [one.wait() for one in writers] == [0, 0, 0]
    kept = FileRegistry(file).value_names(KEY)
    assert sorted(kept) == sorted(f"{name} {number}" for name in "abc" for number in (18, 19))

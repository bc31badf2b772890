from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deploy import stage as stage_module
from deploy.digest import sha256_of_bytes
from deploy.errors import TargetError
from deploy.jobs import StagedFile
from deploy.stage import Journal, Stage, decoded, encoded, is_intact, staged_name
from deploy.transport.contract import Validators

KEYS = ["Solidus/a.exe", "Solidus/\u00e4 b.dll", "\udcff/x", "c"]


def finished(stage: Stage, key: str, data: bytes, *, at: float = 1e9) -> StagedFile:
    """Stage a file and give its record, not yet noted."""
    Path(stage.path_of(key)).write_bytes(data)
    validators = Validators(len(data), '"x"', 1.5, 1e-6)
    return StagedFile(
        key, f"http://h/{key.encode(errors='replace').decode()}", len(data), sha256_of_bytes(data), validators, at
    )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path / "base" / ".staging")
    made.create()
    return made


def names(stage: Stage) -> set[str]:
    return {str(path.relative_to(stage.folder)) for path in stage.folder.rglob("*") if not path.is_dir()}


def journals(stage: Stage) -> list[str]:
    return [name for name in names(stage) if name.startswith("journal-")]


def test_the_folder_is_this_accounts_only(stage: Stage) -> None:
    assert stat.S_IMODE(stage.folder.stat().st_mode) == 0o700
    stage.folder.chmod(0o755)
    stage.create()
    assert stat.S_IMODE(stage.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["file", "link"])
def test_something_else_in_its_place_is_refused(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "staging"
    if kind == "file":
        place.write_bytes(b"")
    else:
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TargetError) as raised:
        Stage(place).create()
    assert raised.value.code == "in-the-way"
    assert list((tmp_path / "elsewhere").iterdir() if kind == "link" else []) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TargetError) as raised:
        Stage(tmp_path / "file" / "staging").create()
    assert raised.value.code == "cannot-write"


def test_names_come_from_the_key_and_never_leave_the_folder(stage: Stage) -> None:
    for key in [*KEYS, "../../etc/passwd", "a" * 5000, "C:\\x"]:
        path = Path(stage.path_of(key))
        assert path.parent == stage.folder.absolute() / "files"
        assert len(path.name) == 32
    assert len({staged_name(key) for key in KEYS}) == len(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_a_record_survives_its_line(stage: Stage, key: str) -> None:
    record = finished(stage, key, b"data")
    line = encoded(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decoded(line) == record


def test_finished_files_are_known_to_the_next_run(stage: Stage) -> None:
    records = {key: finished(stage, key, key.encode(errors="replace")) for key in KEYS}
    first, second = stage.open_journal(), stage.open_journal()
    for number, record in enumerate(records.values()):
        (first, second)[number % 2].record(record)
    first.close()
    second.close()
    assert len(journals(stage)) == 2
    assert Stage(stage.folder).load() == records
    assert len(journals(stage)) == 1
    assert Stage(stage.folder).load() == records


def test_the_record_of_the_later_run_counts_whatever_the_clocks_said(stage: Stage) -> None:
    new = finished(stage, "a", b"data", at=1e9)
    old = replace(new, validators=Validators(4, '"old"'), fetched_at=2e9)
    for record in (old, new):
        journal = stage.open_journal()
        journal.record(record)
        journal.close()
        assert stage.load() == {"a": record}


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\n",
        b"\x00\xff\n",
        b"[]\n",
        b"{}\n",
        b"[" * 100_000 + b"\n",
        b'["a","b",-1,"' + b"0" * 64 + b'",[1,null,null,1.0],1.0]\n',
        b'["a","b",1,"nonsense",[1,null,null,1.0],1.0]\n',
        b'["a","b",1,"' + b"0" * 64 + b'",[1,2,null,1.0],1.0]\n',
        b'["a","b",1,"' + b"0" * 64 + b'",[1,null,null,1.0],1.0',
    ],
)
def test_a_damaged_journal_gives_what_is_whole(stage: Stage, garbage: bytes) -> None:
    good, other = finished(stage, "good", b"1"), finished(stage, "other", b"2")
    torn = encoded(finished(stage, "torn", b"3"))
    (stage.folder / "journal-x").write_bytes(encoded(good) + garbage.rstrip(b"\n") + b"\n" + encoded(other) + torn[:-9])
    assert stage.load() == {"good": good, "other": other}


def test_strays_are_removed(stage: Stage, tmp_path: Path) -> None:
    journal = stage.open_journal()
    kept = finished(stage, "kept", b"kept")
    journal.record(kept)
    journal.record(finished(stage, "short", b"whole"))
    Path(stage.path_of("short")).write_bytes(b"who")
    gone = finished(stage, "gone", b"gone")
    journal.record(gone)
    os.unlink(stage.path_of("gone"))
    finished(stage, "unrecorded", b"never noted")
    files = stage.folder / "files"
    (files / "foreign.txt").write_bytes(b"")
    (files / "folder").mkdir()
    (files / "folder" / "x").write_bytes(b"")
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    (files / staged_name("link")).symlink_to(outside)
    (files / f"{staged_name('large')}.part").write_bytes(b"12345")
    (files / f"{staged_name('large')}.note").write_bytes(b"")
    journal.close()
    assert stage.load() == {"kept": kept}
    left = {os.path.basename(stage.path_of("kept")), f"{staged_name('large')}.part", f"{staged_name('large')}.note"}
    assert {path.name for path in files.iterdir()} == left
    assert outside.read_bytes() == b"precious"
    assert stage.held("large") == 5
    assert stage.held("kept") == 0


def test_what_this_run_does_not_want_is_removed(stage: Stage) -> None:
    journal = stage.open_journal()
    wanted, unwanted = finished(stage, "wanted", b"1"), finished(stage, "unwanted", b"2")
    journal.record(wanted)
    journal.record(unwanted)
    journal.close()
    Path(stage.path_of("old") + ".part").write_bytes(b"")
    assert stage.load({"wanted", "new"}) == {"wanted": wanted}
    assert {path.name for path in (stage.folder / "files").iterdir()} == {staged_name("wanted")}
    assert stage.load() == {"wanted": wanted}


def test_intact_means_the_very_bytes(stage: Stage) -> None:
    record = finished(stage, "a", b"data")
    path = Path(stage.path_of("a"))
    assert is_intact(str(path), record)
    path.write_bytes(b"dat\0")
    assert not is_intact(str(path), record)
    path.write_bytes(b"data and more")
    assert not is_intact(str(path), record)
    path.unlink()
    assert not is_intact(str(path), record)


HOLDER = """
import sys
from pathlib import Path
from deploy.stage import Stage
journal = Stage(Path(sys.argv[1])).open_journal()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_run_waits_for_the_end_of_the_one_before(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(stage.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(stage_module.__file__).parent.parent,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            holder.kill()
            holder.wait()

    with holder:
        assert holder.stdout.readline() == b"held\n"
        monkeypatch.setattr(stage_module.time, "sleep", pause)
        assert stage.load() == {}
    assert len(waits) == 3


def test_a_run_that_goes_on_is_busy(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(stage.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(stage_module.__file__).parent.parent,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        monkeypatch.setattr(stage_module, "LOCK_SECONDS", 0.0)
        before = names(stage)
        with pytest.raises(TargetError) as raised:
            stage.load()
        assert raised.value.code == "busy"
        assert names(stage) == before
        holder.kill()


def test_a_full_disk_is_told_from_other_refusals(stage: Stage) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("/dev/full is not there")
    journal = Journal.__new__(Journal)
    journal._path, journal._descriptor = "journal", os.open(full, os.O_WRONLY)
    with pytest.raises(TargetError) as raised:
        journal.record(finished(stage, "a", b""))
    assert raised.value.code == "disk-full"
    journal.close()


def test_discarding_leaves_nothing(stage: Stage) -> None:
    journal = stage.open_journal()
    journal.record(finished(stage, "a", b"1"))
    journal.close()
    assert stage.discard() == ()
    assert not stage.folder.exists()
    assert stage.discard() == ()


def test_what_cannot_be_discarded_is_a_warning(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(stage_module.shutil, "rmtree", refuse)
    (problem,) = stage.discard()
    assert problem.code == "staging-left"
    assert not problem.is_error

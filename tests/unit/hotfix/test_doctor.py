from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deploy.change.model import ServiceChange
from deploy.change.records import Phase
from deploy.errors import TargetError
from deploy.host.fakeservices import FakeService
from deploy.host.services import StartType
from hotfix.doctor import Diagnosis, diagnose
from hotfix.history import installed, note_waiting
from hotfix.recovery import recover
from hotfix.staging import Note, write_note
from tests.unit.hotfix.bench import TOOL, Bench, Fix

FIX = Fix(files={"install/a.dll": b"new", "install/b.dll": b"new b"}, services=(ServiceChange("Router"),))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    one = Bench(tmp_path)
    one.write("install/a.dll", b"old")
    one.host.manager.add(FakeService("Router", start_type=StartType.DELAYED))
    return one


def codes(diagnosis: Diagnosis) -> list[str]:
    return [problem.code for problem in diagnosis.problems]


def test_a_machine_without_hotfixes_is_well_and_stays_untouched(bench: Bench) -> None:
    found = diagnose(bench.target)
    assert (found.is_well, found.problems, found.installed, found.unfinished) == (True, (), (), None)
    assert not bench.target.state.exists()


def test_a_machine_with_hotfixes_is_well(bench: Bench) -> None:
    bench.apply(replace(FIX, commands=(bench.command("one"),)))
    before = bench.world()
    found = diagnose(bench.target)
    assert (found.is_well, found.problems) == (True, ())
    assert [one.id for one in found.installed] == ["HF001"]
    assert {one.path for one in found.volumes} == {str(bench.target.state), *bench.roots}
    assert bench.world() == before


def test_a_change_that_was_broken_off_and_its_services(bench: Bench) -> None:
    router = bench.host.manager.services[0]
    router.ends_again = True
    with pytest.raises(TargetError):
        bench.apply(FIX)
    found = diagnose(bench.target)
    assert found.unfinished is not None
    assert found.unfinished.phase is Phase.UNDONE
    assert found.left is not None
    assert codes(found) == ["change-unfinished", "staging-left", "service-left-stopped"]
    assert not found.is_well
    router.start_type = StartType.MANUAL
    assert "was delayed" in diagnose(bench.target).problems[-1].message
    router.ends_again = False
    recover(bench.target)
    assert diagnose(bench.target).problems == ()


def test_leftovers(bench: Bench) -> None:
    bench.apply(FIX)
    write_note(bench.target.hotfixes, Note(bench.roots))
    found = diagnose(bench.target)
    assert (codes(found), found.is_well) == (["staging-left"], True)


def test_a_damaged_journal(bench: Bench) -> None:
    bench.apply(FIX)
    bench.target.home.mkdir()
    (bench.target.home / "journal").write_bytes(b"x\ny\n")
    assert codes(diagnose(bench.target)) == ["journal-damaged"]


def test_a_change_that_never_began(bench: Bench) -> None:
    bench.apply(FIX)
    bench.target.home.mkdir()
    assert codes(diagnose(bench.target)) == ["change-unfinished"]


def test_a_damaged_record(bench: Bench) -> None:
    bench.apply(FIX)
    (bench.target.hotfixes / "HF001/1/record.json").write_bytes(b"x")
    assert codes(diagnose(bench.target)) == ["record-damaged"]


def test_a_lost_original_a_lost_program_and_a_changed_file(bench: Bench) -> None:
    bench.apply(replace(FIX, commands=(bench.command("one"),)))
    original = next(file.before for file in installed(bench.target.hotfixes)[0].files if file.before)
    (bench.target.hotfixes / ".originals" / original.sha256).write_bytes(b"0ld")
    (bench.target.hotfixes / "HF001/1/package" / TOOL).unlink()
    bench.write("install/b.dll", b"mine")
    assert codes(diagnose(bench.target)) == ["original-missing", "command-missing", "changed-since"]


def test_a_pending_restart(bench: Bench) -> None:
    bench.apply(FIX)
    note_waiting(bench.target.hotfixes, installed(bench.target.hotfixes)[0], [str(bench.folder / "install/a.dll")])
    bench.write("install/a.dll", b"old")
    assert codes(diagnose(bench.target)) == ["restart-pending"]


def test_an_account_without_rights_and_a_full_disk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.host.elevated = False
    monkeypatch.setattr("hotfix.doctor.free_space", lambda _: 1000)
    found = diagnose(bench.target)
    assert codes(found) == ["not-elevated", "little-space"]
    assert not found.elevated

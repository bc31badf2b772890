"""What is particular to computers without Windows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.host.contract import Place
from deploy.host.posix import PosixHost

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has its own")


def _script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_the_end_by_a_signal_has_the_shells_code(tmp_path: Path) -> None:
    script = _script(tmp_path / "dies.sh", "#!/bin/sh\nkill -9 $$\n")
    assert PosixHost({}).start(script, "", folder=tmp_path, hidden=False) == 137


def test_a_file_that_is_no_program_is_not_handed_to_a_shell(tmp_path: Path) -> None:
    script = _script(tmp_path / "Setup.exe", "touch ran\n")
    with pytest.raises(OSError, match="Exec format"):
        PosixHost({}).start(script, "", folder=tmp_path, hidden=False)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o755), (0o600, 0o755), (0o700, 0o700), (0o711, 0o711)])
def test_only_a_program_this_account_may_not_start_is_made_executable(tmp_path: Path, before: int, after: int) -> None:
    script = _script(tmp_path / "ClientSetup.exe", "#!/bin/sh\nexit 3\n", before)
    PosixHost({}).make_executable(script)
    assert script.stat().st_mode & 0o777 == after
    assert PosixHost({}).start(script, "", folder=tmp_path, hidden=False) == 3


def test_a_relative_program_is_the_one_meant_whatever_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "base" / "Solidus").mkdir(parents=True)
    _script(tmp_path / "base" / "Solidus" / "setup.sh", '#!/bin/sh\n[ "$(basename "$PWD")" = Solidus ] || exit 9\n')
    monkeypatch.chdir(tmp_path)
    program = Path("base/Solidus/setup.sh")
    assert PosixHost({}).start(program, "", folder=program.parent, hidden=False) == 0


def test_machine_files_are_looked_for_as_documented(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    site, user = PosixHost({}).machine_files()
    assert (site.path, site.place) == (Path("/etc/micce/machine.toml"), Place.SITE)
    assert (user.path.name, user.place) == ("machine.toml", Place.USER)
    assert user.path.is_relative_to(tmp_path)
    named = PosixHost({"MICCE_MACHINE": "/x/m.toml"}).machine_files()
    assert [(one.path, one.place, one.required) for one in named] == [(Path("/x/m.toml"), Place.NAMED, True)]


def test_state_belongs_to_the_machine_for_root_and_to_the_account_for_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert PosixHost({}).state_folder() == Path("/var/lib/micce")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert PosixHost({}).state_folder().is_relative_to(tmp_path)


def test_the_folders_of_a_usual_windows_stand_in(tmp_path: Path) -> None:
    found = PosixHost({}).identifiers()
    assert found["InstallDir"].text == "C:\\Program Files (x86)\\Mitel\\MiCC Enterprise\\"
    assert found["System32Dir"].text == "C:\\Windows\\System32\\"
    assert len(found) == 8
    assert {value.origin for value in found.values()} == {"default Windows layout"}


@pytest.mark.parametrize(("mode", "exposed"), [(0o600, False), (0o640, True), (0o604, True), (0o622, False)])
def test_files_that_others_may_read_are_known(tmp_path: Path, mode: int, exposed: bool) -> None:
    file = _script(tmp_path / "machine.toml", "", mode)
    assert PosixHost({}).readable_by_others(file) is exposed
    assert PosixHost({}).readable_by_others(tmp_path / "missing") is False

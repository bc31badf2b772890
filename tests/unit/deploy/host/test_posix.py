"""What is particular to computers without Windows."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from deploy.errors import TargetError
from deploy.host.commands import CommandServices
from deploy.host.contract import Place, System
from deploy.host.posix import PosixHost
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from deploy.host.systemd import SystemdServices
from deploy.machine import RegistryDriver, Services, ServicesDriver

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


def test_services_are_driven_as_machine_toml_says(tmp_path: Path) -> None:
    host = PosixHost({})
    assert isinstance(host.services(Services(), tmp_path), SystemdServices)
    commands = Services(ServicesDriver.COMMANDS, ("/svc", "{name}"), ("/svc", "{name}"), ("/svc", "{name}"))
    assert isinstance(host.services(commands, tmp_path), CommandServices)


def test_a_file_below_the_state_folder_stands_in_for_the_registry_or_nothing(tmp_path: Path) -> None:
    key = RegistryKey(Hive.HKLM, "SOFTWARE\\Mitel")
    PosixHost({}).registry(RegistryDriver.FILE, tmp_path).make_key(key)
    assert (tmp_path / "registry.json").is_file()
    nothing = PosixHost({}).registry(RegistryDriver.NONE, tmp_path)
    value = RegistryValue(ValueType.DWORD, 1)
    for ask in (
        lambda: nothing.value(key, "x"),
        lambda: nothing.has_key(key),
        lambda: nothing.subkeys(key),
        lambda: nothing.value_names(key),
        lambda: nothing.set_value(key, "x", value),
        lambda: nothing.delete_value(key, "x"),
        lambda: nothing.make_key(key),
        lambda: nothing.delete_key(key),
    ):
        with pytest.raises(TargetError) as caught:
            ask()
        assert caught.value.code == "registry-unavailable"
        assert 'driver = "file"' in str(caught.value)


def test_root_is_elevated_and_every_account_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert (PosixHost({}).is_elevated(), PosixHost({}).account()) == (True, "root")
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    assert (PosixHost({}).is_elevated(), PosixHost({}).account()) == (False, "uid 4000000000")


@pytest.mark.parametrize(
    ("release", "machine", "version", "architecture"),
    [
        ("6.1.0-13-amd64", "x86_64", "6.1.0", "x64"),
        ("5.15.90.1-microsoft-standard-WSL2", "aarch64", "5.15.90.1", "arm64"),
        ("6.6", "i686", "6.6", "x86"),
        ("odd", "riscv64", "0", "riscv64"),
    ],
)
def test_the_system_is_told_as_windows_would_tell_it(
    monkeypatch: pytest.MonkeyPatch, release: str, machine: str, version: str, architecture: str
) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "node", release, "#1", machine)))
    assert PosixHost({}).system() == System("linux", version, architecture)


def test_logs_lie_below_the_profile_else_below_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    below = Path("AppData", "Local")
    assert PosixHost({"USERPROFILE": str(tmp_path / "profile")}).log_folder() == tmp_path / "profile" / below
    for useless in ({}, {"USERPROFILE": ""}, {"USERPROFILE": "C:\\Users\\x"}):
        assert PosixHost(useless).log_folder() == tmp_path / "home" / below


def test_nothing_is_renamed_at_a_restart(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    with pytest.raises(OSError, match="renames nothing"):
        PosixHost({}).replace_at_restart(tmp_path / "new", tmp_path / "old")
    PosixHost({}).forget_at_restart(tmp_path / "new")
    assert (tmp_path / "new").exists()


def test_an_account_without_a_home_still_has_a_folder_of_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    assert PosixHost({}).log_folder() == Path("/AppData/Local")


def test_as_many_files_as_the_system_grants(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        PosixHost({"HOME": str(tmp_path)}).allow_many_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

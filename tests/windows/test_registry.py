"""Identifiers from the product's registry keys and from known folders."""

from __future__ import annotations

import winreg
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.host.current import current
from deploy.host.windows import PARAMETERS, WindowsHost
from deploy.machine_file import gather_machine, identifiers_for

pytestmark = pytest.mark.windows

SetValue = Callable[..., None]


def _forget(view: int) -> None:
    """Remove the product's keys from one view, deepest first."""
    parts = PARAMETERS.split("\\")
    for depth in range(len(parts), 1, -1):
        try:
            winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, "\\".join(parts[:depth]), view, 0)
        except FileNotFoundError:
            continue


@pytest.fixture
def register() -> Iterator[SetValue]:
    """Set a value below the product's parameters, by default in the 32-bit view."""

    def _set(name: str, value: str | int, kind: int = winreg.REG_SZ, view: int = winreg.KEY_WOW64_32KEY) -> None:
        with winreg.CreateKeyEx(winreg.HKEY_LOCAL_MACHINE, PARAMETERS, 0, winreg.KEY_WRITE | view) as key:
            winreg.SetValueEx(key, name, 0, kind, value)

    yield _set
    _forget(winreg.KEY_WOW64_32KEY)
    _forget(winreg.KEY_WOW64_64KEY)


def test_values_come_from_the_32_bit_view(register: SetValue) -> None:
    register("InstallDir", "C:\\MiCC", view=winreg.KEY_WOW64_64KEY)
    assert "InstallDir" not in current().identifiers()
    register("InstallDir", "D:\\MiCC Enterprise")
    found = current().identifiers()["InstallDir"]
    assert found.text == "D:\\MiCC Enterprise"
    assert found.origin == "HKLM\\SOFTWARE\\Wow6432Node\\Mitel\\SeC\\Common\\Parameters\\InstallDir"


def test_the_view_is_the_key_that_regedit_shows(register: SetValue) -> None:
    register("BrokerServer", "BROKER")
    shown = "SOFTWARE\\Wow6432Node\\Mitel\\SeC\\Common\\Parameters"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, shown, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as key:
        assert winreg.QueryValueEx(key, "BrokerServer")[0] == "BROKER"
    assert current().identifiers()["BrokerServer"].text == "BROKER"


def test_value_names_are_read_in_any_case_and_numbers_as_digits(register: SetValue) -> None:
    register("WEBSERVER", "WEB1")
    register("webserverport", 8080, winreg.REG_DWORD)
    found = current().identifiers()
    assert found["WebServer"].text == "WEB1"
    assert found["WebServerPort"].text == "8080"


def test_expandable_values_use_known_folders_and_not_the_environment(
    register: SetValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SystemRoot", "Z:\\elsewhere")
    monkeypatch.setenv("ANYTHING", "Z:\\elsewhere")
    register("TASInstallDir", "%systemroot%\\TAS", winreg.REG_EXPAND_SZ)
    register("SMInstallDir", "%ANYTHING%\\SM", winreg.REG_EXPAND_SZ)
    found = current().identifiers()
    assert found["TASInstallDir"].text.lower() == "c:\\windows\\tas"
    assert "SMInstallDir" not in found


def test_empty_and_strange_values_are_not_known(register: SetValue) -> None:
    register("SMInstallDir", "")
    register("TASInstallDir", b"\x01\x02", winreg.REG_BINARY)
    assert not {"SMInstallDir", "TASInstallDir"} & current().identifiers().keys()


def test_known_folders_stand_without_any_registry_value() -> None:
    found = {name: value.text.lower() for name, value in current().identifiers().items()}
    common = found["EricssonShareDir"].removesuffix("\\ericssonshare\\")
    assert common.endswith("\\common files")
    assert found["NextCCShareDir"] == f"{common}\\ericssonshare\\nextccshare\\"
    assert found["WindowsDir"] == "c:\\windows\\"
    assert found["System32Dir"] == "c:\\windows\\system32\\"
    assert not found.keys() & {"InstallDir", "WebServer", "WebServerUri"}


def test_registry_values_go_before_known_folders(register: SetValue) -> None:
    register("EricssonShareDir", "E:\\Share")
    found = current().identifiers()
    assert found["EricssonShareDir"].text == "E:\\Share"
    assert found["NextCCShareDir"].origin == "known folder"


def test_set_goes_before_machine_toml_before_the_registry(
    register: SetValue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("InstallDir", "SMInstallDir", "TASInstallDir"):
        register(name, "R:\\registry")
    file = tmp_path / "machine.toml"
    file.write_text("[identifiers]\nInstallDir = 'M:\\machine'\nSMInstallDir = 'M:/machine'\n", encoding="utf-8")
    monkeypatch.setenv("MICCE_MACHINE", str(file))
    host = current()
    known = identifiers_for(gather_machine(host), host, {"installdir": "S:\\set\\"})
    shown = {name: (value.text, value.origin) for name, value in known if value is not None}
    assert shown["InstallDir"] == ("S:\\set\\", "--set")
    assert shown["SMInstallDir"] == ("M:/machine\\", f"{file}:3")
    assert shown["TASInstallDir"][0] == "R:\\registry\\"


def test_state_and_settings_live_where_windows_keeps_them() -> None:
    host = WindowsHost({})
    (file,) = host.machine_files()
    assert str(file.path).lower() == "c:\\programdata\\mitel\\micc enterprise\\machine.toml"
    assert not file.required
    # Wine's account is an administrator.
    assert str(host.state_folder()).lower() == "c:\\programdata\\mitel\\micc enterprise\\state"


def test_the_environment_does_not_move_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ProgramData", "ALLUSERSPROFILE", "LOCALAPPDATA", "WIN_PD_OVERRIDE_COMMON_APPDATA"):
        monkeypatch.setenv(name, "Z:\\elsewhere")
    assert "elsewhere" not in str(WindowsHost({}).machine_files()) + str(WindowsHost({}).state_folder())

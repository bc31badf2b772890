"""Finding machine.toml, and what comes out of it together with what the host knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import ConfigError, TargetError, UsageError
from deploy.host.contract import Candidate, Found, Place
from deploy.host.fake import FakeHost
from deploy.machine import Machine
from deploy.machine_file import (
    MachineFound,
    gather_machine,
    host_identifiers,
    identifiers_for,
    state_folder,
    transport_settings,
)
from deploy.transport.contract import Proxies, SmbServer


def _host(tmp_path: Path, text: str | None = None, place: Place = Place.SITE) -> FakeHost:
    """A host with a machine.toml that holds `text`, and another one to be looked at after it."""
    first, second = tmp_path / "first" / "machine.toml", tmp_path / "second.toml"
    if text is not None:
        first.parent.mkdir()
        first.write_text(text, encoding="utf-8")
    return FakeHost(tmp_path / "state", files=(Candidate(first, place), Candidate(second, Place.USER)))


def test_without_a_file_nothing_is_set(tmp_path: Path) -> None:
    host = _host(tmp_path)
    found = gather_machine(host)
    assert found == MachineFound(Machine(), None, (), host.files)
    assert found.usable() == Machine()
    assert state_folder(found.usable(), host) == tmp_path / "state"


def test_the_first_file_there_is_is_read_alone(tmp_path: Path) -> None:
    host = _host(tmp_path, 'state = "/first"')
    host.files[1].path.write_text('state = "/second"\nproduct_version = "1"', encoding="utf-8")
    found = gather_machine(host)
    assert found.path == host.files[0].path
    assert found.usable() == Machine(state="/first")
    assert state_folder(found.usable(), host) == Path("/first")
    host.files[0].path.unlink()
    assert gather_machine(host).usable().state == "/second"


def test_a_file_named_by_the_environment_must_be_there(tmp_path: Path) -> None:
    host = _host(tmp_path, place=Place.NAMED)
    found = gather_machine(host)
    assert found.path == host.files[0].path
    with pytest.raises(ConfigError, match="MICCE_MACHINE") as caught:
        found.usable()
    assert caught.value.code == "cannot-read"


def test_a_file_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    host = _host(tmp_path)
    host.files[0].path.mkdir(parents=True)
    host.files[1].path.write_text("", encoding="utf-8")
    assert [(one.code, one.file) for one in gather_machine(host).problems] == [("cannot-read", str(host.files[0].path))]


def test_errors_in_the_file_stop_whoever_needs_it(tmp_path: Path) -> None:
    host = _host(tmp_path, "state = 1\nunknown = 2")
    found = gather_machine(host)
    assert [(one.code, one.line) for one in found.problems] == [("wrong-type", 1), ("unknown-key", 2)]
    for needs in (lambda: identifiers_for(found, host, {}), lambda: transport_settings(found, host)):
        with pytest.raises(ConfigError) as caught:
            needs()
        assert caught.value.problems == found.problems


def test_set_goes_before_the_file_before_the_host(tmp_path: Path) -> None:
    host = _host(tmp_path, "[identifiers]\nInstallDir = '/opt/a/'\nWebServer = 'file'\n")
    host.known = {name: Found("host", "the host") for name in ("InstallDir", "WebServer", "BrokerServer")}
    known = identifiers_for(gather_machine(host), host, {"webserver": "line"})
    shown = {name: (value.text, value.origin) for name, value in known if value is not None}
    assert shown == {
        "InstallDir": ("/opt/a\\", f"{host.files[0].path}:2"),
        "WebServer": ("line", "--set"),
        "BrokerServer": ("host", "the host"),
    }


def test_a_wrong_value_on_the_command_line_is_a_usage_error(tmp_path: Path) -> None:
    host = _host(tmp_path)
    with pytest.raises(UsageError) as caught:
        identifiers_for(gather_machine(host), host, {"InstalDir": "x", "WebServerPort": "0"})
    assert [one.code for one in caught.value.problems] == ["unknown-identifier", "bad-identifier-value"]
    assert caught.value.exit_code == 2


def test_a_wrong_value_in_the_file_is_an_error_with_its_line(tmp_path: Path) -> None:
    host = _host(tmp_path, "[identifiers]\nWebServerPort = 'eighty'\nInstallDir = ''\n")
    with pytest.raises(ConfigError) as caught:
        identifiers_for(gather_machine(host), host, {})
    assert [(one.code, one.file, one.line) for one in caught.value.problems] == [
        ("bad-identifier-value", str(host.files[0].path), 2),
        ("bad-identifier-value", str(host.files[0].path), 3),
    ]


def test_a_value_the_host_cannot_mean_is_left_out(tmp_path: Path) -> None:
    host = _host(tmp_path)
    host.known = {"WebServerPort": Found("nonsense", "registry X"), "WebServer": Found("web", "registry Y")}
    known = identifiers_for(gather_machine(host), host, {})
    assert known.get("WebServerPort") is None
    assert known.get("WebServer") is not None
    _, problems = host_identifiers(host)
    assert [(one.severity.value, one.code) for one in problems] == [("warning", "bad-identifier-value")]
    assert "registry X" in problems[0].message


NETWORK = """
[network]
proxy = "user:s3cret@proxy:3128"
no_proxy = ["intern"]
ca_file = "ca.pem"
[[smb]]
host = "ACME"
username = "u"
password_file = "smb.txt"
port = 1445
"""


def test_settings_for_sources_come_from_the_file(tmp_path: Path) -> None:
    host = _host(tmp_path, NETWORK)
    (tmp_path / "first" / "ca.pem").write_text("PEM", encoding="ascii")
    (tmp_path / "first" / "smb.txt").write_bytes("\ufeffpässword \r\n".encode())
    settings = transport_settings(gather_machine(host), host)
    proxy = "http://user:s3cret@proxy:3128"
    assert settings.proxies == Proxies(proxy, proxy, ("intern",))
    assert settings.ca_file == str(tmp_path / "first" / "ca.pem")
    assert settings.smb_servers == (SmbServer("ACME", "u", "pässword ", 1445),)
    assert "s3cret" not in repr(settings)
    assert "pässword" not in repr(settings)


ENVIRONMENT = Proxies("http://env:1", "http://env:2", ("env",))


@pytest.mark.parametrize(
    ("text", "proxies"),
    [
        ("", ENVIRONMENT),
        ('[network]\nproxy = ""', Proxies(None, None, ("env",))),
        ('[network]\nproxy = "http://file:3"', Proxies("http://file:3", "http://file:3", ("env",))),
        ("[network]\nno_proxy = []", Proxies("http://env:1", "http://env:2", ())),
    ],
)
def test_the_file_goes_before_the_environment_part_by_part(tmp_path: Path, text: str, proxies: Proxies) -> None:
    host = _host(tmp_path, text)
    host.proxies = ENVIRONMENT
    assert transport_settings(gather_machine(host), host).proxies == proxies


@pytest.mark.parametrize(("missing", "word"), [("ca.pem", "ca_file"), ("smb.txt", "password_file")])
def test_files_that_the_file_names_must_be_there(tmp_path: Path, missing: str, word: str) -> None:
    host = _host(tmp_path, NETWORK)
    for name in {"ca.pem", "smb.txt"} - {missing}:
        (tmp_path / "first" / name).write_text("x", encoding="ascii")
    with pytest.raises(TargetError, match=missing) as caught:
        transport_settings(gather_machine(host), host)
    assert caught.value.code == "cannot-read"
    assert word in caught.value.problems[0].hint


def test_a_password_file_in_another_encoding_is_an_error_without_its_text(tmp_path: Path) -> None:
    host = _host(tmp_path, '[[smb]]\nhost = "h"\npassword_file = "smb.txt"')
    (tmp_path / "first" / "smb.txt").write_bytes("gehäim".encode("cp1252"))
    with pytest.raises(TargetError, match="UTF-8") as caught:
        transport_settings(gather_machine(host), host)
    assert "geh" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "warned"), [('[[smb]]\nhost = "h"\npassword = "p"', True), ('[[smb]]\nhost = "h"', False)]
)
def test_a_password_that_others_can_read_is_a_warning(tmp_path: Path, text: str, warned: bool) -> None:
    host = _host(tmp_path, text)
    assert gather_machine(host).problems == ()
    host.exposed = frozenset({host.files[0].path})
    found = gather_machine(host)
    assert [one.code for one in found.problems] == (["secrets-readable"] if warned else [])
    assert found.usable().smb

"""What the doctor finds, and that it stays well-mannered whatever it finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy import __version__
from deploy.config.identifiers import NAMES
from deploy.doctor import AccountFinding, DriverFinding, IdentifierFinding, LookedAt, ProxyFinding, diagnose
from deploy.host.contract import Candidate, Found, Place, System
from deploy.host.fake import FakeHost
from deploy.host.filereg import FileRegistry
from deploy.machine import Role
from deploy.transport.contract import Proxies


def _host(tmp_path: Path, text: str | None) -> FakeHost:
    file = tmp_path / "machine.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    files = (Candidate(tmp_path / "site" / "machine.toml", Place.SITE), Candidate(file, Place.USER))
    return FakeHost(tmp_path / "no" / "state" / "yet", files=files)


def test_a_computer_without_a_file_is_healthy(tmp_path: Path) -> None:
    host = _host(tmp_path, None)
    host.known = {"WebServer": Found("web", "the host")}
    found = diagnose(host)
    assert found.healthy
    assert found.problems == ()
    assert found.machine_file is None
    assert [(one.place, one.exists) for one in found.looked] == [(Place.SITE, False), (Place.USER, False)]
    assert [one.name for one in found.identifiers] == list(NAMES)
    assert IdentifierFinding("WebServer", "web", "the host") in found.identifiers
    assert IdentifierFinding("InstallDir", None, "") in found.identifiers
    assert found.proxies == ProxyFinding(None, None, (), "none set")
    assert (found.state.path, found.state.origin) == (tmp_path / "no" / "state" / "yet", "default")
    assert (found.state.exists, found.state.writable) == (False, True)
    assert found.state.free
    assert list(tmp_path.iterdir()) == []


def test_versions_name_the_program_and_what_it_stands_on(tmp_path: Path) -> None:
    versions = {one.name: one.version for one in diagnose(_host(tmp_path, None)).versions}
    assert versions["micce-deploy"] == __version__
    assert {"python", "system", "httpx", "lxml", "typer"} <= versions.keys()


def test_every_finding_says_where_it_comes_from(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    text = f"""
roles = ["tas", "client"]
product_version = "9.6.1.0"
state = '{state}'
[identifiers]
WebServerUri = "http://user:s3cret@server:80/"
[network]
proxy = "http://user:s3cret@proxy:3128"
"""
    host = _host(tmp_path, text)
    host.proxies = Proxies(no_proxy=("intern",))
    found = diagnose(host)
    file = tmp_path / "machine.toml"
    assert found.machine_file == file
    assert LookedAt(file, Place.USER, True) in found.looked
    assert found.roles == (Role.TAS, Role.CLIENT)
    assert found.product_version == "9.6.1.0"
    assert (found.state.path, found.state.origin, found.state.exists) == (state, "machine.toml", True)
    assert found.proxies == ProxyFinding("http://proxy:3128", "http://proxy:3128", ("intern",), "machine.toml")
    assert IdentifierFinding("WebServerUri", "http://***@server:80", f"{file}:6") in found.identifiers
    assert "s3cret" not in repr(found)


def test_proxies_of_the_environment_are_shown_without_credentials(tmp_path: Path) -> None:
    host = _host(tmp_path, None)
    host.proxies = Proxies("http://u:s3cr@t@proxy:1", None)
    assert diagnose(host).proxies == ProxyFinding("http://proxy:1", None, (), "environment")


def test_all_errors_are_there_at_once_and_nothing_is_raised(tmp_path: Path) -> None:
    text = "[identifiers]\nWebServerPort = 'x'\n[network]\nca_file = 'missing.pem'\nfoo = 1\n"
    host = _host(tmp_path, text)
    host.known = {"BrokerServer": Found("", "registry")}
    found = diagnose(host)
    assert not found.healthy
    assert [one.code for one in found.problems] == [
        "unknown-key",
        "bad-identifier-value",
        "bad-identifier-value",
        "cannot-read",
    ]


def test_with_a_broken_file_the_rest_is_still_found(tmp_path: Path) -> None:
    host = _host(tmp_path, "state = 1")
    host.known = {"WebServer": Found("web", "the host")}
    found = diagnose(host)
    assert not found.healthy
    assert [one.code for one in found.problems] == ["wrong-type"]
    assert IdentifierFinding("WebServer", "web", "the host") in found.identifiers


def test_a_state_folder_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    host = _host(tmp_path, None)
    host.state = tmp_path / "file" / "state"
    found = diagnose(host)
    assert not found.state.writable
    assert found.healthy
    assert [(one.code, one.file) for one in found.problems] == [("state-not-writable", str(host.state))]


def test_what_drives_services_and_registry_is_told_and_whether_it_answers(tmp_path: Path) -> None:
    host = _host(tmp_path, None)
    host.operating_system = System("linux", "6.1", "x64")
    found = diagnose(host)
    assert (found.services, found.registry) == (DriverFinding("systemd", True), DriverFinding("file", True))
    host.manager.available = False
    assert diagnose(host).services == DriverFinding("systemd", False)
    assert diagnose(host).healthy
    host.operating_system = System("windows", "10.0", "x64")
    found = diagnose(host)
    assert found.services == DriverFinding("service control manager", False)
    assert found.registry == DriverFinding("registry of Windows", True)
    assert host.manager.calls == []


def test_drivers_are_those_of_the_file(tmp_path: Path) -> None:
    text = """
[services]
driver = "commands"
status = ["svc", "status", "{name}"]
start = ["svc", "start", "{name}"]
stop = ["svc", "stop", "{name}"]
[registry]
driver = "none"
"""
    host = _host(tmp_path, text)
    host.operating_system = System("linux", "6.1", "x64")
    found = diagnose(host)
    assert found.services == DriverFinding("commands", True)
    assert found.registry == DriverFinding("none", False)
    assert found.problems == ()


def test_a_registry_that_does_not_work_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = _host(tmp_path, None)
    (tmp_path / "registry.json").write_bytes(b"damaged")
    monkeypatch.setattr(FakeHost, "registry", lambda *_: FileRegistry(tmp_path / "registry.json"))
    found = diagnose(host)
    assert found.healthy
    assert not found.registry.answers
    assert [(one.code, one.is_error) for one in found.problems] == [("registry-failed", False)]


def test_the_account_is_told_and_what_it_may_do(tmp_path: Path) -> None:
    host = _host(tmp_path, None)
    assert diagnose(host).account == AccountFinding("tester", True)
    host.user, host.elevated = "ACME\\anna", False
    assert diagnose(host).account == AccountFinding("ACME\\anna", False)

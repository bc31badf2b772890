"""Finding server.toml, and what comes out of it together with machine.toml and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import ConfigError, UsageError
from deploy.host.contract import Candidate, Found, Place
from deploy.host.fake import FakeHost
from deploy.site.model import Lockout, ServerSettings, Share
from deploy.site.server_file import find_settings, gather_settings


def _host(tmp_path: Path, text: str | None = None, *, place: Place = Place.SITE, machine: str = "") -> FakeHost:
    """A host whose first server.toml holds `text`, and a second place to be looked at after it."""
    file = tmp_path / "etc" / "server.toml"
    file.parent.mkdir(exist_ok=True)
    if text is not None:
        file.write_text(text, encoding="utf-8")
    machine_file = tmp_path / "machine.toml"
    machine_file.write_text(machine, encoding="utf-8")
    return FakeHost(
        tmp_path / "state",
        files=(Candidate(machine_file, Place.SITE),),
        server=(Candidate(file, place), Candidate(tmp_path / "user.toml", Place.USER)),
    )


def test_without_a_file_everything_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    host = _host(tmp_path)
    assert gather_settings(host) == ServerSettings(
        root=tmp_path / "WebDeployment",
        published=tmp_path / "state" / "published",
        state=tmp_path / "state" / "server",
    )
    assert find_settings(host).path is None
    assert find_settings(host).looked == host.server


def test_paths_start_from_the_folder_of_the_file(tmp_path: Path) -> None:
    text = '[server]\nroot = "../repo"\nstate = "/var/s"\nprograms="p"\nhotfixes="h"\ntls_cert="c"\ntls_key="k"\n'
    text += '[publish]\nfolder = "out"\n[shares]\nA = "a"\n'
    settings = gather_settings(_host(tmp_path, text))
    etc = tmp_path / "etc"
    assert settings.root == tmp_path / "repo"
    assert settings.state == Path("/var/s").absolute()
    assert settings.published == etc / "out"
    assert (settings.programs, settings.hotfixes) == (etc / "p", etc / "h")
    assert (settings.tls_cert, settings.tls_key) == (etc / "c", etc / "k")
    assert settings.shares == (Share("A", etc / "a"),)


def test_the_rest_is_taken_over(tmp_path: Path) -> None:
    text = '[server]\nhost = "::"\nport = 1\nworkers = 3\nrelease = "r"\ntrusted_proxies = ["::1"]\nhttps_only = true\n'
    text += "[publish]\nwatch = true\nquiet = 0.5\ningest = ['file:///x']\n"
    text += "[admin]\nsession_minutes = 5\nlockout_attempts = 2\nlockout_minutes = 7\n"
    settings = gather_settings(_host(tmp_path, text))
    assert (settings.host, settings.port, settings.workers, settings.release) == ("::", 1, 3, "r")
    assert (settings.trusted_proxies, settings.https_only) == (("::1",), True)
    assert (settings.watch, settings.quiet, settings.ingest) == (True, 0.5, ("file:///x",))
    assert (settings.session_minutes, settings.lockout) == (5, Lockout(2, 7))


def test_the_command_line_goes_first_and_starts_where_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    host = _host(tmp_path, '[server]\nroot = "x"\nport = 1\nhost = "::1"\n[publish]\nwatch = true\n')
    settings = gather_settings(host, None, root=Path("here"), port=0, host=None, watch=False, tls_cert=None)
    assert settings.root == tmp_path / "here"
    assert (settings.port, settings.host, settings.watch) == (0, "::1", False)


def test_a_key_without_a_certificate_is_refused_wherever_it_was_said(tmp_path: Path) -> None:
    host = _host(tmp_path, '[server]\ntls_key = "k"\n')
    with pytest.raises(UsageError, match="belong together") as caught:
        gather_settings(host)
    assert "tls_cert" in caught.value.problems[0].hint
    assert gather_settings(host, tls_cert=Path("/c")).tls_cert == Path("/c").absolute()


def test_machine_toml_tells_addresses_state_and_hotfixes(tmp_path: Path) -> None:
    install = tmp_path / "micce"
    host = _host(
        tmp_path,
        machine=f"state = '{tmp_path / 'elsewhere'}'\n[identifiers]\nInstallDir = '{install}'\n"
        "WebServerUri = 'http://WEB:80/'\nBrokerServer = 'BROKER'\n",
    )
    settings = gather_settings(host)
    assert settings.state == tmp_path / "elsewhere" / "server"
    assert settings.published == tmp_path / "elsewhere" / "published"
    assert settings.hotfixes == install / "HotFixes"
    assert (settings.uri, settings.broker) == ("http://WEB:80", "BROKER")
    host.server[0].path.write_text("[server]\nuri = 'https://other'\nbroker = 'B2'\n", encoding="utf-8")
    assert (gather_settings(host).uri, gather_settings(host).broker) == ("https://other", "B2")


@pytest.mark.skipif("os.name == 'nt'", reason="there it is a path")
def test_an_install_folder_of_another_system_is_none(tmp_path: Path) -> None:
    host = _host(tmp_path)
    host.known = {"InstallDir": Found("C:\\Program Files (x86)\\Mitel\\MiCC Enterprise", "default")}
    assert gather_settings(host).hotfixes is None


@pytest.mark.parametrize(("place", "word"), [(Place.SERVER_NAMED, "MICCE_SERVER"), (Place.OPTION, "--settings")])
def test_a_named_file_must_be_there(tmp_path: Path, place: Place, word: str) -> None:
    host = _host(tmp_path, place=place)
    with pytest.raises(ConfigError) as caught:
        gather_settings(host)
    assert (caught.value.code, caught.value.problems[0].file) == ("cannot-read", str(host.server[0].path))
    assert word in caught.value.problems[0].hint


def test_settings_name_a_file_before_all_others(tmp_path: Path) -> None:
    host = _host(tmp_path, "[server]\nport = 1")
    other = tmp_path / "other.toml"
    other.write_text('[server]\nport = 2\nroot = "r"', encoding="utf-8")
    settings = gather_settings(host, other)
    assert (settings.port, settings.root) == (2, tmp_path / "r")
    with pytest.raises(ConfigError, match="--settings"):
        gather_settings(host, tmp_path / "none.toml")


def test_the_first_file_there_is_is_read_alone(tmp_path: Path) -> None:
    host = _host(tmp_path, "[server]\nport = 1")
    host.server[1].path.write_text("[server]\nport = 2\nhost = 'x'", encoding="utf-8")
    assert (gather_settings(host).port, gather_settings(host).host) == (1, "127.0.0.1")
    host.server[0].path.unlink()
    assert gather_settings(host).port == 2


def test_a_file_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    host = _host(tmp_path)
    host.server[0].path.mkdir()
    host.server[1].path.write_text("", encoding="utf-8")
    assert [one.code for one in find_settings(host).problems] == ["cannot-read"]


def test_every_problem_of_both_files_comes_at_once(tmp_path: Path) -> None:
    host = _host(tmp_path, "[server]\nport = 'x'\nprot = 1", machine="[identifiers]\nWebServerPort = 'x'\nfoo = 1\n")
    with pytest.raises(ConfigError) as caught:
        gather_settings(host)
    assert sorted(one.code for one in caught.value.problems) == [
        "bad-identifier-value",
        "unknown-key",
        "unknown-key",
        "wrong-type",
    ]


def test_warnings_are_found_and_stop_nothing(tmp_path: Path) -> None:
    found = find_settings(_host(tmp_path, "[server]\nprot = 1"))
    assert [(one.code, one.line) for one in found.warnings] == [("unknown-key", 2)]
    assert found.usable().port == 8080

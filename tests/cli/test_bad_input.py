"""Bad input: what happened, in which line, and what to do; nothing changes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Machine, setup_config, tree
from tests.servers.httpserver import httpserver
from tests.servers.nginx import nginx
from tests.sim.hostile import Asked, Line, always, answer, cut, hostile

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'


def config_text(body: str) -> str:
    return f"{HEAD}<configuration>\n<tenantID>1</tenantID>\n<files>\n{body}\n</files>\n</configuration>\n"


BAD = {
    "unknown-identifier": (config_text('<file include="$(WebServerUrl)/a/*.*" outputFolder="x" />'), 5, "WebServerUri"),
    "no-files": (f"{HEAD}<configuration>\n<tenantID>1</tenantID>\n<files>\n</files>\n</configuration>", 4, "<file"),
    "wildcard-in-folder": (config_text('<file include="http://h/a*/x.exe" outputFolder="x" />'), 5, "subDirs"),
    "doctype": (f'{HEAD}<!DOCTYPE x [<!ENTITY a "b">]>\n<configuration/>', 2, "DOCTYPE"),
    "parent": (config_text('<file include="http://h/a/*.*" outputFolder="..\\up" />'), 5, "below the base"),
    "device": (config_text('<file include="http://h/a/*.*" outputFolder="a\\CON" />'), 5, "device"),
    "drive": (config_text('<file include="http://h/a/*.*" outputFolder="C:\\x" />'), 5, "drive"),
    "stream": (config_text('<file include="http://h/a/*.*" outputFolder="x:y" />'), 5, "special characters"),
    "tenant": (
        f'{HEAD}<configuration>\n<files><file include="http://h/*.*" outputFolder="x"/></files></configuration>',
        2,
        "tenantID",
    ),
    "not-xml": (config_text('<file include="http://h/R&D/*.*" outputFolder="x" />'), 5, "&amp;"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("command", ["check", "resolve", "install"])
def test_a_bad_document_gets_its_line_and_a_remedy(machine: Machine, tmp_path: Path, name: str, command: str) -> None:
    text, line, remedy = BAD[name]
    path = tmp_path / "Setup.config"
    path.write_text(text)
    base = tmp_path / "client"
    done = machine.run(command, path, *(["--to", base] if command == "install" else []))
    assert done.code == 1
    told = done.err + done.out
    assert f"{path}:{line}: error: " in told
    assert remedy in told
    assert not base.exists()


def test_check_tells_everything_at_once_as_json(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "Setup.config"
    path.write_text(
        config_text(
            '<file include="$(Nonsense)/a/*.*" outputFolder="..\\x" />\n'
            '<file include="http://h/a*/b" outputFolder="x" subDirs="maybe" extra="1" />'
        )
    )
    done = machine.run("check", path, "--json", "--offline")
    assert done.code == 1
    document = done.json
    assert document["ok"] is False
    assert all(set(one) == {"severity", "code", "message", "file", "line"} for one in document["problems"])
    lines = {(one["line"], one["severity"]) for one in document["problems"]}
    assert {(5, "error"), (6, "error"), (6, "warning")} <= lines
    assert sum(one["severity"] == "error" for one in document["problems"]) >= 4


def test_a_good_document_with_an_unset_identifier_is_good_with_a_warning(machine: Machine) -> None:
    done = machine.run("check", Path(__file__).parents[2] / "WebDeployment" / "Default", "--json")
    assert done.code == 0
    assert done.json["ok"] is True
    assert {one["code"] for one in done.json["problems"]} == {"unset-identifier"}


def test_an_unset_identifier_stops_resolve_and_install(machine: Machine, tmp_path: Path) -> None:
    for command in (["resolve"], ["install", "--to", tmp_path / "client"]):
        done = machine.run(*command, Path(__file__).parents[2] / "WebDeployment" / "Default" / "Setup.config")
        assert done.code == 1
        assert "WebServerUri" in done.err
        assert "--set" in done.err


def test_a_missing_file_on_the_server_is_named_with_its_line(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    with nginx(tmp_path / "www", tmp_path / "nginx") as server:
        config = setup_config(tmp_path, f'include="{server.url}/none.exe" outputFolder="x"')
        for command in (["check"], ["resolve"], ["install", "--to", tmp_path / "client"]):
            done = machine.run(*command, config)
            assert done.code == 1
            assert f"{config}:7: error: " in done.err
            assert f"{server.url}/none.exe" in done.err
            assert "[not-found]" in done.err
    assert not (tmp_path / "client" / "x").exists()


def test_a_wildcard_without_a_match_is_a_warning_and_the_rest_is_installed(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "a.exe").write_bytes(b"a")
    with nginx(tmp_path / "www", tmp_path / "nginx") as server:
        config = setup_config(
            tmp_path, f'include="{server.url}/*.zip" outputFolder="x"', f'include="{server.url}/*.exe" outputFolder="x"'
        )
        assert machine.run("check", config).code == 0
        done = machine.run("install", config, "--to", tmp_path / "client")
    assert done.code == 0
    assert f"{config}:7: warning: " in done.err
    assert tree(tmp_path / "client") == {"x/a.exe": b"a"}


def test_hostile_names_on_a_server_are_left_out_and_told(machine: Machine, tmp_path: Path) -> None:
    www = tmp_path / "www"
    www.mkdir()
    hostile = ["CON", "aux.txt", "a:b", "trailing.", "back\\slash", "tab\there", "LPT1.log"]
    for name in [*hostile, "good.exe"]:
        (www / name).write_bytes(name.encode())
    with nginx(www, tmp_path / "nginx") as server:
        config = setup_config(tmp_path, f'include="{server.url}/*" outputFolder="x"')
        resolved = machine.run("resolve", config, "--json")
        done = machine.run("install", config, "--to", tmp_path / "client")
    assert (resolved.code, done.code) == (0, 0)
    assert [one["output"] for one in resolved.json["files"]] == ["x/good.exe"]
    assert len(resolved.json["warnings"]) == len(hostile)
    assert all((one["code"], one["line"]) == ("unsafe-name", 7) for one in resolved.json["warnings"])
    assert tree(tmp_path / "client") == {"x/good.exe": b"good.exe"}


def test_names_that_are_twins_on_windows_are_an_error(machine: Machine, tmp_path: Path) -> None:
    www = tmp_path / "www"
    www.mkdir()
    for name in ("Readme", "README"):
        (www / name).write_bytes(b"x")
    with nginx(www, tmp_path / "nginx") as server:
        config = setup_config(tmp_path, f'include="{server.url}/*" outputFolder="x"')
        done = machine.run("install", config, "--to", tmp_path / "client")
    assert done.code == 1
    assert "[case-twins]" in done.err


def test_a_server_that_is_not_there(machine: Machine, tmp_path: Path) -> None:
    config = setup_config(tmp_path, 'include="http://127.0.0.1:9/x/*.*" outputFolder="x"')
    checked = machine.run("check", config, "--json")
    assert checked.code == 0
    assert [one["code"] for one in checked.json["problems"]] == ["unreachable"]
    done = machine.run("install", config, "--to", tmp_path / "client")
    assert done.code == 1
    assert "[unreachable]" in done.err
    assert f"{config}:7:" in done.err


def test_a_link_in_the_target_is_not_followed(machine: Machine, tmp_path: Path) -> None:
    outside, base, source = tmp_path / "outside", tmp_path / "client", tmp_path / "source"
    for folder in (outside, base, source):
        folder.mkdir()
    (source / "a").write_bytes(b"a")
    (base / "x").symlink_to(outside)
    done = machine.run("install", setup_config(tmp_path, f'include="file://{source}/*" outputFolder="x"'), "--to", base)
    assert done.code == 1
    assert "[in-the-way]" in done.err
    assert list(outside.iterdir()) == []


def test_a_server_that_cuts_every_body_off_is_named_and_nothing_is_placed(machine: Machine, tmp_path: Path) -> None:
    """It says twice what it sends. Each attempt is seen, and the exit code is not 0."""
    whole = answer(b"x" * 2000, 'ETag: "one"')
    scripts = {"HEAD": always(whole), "GET": cut(whole, len(whole) - 1000)}

    def script(asked: Asked, line: Line) -> None:
        scripts[asked.method](asked, line)

    with hostile(script) as server:
        config = setup_config(tmp_path, f'include="{server.url}/a.exe" outputFolder="x"')
        done = machine.run("install", config, "--to", tmp_path / "client")
        attempts = [asked for asked in server.requests if asked.method == "GET"]
    assert done.code == 1
    assert f"{config}:7: error: " in done.err
    assert "[cut-off]" in done.err
    assert len(attempts) > 1
    assert not (tmp_path / "client" / "x").exists()


def test_a_disk_that_fills_up_on_the_way_is_given_back(machine: Machine, small_disk: Path, tmp_path: Path) -> None:
    """Python's own server shows no sizes, so that the want of room is met while writing."""
    www = tmp_path / "www"
    www.mkdir()
    for number in range(8):
        (www / f"{number}.bin").write_bytes(b"x" * 1_000_000)
    base = small_disk / "client"
    with httpserver(www, tmp_path / "server") as url:
        config = setup_config(tmp_path, f'include="{url}/*" outputFolder="x"')
        done = machine.run("install", config, "--to", base)
    assert done.code == 1
    assert "[disk-full]" in done.err
    assert tree(base) == {}
    assert list(base.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["install", "Setup.config"],
        ["resolve"],
        ["resolve", "x", "--set", "WebServerUri"],
        ["resolve", "x", "--set", "Nonsense=1"],
        ["install", "x", "--to", "y", "--limit-rate", "fast"],
        ["install", "x", "--to", "y", "--jobs", "0"],
        ["nonsense"],
    ],
)
def test_usage_errors_end_with_two(machine: Machine, arguments: list[str]) -> None:
    assert machine.run(*arguments).code == 2


def test_a_document_that_is_not_there(machine: Machine, tmp_path: Path) -> None:
    done = machine.run("check", tmp_path / "none.config", "--json")
    assert done.code == 1
    assert done.json["ok"] is False
    assert done.json["problems"][0]["code"] == "cannot-read"


def test_failure_is_the_last_json_line(machine: Machine, tmp_path: Path) -> None:
    config = setup_config(tmp_path, f'include="file://{tmp_path}/none" outputFolder="x"')
    done = machine.run("install", config, "--to", tmp_path / "client", "--json")
    assert done.code == 1
    last = done.events[-1]
    assert last["event"] == "failed"
    assert [one["code"] for one in last["problems"]] == ["not-found"]


def test_a_full_disk_leaves_everything_as_it_was(machine: Machine, small_disk: Path, tmp_path: Path) -> None:
    """One on a real small file system: too little room known beforehand, and too little met on the way."""
    source = tmp_path / "source"
    source.mkdir()
    for number in range(8):
        (source / f"{number}.bin").write_bytes(b"x" * 1_000_000)
    base = small_disk / "client"
    config = setup_config(tmp_path, f'include="file://{source}/*" outputFolder="x"')
    done = machine.run("install", config, "--to", base)
    assert done.code == 1
    assert "[disk-full]" in done.err
    assert "make room" in done.err
    assert tree(base) == {}


def test_the_json_of_resolve_has_the_documented_form(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_bytes(b"12345")
    config = setup_config(tmp_path, f'include="file://{tmp_path}/a b.txt" outputFolder="In\\Deep"')
    document = json.loads(machine.run("resolve", config, "--json").out)
    assert list(document) == ["customerName", "tenantID", "execute", "files", "overwritten", "warnings"]
    assert document["execute"] is None
    assert document["files"] == [
        {"source": f"file://{tmp_path}/a b.txt", "output": "In/Deep/a b.txt", "size": 5, "entry": 1}
    ]


def test_version(machine: Machine) -> None:
    done = machine.run("--version")
    assert (done.code, done.out.split()[0]) == (0, "micce-deploy")
    assert subprocess.list2cmdline(done.out.split()[1:]).count(".") == 2

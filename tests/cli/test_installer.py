"""MiCCEHotFixInstaller and micce-hotfix, run as an administrator runs them, on a server with a service."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import SECONDS, Ended
from tests.cli.hotfix_server import FAILING, ROUTER, Server, server

__all__ = ["server"]


def test_a_hotfix_is_applied_and_applied_again(server: Server) -> None:
    config = server.simple()
    assert server.install(config) == Ended(0, "", "")
    assert server.router == "router 413"
    assert server.calls() == ["stop CCRouter", "start CCRouter router 413"]
    text = server.log.read_text()
    assert "HF003 stopping the service CCRouter\n" in text
    assert "HF003 HF003 revision 1 is installed\n" in text
    assert server.install(config) == Ended(0, "", "")
    assert "HF003 HF003 revision 1 is installed again\n" in server.log.read_text()
    (one,) = server.hotfix("list", "--json").json["hotfixes"]
    assert (one["id"], one["revision"], one["state"]) == ("HF003", 1, "installed")


@pytest.mark.parametrize(
    ("more", "rest", "files", "code"),
    [
        (f'sha256="{"0" * 64}"', "", None, "digest-mismatch"),
        ("", "", {"Other.exe": "x"}, "missing-file"),
        ("", FAILING, {"Router.exe": "413", "fail.sh": "#!/bin/sh\nexit 9\n"}, "command-failed"),
    ],
)
def test_what_goes_wrong_leaves_everything_as_it_was(
    server: Server, more: str, rest: str, files: dict[str, str] | None, code: str
) -> None:
    server.hotfix("list")
    before = server.tree()
    config = server.simple(more, rest, files=files)
    done = server.install(config)
    assert (done.code, done.out) == (1, "")
    assert done.err
    assert server.tree() == before
    reason = done.err.splitlines()[0].partition("error: ")[2].rpartition(" [")[0]
    assert reason in server.log.read_text()
    assert f"[{code}]" in done.err


def test_a_service_that_does_not_stop_ends_it_before_any_file_changed(server: Server) -> None:
    (server.folder / "stubborn").touch()
    before = server.tree()
    done = server.install(server.simple(timeout=1))
    assert done.code == 1
    assert "CCRouter" in done.err
    assert "[service-not-stopped]" in done.err
    assert "[service-not-stopped]" in server.log.read_text()
    assert server.tree() == before


@pytest.mark.parametrize("form", ["/I:{}", "-i:{}", "--i={}", '/i:"{}"'])
def test_the_option_in_every_form(server: Server, form: str) -> None:
    config = server.simple()
    place = server.folder / "Program Files (x86)"
    config.parent.rename(place)
    done = server.run("MiCCEHotFixInstaller", form.format(place / config.name), "/S")
    assert done == Ended(0, "", "")
    assert server.router == "router 413"


def test_the_file_as_the_next_argument_and_split_quotation_marks(server: Server) -> None:
    config = server.simple()
    assert server.run("MiCCEHotFixInstaller", "-s", "-i", config).code == 0
    place = server.folder / "with blanks"
    config.parent.rename(place)
    parts = f'/i:"{place / config.name}"'.split(" ")
    assert server.run("MiCCEHotFixInstaller", *parts, "/s").code == 0


def test_help_and_wrong_usage(server: Server) -> None:
    helped = server.run("MiCCEHotFixInstaller", "/?")
    assert (helped.code, helped.err) == (0, "")
    assert "/i:<file>" in helped.out
    assert server.run("MiCCEHotFixInstaller", "/help", "/s").code == 0
    assert server.run("MiCCEHotFixInstaller", "/x").code == 2
    assert "[unknown-option]" in server.run("MiCCEHotFixInstaller", "/s", "/x", "/i:a.config").err
    for wrong in (["/s"], ["/s", "/x", "/i:a.config"], ["/s", "/i"], ["/s", "/i:nowhere.config"]):
        assert server.run("MiCCEHotFixInstaller", *wrong).code == 1, wrong
    assert "[needs-answer]" in server.run("MiCCEHotFixInstaller", f"/i:{server.simple()}").err


def test_not_applicable_is_success_and_changes_nothing(server: Server) -> None:
    before = server.tree()
    config = server.package(
        '<requires><product minVersion="10.0" /></requires><files>' + ROUTER.format(more="") + "</files>"
    )
    done = server.install(config)
    assert done.code == 0
    assert server.tree() == before
    assert "not applicable" in server.log.read_text()


def test_without_streams_the_exit_code_is_right(server: Server) -> None:
    config = server.simple()
    command = f'exec "{Path(sys.executable).with_name("MiCCEHotFixInstaller")}" "/i:{config}" /s 0<&- 1>&- 2>&-'
    environment = {**server.machine.environment, "USERPROFILE": str(server.folder / "user")}
    assert subprocess.run(["sh", "-c", command], env=environment, check=False).returncode == 0
    assert server.router == "router 413"


def test_a_log_that_cannot_be_written_is_told_and_stops_nothing(server: Server) -> None:
    (server.folder / "user").write_text("not a folder")
    done = server.install(server.simple())
    assert done.code == 0
    assert done.err.count("[log-not-written]") == 1
    assert server.router == "router 413"


def test_the_terminal_asks_and_takes_no_for_an_answer(server: Server) -> None:
    config = server.simple()
    said = conversation(server, [f"/i:{config}", "/text"], b"n\n")
    assert "CCRouter" in said[1]
    assert "nothing was changed" in said[1]
    assert said[0] == 1
    assert server.router == "router 412"
    code, text = conversation(server, ["/text"], f"{config}\ny\n".encode())
    assert code == 0, text
    assert "HF003 revision 1 is installed" in text
    assert server.router == "router 413"


def conversation(server: Server, arguments: list[str], answers: bytes) -> tuple[int, str]:
    """Run the installer in a terminal of its own; returns its exit code and what it showed."""
    pty = pytest.importorskip("pty")
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("MiCCEHotFixInstaller"), *arguments],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env={**server.machine.environment, "USERPROFILE": str(server.folder / "user"), "DISPLAY": "", "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(inner)
    os.write(outer, answers)
    shown = b""
    while True:
        try:
            more = os.read(outer, 65536)
        except OSError:
            break
        if not more:
            break
        shown += more
    os.close(outer)
    return process.wait(SECONDS), shown.decode("utf-8", "replace")


def test_plan_says_every_step_and_changes_nothing(server: Server) -> None:
    before = server.tree()
    config = server.simple()
    (plan,) = server.hotfix("plan", config, "--json").json["plans"]
    assert plan["verdict"] == "ready"
    (one,) = plan["files"]
    assert (one["action"], one["path"]) == ("replace", f"{server.folder}/inst/Router.exe")
    assert one["before"] == hashlib.sha256(b"router 412").hexdigest()
    assert one["after"] == hashlib.sha256(b"router 413").hexdigest()
    assert [(service["name"], service["stops"], service["starts"]) for service in plan["services"]] == [
        ("CCRouter", True, True)
    ]
    assert server.tree() == before
    assert "WARNING" in server.hotfix("plan", config).out


def test_uninstall_brings_every_byte_back(server: Server) -> None:
    (server.folder / "inst" / "Agent.exe.config").write_bytes(b'<?xml version="1.0"?>\r\n<c><a v="1"/></c>\r\n')
    (server.folder / "inst" / "old.dll").write_bytes(b"\0old")
    first = server.tree()
    inner = """<files><file include="Router.exe" outputFolder="$(InstallDir)" />
      <file include="new/*.*" outputFolder="$(InstallDir)made/deep" /><delete path="$(InstallDir)old.dll" /></files>
      <configFiles><configFile path="$(InstallDir)Agent.exe.config">
        <set xpath="/c/a" attribute="v" value="7" />
      </configFile></configFiles>
      <registry><value key="HKLM\\SOFTWARE\\Mitel\\SeC" name="Recall" type="dword" data="1" /></registry>"""
    config = server.package(inner, {"Router.exe": "router 413", "new/a.txt": "a"})
    assert server.install(config) == Ended(0, "", "")
    assert not (server.folder / "inst/old.dll").exists()
    assert (server.folder / "inst/made/deep/a.txt").exists()
    removed = server.hotfix("uninstall", "hf003", "--yes")
    assert (removed.code, removed.out) == (0, "HF003 revision 1 is removed\n")
    after = {name: one for name, one in server.tree().items() if not name.startswith("state/")}
    assert after == {name: one for name, one in first.items() if not name.startswith("state/")}
    assert not (server.folder / "inst/made").exists()
    assert server.hotfix("list", "--json").json == {"hotfixes": []}


def test_requires_conflicts_and_supersedes(server: Server) -> None:
    base = server.simple(id="HF001")
    needs = server.simple(rest="", id="HF002")
    needs.write_text(needs.read_text().replace("<services>", '<requires><hotfix id="HF001" /></requires><services>'))
    refused = server.install(needs)
    assert refused.code == 1
    assert "HF001" in refused.err
    both = server.hotfix("apply", needs, base, "--yes")
    assert both.code == 0, both.err
    assert [one["id"] for one in server.hotfix("list", "--json").json["hotfixes"]] == ["HF001", "HF002"]
    rival = server.simple(id="HF009")
    rival.write_text(rival.read_text().replace("<services>", '<conflicts><hotfix id="HF001" /></conflicts><services>'))
    assert "HF001" in server.install(rival).err
    better = server.simple(id="HF004")
    better.write_text(
        better.read_text().replace("<services>", '<supersedes><hotfix id="HF002" /></supersedes><services>')
    )
    assert server.install(better).code == 0
    states = {one["id"]: one["state"] for one in server.hotfix("list", "--json").json["hotfixes"]}
    assert states == {"HF001": "installed", "HF002": "superseded", "HF004": "installed"}
    early = server.hotfix("uninstall", "HF001", "--yes")
    assert early.code == 1
    assert "HF004" in early.err


def test_build_then_apply_the_zip_somewhere_else(server: Server, tmp_path: Path) -> None:
    built = server.hotfix("build", server.simple(), "--output", tmp_path, "--json").json
    assert (built["id"], Path(built["archive"]).name) == ("HF003", "HF003-r1.zip")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", built["archive"], tmp_path / "un"], check=True)
    assert server.install(tmp_path / "un" / "HF003.config") == Ended(0, "", "")
    (tmp_path / "un" / "Router.exe").write_text("tampered!!")
    assert server.install(tmp_path / "un" / "HF003.config").code == 1


def test_on_a_broker_it_appears_in_the_repository(server: Server) -> None:
    text = (server.folder / "machine.toml").read_text().replace('"Router"', '"Broker"')
    (server.folder / "machine.toml").write_text(text)
    config = server.package('<files><file include="Router.exe" outputFolder="$(InstallDir)" roles="Client" /></files>')
    assert server.run("micce-deploy", "hotfixes", "list", "--json").json["hotfixes"] == []
    assert server.install(config) == Ended(0, "", "")
    (one,) = server.run("micce-deploy", "hotfixes", "list", "--json").json["hotfixes"]
    assert (one["id"], one["offered"]) == ("HF003", True)
    assert server.run("micce-deploy", "hotfixes", "verify", "--json").json["ok"]


def test_a_restart_is_told_and_is_success(server: Server) -> None:
    files = {"Router.exe": "router 413", "setup.sh": "#!/bin/sh\nexit 194\n"}
    code = '<exitCode value="194" result="success" reboot="true" />'
    inner = f'<commands><execute command="setup.sh">{code}</execute></commands>'
    config = server.simple(rest=inner, files=files)
    done = server.hotfix("apply", config, "--yes", "--json")
    assert done.code == 0
    assert done.events[-1]["restartNeeded"]
    assert "a restart of this computer is needed" in server.hotfix("apply", config, "--yes").out


def test_secrets_are_nowhere(server: Server) -> None:
    secret = "c4nary-secret"
    key = r"HKLM\SOFTWARE\Mitel\SeC"
    rest = f"""<registry><value key="{key}" name="Password" type="string" data="{secret}" /></registry>
      <commands><execute command="tool.sh" args="/password:{secret}" /></commands>"""
    config = server.simple(rest=rest, files={"Router.exe": "router 413", "tool.sh": "#!/bin/sh\nexit 7\n"})
    shown = [server.hotfix("plan", config), server.hotfix("plan", config, "--json"), server.install(config)]
    (config.parent / "tool.sh").write_text("#!/bin/sh\nexit 0\n")
    shown += [server.install(config), server.hotfix("show", "HF003"), server.hotfix("show", "HF003", "--json")]
    shown += [server.hotfix("doctor", "--json"), server.hotfix("uninstall", "HF003", "--dry-run", "--json")]
    assert [one.code for one in shown] == [0, 0, 1, 0, 0, 0, 0, 0]
    for one in shown:
        assert secret not in one.out + one.err
    assert secret not in server.log.read_text()


def test_doctor_and_recover_have_nothing_to_say_on_a_whole_machine(server: Server) -> None:
    assert server.install(server.simple()).code == 0
    found = server.hotfix("doctor", "--json")
    assert found.code == 0
    assert found.json["ok"]
    assert json.loads(server.hotfix("recover", "--json").out)["outcome"] == "nothing"

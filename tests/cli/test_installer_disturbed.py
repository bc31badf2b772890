"""Nobody reads, nobody waits, somebody presses Ctrl-C: the machine is whole all the same, and the exit code is true."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import SECONDS
from tests.cli.hotfix_server import FAILING, SERVICES, Server, server

__all__ = ["server"]

INSTALLER = Path(sys.executable).with_name("MiCCEHotFixInstaller")
MICCE_HOTFIX = Path(sys.executable).with_name("micce-hotfix")
HELD = "#!/bin/sh\ntouch '{folder}/command-runs'\nwhile [ ! -e '{folder}/never' ]; do sleep 0.02; done\n"
LOUD = "#!/bin/sh\necho to-stdout\necho to-stderr >&2\n"
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def whole(server: Server) -> bool:
    """Whether nothing is left unfinished and the service runs."""
    found = server.hotfix("doctor", "--json").json
    return found["ok"] and found["unfinished"] is None and server.is_running


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code of an installer, and its stderr."""
    _, said = process.communicate(timeout=SECONDS)
    assert "Traceback" not in said, said
    return process.returncode, said


@pytest.mark.parametrize("number", SIGNALS)
def test_stopped_while_a_service_stops_everything_is_as_it_was(server: Server, number: signal.Signals) -> None:
    before = server.tree()
    (server.folder / "held-stop").touch()
    process = server.start("MiCCEHotFixInstaller", f"/i:{server.simple()}", "/s")
    server.until(lambda: server.calls() == ["stop CCRouter"])
    process.send_signal(number)
    code, said = ended(process)
    assert code == 1
    assert "[interrupted]" in said
    assert "[interrupted]" in server.log.read_text()
    assert server.tree() == before
    assert whole(server)


def test_stopped_while_a_command_runs_the_files_are_undone_under_a_stopped_service(server: Server) -> None:
    before = server.tree()
    commands = '<commands><execute command="held.sh" phase="afterFiles" idempotent="true" /></commands>'
    files = {"Router.exe": "router 413", "held.sh": HELD.format(folder=server.folder)}
    process = server.start("MiCCEHotFixInstaller", f"/i:{server.simple(rest=commands, files=files)}", "/s")
    server.until((server.folder / "command-runs").exists)
    assert server.router == "router 413"
    process.send_signal(signal.SIGTERM)
    code, said = ended(process)
    assert (code, "[interrupted]" in said) == (1, True)
    assert server.tree() == before
    assert server.calls() == ["stop CCRouter", "start CCRouter router 412"]
    assert whole(server)


@pytest.mark.parametrize("number", SIGNALS)
def test_what_is_being_undone_is_not_stopped(server: Server, number: signal.Signals) -> None:
    before = server.tree()
    files = {"Router.exe": "router 413", "fail.sh": "#!/bin/sh\nexit 9\n"}
    commands = FAILING.replace("/>", 'phase="afterFiles" idempotent="true" />')
    (server.folder / "held-start").touch()
    process = server.start("MiCCEHotFixInstaller", f"/i:{server.simple(rest=commands, files=files)}", "/s")
    server.until(lambda: server.calls()[-1:] == ["start CCRouter router 412"])
    for _ in range(3):
        process.send_signal(number)
    (server.folder / "held-start").unlink()
    code, said = ended(process)
    assert (code, "[command-failed]" in said) == (1, True), said
    assert server.tree() == before
    assert whole(server)


def test_a_recovery_is_not_stopped(server: Server) -> None:
    before = server.tree()
    (server.folder / "held-start").touch()
    config = server.simple()
    process = server.start("MiCCEHotFixInstaller", f"/i:{config}", "/s")
    server.until(lambda: server.calls()[-1:] == ["start CCRouter router 413"])
    process.kill()
    process.communicate()
    process = server.start("MiCCEHotFixInstaller", f"/i:{config}", "/s")
    server.until(lambda: server.calls()[-1:] == ["start CCRouter router 412"])
    process.send_signal(signal.SIGTERM)
    (server.folder / "held-start").unlink()
    code, said = ended(process)
    assert (code, "[interrupted]" in said) == (1, True)
    after = server.tree()
    assert {name: after[name] for name in before} == before
    assert whole(server)


def test_what_is_ignored_stays_ignored(server: Server) -> None:
    (server.folder / "held-stop").touch()
    line = f'trap "" HUP; exec "{INSTALLER}" "/i:{server.simple()}" /s'
    process = subprocess.Popen(["sh", "-c", line], env=server.environment, stderr=subprocess.PIPE, text=True)
    server.until(lambda: server.calls() == ["stop CCRouter"])
    process.send_signal(signal.SIGHUP)
    (server.folder / "held-stop").unlink()
    assert ended(process) == (0, "")
    assert server.router == "router 413"


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("lines", [0, 1, 4, 7, 9])
def test_a_reader_that_goes_away_changes_nothing(server: Server, lines: int, options: list[str]) -> None:
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [MICCE_HOTFIX, "apply", server.simple(), "--yes", *options],
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=writer,
        env=server.environment,
    )
    os.close(writer)
    with open(reader, "rb", buffering=0) as said:
        for _ in range(lines):
            assert said.readline()
    assert process.wait(SECONDS) == 0
    assert server.router == "router 413"
    assert server.calls()[-1] == "start CCRouter router 413"
    assert whole(server)


def test_a_reader_that_does_not_read_keeps_no_service_waiting(server: Server) -> None:
    names = [f"{number:04}-{'x' * 100}.txt" for number in range(400)]
    files = '<files><file include="*.*" exclude="*.config" outputFolder="$(InstallDir)" /></files>'
    config = server.package(SERVICES.format(timeout=30) + files, dict.fromkeys(names, "new"))
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [MICCE_HOTFIX, "apply", config, "--yes"],
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=writer,
        env=server.environment,
    )
    os.close(writer)
    # More is said than a pipe holds, and nobody reads it yet.
    server.until(lambda: server.log.exists() and "is installed" in server.log.read_text())
    assert server.is_running
    assert process.poll() is None
    with open(reader, "rb") as said:
        assert b"is installed" in said.read()
    assert process.wait(SECONDS) == 0


def test_a_full_disk_behind_the_output_is_told_by_the_exit_code(server: Server) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [MICCE_HOTFIX, "list"], stdout=full, stderr=subprocess.PIPE, text=True, env=server.environment, check=False
        )
        assert done.returncode == 1
        assert "[output-lost]" in done.stderr
        config = server.simple('sha256="' + "0" * 64 + '"')
        for arguments, code in (["/?"], 0), (["/s"], 1), ([f"/i:{config}", "/s"], 1), ([f"/i:{config}"], 2):
            installer = subprocess.run(
                [INSTALLER, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=full,
                stderr=full,
                env=server.environment,
                check=False,
            )
            assert installer.returncode == code, arguments


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_what_a_command_says_gets_into_no_file_in_place_of_a_closed_stream(server: Server, closed: str) -> None:
    commands = '<commands><execute command="loud.sh" phase="afterFiles" idempotent="true" /></commands>'
    config = server.simple(rest=commands, files={"Router.exe": "router 413", "loud.sh": LOUD})
    line = f'exec "{INSTALLER}" "/i:{config}" /s {closed}'
    assert subprocess.run(["sh", "-c", line], env=server.environment, check=False).returncode == 0
    assert whole(server)
    for path in (*(server.folder / "state").rglob("*"), server.log):
        assert not path.is_file() or path.name == "loud.sh" or b"to-std" not in path.read_bytes(), path


def test_nobody_to_ask_is_said_where_there_is_no_input_at_all(server: Server) -> None:
    line = f'exec "{MICCE_HOTFIX}" apply "{server.simple()}" 0<&-'
    done = subprocess.run(
        ["sh", "-c", line], env=server.environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 2
    assert "[needs-answer]" in done.stderr
    assert server.router == "router 412"

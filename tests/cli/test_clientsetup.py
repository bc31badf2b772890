"""`micce-deploy clientsetup`, run as an administrator runs it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.config.clientini import (
    ClientSetup,
    Feature,
    General,
    Options,
    PasswordFormat,
    Reboot,
    RunAs,
    Updater,
    read,
    write,
)
from tests.cli.conftest import SECONDS, Machine, setup_config, tree

CANARY = "Kanarienvogel-42"
WHEN = "2023-07-14T09:00:00Z"
SERVERS = ("--set", "WebServerUri=http://MICCSERVER:80", "--set", "BrokerServer=MICCESERVER")


@pytest.fixture
def root(machine: Machine) -> Path:
    """A repository with the customers acmecorp (tenant 7) and Broken."""
    folder = machine.folder / "WebDeployment"
    setup_config(folder / "acmecorp", 'include="http://x/*.*" outputFolder="Solidus"')
    setup_config(folder / "Default", 'include="http://x/*.*" outputFolder="Solidus"')
    setup_config(folder / "Broken", 'include="http://x/*.*"')
    return folder


def run(machine: Machine, *arguments: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        machine.command(["clientsetup", *arguments]),
        capture_output=True,
        timeout=SECONDS,
        env=machine.environment,
        cwd=machine.folder,
        check=False,
        **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def test_every_option_is_what_the_library_writes(machine: Machine, root: Path) -> None:
    done = run(
        machine,
        *("acmecorp", "--root", root, *SERVERS, "--generated", WHEN, "--account", "ACME\\installer"),
        *("--password-stdin", "--password-format", "obfuscated", "--feature", "Agent", "--feature", "reportmanager"),
        *("--install-dir", "D:\\MiCC Enterprise", "--no-desktop-shortcuts", "--reboot", "PROMPT"),
        *("--log-file", "C:\\Logs\\setup.log", "--no-background-check", "--no-check-on-startup", "--out", "x.ini"),
        stdin=CANARY.encode() + b"\n",
    )
    assert done.returncode == 0, done.stderr
    wanted = ClientSetup(
        General("acmecorp", 7, "http://MICCSERVER:80", "MICCESERVER", datetime(2023, 7, 14, 9, tzinfo=UTC)),
        RunAs("ACME\\installer", CANARY, PasswordFormat.OBFUSCATED),
        frozenset({Feature.AGENT, Feature.REPORT_MANAGER}),
        Options("D:\\MiCC Enterprise", False, Reboot.PROMPT, "C:\\Logs\\setup.log"),
        Updater(False, False),
    )
    assert (machine.folder / "x.ini").read_bytes() == write(wanted)
    assert b"x.ini: for acmecorp, tenant 7: Agent, ReportManager" in done.stdout
    assert b"password-in-file" in done.stderr


def test_without_out_the_file_itself_is_on_stdout(machine: Machine, root: Path) -> None:
    arguments = ("ACMECORP", *SERVERS, "--generated", WHEN, "--feature", "Agent", "--account", "ФИРМА\\x")
    shown = run(machine, *arguments)
    placed = run(machine, *arguments, "--out", root / "acmecorp")
    assert (shown.returncode, placed.returncode, shown.stderr) == (0, 0, b"")
    assert shown.stdout == (root / "acmecorp" / "ClientSetup.ini").read_bytes()
    assert shown.stdout.startswith(b"\xff\xfe")
    parsed = read(shown.stdout, "x")
    assert parsed.setup is not None
    assert parsed.setup.general.customer_id == "acmecorp"
    assert parsed.setup.run_as == RunAs("ФИРМА\\x")


def test_default_is_the_customer_of_no_name_and_now_is_the_time(machine: Machine, root: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    setup = read(run(machine, "--feature", "Agent").stdout, "x").setup
    assert setup is not None
    assert setup.general.customer_id == "Default"
    assert setup.general.generated is not None
    assert before <= setup.general.generated <= datetime.now(UTC)
    assert setup == ClientSetup(
        General("Default", 7, generated=setup.general.generated), features=frozenset({Feature.AGENT})
    )


def test_the_settings_of_the_server_say_where_it_is(machine: Machine, root: Path) -> None:
    elsewhere = machine.folder / "elsewhere"
    root.rename(elsewhere)
    settings = machine.folder / "server.toml"
    settings.write_text('[server]\nroot = "elsewhere"\nuri = "https://micc.example"\nbroker = "BROKER"\n')
    done = run(machine, "acmecorp", "--settings", settings, "--feature", "Agent", "--set", "BrokerServer=OTHER")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\nWebServerUri=https://micc.example\r\nBrokerServer=OTHER\r\n" in done.stdout


def test_an_address_that_is_not_known_is_a_warning(machine: Machine, root: Path) -> None:
    machine.settings('[identifiers]\nWebServerUri = "https://micc.example"\n')
    done = run(machine, "--feature", "Agent")
    assert b"\nWebServerUri=https://micc.example\r\n" in done.stdout
    assert b"BrokerServer=" not in done.stdout
    assert done.stderr.count(b"[unset-identifier]") == 1


def test_a_file_with_a_password_is_for_its_owner_only(machine: Machine, root: Path) -> None:
    run(machine, "--feature", "Agent", "--account", ".\\x", "--out", "none.ini")
    run(machine, "--feature", "Agent", "--account", ".\\x", "--password-stdin", "--out", "with.ini", stdin=b"x")
    assert (machine.folder / "none.ini").stat().st_mode & 0o777 == 0o644
    assert (machine.folder / "with.ini").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_replaced_by_force_only(machine: Machine, root: Path) -> None:
    place = machine.folder / "ClientSetup.ini"
    place.write_bytes(b"mine")
    done = run(machine, "--feature", "Agent", "--out", place)
    assert (done.returncode, place.read_bytes()) == (1, b"mine")
    assert b"[file-exists]" in done.stderr
    done = run(machine, "--feature", "Agent", "--out", place, "--force")
    assert done.returncode == 0
    assert read(place.read_bytes(), "x").problems == ()
    assert sorted(path.name for path in machine.folder.iterdir()) == [
        "ClientSetup.ini",
        "WebDeployment",
        "machine.toml",
    ]


def test_a_link_is_replaced_and_what_it_leads_to_is_not(machine: Machine, root: Path) -> None:
    (machine.folder / "target").write_bytes(b"mine")
    (machine.folder / "link.ini").symlink_to("target")
    (machine.folder / "dead.ini").symlink_to("nowhere")
    for name in ("link.ini", "dead.ini"):
        assert b"[file-exists]" in run(machine, "--feature", "Agent", "--out", name).stderr
        assert run(machine, "--feature", "Agent", "--out", name, "--force").returncode == 0
        assert not (machine.folder / name).is_symlink()
    assert (machine.folder / "target").read_bytes() == b"mine"


def test_a_folder_that_is_not_there_is_said_first(machine: Machine, root: Path) -> None:
    done = run(machine, "--feature", "Agent", "--account", ".\\x", "--password-stdin", "--out", "no/x.ini", stdin=b"")
    assert done.returncode == 1
    assert b"[cannot-write]" in done.stderr
    assert b"bad-password" not in done.stderr


@pytest.mark.parametrize("name", ["nobody", "..", "a/b", "CON", ""])
def test_an_unknown_customer_is_an_error_that_names_no_other(machine: Machine, root: Path, name: str) -> None:
    if not name:
        (root / "Default" / "Setup.config").unlink()
        (root / "Default").rmdir()
    done = run(machine, name, "--feature", "Agent")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"[unknown-customer]" in done.stderr
    assert b"acmecorp" not in done.stderr


def test_a_broken_customer_is_an_error_with_its_reasons(machine: Machine, root: Path) -> None:
    done = run(machine, "broken", "--feature", "Agent", "--out", "x.ini")
    assert done.returncode == 1
    assert b"[missing-attribute]" in done.stderr
    assert not (machine.folder / "x.ini").exists()


def test_a_repository_that_is_not_there_is_named(machine: Machine) -> None:
    done = run(machine, "--root", "nowhere", "--feature", "Agent")
    assert done.returncode == 1
    assert b"nowhere" in done.stderr
    assert b"[cannot-read]" in done.stderr


def test_everything_that_is_wrong_is_said_at_once(machine: Machine, root: Path) -> None:
    done = run(
        machine,
        *("--account", CANARY, "--password-stdin", "--install-dir", "x", "--log-file", "%TEMP%\\x"),
        *("--set", "WebServerUri=http://me:secret@MICCSERVER", "--out", "x.ini"),
        stdin=b"x",
    )
    assert done.returncode == 2
    for code in (b"[bad-account]", b"[no-feature]", b"InstallDir is 'x'", b"LogFile is '%TEMP%\\x'", b"WebServerUri"):
        assert code in done.stderr
    assert CANARY.encode() not in done.stderr
    assert b"secret" not in done.stderr
    assert not (machine.folder / "x.ini").exists()


INJECTIONS = (
    b"x\r\n[General]\r\nWebServerUri=http://evil.example",
    b"x\n[Options]\nInstallDir=C:\\evil",
    b"x\rPasswordFormat=plain",
    b"x\0\r\n",
    b"x\x1a",
    "x\u2028evil".encode(),
    "x\x85evil".encode(),
    b"\xed\xa0\x80",
    b"",
    b"\n",
    b"x" * 257,
    b"x" * 9000,
)


@pytest.mark.parametrize("password", INJECTIONS)
@pytest.mark.parametrize("form", ["plain", "obfuscated"])
def test_a_password_never_becomes_another_line(machine: Machine, root: Path, password: bytes, form: str) -> None:
    done = run(
        machine,
        *("--feature", "Agent", "--account", ".\\x", "--password-stdin", "--password-format", form, "--out", "x.ini"),
        stdin=password,
    )
    assert done.returncode != 0
    assert b"[bad-password]" in done.stderr
    assert b"evil" not in done.stderr + done.stdout
    assert not (machine.folder / "x.ini").exists()


@pytest.mark.parametrize(
    "option",
    [
        "--account=ACME\\x\r\n[General]",
        "--install-dir=C:\\x\n[General]",
        "--log-file=C:\\x\rReboot=force",
        "--set=BrokerServer=x\nAgent=true",
        "--set=WebServerUri=http://x\r\n[RunAs]",
    ],
)
def test_an_option_never_becomes_another_line(machine: Machine, root: Path, option: str) -> None:
    done = run(machine, "--feature", "Agent", option, "--out", "x.ini")
    assert done.returncode != 0
    assert not (machine.folder / "x.ini").exists()


@pytest.mark.parametrize(
    ("sent", "password"),
    [(b"x", "x"), (b"x\n", "x"), (b"x\r\n", "x"), (b" x \n", " x "), (b"'x'", "'x'"), ('ä€🙂"\n'.encode(), 'ä€🙂"')],
)
def test_a_password_is_what_was_sent_without_the_end_of_the_line(
    machine: Machine, root: Path, sent: bytes, password: str
) -> None:
    common = ("--feature", "Agent", "--account", ".\\x", "--password-stdin")
    for form in ((), ("--password-format", "plain")):
        setup = read(run(machine, *common, *form, stdin=sent).stdout, "x").setup
        assert setup is not None
        assert setup.run_as.password == password
        assert setup.run_as.password_format == (form[1] if form else "obfuscated")


def test_nobody_is_asked_where_nobody_is(machine: Machine, root: Path) -> None:
    common = ("--feature", "Agent", "--account", ".\\x")
    done = run(machine, *common, "--password-format", "obfuscated")
    assert done.returncode == 2
    assert b"[needs-answer]" in done.stderr
    assert b"PasswordFormat=none" in run(machine, *common).stdout
    assert b"PasswordFormat=none" in run(machine, *common, "--password-format", "none").stdout


def test_a_password_needs_an_account_before_it_is_read(machine: Machine, root: Path) -> None:
    for more in (("--password-stdin",), ("--password-format", "plain")):
        done = run(machine, "--feature", "Agent", *more, stdin=CANARY.encode())
        assert done.returncode == 2
        assert b"[bad-account]" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--json",),
        ("--password-stdin", "--password-format", "none"),
        ("--check", "x.ini", "--feature", "Agent"),
        ("--check", "x.ini", "--out", "y.ini"),
        ("--check", "x.ini", "--no-background-check"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(machine: Machine, root: Path, options: tuple[str, ...]) -> None:
    done = run(machine, *options)
    assert done.returncode == 2
    assert b"[contradicting-options]" in done.stderr


@pytest.mark.parametrize("text", ["yesterday", "2023-07-14T09:00:00", "2023-13-01T00:00:00Z", ""])
def test_a_time_needs_its_zone(machine: Machine, root: Path, text: str) -> None:
    done = run(machine, "--feature", "Agent", "--generated", text)
    assert done.returncode == 2
    assert b"[bad-time]" in done.stderr


def test_a_time_of_another_zone_is_written_in_utc(machine: Machine, root: Path) -> None:
    done = run(machine, "--feature", "Agent", "--generated", "2023-07-14T11:00:00.5+02:00")
    assert b"Generated=2023-07-14T09:00:00Z\r\n" in done.stdout


def test_json_says_what_was_written_and_no_secret(machine: Machine, root: Path) -> None:
    done = run(
        machine,
        *("acmecorp", *SERVERS, "--feature", "Agent", "--feature", "ScriptManager", "--account", f"ACME\\{CANARY}"),
        *("--password-stdin", "--json", "--out", "x.ini"),
        stdin=CANARY.encode(),
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert CANARY.encode() not in done.stdout
    document = document_of(done.stdout)
    (warning,) = document.pop("warnings")
    assert warning["code"] == "password-in-file"
    assert document == {
        "customerID": "acmecorp",
        "tenantID": 7,
        "webServerUri": "http://MICCSERVER:80",
        "brokerServer": "MICCESERVER",
        "features": ["Agent", "ScriptManager"],
        "passwordFormat": "obfuscated",
        "out": "x.ini",
        "size": (machine.folder / "x.ini").stat().st_size,
    }
    failed = document_of(run(machine, "nobody", "--feature", "Agent", "--json", "--out", "y.ini").stdout)
    assert failed["event"] == "failed"


def document_of(out: bytes) -> dict[str, Any]:
    document = json.loads(out)
    assert isinstance(document, dict)
    return document


def test_a_file_is_checked(machine: Machine, root: Path) -> None:
    run(machine, "acmecorp", *SERVERS, "--feature", "Agent", "--out", "x.ini")
    done = run(machine, "--check", "x.ini")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"x.ini: good (0 errors, 0 warnings)\n", b"")
    assert run(machine, "ACMECORP", "--check", "x.ini").returncode == 0
    done = run(machine, "Default", "--check", "x.ini", "--json")
    assert done.returncode == 1
    (problem,) = document_of(done.stdout)["problems"]
    assert (problem["code"], problem["file"], problem["line"]) == ("other-customer", "x.ini", 3)


def test_every_problem_of_a_file_is_named_with_its_line(machine: Machine, root: Path) -> None:
    text = "[General]\nFormatVersion=1\nCustomerID=acmecorp\nTenantID=7\n[Features]\nAgent=ja\n[RunAs]\n"
    text += f"Account={CANARY}\nPassword={CANARY}\nPasswordFormat=obfuscated\n"
    (machine.folder / "x.ini").write_text(text)
    done = run(machine, "--check", "x.ini")
    assert done.returncode == 1
    assert [line.split(b": ")[0] for line in done.stderr.splitlines()[::2]] == [b"x.ini:6", b"x.ini:8", b"x.ini:9"]
    assert done.stdout == b"x.ini: not usable (3 errors, 0 warnings)\n"
    assert CANARY.encode() not in done.stderr
    done = run(machine, "--check", "nowhere.ini", "--json")
    assert done.returncode == 1
    assert document_of(done.stdout)["ok"] is False


def test_the_password_is_nowhere_but_in_the_file(machine: Machine, root: Path) -> None:
    done = run(
        machine,
        *("acmecorp", "--feature", "Agent", "--account", "ACME\\x", "--password-stdin", "--password-format", "plain"),
        *("--out", "x.ini"),
        stdin=CANARY.encode(),
    )
    assert CANARY.encode() not in done.stdout + done.stderr
    assert [name for name, data in tree(machine.folder).items() if CANARY.encode() in data] == ["x.ini"]


def typed(machine: Machine, answers: list[tuple[bytes, bytes]], *arguments: str) -> tuple[int, bytes]:
    """Run the command in a terminal; each answer is typed after its prompt has appeared."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(machine.folder)
        command = machine.command(["clientsetup", *arguments])
        os.execve(command[0], command, machine.environment)
    shown, ends = b"", time.monotonic() + SECONDS
    seen = 0
    while True:
        ready, _, _ = select.select([terminal], [], [], max(ends - time.monotonic(), 0))
        assert ready, shown
        try:
            data = os.read(terminal, 4096)
        except OSError:  # Linux says EIO when the last process has closed it
            break
        if not data:
            break
        shown += data
        if answers and answers[0][0] in shown[seen:]:
            prompt, answer = answers.pop(0)
            seen = shown.index(prompt, seen) + len(prompt)
            os.write(terminal, answer)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


@pytest.mark.parametrize(
    ("answers", "form", "run_as"),
    [
        ([b"\n"], (), RunAs(".\\x")),
        ([CANARY.encode() + b"\n"] * 2, (), RunAs(".\\x", CANARY, PasswordFormat.OBFUSCATED)),
        ([CANARY.encode() + b"\n"] * 2, ("--password-format", "plain"), RunAs(".\\x", CANARY, PasswordFormat.PLAIN)),
        ([b"one\n", b"two\n"], (), None),
        ([b"\n"] * 2, ("--password-format", "plain"), None),
        ([b"\x04"], (), None),
        ([b"\x03"], (), None),
        ([], ("--password-format", "none"), RunAs(".\\x")),
    ],
)
def test_in_a_terminal_the_password_is_typed_twice_and_not_shown(
    machine: Machine, root: Path, answers: list[bytes], form: tuple[str, ...], run_as: RunAs | None
) -> None:
    prompts = [b"Password of the account", b"The same again: "]
    script = list(zip(prompts, answers, strict=False))
    code, shown = typed(machine, script, "--feature", "Agent", "--account", ".\\x", *form, "--out", "x.ini")
    assert CANARY.encode() not in shown
    assert b"Traceback" not in shown
    place = machine.folder / "x.ini"
    if run_as is None:
        assert code != 0
        assert not place.exists()
    else:
        assert code == 0, shown
        setup = read(place.read_bytes(), "x").setup
        assert setup is not None
        assert setup.run_as == run_as

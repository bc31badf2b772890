"""`micce-deploy accounts`, typed: with standard input, in a terminal, and what it leaves behind."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import SECONDS, Ended, Machine

PASSWORD = "Zwitschermaschine, 1922"
OTHER = "Der goldene Fisch, 1925"


def run(machine: Machine, *arguments: str, typed: str | bytes = b"") -> Ended:
    """Run with this standard input."""
    data = typed.encode() if isinstance(typed, str) else typed
    environment = {**machine.environment, "MICCE_SERVER": str(machine.folder / "server.toml")}
    command = machine.command(["accounts", *arguments])
    done = subprocess.run(
        command, input=data, capture_output=True, timeout=SECONDS, env=environment, cwd=machine.folder, check=False
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err, err
    assert PASSWORD not in out + err
    assert OTHER not in out + err
    return Ended(done.returncode, out, err)


@pytest.fixture
def server(machine: Machine) -> Machine:
    (machine.folder / "server.toml").write_text("")
    return machine


def added(server: Machine, name: str = "Ada") -> None:
    assert run(server, "add", name, "--password-stdin", typed=PASSWORD + "\n").code == 0


def database(machine: Machine) -> Path:
    return machine.folder / "state" / "server" / "accounts.sqlite3"


def test_an_account_from_add_to_remove(server: Machine) -> None:
    assert run(server, "list").out == "no accounts\n"
    assert run(server, "add", "Ada", "--password-stdin", typed=PASSWORD + "\n").out == "Ada: may sign in now\n"
    listed = run(server, "list").out.splitlines()
    assert listed[0].startswith("Ada  never signed in")
    assert listed[1] == "1 account"
    done = run(server, "password", "ADA", "--password-stdin", typed=OTHER)
    assert done.out == "Ada: has its new password, and its sessions have ended\n"
    assert run(server, "unlock", "ada").out == "Ada: was not locked\n"
    assert run(server, "remove", "ada").out == "Ada: is removed, and its sessions have ended\n"
    assert run(server, "list").out == "no accounts\n"


def test_json(server: Machine) -> None:
    account = run(server, "add", "Ada", "--password-stdin", "--json", typed=PASSWORD).json
    assert sorted(account) == ["created", "lockedUntil", "name", "passwordChanged", "signedIn"]
    assert (account["name"], account["signedIn"], account["lockedUntil"]) == ("Ada", None, None)
    assert run(server, "list", "--json").json == {"accounts": [account], "warnings": []}
    for command in (["password", "ada", "--password-stdin"], ["unlock", "ada"], ["remove", "ada"]):
        assert run(server, *command, "--json", typed=OTHER).json["name"] == "Ada"
    failed = run(server, "remove", "ada", "--json")
    assert (failed.code, failed.json["event"]) == (1, "failed")
    assert failed.json["problems"][0]["code"] == "no-such-account"


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "said"),
    [
        (["add", "ada", "--password-stdin"], PASSWORD, 1, "account-exists"),
        (["add", "../x", "--password-stdin"], PASSWORD, 2, "bad-account-name"),
        (["add", "bob", "--password-stdin"], "short", 2, "weak-password"),
        (["add", "bob", "--password-stdin"], "", 2, "weak-password"),
        (["add", "bob", "--password-stdin"], b"\xff\xfe\xff\xff", 2, "bad-password"),
        (["add", "bob", "--password-stdin"], "two lines of\na password", 2, "weak-password"),
        (["add", "bob"], "", 2, "needs-answer"),
        (["add", "ADA"], "", 1, "account-exists"),
        (["add", "b/b"], "", 2, "bad-account-name"),
        (["password", "bob", "--password-stdin"], PASSWORD, 1, "no-such-account"),
        (["password", "ada", "--password-stdin"], "ADA", 2, "weak-password"),
        (["password", "bob"], "", 1, "no-such-account"),
        (["unlock", "bob"], "", 1, "no-such-account"),
        (["list", "--settings", "none.toml"], "", 1, "cannot-read"),
    ],
)
def test_what_is_wrong_is_said(server: Machine, arguments: list[str], typed: str | bytes, code: int, said: str) -> None:
    added(server)
    before = database(server).read_bytes()
    done = run(server, *arguments, typed=typed)
    assert (done.code, f"[{said}]" in done.err) == (code, True), done.err
    assert database(server).read_bytes() == before


def test_a_password_is_no_argument(server: Machine) -> None:
    done = run(server, "add", "ada", "an argument of it")
    assert done.code == 2
    assert run(server, "list").out == "no accounts\n"


def test_the_file_is_in_the_folder_of_the_settings_for_this_account_alone(server: Machine) -> None:
    added(server)
    assert database(server).stat().st_mode & 0o777 == 0o600
    assert database(server).parent.stat().st_mode & 0o777 == 0o700
    other = server.folder / "other.toml"
    other.write_text(f"[server]\nstate = '{server.folder / 'elsewhere'}'\n")
    assert run(server, "list", "--settings", str(other)).out == "no accounts\n"
    assert (server.folder / "elsewhere" / "accounts.sqlite3").is_file()


def test_the_password_is_in_no_file(server: Machine) -> None:
    added(server)
    files = [path for path in server.folder.rglob("*") if path.is_file()]
    assert database(server) in files
    for path in files:
        assert PASSWORD.encode() not in path.read_bytes()


def test_a_damaged_file_is_set_aside_and_told(server: Machine) -> None:
    added(server)
    database(server).write_bytes(b"damaged")
    done = run(server, "list")
    assert (done.code, done.out) == (0, "no accounts\n")
    assert "[accounts-damaged]" in done.err
    assert [one["code"] for one in run(server, "list", "--json").json["warnings"]] == ["accounts-damaged"]
    added(server)
    (aside,) = database(server).parent.glob("accounts.sqlite3.damaged-*")
    assert aside.read_bytes() == b"damaged"


def test_without_the_part_for_servers_it_says_what_to_install(
    server: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing"
    missing.mkdir()
    (missing / "argon2.py").write_text("raise ModuleNotFoundError(\"No module named 'argon2'\", name='argon2')\n")
    monkeypatch.setenv("PYTHONPATH", str(missing))
    done = run(server, "list")
    assert (done.code, "[server-not-installed]" in done.err) == (1, True)
    assert "micce-deployment[server]" in done.err


def in_terminal(machine: Machine, arguments: list[str], answers: list[str]) -> tuple[int, str]:
    """Run in a terminal of its own, answering each question as it comes; exit code and what the terminal showed."""
    environment = {**machine.environment, "MICCE_SERVER": str(machine.folder / "server.toml")}
    child, terminal = pty.fork()
    if child == 0:
        os.execve(machine.command([])[0], machine.command(["accounts", *arguments]), environment)
    shown = ""
    waiting = list(answers)
    while True:
        try:
            data = os.read(terminal, 1024)
        except OSError:
            break
        if not data:
            break
        shown += data.decode()
        if waiting and shown.endswith(": "):
            os.write(terminal, waiting.pop(0).encode() + b"\n")
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), shown


def test_a_password_that_is_typed_is_not_shown(server: Machine) -> None:
    code, shown = in_terminal(server, ["add", "Ada"], [PASSWORD, PASSWORD])
    assert (code, "may sign in now" in shown) == (0, True), shown
    assert "New password: " in shown
    assert "The same again: " in shown
    assert PASSWORD not in shown
    assert run(server, "list").out.splitlines()[-1] == "1 account"


def test_a_password_that_is_mistyped_is_refused(server: Machine) -> None:
    code, shown = in_terminal(server, ["add", "Ada"], [PASSWORD, OTHER])
    assert (code, "bad-password" in shown) == (2, True)
    assert run(server, "list").out == "no accounts\n"

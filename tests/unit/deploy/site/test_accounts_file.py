"""The file of the accounts: kept to oneself, shared by processes, damaged, killed."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.errors import TargetError
from deploy.site import accounts_file
from deploy.site.accounts import Refused, SignedIn
from deploy.site.accounts_file import NAME, AccountsFile
from deploy.site.sessions import Sessions
from tests.architecture.source import ROOT
from tests.unit.deploy.site.accounts_bench import HERE, OTHER, PASSWORD, Bench

WRITER = """
import sys
from pathlib import Path
from argon2 import PasswordHasher
from deploy.site.accounts import Accounts
from deploy.site.passwords import Passwords

accounts = Accounts(Path(sys.argv[1]), passwords=Passwords(PasswordHasher(1, 8, 1)))
for number in range(int(sys.argv[3])):
    accounts.add(f"{sys.argv[2]}{number}", "a password of the test")
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def writer(folder: Path, name: str, times: int) -> subprocess.Popen[str]:
    """A process that adds accounts and says each one that is added."""
    command = [sys.executable, "-c", WRITER, str(folder), name, str(times)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def asides(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if ".damaged-" in path.name]


def test_the_file_is_for_this_account_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "state")
    assert bench.accounts.file.path.stat().st_mode & 0o777 == 0o600
    assert bench.folder.stat().st_mode & 0o777 == 0o700
    bench.accounts.file.path.chmod(0o644)
    assert isinstance(bench.sign_in(), SignedIn)
    assert bench.accounts.file.path.stat().st_mode & 0o777 == 0o600
    assert names(bench.folder) == [NAME]


def test_a_file_in_a_folder_with_every_kind_of_name(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "a?mode=ro#x%20 ü'")
    assert isinstance(bench.sign_in(), SignedIn)
    assert names(bench.folder) == [NAME]


def test_what_was_left_of_making_it_is_removed(tmp_path: Path) -> None:
    (tmp_path / f".{NAME}.0011").write_bytes(b"half")
    assert AccountsFile(tmp_path).change(lambda one: one.execute("SELECT count(*) FROM accounts").fetchone()) == (0,)
    assert names(tmp_path) == [NAME]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
def test_what_root_makes_in_a_folder_of_the_server_belongs_to_the_server(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)
    Bench(tmp_path)
    for path in tmp_path.iterdir():
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346), path


def test_a_link_to_another_file_is_not_used_and_that_file_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "passwd"
    other.write_bytes(b"root:x:0:0\n")
    other.chmod(0o644)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / NAME).symlink_to(other)
    with pytest.raises(TargetError) as caught:
        AccountsFile(tmp_path / "state").read(lambda _: None)
    assert caught.value.code == "cannot-write"
    assert (other.read_bytes(), other.stat().st_mode & 0o777) == (b"root:x:0:0\n", 0o644)


def test_work_that_fails_changes_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM accounts")
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        bench.accounts.file.change(work)
    assert isinstance(bench.sign_in(), SignedIn)


class TestDamage:
    @pytest.mark.parametrize(
        "content",
        [b"", b"\0", b"not a database", b"SQLite format 3\0" + b"\0" * 84, b"SQLite format 3\0" + b"\xff" * 9000],
    )
    def test_is_set_aside_and_named(self, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
        bench = Bench(tmp_path)
        bench.accounts.file.path.write_bytes(content)
        with caplog.at_level(logging.ERROR):
            assert bench.sign_in() == Refused()
        (aside,) = asides(tmp_path)
        assert aside.read_bytes() == content
        assert aside.name in caplog.text
        (problem,) = bench.accounts.problems()
        assert (problem.code, problem.file) == ("accounts-damaged", str(aside))
        bench.accounts.add("Grace", OTHER)
        assert isinstance(bench.sign_in("Grace", OTHER), SignedIn)

    def test_takes_a_journal_with_it(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        bench.accounts.file.path.write_bytes(b"damaged")
        journal = tmp_path / f"{NAME}-journal"
        journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\1" * 600)
        assert bench.sign_in() == Refused()
        assert not journal.exists()
        assert len(bench.accounts.problems()) == 1

    def test_a_journal_without_its_file_is_not_played_into_a_new_one(self, tmp_path: Path) -> None:
        journal = tmp_path / f"{NAME}-journal"
        journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\1" * 600)
        assert isinstance(Bench(tmp_path).sign_in(), SignedIn)
        assert not journal.exists()
        assert len(asides(tmp_path)) == 1

    def test_a_database_of_something_else_is_not_used(self, tmp_path: Path) -> None:
        connection = sqlite3.connect(tmp_path / NAME)
        connection.execute("CREATE TABLE accounts (key TEXT)")
        connection.commit()
        connection.close()
        assert isinstance(Bench(tmp_path).sign_in(), SignedIn)
        assert len(asides(tmp_path)) == 1

    def test_one_of_a_later_version_is_left_alone(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        bench.accounts.file.change(lambda connection: connection.execute("PRAGMA user_version=2"))
        before = bench.accounts.file.path.read_bytes()
        with pytest.raises(TargetError) as caught:
            bench.sign_in()
        assert caught.value.code == "newer-accounts"
        assert bench.accounts.file.path.read_bytes() == before
        assert asides(tmp_path) == []

    @pytest.mark.parametrize("column", ["created", "stamp", "name", "hash"])
    def test_values_of_another_type_are_damage(self, tmp_path: Path, column: str) -> None:
        bench = Bench(tmp_path)
        bench.accounts.file.change(lambda one: one.execute(f"UPDATE accounts SET {column} = x'ff' || 1.5"))
        bench.accounts.file.change(lambda one: one.execute(f"UPDATE accounts SET {column} = NULL"))
        assert bench.sign_in() == Refused()
        assert len(asides(tmp_path)) == 1

    @pytest.mark.parametrize("step", [97, pytest.param(1, marks=(pytest.mark.deep, pytest.mark.timeout(1800)))])
    def test_every_flipped_or_missing_byte_ends_well(self, tmp_path: Path, step: int) -> None:
        bench = Bench(tmp_path / "original")
        who = bench.sign_in()
        assert isinstance(who, SignedIn)
        session = Sessions(bench.accounts, 30).begin(who)
        bench.fail(2)
        content = bench.accounts.file.path.read_bytes()
        positions = [*range(110), *range(110, len(content), step)]
        outcomes: set[object] = set()
        for position in positions:
            for damaged in (
                content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :],
                content[:position],
            ):
                bench.accounts.file.path.write_bytes(damaged)
                try:
                    outcomes.add(type(bench.sign_in()))
                    Sessions(bench.accounts, 30).find(session.id)
                    bench.accounts.all()
                    bench.accounts.add(f"Grace{position}", OTHER)
                except TargetError as refused:
                    outcomes.add(refused.code)
                for path in bench.folder.iterdir():
                    path.unlink()
        assert {SignedIn, Refused} <= outcomes <= {SignedIn, Refused, "newer-accounts"}


class TestRefusals:
    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(TargetError) as caught:
            AccountsFile(tmp_path / "file" / "state").read(lambda _: None)
        assert caught.value.code == "cannot-write"

    def test_a_folder_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / NAME).mkdir()
        with pytest.raises(TargetError) as caught:
            AccountsFile(tmp_path).read(lambda _: None)
        assert caught.value.code == "cannot-write"

    def test_another_process_that_writes_all_the_time(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(accounts_file, "PATIENCE", 0.05)
        bench = Bench(tmp_path)
        holding = sqlite3.connect(tmp_path / NAME, isolation_level=None)
        holding.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TargetError) as caught:
            bench.sign_in()
        assert caught.value.code == "busy"
        holding.execute("ROLLBACK")
        holding.close()
        assert isinstance(bench.sign_in(), SignedIn)

    def test_a_full_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bench = Bench(tmp_path)

        def full(connection: sqlite3.Connection) -> None:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count={pages}")
            connection.execute("INSERT INTO failures VALUES ('account', zeroblob(50000), 1, 1)")

        with pytest.raises(TargetError) as caught:
            bench.accounts.file.change(full)
        assert caught.value.code == "disk-full"
        assert isinstance(bench.sign_in(), SignedIn)


class TestProcesses:
    def test_several_make_and_share_one_file(self, tmp_path: Path) -> None:
        folder = tmp_path / "state"
        writers = [writer(folder, name, 8) for name in ("a", "b", "c")]
        for one in writers:
            one.communicate(timeout=60)
        assert [one.returncode for one in writers] == [0, 0, 0]
        accounts = Bench(folder).accounts.all()
        assert len(accounts) == 3 * 8 + 1
        assert asides(folder) == []

    def test_killed_while_writing_leave_everything_they_had_said(self, tmp_path: Path) -> None:
        folder = tmp_path / "state"
        said: list[str] = []
        for round_ in range(6):
            process = writer(folder, f"r{round_}x", 1000)
            assert process.stdout is not None
            for line in process.stdout:
                said.append(f"r{round_}x{line.strip()}")
                if len(said) % 5 == round_ % 5:
                    os.kill(process.pid, signal.SIGKILL)
                    break
            said += [f"r{round_}x{line.strip()}" for line in process.stdout if line.endswith("\n")]
            process.wait(60)
            process.stdout.close()
        found = {account.name for account in Bench(folder).accounts.all()}
        assert set(said) <= found
        assert asides(folder) == []
        assert isinstance(Bench(folder / "x").accounts.sign_in("Ada", PASSWORD, HERE), SignedIn)

    def test_two_that_find_the_damage_set_it_aside_once(self, tmp_path: Path) -> None:
        Bench(tmp_path).accounts.file.path.write_bytes(b"damaged")
        writers = [writer(tmp_path, name, 3) for name in ("a", "b", "c", "d")]
        for one in writers:
            one.communicate(timeout=60)
        assert [one.returncode for one in writers] == [0, 0, 0, 0]
        assert len(asides(tmp_path)) == 1
        assert len(Bench(tmp_path).accounts.all()) == 13

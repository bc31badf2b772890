"""Accounts: who gets in, who is locked out, and what a stranger can learn, which is nothing."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.errors import TargetError, UsageError
from deploy.site.accounts import Refused, SignedIn
from tests.unit.deploy.site.accounts_bench import HERE, NAME, OTHER, PASSWORD, Bench, CountingHasher


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "state")


def code(action: object, *arguments: str) -> str:
    with pytest.raises((TargetError, UsageError)) as caught:
        action(*arguments)  # type: ignore[operator]
    return caught.value.code


class TestNames:
    @pytest.mark.parametrize("name", [NAME, "ADA", "ada", "Ａda"])
    def test_are_found_in_any_case(self, bench: Bench, name: str) -> None:
        outcome = bench.sign_in(name)
        assert isinstance(outcome, SignedIn)
        assert outcome.name == NAME

    def test_exist_once_in_any_case(self, bench: Bench) -> None:
        assert code(bench.accounts.add, "ADA", OTHER) == "account-exists"
        assert isinstance(bench.sign_in(), SignedIn)

    @pytest.mark.parametrize("name", ["", " Ada", "Ada ", "a\nb", "a\x1b[31m", "../x", "a" * 65, "_x", "a/b", "a;b"])
    def test_that_could_confuse_are_refused(self, bench: Bench, name: str) -> None:
        assert code(bench.accounts.add, name, OTHER) == "bad-account-name"

    @pytest.mark.parametrize("name", ["x", "Ada Lovelace", "ada@acme.example", "o.nil-2", "Ünal", "李"])
    def test_of_people_are_taken(self, bench: Bench, name: str) -> None:
        assert bench.accounts.add(name, OTHER).name == name

    def test_everything_wrong_is_said_at_once(self, bench: Bench) -> None:
        with pytest.raises(UsageError) as caught:
            bench.accounts.add("../x", "short")
        assert [one.code for one in caught.value.problems] == ["bad-account-name", "weak-password"]
        assert "short" not in str(caught.value)


class TestSigningIn:
    def test_the_password_opens(self, bench: Bench) -> None:
        assert isinstance(bench.sign_in(), SignedIn)
        (account,) = bench.accounts.all()
        assert account.signed_in == datetime.fromtimestamp(bench.clock.now, UTC)

    @pytest.mark.parametrize("password", ["", "correct horse batterY", PASSWORD + " ", "x" * 5000, "\ud800", "a\0b"])
    def test_nothing_else_does(self, bench: Bench, password: str) -> None:
        assert bench.sign_in(password=password) == Refused()

    def test_a_removed_account_is_gone(self, bench: Bench) -> None:
        bench.accounts.remove("ada")
        assert bench.sign_in() == Refused()
        assert bench.accounts.is_empty()
        assert code(bench.accounts.remove, NAME) == "no-such-account"

    def test_one_that_was_removed_while_its_password_was_checked_gets_nowhere(self, bench: Bench) -> None:
        class Removing(CountingHasher):
            def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
                bench.accounts.remove(NAME)
                return super().verify(hash, password)

        slow = bench.opened(Removing())
        assert slow.sign_in(NAME, PASSWORD, HERE) == Refused()

    def test_a_damaged_hash_is_a_wrong_password(self, bench: Bench) -> None:
        bench.accounts.file.change(lambda connection: connection.execute("UPDATE accounts SET hash = '$argon2id$x'"))
        assert bench.sign_in() == Refused()


class TestUnknownNames:
    @pytest.mark.parametrize("name", ["nobody", "", "x" * 5000, "\ud800", "Ada'--"])
    def test_cost_the_same_work_as_known_ones(self, bench: Bench, name: str) -> None:
        bench.fail(1, NAME)
        known = list(bench.hasher.verified)
        bench.fail(1, name)
        assert bench.hasher.verified[len(known) :] == known
        assert len(known) == 1
        assert bench.hasher.hashed == 0

    def test_get_the_same_answer_and_are_locked_alike(self, bench: Bench) -> None:
        outcomes = [
            [bench.fail(1, name, f"192.0.2.{number}") for _ in range(5)] for number, name in enumerate((NAME, "x"))
        ]
        assert outcomes[0] == outcomes[1]
        assert outcomes[0][2] == Refused()
        assert isinstance(outcomes[0][3], Refused)
        assert outcomes[0][3].locked_until is not None

    def test_even_the_password_of_nothing_does_not_open(self, bench: Bench) -> None:
        class Yielding(CountingHasher):
            def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
                return True

        assert bench.opened(Yielding()).sign_in("nobody", PASSWORD, HERE) == Refused()

    def test_typed_by_mistake_a_password_is_written_nowhere(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            bench.sign_in("Tr0ub4dor-typed-as-a-name", "Tr0ub4dor-typed")
        assert "unknown account" in caplog.text
        assert "tr0ub4dor" not in caplog.text.lower()
        for path in bench.folder.iterdir():
            assert b"tr0ub4dor" not in path.read_bytes().lower()


class TestLockout:
    def test_after_so_many_attempts_not_even_the_password_opens(self, bench: Bench) -> None:
        assert bench.fail(3) == Refused()
        until = datetime.fromtimestamp(bench.clock.now, UTC) + timedelta(minutes=10)
        checked = len(bench.hasher.verified)
        assert bench.sign_in() == Refused(until)
        assert len(bench.hasher.verified) == checked
        assert bench.accounts.all()[0].locked_until == until

    def test_ends_by_itself(self, bench: Bench) -> None:
        bench.fail(3)
        bench.clock.pass_minutes(9.9)
        assert isinstance(bench.sign_in(), Refused)
        bench.clock.pass_minutes(0.2)
        assert isinstance(bench.sign_in(), SignedIn)
        assert bench.accounts.all()[0].locked_until is None

    def test_is_not_drawn_out_by_knocking(self, bench: Bench) -> None:
        bench.fail(3)
        for _ in range(9):
            bench.clock.pass_minutes(1)
            bench.fail(1)
        bench.clock.pass_minutes(1.1)
        assert isinstance(bench.sign_in(), SignedIn)

    def test_counts_from_anew_after_the_password_was_right(self, bench: Bench) -> None:
        for _ in range(3):
            bench.fail(2)
            assert isinstance(bench.sign_in(), SignedIn)

    def test_forgets_old_attempts(self, bench: Bench) -> None:
        bench.fail(2)
        bench.clock.pass_minutes(10.1)
        bench.fail(2)
        assert isinstance(bench.sign_in(), SignedIn)

    def test_holds_for_every_process(self, bench: Bench) -> None:
        bench.fail(3)
        assert isinstance(bench.opened().sign_in(NAME, PASSWORD, HERE), Refused)

    def test_leaves_others_alone(self, bench: Bench) -> None:
        bench.accounts.add("Grace", OTHER)
        bench.fail(4)
        assert isinstance(bench.sign_in("grace", OTHER), SignedIn)

    def test_is_ended_by_unlock(self, bench: Bench) -> None:
        bench.fail(4)
        assert bench.accounts.unlock("ada").locked_until is not None
        assert isinstance(bench.sign_in(), SignedIn)
        assert code(bench.accounts.unlock, "nobody") == "no-such-account"

    def test_is_no_longer_than_usual_after_the_clock_was_wrong(self, bench: Bench) -> None:
        bench.clock.pass_minutes(60 * 24 * 365 * 50)
        bench.fail(3)
        bench.clock.pass_minutes(-60 * 24 * 365 * 50)
        assert isinstance(bench.sign_in(), Refused)
        bench.clock.pass_minutes(10.1)
        assert isinstance(bench.sign_in(), SignedIn)

    def test_counts_attempts_that_come_at_once_before_any_is_checked(self, bench: Bench) -> None:
        admitted: list[str] = []

        class Meanwhile(CountingHasher):
            """While one password is checked the next attempt comes in, as from a second connection."""

            def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
                admitted.append("one")
                assert len(admitted) < 50
                bench.opened(self).sign_in(NAME, "wrong wrong wrong", HERE)
                return super().verify(hash, password)

        bench.opened(Meanwhile()).sign_in(NAME, "wrong wrong wrong", HERE)
        assert len(admitted) == 3


class TestAddresses:
    def test_that_try_many_names_are_refused_later(self, bench: Bench) -> None:
        for number in range(12):
            assert bench.fail(1, f"name{number}") == Refused()
        refused = bench.sign_in()
        assert isinstance(refused, Refused)
        assert refused.locked_until is not None
        assert isinstance(bench.sign_in(address="192.0.2.8"), SignedIn)
        assert bench.accounts.all()[0].locked_until is None

    def test_of_one_ipv6_network_are_one(self, bench: Bench) -> None:
        for number in range(12):
            bench.fail(1, f"name{number}", f"2001:db8::{number:x}")
        assert isinstance(bench.sign_in(address="2001:db8::ffff:1"), Refused)
        assert isinstance(bench.sign_in(address="2001:db8:0:1::1"), SignedIn)

    def test_are_not_used_up_by_signing_in(self, bench: Bench) -> None:
        for _ in range(30):
            assert isinstance(bench.sign_in(), SignedIn)

    def test_are_freed_by_unlock(self, bench: Bench) -> None:
        for number in range(12):
            bench.fail(1, f"name{number}")
        bench.accounts.unlock(NAME)
        assert isinstance(bench.sign_in(), SignedIn)


class TestChangingThePassword:
    def test_by_its_owner(self, bench: Bench) -> None:
        assert isinstance(bench.accounts.change_password(NAME, PASSWORD, OTHER, HERE), SignedIn)
        assert bench.sign_in() == Refused()
        assert isinstance(bench.sign_in(password=OTHER), SignedIn)

    def test_needs_the_present_one(self, bench: Bench) -> None:
        assert bench.accounts.change_password(NAME, "wrong wrong wrong", OTHER, HERE) == Refused()
        assert isinstance(bench.sign_in(), SignedIn)

    def test_is_limited_too_but_not_by_strangers(self, bench: Bench) -> None:
        bench.fail(4, address="198.51.100.1")
        for _ in range(3):
            assert bench.accounts.change_password(NAME, "wrong wrong wrong", OTHER, HERE) == Refused()
        outcome = bench.accounts.change_password(NAME, PASSWORD, OTHER, HERE)
        assert isinstance(outcome, Refused)
        assert outcome.locked_until is not None

    def test_by_the_command_line_unlocks(self, bench: Bench) -> None:
        bench.fail(4)
        bench.accounts.set_password("ADA", OTHER)
        assert isinstance(bench.sign_in(password=OTHER), SignedIn)

    @pytest.mark.parametrize(
        ("new", "said"),
        [
            ("short", "fewer than 12"),
            ("x" * 1025, "more than 1024"),
            ("long enough\tbut", "cannot be typed"),
            ("", "fewer than 12"),
        ],
    )
    def test_keeps_to_the_rules(self, bench: Bench, new: str, said: str) -> None:
        with pytest.raises(UsageError, match=said) as caught:
            bench.accounts.set_password(NAME, new)
        assert caught.value.code == "weak-password"
        assert "at least 12 characters, and not the name" in str(caught.value)
        assert not new or new not in str(caught.value)

    def test_refuses_the_name(self, bench: Bench) -> None:
        bench.accounts.add("Ada Lovelace 1815", OTHER)
        assert code(bench.accounts.set_password, "ada lovelace 1815", "ADA lovelace 1815") == "weak-password"

    def test_of_nobody_is_refused(self, bench: Bench) -> None:
        assert code(bench.accounts.set_password, "nobody", OTHER) == "no-such-account"


class TestHashes:
    def test_are_argon2id_and_never_the_password(self, bench: Bench) -> None:
        (kept,) = bench.accounts.file.read(lambda one: one.execute("SELECT hash FROM accounts").fetchone())
        assert kept.startswith("$argon2id$v=19$m=8,t=1,p=1$")
        for path in bench.folder.iterdir():
            assert PASSWORD.encode() not in path.read_bytes()

    def test_are_made_anew_when_the_parameters_grow(self, bench: Bench) -> None:
        grown = CountingHasher(time_cost=2, memory_cost=16)
        assert isinstance(bench.opened(grown).sign_in(NAME, PASSWORD, HERE), SignedIn)
        (kept,) = bench.accounts.file.read(lambda one: one.execute("SELECT hash FROM accounts").fetchone())
        assert kept.startswith("$argon2id$v=19$m=16,t=2,p=1$")
        assert grown.hashed == 1
        assert isinstance(bench.opened(grown).sign_in(NAME, PASSWORD, HERE), SignedIn)
        assert grown.hashed == 1

    def test_of_a_wrong_password_are_not_made_anew(self, bench: Bench) -> None:
        grown = CountingHasher(time_cost=2)
        bench.opened(grown).sign_in(NAME, "wrong wrong wrong", HERE)
        assert grown.hashed == 0


def test_removed_hashes_are_erased_from_the_file(bench: Bench) -> None:
    (kept,) = bench.accounts.file.read(lambda one: one.execute("SELECT hash FROM accounts").fetchone())
    assert kept.encode() in bench.accounts.file.path.read_bytes()
    bench.accounts.remove(NAME)
    assert kept.rpartition("$")[2].encode() not in bench.accounts.file.path.read_bytes()

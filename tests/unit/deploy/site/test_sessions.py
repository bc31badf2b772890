"""Sessions: how they begin, how long they last, and everything that ends them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.site.accounts import SignedIn
from deploy.site.sessions import Session, Sessions, is_id, new_id
from tests.unit.deploy.site.accounts_bench import HERE, NAME, OTHER, PASSWORD, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def sessions(bench: Bench) -> Sessions:
    return Sessions(bench.accounts, 30)


def begun(bench: Bench, sessions: Sessions) -> Session:
    who = bench.sign_in()
    assert isinstance(who, SignedIn)
    return sessions.begin(who)


def test_a_session_is_found_by_its_id_alone(bench: Bench, sessions: Sessions) -> None:
    session = begun(bench, sessions)
    assert sessions.find(session.id) == session
    assert session.account == NAME
    assert Sessions(bench.opened(), 30).find(session.id) == session
    for other in ("", new_id(), session.id[:-1], session.id + "A", "é" * 43, session.id.swapcase()):
        assert sessions.find(other) is None


def test_ids_are_256_random_bits_that_are_not_kept(bench: Bench, sessions: Sessions) -> None:
    ids = {begun(bench, sessions).id for _ in range(20)}
    assert len(ids) == 20
    for id_ in ids:
        assert re.fullmatch(r"[\w-]{43}", id_)
        assert is_id(id_)
        assert id_.encode() not in bench.accounts.file.path.read_bytes()
    assert all(id_ not in repr(sessions.find(id_)) for id_ in ids)


def test_it_ends_when_nothing_is_asked_for_a_while(bench: Bench, sessions: Sessions) -> None:
    session = begun(bench, sessions)
    for _ in range(5):
        bench.clock.pass_minutes(29)
        assert sessions.find(session.id) is not None
    bench.clock.pass_minutes(30)
    assert sessions.find(session.id) is None


def test_it_ends_after_twelve_hours_of_use(bench: Bench, sessions: Sessions) -> None:
    session = begun(bench, sessions)
    for _ in range(12 * 3 - 1):
        bench.clock.pass_minutes(20)
        assert sessions.find(session.id) is not None
    bench.clock.pass_minutes(20)
    assert sessions.find(session.id) is None


def test_it_ends_by_signing_out(bench: Bench, sessions: Sessions) -> None:
    session, other = begun(bench, sessions), begun(bench, sessions)
    sessions.end(session.id)
    assert sessions.find(session.id) is None
    assert sessions.find(other.id) is not None


def test_all_end_when_the_password_changes(bench: Bench, sessions: Sessions) -> None:
    before = [begun(bench, sessions) for _ in range(2)]
    who = bench.accounts.change_password(NAME, PASSWORD, OTHER, HERE)
    assert isinstance(who, SignedIn)
    after = sessions.begin(who)
    assert [sessions.find(one.id) for one in before] == [None, None]
    assert sessions.find(after.id) == after


def test_one_begun_with_a_password_that_was_changed_meanwhile_is_none(bench: Bench, sessions: Sessions) -> None:
    who = bench.sign_in()
    assert isinstance(who, SignedIn)
    bench.accounts.set_password(NAME, OTHER)
    assert sessions.find(sessions.begin(who).id) is None


def test_all_end_with_the_account_even_when_one_of_that_name_comes_again(bench: Bench, sessions: Sessions) -> None:
    session, who = begun(bench, sessions), bench.sign_in()
    assert isinstance(who, SignedIn)
    bench.accounts.remove(NAME)
    assert sessions.find(session.id) is None
    late = sessions.begin(who)
    bench.accounts.add(NAME, PASSWORD)
    assert sessions.find(session.id) is None
    assert sessions.find(late.id) is None


def test_one_from_a_future_that_was_none_ends(bench: Bench, sessions: Sessions) -> None:
    bench.clock.pass_minutes(60 * 24 * 365)
    session = begun(bench, sessions)
    bench.clock.pass_minutes(-60 * 24 * 365)
    assert sessions.find(session.id) is None


def test_a_clock_that_is_put_right_by_seconds_ends_none(bench: Bench, sessions: Sessions) -> None:
    session = begun(bench, sessions)
    bench.clock.pass_minutes(-1)
    assert sessions.find(session.id) is not None


def test_ended_ones_are_removed_from_the_file(bench: Bench, sessions: Sessions) -> None:
    for _ in range(5):
        begun(bench, sessions)
    bench.clock.pass_minutes(31)
    begun(bench, sessions)
    counted = bench.accounts.file.read(lambda one: one.execute("SELECT count(*) FROM sessions").fetchone())
    assert counted == (1,)


def test_use_is_written_once_a_minute_at_most(bench: Bench, sessions: Sessions) -> None:
    session = begun(bench, sessions)
    before = bench.accounts.file.path.read_bytes()
    for _ in range(5):
        bench.clock.pass_minutes(0.19)
        assert sessions.find(session.id) is not None
    assert bench.accounts.file.path.read_bytes() == before
    bench.clock.pass_minutes(0.2)
    assert sessions.find(session.id) is not None
    assert bench.accounts.file.path.read_bytes() != before

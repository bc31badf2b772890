"""Passwords: how they are compared and kept."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from deploy.site.passwords import Passwords, account_key, password_problem, prepared
from tests.unit.deploy.site.accounts_bench import CountingHasher

TEXTS = st.text(st.characters(), max_size=40)


def test_real_hashes_use_the_parameters_of_the_standard() -> None:
    kept = Passwords().hash("a password")
    found = extract_parameters(kept)
    # RFC 9106 section 4: the second recommended option.
    assert (found.type.name, found.time_cost, found.memory_cost, found.parallelism) == ("ID", 3, 65536, 4)
    assert (found.salt_len, found.hash_len) == (16, 32)
    assert Passwords().matches(kept, "a password")


def test_the_hash_of_nothing_has_the_parameters_of_real_ones() -> None:
    hasher = CountingHasher(time_cost=2, memory_cost=16)
    passwords = Passwords(hasher)
    assert not passwords.matches(None, "a password")
    passwords.matches(passwords.hash("a password"), "a password")
    assert hasher.verified[0] == hasher.verified[1]


@pytest.mark.parametrize("kept", ["", "x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA", "$2b$12$x", "\ud800"])
def test_what_is_no_hash_matches_nothing(kept: str) -> None:
    assert not Passwords(PasswordHasher(1, 8, 1)).matches(kept, "a password")


@pytest.mark.parametrize(
    ("typed", "same"),
    [("Größe und Länge", "Gro\u0308ße und La\u0308nge"), ("a b", "a\u00a0b"), ("a b", "a\u3000b")],
)
def test_the_same_password_from_another_keyboard_matches(typed: str, same: str) -> None:
    passwords = Passwords(PasswordHasher(1, 8, 1))
    assert passwords.matches(passwords.hash(typed), same)
    assert not passwords.matches(passwords.hash(typed), same.upper())


@given(TEXTS)
def test_preparing_is_done_once(text: str) -> None:
    assert prepared(prepared(text)) == prepared(text)
    prepared(text).encode("utf-8")


@given(TEXTS)
def test_names_are_compared_in_any_case(text: str) -> None:
    assert account_key(account_key(text)) == account_key(text)
    account_key(text).encode("utf-8")


@given(TEXTS, TEXTS)
def test_a_message_never_holds_the_password(name: str, password: str) -> None:
    problem = password_problem(name, password)
    assert problem is None or len(password) < 4 or password not in str(problem)

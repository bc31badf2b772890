"""Passwords from standard input; the terminal is shown in tests/cli."""

from __future__ import annotations

import io
import sys

import pytest

from deploy.errors import UsageError
from deploy.password_input import SECRET_CAP, can_be_asked, from_stdin, typed


def bring(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))


@pytest.mark.parametrize(
    ("data", "password"),
    [
        (b"x", "x"),
        (b"x\n", "x"),
        (b"x\r\n", "x"),
        (b"x\n\n", "x\n"),
        (b" x \t\n", " x \t"),
        (b"\n", ""),
        (b"", ""),
        ("ä🙂\n".encode(), "ä🙂"),
        (b"\xef\xbb\xbfx\r\n", "x"),
    ],
)
def test_it_is_everything_but_the_end_of_the_last_line(
    monkeypatch: pytest.MonkeyPatch, data: bytes, password: str
) -> None:
    bring(monkeypatch, data)
    assert from_stdin() == password


def test_what_is_not_utf_8_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    bring(monkeypatch, b"geheim\xff")
    with pytest.raises(UsageError) as refused:
        from_stdin()
    assert refused.value.code == "bad-password"
    assert "geheim" not in str(refused.value)


def test_no_more_is_read_than_a_password_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    bring(monkeypatch, b"x" * (2 * SECRET_CAP))
    assert len(from_stdin()) == SECRET_CAP


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    bring(monkeypatch, b"x\nx\n")
    assert not can_be_asked()
    with pytest.raises(UsageError) as refused:
        typed("Password")
    assert refused.value.code == "needs-answer"

"""Passwords for commands: typed twice into a terminal, or read from standard input; never an argument."""

from __future__ import annotations

import getpass
import sys

from deploy.errors import UsageError, error

SECRET_CAP = 8192  # bytes; whoever uses a password has a limit of its own below it


def can_be_asked() -> bool:
    """Whether somebody sits at a terminal who can type an answer."""
    return sys.stdin.isatty()


def typed(prompt: str, *, may_be_empty: bool = False) -> str:
    """A password that is typed twice and not shown; with `may_be_empty` nothing is typed once only.

    Raises `UsageError`: needs-answer where there is no terminal or it was closed, bad-password where the
    two differ.
    """
    if not can_be_asked():
        hint = "give it with --password-stdin, or run the command in a terminal"
        raise UsageError(error("needs-answer", "the password has to be typed, and there is no terminal", hint))
    try:
        password = getpass.getpass(f"{prompt}: ")
        if not password and may_be_empty:
            return password
        again = getpass.getpass("The same again: ")
    except EOFError:
        raise UsageError(error("needs-answer", "no password was typed", "use --password-stdin")) from None
    if password != again:
        raise UsageError(error("bad-password", "the two passwords differ", "run the command again"))
    return password


def from_stdin() -> str:
    """All of standard input as UTF-8, without the end of its last line; raises `UsageError` (bad-password)."""
    try:
        text = sys.stdin.buffer.read(SECRET_CAP).decode("utf-8-sig")
    except UnicodeDecodeError:
        said = "what standard input brought is not UTF-8"
        raise UsageError(error("bad-password", said, "send it as UTF-8")) from None
    return text.removesuffix("\n").removesuffix("\r")

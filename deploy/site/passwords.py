"""Passwords of administrators: the rules for new ones, and argon2id (RFC 9106) for keeping them.

What is kept is a hash with its parameters. Checking a password costs the same whether there is an account
or not: where there is none, it is checked against a hash that nothing matches.
"""

from __future__ import annotations

import base64
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from deploy.errors import Problem, error

SHORTEST = 12
LONGEST = 1024
RULES = f"at least {SHORTEST} characters, and not the name of the account"


class Passwords:
    """Hashes and checks; the parameters are the second recommended option of RFC 9106 section 4 (64 MiB)."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = PasswordHasher() if hasher is None else hasher
        self._nothing = _unmatched(self._hasher)

    def hash(self, password: str) -> str:
        """What is kept of a password: parameters, salt and digest as the PHC string format has them."""
        return self._hasher.hash(prepared(password))

    def matches(self, kept: str | None, password: str) -> bool:
        """Whether this is the password; None, where there is no account, takes as long and is never right."""
        try:
            self._hasher.verify(self._nothing if kept is None else kept, prepared(password))
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False
        return kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether a hash that matched was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(kept)


def password_problem(name: str, password: str) -> Problem | None:
    """Why a password is refused (weak-password) for the account of this name; the message never holds it."""
    shown = prepared(password)
    said = None
    if len(shown) < SHORTEST:
        said = f"the password has fewer than {SHORTEST} characters"
    elif len(shown) > LONGEST:
        said = f"the password has more than {LONGEST} characters"
    elif any(unicodedata.category(one) == "Cc" for one in shown):
        said = "the password holds a character that cannot be typed, such as a tab"
    elif account_key(shown) == account_key(name):
        said = "the password is the name of the account"
    return None if said is None else error("weak-password", said, f"choose another: {RULES}")


def prepared(password: str) -> str:
    """The password as it is hashed, so that it is the same from every keyboard (RFC 8265 section 4.2.2).

    Blanks of any kind are blanks, and characters are composed (NFC). What is no Unicode is replaced.
    """
    blanks = "".join(" " if unicodedata.category(one) == "Zs" else one for one in _sound(password))
    return unicodedata.normalize("NFC", blanks)


def account_key(name: str) -> str:
    """What names are compared by: any case, any way to compose a letter."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", _sound(name)).casefold())


def _sound(text: str) -> str:
    """Without halves of characters, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _unmatched(hasher: PasswordHasher) -> str:
    """A hash of nothing, with the parameters of this hasher: random bytes in place of salt and digest."""
    settings = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = _encoded(hasher.salt_len), _encoded(hasher.hash_len)
    return f"$argon2id$v=19${settings}${salt}${digest}"


def _encoded(size: int) -> str:
    return base64.b64encode(secrets.token_bytes(size)).decode("ascii").rstrip("=")

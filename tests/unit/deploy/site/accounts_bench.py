"""Accounts for tests: cheap hashes that are counted, and a clock that only the test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from argon2 import PasswordHasher

from deploy.site.accounts import Accounts, Refused, SignedIn
from deploy.site.model import Lockout
from deploy.site.passwords import Passwords

NAME = "Ada"
PASSWORD = "correct horse battery"
OTHER = "another long password"
HERE = "192.0.2.7"
START = 1_700_000_000.0


class CountingHasher(PasswordHasher):
    """Weak parameters, and every costly call noted with the parameters it was made with."""

    def __init__(self, time_cost: int = 1, memory_cost: int = 8) -> None:
        super().__init__(time_cost=time_cost, memory_cost=memory_cost, parallelism=1)
        self.verified: list[str] = []
        self.hashed = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.hashed += 1
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.verified.append(str(hash).rsplit("$", 2)[0])
        return super().verify(hash, password)


@dataclass
class Clock:
    """POSIX seconds, moved by hand."""

    now: float = START

    def __call__(self) -> float:
        return self.now

    def pass_minutes(self, minutes: float) -> None:
        self.now += minutes * 60


@dataclass
class Bench:
    """Accounts in a folder with one account in them."""

    folder: Path
    lockout: Lockout = field(default_factory=lambda: Lockout(attempts=3, minutes=10))
    clock: Clock = field(default_factory=Clock)
    hasher: CountingHasher = field(default_factory=CountingHasher)

    def __post_init__(self) -> None:
        self.accounts = self.opened()
        self.accounts.add(NAME, PASSWORD)
        self.hasher.hashed = 0

    def opened(self, hasher: CountingHasher | None = None) -> Accounts:
        """The same accounts as another process has them."""
        return Accounts(self.folder, self.lockout, passwords=Passwords(hasher or self.hasher), clock=self.clock)

    def sign_in(self, name: str = NAME, password: str = PASSWORD, address: str = HERE) -> SignedIn | Refused:
        return self.accounts.sign_in(name, password, address)

    def fail(self, times: int, name: str = NAME, address: str = HERE) -> SignedIn | Refused:
        """What the last of so many wrong passwords gets."""
        return [self.sign_in(name, "wrong wrong wrong", address) for _ in range(times)][-1]

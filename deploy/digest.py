"""SHA-256: the one digest of the product, as lowercase hexadecimal text (FIPS 180-4)."""

from __future__ import annotations

import hashlib
import re
from typing import NewType, Protocol

Sha256 = NewType("Sha256", str)
"""64 lowercase hexadecimal digits."""

CHUNK = 256 * 1024
_HEX = re.compile(r"[0-9a-f]{64}")


class Readable(Protocol):
    """A binary file as far as a digest needs it; `readinto` returns 0 (or None) at the end."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Digest:
    """The digest of bytes that come piece by piece."""

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = hashlib.sha256()

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take more bytes; above 2 KiB other threads run meanwhile."""
        self._state.update(data)

    @property
    def value(self) -> Sha256:
        """The digest of everything so far; more may follow."""
        return Sha256(self._state.hexdigest())


def sha256_of(file: Readable) -> Sha256:
    """The digest of an open binary file from where it stands to its end; raises what reading raises."""
    digest = Digest()
    absorb(file, digest)
    return digest.value


def sha256_of_bytes(data: bytes | bytearray | memoryview) -> Sha256:
    """The digest of bytes at hand."""
    return Sha256(hashlib.sha256(data).hexdigest())


def absorb(file: Readable, digest: Digest, limit: int | None = None) -> int:
    """Feed `digest` from a file, at most `limit` bytes; returns how many there were."""
    buffer = memoryview(bytearray(CHUNK))
    taken = 0
    while limit is None or taken < limit:
        room = buffer if limit is None else buffer[: min(CHUNK, limit - taken)]
        count = file.readinto(room)
        if not count:
            break
        digest.update(room[:count])
        taken += count
    return taken


def parse_sha256(text: str) -> Sha256 | None:
    """Read 64 hexadecimal digits in any case; None for anything else."""
    lowered = text.strip().lower()
    return Sha256(lowered) if _HEX.fullmatch(lowered) else None

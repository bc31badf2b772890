from __future__ import annotations

import hashlib
import io

import pytest

from deploy.digest import CHUNK, Digest, absorb, parse_sha256, sha256_of, sha256_of_bytes

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4 example


class CountingFile(io.BytesIO):
    """Counts the reads, and gives fewer bytes than asked for."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self.step = step
        self.asked: list[int] = []

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self.asked.append(len(buffer))
        return super().readinto(buffer[: self.step])


@pytest.mark.parametrize(("data", "digest"), [(b"", EMPTY), (b"abc", ABC)])
def test_known_digests(data: bytes, digest: str) -> None:
    assert sha256_of_bytes(data) == digest
    assert sha256_of(io.BytesIO(data)) == digest


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_a_file_is_read_to_its_end_whatever_a_read_gives(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    file = CountingFile(data, step=100_000)
    assert sha256_of(file) == hashlib.sha256(data).hexdigest()
    assert max(file.asked) == CHUNK


def test_the_value_may_be_asked_for_on_the_way() -> None:
    digest = Digest()
    assert digest.value == EMPTY
    digest.update(b"a")
    digest.update(memoryview(b"bc"))
    assert digest.value == ABC
    assert digest.value == ABC


def test_a_limit_stops_before_the_end() -> None:
    file = CountingFile(b"abcdef", step=2)
    digest = Digest()
    assert absorb(file, digest, 3) == 3
    assert digest.value == ABC
    assert file.asked == [3, 1]
    assert file.read() == b"def"


def test_a_limit_beyond_the_end_gives_what_there_is() -> None:
    assert absorb(io.BytesIO(b"abc"), Digest(), 10) == 3


def test_digests_are_read_in_any_case() -> None:
    assert parse_sha256(f" {ABC.upper()}\n") == ABC


@pytest.mark.parametrize("text", ["", ABC[:-1], ABC + "0", "g" * 64, ABC[:-1] + "\u0660"])
def test_what_is_no_digest_is_none(text: str) -> None:
    assert parse_sha256(text) is None

"""Programs from anybody's hand: a version or none, and little of them read."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from deploy.peversion import version_in, version_through
from tests.programs import Program

PART = st.integers(0, 65535)
PROGRAMS = st.builds(Program, st.tuples(PART, PART, PART, PART), st.booleans())
INTERESTING = st.one_of(st.integers(0, 255).map(lambda one: bytes([one])), st.sampled_from([b"\xff" * 4, b"\0" * 4]))
CHANGES = st.lists(st.tuples(st.integers(0, 700), INTERESTING), max_size=8)


@given(PROGRAMS)
def test_a_version_is_read_as_it_was_written(program: Program) -> None:
    assert version_in(program.built()) == ".".join(map(str, program.version))


@given(PROGRAMS, CHANGES, st.integers(0, 800))
def test_a_damaged_program_has_a_version_or_none(program: Program, changes: list[tuple[int, bytes]], end: int) -> None:
    data = bytearray(program.built())
    for place, change in changes:
        data[place : place + len(change)] = change
    found = version_in(bytes(data[:end]) if end < 700 else bytes(data))
    assert found is None or re.fullmatch(r"\d{1,5}(\.\d{1,5}){3}", found)


@given(st.binary(max_size=600).map(lambda data: b"MZ" + data))
def test_any_bytes_have_a_version_or_none(data: bytes) -> None:
    assert version_in(data) is None


@given(PROGRAMS, CHANGES, st.sampled_from([0, 0xFF]))
def test_no_more_is_read_than_promised_of_a_file_without_end(
    program: Program, changes: list[tuple[int, bytes]], rest: int
) -> None:
    data = bytearray(program.built())
    for place, change in changes:
        data[place : place + len(change)] = change
    asked: list[int] = []

    def read(offset: int, count: int) -> bytes:
        asked.append(count)
        return bytes(data[offset : offset + count]).ljust(count, bytes([rest]))

    version_through(read)
    assert sum(asked) < 6 * 1024 * 1024

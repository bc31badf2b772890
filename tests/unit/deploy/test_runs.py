"""Which pieces of packs are asked for."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from deploy.digest import sha256_of_bytes
from deploy.runs import PackedFile, runs_of
from deploy.transport.location import parse_location

PACKS = tuple(parse_location(f"http://server/packs/{name}") for name in "ab")
FILES = st.lists(st.tuples(st.sampled_from(PACKS), st.integers(0, 5000), st.integers(1, 500)), max_size=40).map(
    lambda rows: [
        PackedFile(f"file{number}", pack, offset, size, sha256_of_bytes(b""))
        for number, (pack, offset, size) in enumerate(rows)
    ]
)


@given(FILES, st.integers(0, 1000))
def test_every_file_is_in_one_run_of_its_pack_in_order(files: list[PackedFile], gap: int) -> None:
    runs = runs_of(files, gap)
    assert sorted(one.key for run in runs for one in run.files) == sorted(one.key for one in files)
    for run in runs:
        assert {one.pack for one in run.files} == {run.pack}
        assert [one.offset for one in run.files] == sorted(one.offset for one in run.files)
        end = run.start
        for one in run.files:
            assert one.offset <= end + gap
            end = max(end, one.offset + one.size)
        assert run.size == end - run.start
    assert [run.size for run in runs] == sorted((run.size for run in runs), reverse=True)


@given(FILES, st.integers(0, 1000))
def test_runs_of_a_pack_lie_further_apart_than_the_gap(files: list[PackedFile], gap: int) -> None:
    for pack in PACKS:
        runs = sorted((run for run in runs_of(files, gap) if run.pack == pack), key=lambda run: run.start)
        for one, other in pairwise(runs):
            assert other.start > one.start + one.size + gap

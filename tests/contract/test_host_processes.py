"""One suite for the running programs of every Host: in memory, and on this computer."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.program_benches import BENCHES, ProgramBench

pytestmark = [pytest.mark.windows] if os.name == "nt" else []
LONG = 60.0
SHORT = 0.3


@pytest.fixture(params=BENCHES)
def programs_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ProgramBench]:
    with BENCHES[request.param](tmp_path, request) as made:
        yield made


@pytest.fixture
def name() -> str:
    """One that nobody else's program has; longer than the 15 bytes that Linux keeps of it."""
    return f"Agent {uuid.uuid4().hex}.exe"


def test_programs_are_found_by_file_name_in_any_case(programs_bench: ProgramBench, name: str) -> None:
    pids = {programs_bench.run(name), programs_bench.run(name)}
    programs_bench.run(f"Other{name}")
    for written in (name, name.upper(), name.removesuffix(".exe"), name.removesuffix(".exe").lower()):
        assert {one.pid for one in programs_bench.processes.named(written)} == pids
    assert {one.name for one in programs_bench.processes.named(name)} == {name}
    assert programs_bench.processes.named(name[:15]) == ()
    assert programs_bench.processes.named("") == ()


def test_who_holds_a_file_is_named(programs_bench: ProgramBench, name: str, tmp_path: Path) -> None:
    file, other = tmp_path / "Router.dll", tmp_path / "Other.dll"
    for path in (file, other):
        path.write_bytes(b"used")
    pid = programs_bench.run(name, holds=file)
    programs_bench.run(f"Other{name}", holds=other)
    (holder,) = programs_bench.processes.holders(file)
    assert (holder.pid, holder.name) == (pid, name)
    assert programs_bench.processes.holders(tmp_path / "missing") == ()


def test_one_that_is_closed_ends_and_lets_go(programs_bench: ProgramBench, name: str, tmp_path: Path) -> None:
    file = tmp_path / "Router.dll"
    file.write_bytes(b"used")
    programs_bench.run(name, holds=file)
    processes = programs_bench.processes
    found = processes.named(name)
    processes.close(found[0])
    assert processes.wait(found, LONG) == ()
    assert processes.named(name) == ()
    assert processes.holders(file) == ()


def test_one_that_does_not_close_is_told_and_can_be_ended(programs_bench: ProgramBench, name: str) -> None:
    programs_bench.run(name, stubborn=True)
    processes = programs_bench.processes
    found = processes.named(name)
    processes.close(found[0])
    assert processes.wait(found, SHORT) == found
    processes.kill(found[0])
    assert processes.wait(found, LONG) == ()
    assert processes.named(name) == ()


def test_those_that_still_run_are_told(programs_bench: ProgramBench, name: str) -> None:
    ended, stays = programs_bench.run(name), programs_bench.run(name)
    processes = programs_bench.processes
    found = processes.named(name)
    processes.kill(next(one for one in found if one.pid == ended))
    assert [one.pid for one in processes.wait(found, SHORT)] == [stays]
    assert processes.wait((), SHORT) == ()


def test_one_that_has_ended_is_left_alone(programs_bench: ProgramBench, name: str) -> None:
    programs_bench.run(name)
    processes = programs_bench.processes
    (found,) = processes.named(name)
    processes.kill(found)
    assert processes.wait([found], LONG) == ()
    processes.close(found)
    processes.kill(found)
    assert processes.wait([found], SHORT) == ()


def test_another_program_of_the_same_id_is_left_alone(programs_bench: ProgramBench, name: str) -> None:
    programs_bench.run(name)
    processes = programs_bench.processes
    found = processes.named(name)
    former = replace(found[0], started=found[0].started - 1)
    processes.close(former)
    processes.kill(former)
    assert processes.wait([former], SHORT) == ()
    assert processes.wait(found, SHORT) == found

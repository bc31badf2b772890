"""Files out of packs: what is asked for, what is believed, what happens when a pack is not what was promised."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from deploy import packs
from deploy.digest import sha256_of_bytes
from deploy.errors import SourceError, error
from deploy.events import Event, Failed, Fetched, Progress, Retrying
from deploy.jobs import StagedFile
from deploy.packs import PackSettings, fetch_packed
from deploy.runs import PackedFile
from deploy.stage import Stage
from deploy.transport.contract import Body, Listing, Resume, TransportSettings, Unchanged, Validators
from deploy.transport.location import Location, parse_location
from deploy.transport.retry import RetryPolicy

PACK = parse_location("http://server/packs/ab/abc")
AT_ONCE = RetryPolicy(attempts=3, first_delay=0.0)
DATA = bytes(range(256)) * 8


@dataclass
class Server:
    """One pack, and what was asked of it: the first byte each time. `spoil` may change what a request gets."""

    data: bytes = DATA
    spoil: Callable[[int, bytes], bytes] = lambda number, data: data
    asked: list[int] = field(default_factory=list)
    ranges: bool = True

    def __call__(self, location: Location, settings: TransportSettings) -> Served:
        return Served(self)


@dataclass
class Served:
    """A connection to it; implements Transport."""

    server: Server

    def open(
        self, file: Location, *, resume: Resume | None = None, unless: Validators | None = None
    ) -> Body | Unchanged:
        offset = resume.offset if resume is not None and self.server.ranges else 0
        assert resume is None or resume.by_name
        self.server.asked.append(offset)
        data = self.server.spoil(len(self.server.asked), self.server.data)
        return Bytes(data, offset)

    def list(self, folder: Location) -> Listing:
        raise NotImplementedError

    def stat(self, file: Location) -> Validators:
        raise NotImplementedError

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


@dataclass
class Bytes:
    """The rest of a pack; implements Body."""

    data: bytes
    offset: int
    at: int = 0

    @property
    def validators(self) -> Validators:
        return Validators(len(self.data))

    def readinto(self, buffer: memoryview) -> int:
        piece = self.data[self.offset + self.at :][: min(len(buffer), 100)]
        buffer[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)

    def close(self) -> None:
        pass


def packed(key: str, offset: int, size: int) -> PackedFile:
    return PackedFile(key, PACK, offset, size, sha256_of_bytes(DATA[offset : offset + size]))


def fetch(
    server: Server, files: list[PackedFile], folder: Path, staged: dict[str, StagedFile] | None = None
) -> list[Event]:
    stage = Stage(folder / "stage")
    stage.create()
    settings = PackSettings(TransportSettings(), AT_ONCE)
    return list(fetch_packed(files, stage, staged or {}, settings, server))


def had(events: list[Event]) -> dict[str, bytes]:
    return {one.key: Path(one.path).read_bytes() for one in events if isinstance(one, Fetched)}


def failed(events: list[Event]) -> dict[str, str]:
    return {one.key: one.problems[0].code for one in events if isinstance(one, Failed)}


def test_neighbours_come_with_one_request(tmp_path: Path) -> None:
    server = Server()
    files = [packed("b", 300, 200), packed("a", 100, 200), packed("c", 700, 50)]
    events = fetch(server, files, tmp_path)
    assert had(events) == {"a": DATA[100:300], "b": DATA[300:500], "c": DATA[700:750]}
    assert server.asked == [100]
    last = events[-1]
    assert isinstance(last, Progress)
    assert (last.done, last.files, last.bytes_done, last.bytes_total) == (3, 3, 450, 450)
    assert last.received == 650


def test_two_files_with_the_same_bytes_are_read_once(tmp_path: Path) -> None:
    server = Server()
    events = fetch(server, [packed("a", 0, 100), packed("b", 0, 100), packed("c", 100, 10)], tmp_path)
    assert had(events) == {"a": DATA[:100], "b": DATA[:100], "c": DATA[100:110]}
    assert server.asked == [0]


def test_files_that_overlap_are_asked_for_apart(tmp_path: Path) -> None:
    server = Server()
    events = fetch(server, [packed("a", 0, 100), packed("b", 50, 100), packed("c", 99, 1)], tmp_path)
    assert had(events) == {"a": DATA[:100], "b": DATA[50:150], "c": DATA[99:100]}
    assert failed(events) == {}


def test_a_server_without_ranges_is_read_over(tmp_path: Path) -> None:
    server = Server(ranges=False)
    assert had(fetch(server, [packed("a", 900, 10)], tmp_path)) == {"a": DATA[900:910]}


def test_bytes_that_are_wrong_once_are_asked_for_again(tmp_path: Path) -> None:
    def first_wrong(number: int, data: bytes) -> bytes:
        return bytes(len(data)) if number == 1 else data

    server = Server(spoil=first_wrong)
    events = fetch(server, [packed("a", 1, 100), packed("b", 101, 100)], tmp_path)
    assert had(events) == {"a": DATA[1:101], "b": DATA[101:201]}
    assert [one.problem.code for one in events if isinstance(one, Retrying)] == ["digest-mismatch"]


def test_bytes_that_stay_wrong_cost_that_file_alone(tmp_path: Path) -> None:
    def one_flipped(number: int, data: bytes) -> bytes:
        return data[:50] + b"\xff" + data[51:]

    events = fetch(Server(spoil=one_flipped), [packed("a", 0, 100), packed("b", 100, 100)], tmp_path)
    assert had(events) == {"b": DATA[100:200]}
    assert failed(events) == {"a": "digest-mismatch"}
    assert not (tmp_path / "stage/files").joinpath("a").exists()


def test_a_pack_that_ends_too_early_fails_what_lies_behind(tmp_path: Path) -> None:
    events = fetch(Server(data=DATA[:150]), [packed("a", 0, 100), packed("b", 100, 100)], tmp_path)
    assert had(events) == {"a": DATA[:100]}
    assert failed(events) == {"b": "cut-off"}
    assert len([one for one in events if isinstance(one, Retrying)]) >= 2


def test_a_pack_that_breaks_off_goes_on_behind_the_last_whole_file(tmp_path: Path) -> None:
    def cut_first(number: int, data: bytes) -> bytes:
        return data[:350] if number == 1 else data

    server = Server(spoil=cut_first)
    files = [packed(str(number), number * 100, 100) for number in range(6)]
    assert len(had(fetch(server, files, tmp_path))) == 6
    assert server.asked == [0, 300]


def test_a_server_that_is_down_fails_everything_soon(tmp_path: Path) -> None:
    def refuse(location: Location, settings: TransportSettings) -> Served:
        raise SourceError(error("unreachable", "nobody answers"), transient=True)

    files = [
        PackedFile(f"{number}", parse_location(f"http://server/packs/{number}"), 0, 1, PACKED) for number in range(9)
    ]
    stage = Stage(tmp_path)
    stage.create()
    events = list(fetch_packed(files, stage, {}, PackSettings(TransportSettings(), AT_ONCE), refuse))
    assert failed(events) == dict.fromkeys(map(str, range(9)), "unreachable")
    assert len([one for one in events if isinstance(one, Retrying)]) <= 2 * packs.MOST_THREADS


PACKED = sha256_of_bytes(b"x")


def test_what_an_earlier_run_staged_is_not_asked_for(tmp_path: Path) -> None:
    server = Server()
    files = [packed("a", 0, 100), packed("b", 100, 100)]
    fetch(server, files[:1], tmp_path)
    stage = Stage(tmp_path / "stage")
    staged = stage.load(["a", "b"])
    server.asked.clear()
    events = fetch(server, files, tmp_path, staged)
    assert [(one.key, one.transferred) for one in events if isinstance(one, Fetched)] == [("a", 0), ("b", 100)]
    assert server.asked == [100]


def test_a_staged_file_that_was_damaged_is_fetched_anew(tmp_path: Path) -> None:
    server = Server()
    fetch(server, [packed("a", 0, 100)], tmp_path)
    stage = Stage(tmp_path / "stage")
    Path(stage.path_of("a")).write_bytes(bytes(100))
    assert had(fetch(server, [packed("a", 0, 100)], tmp_path, stage.load(["a"]))) == {"a": DATA[:100]}
    assert server.asked == [0, 0]


def test_stopped_in_the_middle_every_thread_ends(tmp_path: Path) -> None:
    before = threading.active_count()
    stage = Stage(tmp_path)
    stage.create()
    events: Iterator[Event] = fetch_packed(
        [packed("a", 0, 100), packed("b", 100, 100)], stage, {}, PackSettings(TransportSettings(), AT_ONCE), Server()
    )
    for event in events:
        if isinstance(event, Fetched):
            break
    events.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


@pytest.mark.parametrize("waiting", [True, False])
def test_more_threads_join_only_while_they_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waiting: bool) -> None:
    monkeypatch.setattr(packs, "JUDGED_SECONDS", 0.0)
    monkeypatch.setattr(packs, "WAITING_SHARE", -1.0 if waiting else 2.0)
    names = set()

    class Noting(Server):
        def __call__(self, location: Location, settings: TransportSettings) -> Served:
            names.add(threading.current_thread().name)
            return super().__call__(location, settings)

    files = [
        PackedFile(
            f"{pack}-{number}",
            parse_location(f"http://s/{pack}"),
            number,
            1,
            sha256_of_bytes(DATA[number : number + 1]),
        )
        for pack in range(40)
        for number in range(20)
    ]
    assert len(had(fetch(Noting(), files, tmp_path))) == len(files)
    assert len(names) > 1 if waiting else len(names) == 1

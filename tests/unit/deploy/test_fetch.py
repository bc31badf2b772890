from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from deploy import fetch as fetch_module
from deploy.digest import Sha256, sha256_of_bytes
from deploy.errors import MicceError, Problem, SourceError, TargetError, error
from deploy.events import Current, Fetched
from deploy.fetch import BUFFER, Fetcher, FetchSettings, StoppedError
from deploy.jobs import FetchJob, StagedFile, Task
from deploy.partfile import CHECKPOINT
from deploy.stage import Journal, Stage
from deploy.transport.contract import Body, TransportSettings, Unchanged, Validators
from deploy.transport.location import Credentials, Location, Scheme
from deploy.transport.memory import Fault, MemoryFile, MemorySource, MemoryTransport
from deploy.transport.retry import RetryPolicy

NOW = 2e9
ROOT = Location(Scheme.HTTP, "server", credentials=Credentials("user", "secret"))
SMALL = b"small file"
LARGE = os.urandom(4 * CHECKPOINT + 12345)


@dataclass
class Watching:
    """Keeps what a fetch says; stops it after `stop_after` received bytes."""

    total: int = 0
    here: int = 0
    pauses: list[tuple[str, int, float]] = field(default_factory=list)
    stop_after: int | None = None

    def received(self, count: int) -> None:
        self.total += count
        self.here += count
        if self.stop_after is not None and self.total >= self.stop_after:
            raise StoppedError

    def moved(self, count: int) -> None:
        self.here += count

    def pause(self, job: FetchJob, problem: Problem, attempt: int, seconds: float) -> None:
        self.pauses.append((problem.code, attempt, seconds))


class Bench:
    """A source, a stage and a fetcher over them."""

    def __init__(self, tmp_path: Path) -> None:
        self.source = MemorySource({"f/small": SMALL, "f/large": LARGE})
        self.stage = Stage(tmp_path / "staging")
        self.stage.create()
        self.watch = Watching()
        self.journal: Journal = self.stage.open_journal()
        self.policy = RetryPolicy(attempts=4, first_delay=1.0, longest_delay=10.0, jitter=0.0)

    def job(self, name: str = "small", **what: object) -> FetchJob:
        known = what.pop("known", self.source.validators(f"f/{name}"))
        return FetchJob(f"out/{name}", ROOT.with_segments(("f", name)), known, **what)  # type: ignore[arg-type]

    def fetch(self, job: FetchJob, staged: StagedFile | None = None) -> Fetched | Current:
        """Fetch with a fetcher of its own, as after a restart."""
        settings = FetchSettings(TransportSettings(), self.policy)
        fetcher = Fetcher(self.stage, self.journal, settings, self.source.open_transport, self.watch, clock=lambda: NOW)
        try:
            return fetcher.fetch(Task(job, staged))
        finally:
            fetcher.close()

    def fails(self, job: FetchJob) -> Problem:
        with pytest.raises(MicceError) as raised:
            self.fetch(job)
        return raised.value.problems[0]

    def recorded(self) -> dict[str, StagedFile]:
        """What a later run would know; ends this run's journal."""
        self.journal.close()
        records = self.stage.load()
        self.journal = self.stage.open_journal()
        return records

    def on_disk(self, name: str) -> bytes:
        return Path(self.stage.path_of(f"out/{name}")).read_bytes()

    def files(self) -> set[str]:
        """The suffixes of what is in the folder of files."""
        return {path.suffix for path in (self.stage.folder / "files").iterdir()}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.journal.close()


@pytest.mark.parametrize(("name", "data"), [("small", SMALL), ("large", LARGE)])
def test_a_file_is_staged_with_its_digest_and_recorded(bench: Bench, name: str, data: bytes) -> None:
    result = bench.fetch(bench.job(name))
    known = Validators(len(data), None, 1e9)
    path = bench.stage.path_of(f"out/{name}")
    assert result == Fetched(f"out/{name}", path, len(data), sha256_of_bytes(data), known, NOW, len(data))
    assert bench.on_disk(name) == data
    assert bench.files() == {""}
    record = bench.recorded()[f"out/{name}"]
    assert record == StagedFile(
        f"out/{name}", f"http:server:80:/f/{name}", len(data), sha256_of_bytes(data), known, NOW
    )
    assert (bench.watch.total, bench.watch.here) == (len(data), len(data))


@pytest.mark.parametrize("size", [0, 1, BUFFER - 1, BUFFER, BUFFER + 1, 2 * BUFFER, CHECKPOINT + BUFFER])
@pytest.mark.parametrize("step", [BUFFER, 100_001])
def test_every_size_arrives_whole(bench: Bench, size: int, step: int) -> None:
    data = os.urandom(size)
    bench.source.put("f/x", data)
    bench.source.step = step
    result = bench.fetch(bench.job("x"))
    assert isinstance(result, Fetched)
    assert result.sha256 == sha256_of_bytes(data)
    assert bench.on_disk("x") == data
    assert bench.files() == {""}


def test_credentials_are_neither_in_the_journal_nor_in_a_note(bench: Bench) -> None:
    bench.watch.stop_after = 3 * CHECKPOINT
    with pytest.raises(StoppedError):
        bench.fetch(bench.job("large"))
    bench.watch.stop_after = None
    bench.fetch(bench.job("small"))
    for path in bench.stage.folder.rglob("*"):
        assert path.is_dir() or b"secret" not in path.read_bytes()


def test_attempts_are_made_again_with_growing_waits(bench: Bench) -> None:
    bench.source.fail("unreachable", "f/small", times=3)
    assert isinstance(bench.fetch(bench.job()), Fetched)
    assert bench.watch.pauses == [("unreachable", 1, 1.0), ("unreachable", 2, 2.0), ("unreachable", 3, 4.0)]
    assert bench.source.asked["open", ("f", "small")] == 4


def test_attempts_end(bench: Bench) -> None:
    bench.source.fail("unreachable", "f/small", times=99)
    assert bench.fails(bench.job()).code == "unreachable"
    assert bench.source.asked["open", ("f", "small")] == 4
    assert bench.files() == set()
    assert bench.watch.here == 0


def test_a_wait_the_server_asks_for_is_kept(bench: Bench) -> None:
    wrong = SourceError(error("unreachable", "503"), transient=True, retry_after=7.0)
    bench.source.faults.append(Fault(wrong))
    bench.fetch(bench.job())
    assert bench.watch.pauses == [("unreachable", 1, 8.0)]


def test_what_will_not_change_is_not_tried_again(bench: Bench) -> None:
    bench.source.fail("access-denied", times=1, transient=False)
    assert bench.fails(bench.job()).code == "access-denied"
    assert bench.source.asked.total() == 1
    assert bench.watch.pauses == []


@pytest.mark.parametrize(
    ("name", "data", "at"),
    [("small", SMALL, 4), ("large", LARGE, 10), ("large", LARGE, BUFFER), ("large", LARGE, CHECKPOINT + 777)],
)
def test_a_cut_body_is_resumed_where_it_was_cut(bench: Bench, name: str, data: bytes, at: int) -> None:
    bench.source.fail("cut-off", f"f/{name}", after=at)
    result = bench.fetch(bench.job(name))
    assert isinstance(result, Fetched)
    assert bench.on_disk(name) == data
    assert bench.source.resumed == [(("f", name), at)]
    assert bench.source.given == result.transferred == len(data)
    assert bench.watch.here == len(data)


def test_a_body_cut_over_and_over_arrives_while_it_makes_progress(bench: Bench) -> None:
    cuts = [at for at in range(300_000, len(LARGE), 300_000) for _ in range(2)]
    for at in cuts:
        bench.source.fail("cut-off", "f/large", after=at)
    assert isinstance(bench.fetch(bench.job("large")), Fetched)
    assert bench.on_disk("large") == LARGE
    assert len(bench.watch.pauses) == len(cuts) > 10
    assert {attempt for _, attempt, _ in bench.watch.pauses} == {1, 2}
    assert bench.source.given == len(LARGE)


def test_a_body_cut_without_progress_is_given_up(bench: Bench) -> None:
    bench.source.fail("cut-off", "f/large", after=1000, times=99)
    assert bench.fails(bench.job("large")).code == "cut-off"
    assert bench.source.asked["open", ("f", "large")] == 4
    assert bench.source.given == 1000


@pytest.mark.parametrize("at", [1000, 2 * CHECKPOINT + 5])
def test_a_file_changed_between_two_attempts_starts_anew(bench: Bench, at: int) -> None:
    new = os.urandom(len(LARGE))
    wrong = SourceError(error("cut-off", "cut"), transient=True)
    change = MemoryFile(new, Validators(modified=1.5e9))
    bench.source.faults.append(Fault(wrong, ("f", "large"), after=at, change_to=change))
    result = bench.fetch(bench.job("large"))
    assert isinstance(result, Fetched)
    assert bench.on_disk("large") == new
    assert result.validators.modified == 1.5e9
    assert result.sha256 == sha256_of_bytes(new)
    assert result.transferred == at + len(new)
    assert bench.watch.here == len(new)
    assert bench.source.resumed == []


def test_a_source_that_cannot_prove_anything_is_read_from_the_start(bench: Bench) -> None:
    bench.source.put("f/large", LARGE, modified=None)
    bench.source.fail("cut-off", "f/large", after=2 * CHECKPOINT, times=2)
    result = bench.fetch(bench.job("large"))
    assert isinstance(result, Fetched)
    assert bench.on_disk("large") == LARGE
    assert result.transferred == len(LARGE) + 4 * CHECKPOINT


class WrongOffset(MemoryTransport):
    """Answers a resumed read with bytes from elsewhere."""

    def open(self, file: Location, **how: object) -> Body | Unchanged:
        body = super().open(file, **how)  # type: ignore[arg-type]
        if how.get("resume") is not None:
            body._offset += 1  # type: ignore[union-attr]
        return body


def test_bytes_from_another_offset_are_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.source.fail("cut-off", "f/large", after=CHECKPOINT)
    bench.source.open_transport = lambda *_: WrongOffset(bench.source)  # type: ignore[method-assign,assignment]
    assert bench.fails(bench.job("large")).code == "bad-answer"


def test_a_stopped_fetch_goes_on_in_the_next_run(bench: Bench) -> None:
    bench.watch.stop_after = 3 * CHECKPOINT + 5000
    with pytest.raises(StoppedError):
        bench.fetch(bench.job("large"))
    assert bench.watch.here <= 0 or bench.watch.here < BUFFER * 2
    assert bench.files() == {".part", ".note"}
    bench.watch = Watching()
    before = bench.source.given
    assert bench.recorded() == {}
    result = bench.fetch(bench.job("large"))
    assert isinstance(result, Fetched)
    assert bench.on_disk("large") == LARGE
    assert bench.source.resumed == [(("f", "large"), 3 * CHECKPOINT)]
    assert result.transferred == bench.source.given - before == len(LARGE) - 3 * CHECKPOINT
    assert bench.watch.here == len(LARGE)
    assert result.fetched_at == NOW
    assert bench.files() == {""}


@pytest.mark.parametrize("harm", ["flip", "shorten", "no part", "no note", "torn note", "other source"])
def test_a_damaged_part_is_not_trusted(bench: Bench, harm: str) -> None:
    bench.watch.stop_after = 3 * CHECKPOINT + 5000
    with pytest.raises(StoppedError):
        bench.fetch(bench.job("large"))
    bench.watch = Watching()
    part = Path(bench.stage.path_of("out/large") + ".part")
    note = part.with_suffix(".note")
    expected = 0
    match harm:
        case "flip":
            with part.open("r+b") as file:
                file.seek(CHECKPOINT + 1)
                file.write(bytes([LARGE[CHECKPOINT + 1] ^ 1]))
        case "shorten":
            os.truncate(part, CHECKPOINT)
        case "no part":
            part.unlink()
        case "no note":
            note.unlink()
        case "torn note":
            note.write_bytes(note.read_bytes()[:-5])
            expected = 2 * CHECKPOINT
        case "other source":
            note.write_bytes(note.read_bytes().replace(b"http:server:", b"http:other:"))
    result = bench.fetch(bench.job("large"))
    assert isinstance(result, Fetched)
    assert bench.on_disk("large") == LARGE
    assert result.transferred == len(LARGE) - expected
    assert bench.files() == {""}


def test_a_note_torn_twice_still_helps(bench: Bench) -> None:
    note = Path(bench.stage.path_of("out/large") + ".note")
    for stop in (2 * CHECKPOINT, CHECKPOINT):
        bench.watch = Watching(stop_after=stop)
        with pytest.raises(StoppedError):
            bench.fetch(bench.job("large"))
        note.write_bytes(note.read_bytes()[:-5])
    bench.watch = Watching()
    result = bench.fetch(bench.job("large"))
    assert isinstance(result, Fetched)
    assert bench.on_disk("large") == LARGE
    assert [offset for _, offset in bench.source.resumed] == [CHECKPOINT, CHECKPOINT]


def test_a_part_of_a_version_the_listing_disproves_is_dropped(bench: Bench) -> None:
    bench.watch.stop_after = 2 * CHECKPOINT
    with pytest.raises(StoppedError):
        bench.fetch(bench.job("large"))
    bench.watch = Watching()
    new = LARGE[:-1]
    bench.source.put("f/large", new)
    result = bench.fetch(bench.job("large"))
    assert isinstance(result, Fetched)
    assert bench.on_disk("large") == new
    assert bench.source.resumed == []


def test_a_promised_digest_is_checked_and_a_second_try_made(bench: Bench) -> None:
    wrong = Sha256("0" * 64)
    for name in ("small", "large"):
        problem = bench.fails(bench.job(name, sha256=wrong))
        assert problem.code == "digest-mismatch"
        assert f"http://server/f/{name}" in problem.message
        assert bench.source.opened[("f", name)] == 2
    assert [code for code, _, _ in bench.watch.pauses] == ["digest-mismatch"] * 2
    assert bench.files() == set()
    assert bench.recorded() == {}
    assert bench.watch.here == 0


@pytest.mark.parametrize(("name", "data"), [("small", SMALL), ("large", LARGE)])
def test_a_damaged_transfer_is_mended_by_the_second_try(bench: Bench, name: str, data: bytes) -> None:
    good = MemoryFile(data, Validators(modified=1e9))
    bench.source.put(f"f/{name}", bytes(len(data)))
    bench.source.faults.append(Fault(None, ("f", name), after=len(data), change_to=good))
    result = bench.fetch(bench.job(name, sha256=sha256_of_bytes(data)))
    assert isinstance(result, Fetched)
    assert bench.on_disk(name) == data
    assert result.transferred == 2 * len(data)


def test_another_size_than_promised_is_refused_before_the_first_byte(bench: Bench) -> None:
    assert bench.fails(bench.job("large", size=len(LARGE) - 1)).code == "size-mismatch"
    assert bench.source.given == 0
    assert bench.source.opened.total() == 1


class Undeclared(MemoryTransport):
    """Does not say how long a file is."""

    def open(self, file: Location, **how: object) -> Body | Unchanged:
        body = super().open(file, **how)  # type: ignore[arg-type]
        assert not isinstance(body, Unchanged)
        return _SizelessBody(body)


class _SizelessBody:
    def __init__(self, body: Body) -> None:
        self._body = body
        self.offset = body.offset
        self.validators = replace(body.validators, size=None)
        self.readinto = body.readinto
        self.close = body.close


@pytest.mark.parametrize(("size", "most"), [(2 * CHECKPOINT, 2 * CHECKPOINT + (1 << 16)), (len(LARGE) + 1, len(LARGE))])
def test_an_undeclared_body_of_another_length_than_promised_is_refused(bench: Bench, size: int, most: int) -> None:
    bench.source.open_transport = lambda *_: Undeclared(bench.source)  # type: ignore[method-assign,assignment]
    assert bench.fails(bench.job("large", size=size)).code == "size-mismatch"
    assert bench.source.given <= most


def test_the_size_of_an_undeclared_body_is_recorded(bench: Bench) -> None:
    bench.source.open_transport = lambda *_: Undeclared(bench.source)  # type: ignore[method-assign,assignment]
    result = bench.fetch(bench.job("large", known=Validators()))
    assert isinstance(result, Fetched)
    assert result.validators.size == result.size == len(LARGE)


class Short(MemoryTransport):
    """Breaks its contract: says a body has ended before it has."""

    def open(self, file: Location, **how: object) -> Body | Unchanged:
        body = super().open(file, **how)  # type: ignore[arg-type]
        assert not isinstance(body, Unchanged)
        short = _SizelessBody(body)
        short.validators = replace(body.validators, size=len(LARGE) + 1)
        return short


def test_an_end_before_the_announced_one_is_never_success(bench: Bench) -> None:
    bench.source.open_transport = lambda *_: Short(bench.source)  # type: ignore[method-assign,assignment]
    assert bench.fails(bench.job("large")).code == "cut-off"
    assert bench.recorded() == {}


def test_an_unchanged_file_is_not_read(bench: Bench) -> None:
    held = bench.source.validators("f/large")
    assert bench.fetch(bench.job("large", unless=held)) == Current("out/large", held)
    assert bench.source.given == 0
    assert bench.files() == set()
    assert bench.watch.here == len(LARGE)


def test_a_changed_file_is_read_although_another_is_held(bench: Bench) -> None:
    result = bench.fetch(bench.job(unless=Validators(3, None, 5.0)))
    assert isinstance(result, Fetched)


def staged(bench: Bench, name: str = "small", **what: object) -> StagedFile:
    """Have a file staged by an earlier run."""
    bench.fetch(bench.job(name))
    record = replace(bench.recorded()[f"out/{name}"], **what)  # type: ignore[arg-type]
    bench.source.asked.clear()
    bench.source.given = 0
    return record


def test_a_staged_file_the_listing_proves_is_used_without_a_request(bench: Bench) -> None:
    record = staged(bench)
    result = bench.fetch(bench.job(), record)
    assert isinstance(result, Fetched)
    assert (result.transferred, result.fetched_at, result.sha256) == (0, NOW, sha256_of_bytes(SMALL))
    assert bench.source.asked.total() == 0


def test_a_staged_file_the_listing_does_not_prove_is_asked_about(bench: Bench) -> None:
    record = staged(bench, fetched_at=1e9 + 1)
    result = bench.fetch(bench.job(), record)
    assert isinstance(result, Fetched)
    assert result.transferred == 0
    assert bench.source.unchanged == {("f", "small"): 1}
    assert bench.source.given == 0


def test_a_staged_file_goes_before_the_one_the_caller_holds(bench: Bench) -> None:
    record = staged(bench, fetched_at=1e9 + 1)
    result = bench.fetch(bench.job(unless=Validators(1, None, 1.0)), record)
    assert isinstance(result, Fetched)
    assert bench.source.unchanged == {("f", "small"): 1}


def test_a_staged_file_of_an_older_version_is_fetched_anew(bench: Bench) -> None:
    record = staged(bench)
    bench.source.put("f/small", b"another size")
    result = bench.fetch(bench.job(), record)
    assert isinstance(result, Fetched)
    assert bench.on_disk("small") == b"another size"
    assert bench.recorded()["out/small"].sha256 == sha256_of_bytes(b"another size")


def test_a_staged_file_from_elsewhere_is_fetched_anew(bench: Bench) -> None:
    record = staged(bench, source="http:elsewhere:80:/f/small")
    result = bench.fetch(bench.job(), record)
    assert isinstance(result, Fetched)
    assert result.transferred == len(SMALL)


def test_a_staged_file_that_lost_its_bytes_is_fetched_anew(bench: Bench) -> None:
    record = staged(bench)
    Path(bench.stage.path_of("out/small")).write_bytes(bytes(len(SMALL)))
    result = bench.fetch(bench.job(), record)
    assert isinstance(result, Fetched)
    assert result.transferred == len(SMALL)
    assert bench.on_disk("small") == SMALL


@pytest.mark.parametrize(("digest", "transferred"), [(sha256_of_bytes(SMALL), 0), (sha256_of_bytes(b"new"), 3)])
def test_a_promised_digest_settles_whether_a_staged_file_is_used(
    bench: Bench, digest: Sha256, transferred: int
) -> None:
    record = staged(bench, source="http:elsewhere:80:/f/small")
    bench.source.put("f/small", b"new")
    result = bench.fetch(bench.job(sha256=digest), record)
    assert isinstance(result, Fetched)
    assert result.transferred == transferred
    assert result.sha256 == digest


@pytest.mark.parametrize("name", ["small", "large"])
def test_a_folder_that_cannot_be_written_is_an_error_of_this_machine(bench: Bench, name: str) -> None:
    (bench.stage.folder / "files").rmdir()
    with pytest.raises(TargetError) as raised:
        bench.fetch(bench.job(name))
    assert raised.value.code == "cannot-write"


@pytest.mark.parametrize("name", ["small", "large"])
def test_a_full_disk_is_an_error_of_this_machine(bench: Bench, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetch_module, "write_all", refuse)
    monkeypatch.setattr("deploy.partfile.write_all", refuse)
    with pytest.raises(TargetError) as raised:
        bench.fetch(bench.job(name))
    assert raised.value.code == "disk-full"
    assert bench.watch.pauses == []

"""What goes through the pipe to a worker process arrives as it was."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from deploy.digest import Sha256
from deploy.errors import Problem, Severity
from deploy.events import Current, Failed, Fetched, Retrying
from deploy.jobs import FetchJob, StagedFile, Task
from deploy.jsonlines import json_line
from deploy.messages import (
    Report,
    origin_of,
    origin_row,
    report_of,
    report_row,
    settings_of,
    settings_row,
    task_of,
    task_row,
)
from deploy.transport.contract import Proxies, SmbServer, TransportSettings, Validators
from deploy.transport.location import Credentials, Location, Scheme

texts = st.text(max_size=12) | st.text(st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF), max_size=4)
optional = st.none() | texts
sizes = st.integers(0, 2**53)
times = st.floats(0, 1e12)
validators = st.builds(Validators, st.none() | sizes, optional, st.none() | times, times)
locations = st.builds(
    Location,
    st.sampled_from(list(Scheme)),
    texts,
    st.none() | st.integers(1, 65535),
    texts,
    st.lists(texts, max_size=4).map(tuple),
    st.none() | st.builds(Credentials, texts, texts),
)
digests = st.sampled_from([Sha256("0" * 64), Sha256("f" * 64)])
jobs = st.builds(FetchJob, texts, locations, validators, st.none() | validators, st.none() | sizes, st.none() | digests)
problems = st.builds(Problem, st.sampled_from(Severity), texts, texts, texts, optional, st.none() | st.integers(1, 9))
outcomes = (
    st.builds(Fetched, texts, st.just("path"), sizes, digests, validators, times, sizes)
    | st.builds(Current, texts, validators)
    | st.builds(Failed, texts, st.lists(problems, max_size=3).map(tuple))
    | st.builds(Retrying, texts, problems, st.integers(1, 9), times)
)


def through_the_pipe(row: object) -> list[object]:
    line = json_line(row)
    assert line.count(b"\n") == 1
    assert line.isascii()
    arrived = json.loads(line)
    assert isinstance(arrived, list)
    return arrived


@given(jobs, validators, digests, times, st.booleans())
def test_a_task_arrives_whole(job: FetchJob, known: Validators, digest: Sha256, when: float, was_staged: bool) -> None:
    staged = StagedFile(job.key, "source", 5, digest, known, when) if was_staged else None
    task = Task(job, staged)
    origin = origin_of(through_the_pipe(origin_row(job.location)))
    assert origin == job.location.with_segments(())
    assert task_of(through_the_pipe(task_row(task, 1)), [Location(Scheme.FILE), origin]) == task


@given(st.lists(outcomes, max_size=4), st.integers(), st.integers(), st.lists(problems, max_size=2))
def test_a_report_arrives_whole(
    told: list[Fetched | Current | Failed | Retrying], received: int, moved: int, halted: list[Problem]
) -> None:
    report = Report(tuple(told), received, moved, tuple(halted))
    assert report_of(through_the_pipe(report_row(report)), lambda _: "path") == report


@given(
    st.builds(
        TransportSettings,
        connect_timeout=times,
        least_rate=sizes,
        proxies=st.builds(Proxies, optional, optional, st.lists(texts, max_size=2).map(tuple)),
        ca_file=optional,
        smb_servers=st.lists(st.builds(SmbServer, texts, optional, optional), max_size=2).map(tuple),
    )
)
def test_settings_arrive_whole(settings: TransportSettings) -> None:
    (row,) = through_the_pipe([settings_row(settings)])
    assert settings_of(row) == settings  # type: ignore[arg-type]

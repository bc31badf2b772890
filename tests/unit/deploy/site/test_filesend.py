"""Sending files over ASGI: what is said, what is sent, and what happens when it cannot be."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from starlette.types import Message, Scope

from deploy.site import filesend
from deploy.site.filesend import PIECE, send_file, version_of
from deploy.site.shares import OpenFile, open_file

SMALL = b"small" * 100
LARGE = os.urandom(5 * PIECE + 17)
OLD = 1_600_000_000 * 10**9


@dataclass
class Client:
    """The far end: keeps what it is sent, may go away, may do something after each message."""

    messages: list[Message] = field(default_factory=list)
    after: Callable[[int], None] = lambda _: None
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: Message) -> None:
        self.messages.append(message)
        self.after(len(self.messages))
        await asyncio.sleep(0)

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])

    @property
    def is_complete(self) -> bool:
        return not self.messages[-1].get("more_body", False) and len(self.messages) > 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (("small.txt", SMALL), ("large.bin", LARGE), ("empty.txt", b"")):
        tmp_path.joinpath(name).write_bytes(content)
        os.utime(tmp_path / name, ns=(OLD, OLD))
    return tmp_path


def opened(folder: Path, name: str) -> OpenFile:
    found = open_file(folder, (name,))
    assert found is not None
    # As if it had been there for long: tags of new files are weak.
    return replace(found, changed_ns=found.mtime_ns + 1)


def scope(method: str = "GET", scheme: str = "http", **headers: str) -> Scope:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http", "method": method, "scheme": scheme, "headers": raw}


def ask(
    folder: Path,
    name: str,
    asked: Scope,
    *,
    etag: str | None = None,
    immutable: bool = False,
    after: Callable[[int], None] = lambda _: None,
) -> Client:
    client = Client(after=after)
    file = opened(folder, name)

    async def run() -> None:
        await send_file(
            asked, client.receive, client.send, file, headers=((b"x-kind", b"file"),), etag=etag, immutable=immutable
        )

    asyncio.run(run())
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.descriptor)
    return client


@pytest.mark.parametrize(("name", "content"), [("small.txt", SMALL), ("large.bin", LARGE), ("empty.txt", b"")])
def test_whole_files(folder: Path, name: str, content: bytes) -> None:
    got = ask(folder, name, scope())
    assert (got.status, got.body, got.is_complete) == (200, content, True)
    assert got.headers["content-length"] == str(len(content))
    assert got.headers["last-modified"] == "Sun, 13 Sep 2020 12:26:40 GMT"
    assert got.headers["x-kind"] == "file"
    assert got.headers["etag"].startswith('"')
    assert "strict-transport-security" not in got.headers
    head = ask(folder, name, scope("HEAD"))
    assert (head.status, head.body, head.headers) == (200, b"", got.headers)


def test_pieces_are_no_larger_than_a_piece(folder: Path) -> None:
    got = ask(folder, "large.bin", scope())
    assert [len(message["body"]) for message in got.messages[1:]] == [PIECE] * 5 + [17]


@pytest.mark.parametrize("name", ["small.txt", "large.bin"])
def test_ranges(folder: Path, name: str) -> None:
    content = folder.joinpath(name).read_bytes()
    for text, wanted in (("3-9", content[3:10]), ("-9", content[-9:]), ("1-", content[1:]), ("0-", content)):
        got = ask(folder, name, scope(range=f"bytes={text}"))
        assert (got.status, got.body) == (206, wanted)
        assert got.headers["content-length"] == str(len(wanted))
    assert ask(folder, name, scope(range=f"bytes={len(content)}-")).status == 416


def test_several_ranges(folder: Path) -> None:
    got = ask(folder, "large.bin", scope(range=f"bytes=0-9,{PIECE}-{3 * PIECE},-9"))
    boundary = got.headers["content-type"].partition("boundary=")[2].encode()
    parts = got.body.split(b"\r\n--" + boundary)
    assert len(boundary) == 32
    assert (got.status, len(got.body), parts[-1]) == (206, int(got.headers["content-length"]), b"--\r\n")
    contents = [part.partition(b"\r\n\r\n")[2] for part in parts[:-1]]
    assert contents == [LARGE[:10], LARGE[PIECE : 3 * PIECE + 1], LARGE[-9:]]
    other = ask(folder, "large.bin", scope(range="bytes=0-9,-9"))
    assert boundary.decode() not in other.headers["content-type"]


def test_conditions(folder: Path) -> None:
    etag = ask(folder, "small.txt", scope()).headers["etag"]
    assert ask(folder, "small.txt", scope(if_none_match=etag)).status == 304
    assert ask(folder, "small.txt", scope(if_none_match=etag)).body == b""
    assert ask(folder, "small.txt", scope(if_match='"other"')).status == 412
    assert ask(folder, "small.txt", scope(if_range=etag, range="bytes=0-1")).status == 206
    assert ask(folder, "small.txt", scope(if_range='"other"', range="bytes=0-1")).status == 200


def test_contents_known_by_a_digest(folder: Path) -> None:
    got = ask(folder, "small.txt", scope(), etag='"digest"', immutable=True)
    assert got.headers["etag"] == '"digest"'
    assert "immutable" in got.headers["cache-control"]
    assert ask(folder, "small.txt", scope(if_none_match='"digest"'), etag='"digest"').status == 304


def test_over_tls(folder: Path) -> None:
    for asked in (scope(scheme="https"), scope(scheme="https", range="bytes=99999-")):
        assert ask(folder, "small.txt", asked).headers["strict-transport-security"] == "max-age=31536000"


NOW = OLD + 10**12
FILE = OpenFile(-1, "x", 10, OLD, 5, changed_ns=OLD + 1)


@pytest.mark.parametrize(
    "other",
    [
        replace(FILE, inode=6),
        replace(FILE, size=11),
        replace(FILE, mtime_ns=OLD + 1),
        replace(FILE, changed_ns=OLD + 2),
    ],
)
def test_every_difference_is_another_version(other: OpenFile) -> None:
    assert version_of(other, NOW).etag != version_of(FILE, NOW).etag
    assert version_of(replace(FILE), NOW) == version_of(FILE, NOW)


def test_tags_tell_nothing_of_the_disk() -> None:
    etag = version_of(replace(FILE, inode=123456789), NOW).etag
    assert "123456789" not in etag
    assert f"{123456789:x}" not in etag


def test_replaced_within_its_second_by_one_of_the_same_size_and_date(folder: Path) -> None:
    path = folder / "small.txt"
    before = ask(folder, "small.txt", scope()).headers["etag"]
    folder.joinpath("new").write_bytes(SMALL[::-1])
    os.utime(folder / "new", ns=(OLD, OLD))
    os.replace(folder / "new", path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (len(SMALL), OLD)
    assert ask(folder, "small.txt", scope()).headers["etag"] != before


def test_written_to_and_dated_back(folder: Path) -> None:
    first = open_file(folder, ("small.txt",))
    assert first is not None
    until = time.monotonic() + 30
    while folder.joinpath("small.txt").stat().st_ctime_ns == first.changed_ns and time.monotonic() < until:
        folder.joinpath("small.txt").write_bytes(SMALL[::-1])
        os.utime(folder / "small.txt", ns=(OLD, OLD))
    second = open_file(folder, ("small.txt",))
    assert second is not None
    assert (second.inode, second.size, second.mtime_ns) == (first.inode, first.size, first.mtime_ns)
    assert version_of(second, NOW).etag != version_of(first, NOW).etag
    os.close(first.descriptor)
    os.close(second.descriptor)


@pytest.mark.parametrize(
    ("changed_ns", "age_ns", "strong"),
    [
        (OLD + 1, 10**12, True),
        (OLD + 1, 10**8, True),
        (OLD + 1, 10**7, False),
        (OLD + 1, 0, False),
        (OLD + 1, -(10**7), False),
        (OLD + 1, -(10**12), True),
        # Whole seconds: a file system whose clock has no finer ones.
        (OLD, 10**9, False),
        (OLD, 3 * 10**9, True),
    ],
)
def test_what_may_change_again_unseen_has_a_weak_tag(changed_ns: int, age_ns: int, strong: bool) -> None:
    version = version_of(replace(FILE, changed_ns=changed_ns), changed_ns + age_ns)
    assert version.is_strong == strong
    assert version.etag.removeprefix("W/") == version_of(replace(FILE, changed_ns=changed_ns), NOW + 10**12).etag


def test_a_digest_is_strong_however_new() -> None:
    assert version_of(FILE, FILE.changed_ns, '"digest"').etag == '"digest"'


def test_no_file_is_from_the_future() -> None:
    assert version_of(replace(FILE, mtime_ns=NOW + 10**15), NOW).modified == NOW // 10**9
    assert version_of(replace(FILE, mtime_ns=-5), NOW).modified == -1


@pytest.mark.parametrize("change", ["shrink", "grow", "write"])
def test_a_file_that_changes_while_it_is_sent_is_never_whole(
    folder: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder / "large.bin"

    def act(count: int) -> None:
        if count == 3:
            match change:
                case "shrink":
                    os.truncate(path, PIECE)
                case "grow":
                    os.truncate(path, 2 * len(LARGE))
                case _:
                    with path.open("r+b") as file:
                        file.seek(4 * PIECE)
                        file.write(b"other")

    got = ask(folder, "large.bin", scope(), after=act)
    assert got.status == 200
    assert not got.is_complete
    assert len(got.body) < len(LARGE)
    assert "'large.bin' was written to while it was sent" in caplog.text


def test_a_file_that_is_replaced_while_it_is_sent_goes_on_as_it_was(folder: Path) -> None:
    def act(count: int) -> None:
        if count == 3:
            folder.joinpath("new").write_bytes(b"new")
            os.replace(folder / "new", folder / "large.bin")

    got = ask(folder, "large.bin", scope(), after=act)
    assert (got.body, got.is_complete) == (LARGE, True)


@pytest.mark.parametrize("content", [b"abc", SMALL[::-1], SMALL + b"more"])
def test_a_small_file_that_changes_before_it_is_sent_is_asked_for_again(
    folder: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = opened(folder, "small.txt")
    folder.joinpath("small.txt").write_bytes(content)
    client = Client()
    asyncio.run(send_file(scope(), client.receive, client.send, file))
    assert (client.status, client.body) == (503, b"")
    assert client.headers == {"content-length": "0", "retry-after": "2"}
    assert "'small.txt' was written to" in caplog.text


def test_nothing_more_is_read_for_a_client_that_went(folder: Path) -> None:
    file = opened(folder, "large.bin")

    async def run() -> Client:
        client = Client()
        client.after = lambda count: client.gone.set() if count == 3 else None
        await send_file(scope(), client.receive, client.send, file)
        return client

    got = asyncio.run(run())
    assert not got.is_complete
    assert len(got.messages) <= 5
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.descriptor)


def test_others_have_their_turn_while_a_large_file_is_sent(folder: Path) -> None:
    file = opened(folder, "large.bin")
    turns: list[int] = []

    async def run() -> None:
        client = Client()

        async def quick(message: Message) -> None:
            client.messages.append(message)

        async def other() -> None:
            while True:
                turns.append(len(client.messages))
                await asyncio.sleep(0)

        beside = asyncio.ensure_future(other())
        await send_file(scope(), client.receive, quick, file)
        beside.cancel()

    asyncio.run(run())
    assert {2, 3, 4, 5, 6} <= set(turns)


def test_a_client_that_takes_nothing_is_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(filesend, "STALLED", 0.01)
    caplog.set_level(logging.INFO)
    file = opened(folder, "large.bin")

    async def run() -> Client:
        client = Client()

        async def stuck(message: Message) -> None:
            client.messages.append(message)
            if len(client.messages) == 3:
                await asyncio.Event().wait()

        await send_file(scope(), client.receive, stuck, file)
        return client

    assert not asyncio.run(run()).is_complete
    assert "given up" in caplog.text
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.descriptor)


def test_a_server_that_stops_leaves_no_file_open(folder: Path) -> None:
    file = opened(folder, "large.bin")

    async def run() -> None:
        client = Client()

        async def stuck(message: Message) -> None:
            client.messages.append(message)
            if len(client.messages) == 3:
                await asyncio.Event().wait()

        sending = asyncio.ensure_future(send_file(scope(), client.receive, stuck, file))
        while len(client.messages) < 3:
            await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    asyncio.run(run())
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.descriptor)

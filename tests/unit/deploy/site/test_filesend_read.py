"""Pieces of a file: at once from memory, in a thread from the disk, and closed once, not too early."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.site import filesend_read
from deploy.site.filesend_read import AT_ONCE, FileReader, IncompleteError
from deploy.site.shares import OpenFile, open_file

CONTENT = os.urandom(3 * AT_ONCE)


@pytest.fixture
def opened(tmp_path: Path) -> OpenFile:
    tmp_path.joinpath("file").write_bytes(CONTENT)
    found = open_file(tmp_path, ("file",))
    assert found is not None
    return found


def is_open(opened: OpenFile) -> bool:
    try:
        about = os.fstat(opened.descriptor)
    except OSError:
        return False
    return about.st_ino == opened.inode


def cold(_descriptor: int, _buffers: object, _at: int, _flags: int) -> int:
    raise BlockingIOError(errno.EAGAIN, "it is on the disk")


def unable(_descriptor: int, _buffers: object, _at: int, _flags: int) -> int:
    raise OSError(errno.EOPNOTSUPP, "this file system cannot tell")


def halves(descriptor: int, buffers: list[bytearray], at: int, _flags: int) -> int:
    part = os.pread(descriptor, len(buffers[0]) // 2, at)
    buffers[0][: len(part)] = part
    return len(part)


@pytest.mark.parametrize("preadv", [os.preadv, cold, unable, halves, None])
def test_every_way_of_reading_gives_the_same(
    opened: OpenFile, preadv: Callable[..., int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesend_read, "_PREADV", preadv)

    async def read() -> list[bytes]:
        reader = FileReader(opened)
        try:
            places = [(0, 10), (0, len(CONTENT)), (7, AT_ONCE), (len(CONTENT) - 3, 3)]
            return [await reader.read(at, size) for at, size in places]
        finally:
            reader.close()

    assert asyncio.run(read()) == [CONTENT[:10], CONTENT, CONTENT[7 : 7 + AT_ONCE], CONTENT[-3:]]
    assert not is_open(opened)


def test_without_pread(opened: OpenFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesend_read, "_PREADV", None)
    monkeypatch.setattr(filesend_read, "_PREAD", None)

    async def read() -> bytes:
        reader = FileReader(opened)
        try:
            return await reader.read(5, len(CONTENT) - 5) + await reader.read(0, 5)
        finally:
            reader.close()

    assert asyncio.run(read()) == CONTENT[5:] + CONTENT[:5]


@pytest.mark.parametrize("preadv", [os.preadv, cold, unable])
def test_what_is_no_longer_there(
    opened: OpenFile, tmp_path: Path, preadv: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesend_read, "_PREADV", preadv)
    os.truncate(tmp_path / "file", 100)

    async def read() -> None:
        reader = FileReader(opened)
        try:
            await reader.read(50, 100)
        finally:
            reader.close()

    with pytest.raises(IncompleteError, match="written to"):
        asyncio.run(read())
    assert not is_open(opened)


def test_a_disk_that_does_not_answer(opened: OpenFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_descriptor: int, _size: int, _at: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(filesend_read, "_PREADV", cold)
    monkeypatch.setattr(filesend_read, "_PREAD", broken)
    with pytest.raises(IncompleteError, match="cannot be read: Input/output error"):
        asyncio.run(FileReader(opened).read(0, 10))
    os.close(opened.descriptor)


def test_whether_it_changed(opened: OpenFile, tmp_path: Path) -> None:
    path = tmp_path / "file"
    reader = FileReader(opened)
    reader.confirm()
    os.replace(path, tmp_path / "other")  # another name, or another file under this name, is fine
    path.write_bytes(b"another")
    tmp_path.joinpath("other").chmod(0o600)
    reader.confirm()
    with tmp_path.joinpath("other").open("r+b") as file:
        file.write(b"x")
    with pytest.raises(IncompleteError):
        reader.confirm()
    reader.close()


def test_a_file_is_not_closed_while_a_thread_reads_from_it(opened: OpenFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of a closed file may become another's at once."""
    started, go_on = threading.Event(), threading.Event()
    seen = []

    def slow(descriptor: int, size: int, at: int) -> bytes:
        started.set()
        go_on.wait(30)
        seen.append(is_open(opened))
        return os.pread(descriptor, size, at)

    monkeypatch.setattr(filesend_read, "_PREADV", cold)
    monkeypatch.setattr(filesend_read, "_PREAD", slow)

    async def leave() -> None:
        reader = FileReader(opened)
        reading = asyncio.ensure_future(reader.read(0, 10))
        await asyncio.to_thread(started.wait, 30)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        reader.close()
        assert is_open(opened)
        go_on.set()
        while is_open(opened):
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(leave(), 60))
    assert seen == [True]

"""Files over real connections: while they are replaced, to clients that go away, are slow, or come back."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.site.filesend import PIECE
from tests.servers.deployment import wait
from tests.servers.filesend import FileServer, file_server
from tests.servers.process import program
from tests.servers.relay import relay

READERS = 200
SIZE = 2_000_000
SPARSE = 256 * 1024 * 1024
LARGE = os.urandom(3_000_000)
SLOW_CLIENTS = 100


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "share"
    folder.mkdir()
    folder.joinpath("large.bin").write_bytes(LARGE)
    with file_server(folder, tmp_path / "log") as running:
        yield running


@dataclass(frozen=True)
class Got:
    """One whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes


async def fetch(port: int, path: str, **headers: str) -> Got:
    """Ask once, slowly enough that the answer does not fit into the buffers on the way."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, ("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", "Host: x", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await loop.sock_sendall(connection, "\r\n".join([*lines, "", ""]).encode())
        parts = []
        while part := await loop.sock_recv(connection, 65536):
            parts.append(part)
            await asyncio.sleep(0)
    return parsed(b"".join(parts))


def parsed(answer: bytes) -> Got:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    return Got(int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body)


def version(number: int) -> bytes:
    """Contents that tell in every part which version they are of; every other one has another size."""
    return number.to_bytes(4, "big") * (SIZE // 4 - number % 2 * 1000)


def test_every_reader_gets_one_version_whole_while_the_file_is_replaced(server: FileServer, tmp_path: Path) -> None:
    """By rename, by versions of the same date and mostly the same size, many times in a second."""
    path = server.folder / "release.bin"
    written = 0

    def replace() -> None:
        nonlocal written
        beside = tmp_path / "beside"
        beside.write_bytes(version(written))
        os.utime(beside, (1_700_000_000, 1_700_000_000))
        os.replace(beside, path)
        written += 1

    async def reading() -> list[Got]:
        readers = asyncio.gather(*(fetch(server.port, "/Release.bin") for _ in range(READERS)))
        while not readers.done():
            replace()
            await asyncio.sleep(0.005)
        return await readers

    replace()
    found = asyncio.run(asyncio.wait_for(reading(), 240))
    seen: dict[str, int] = {}
    for got in found:
        number = int.from_bytes(got.body[:4], "big")
        assert got.status == 200
        assert int(got.headers["content-length"]) == len(got.body)
        assert hashlib.sha256(got.body).digest() == hashlib.sha256(version(number)).digest()
        assert seen.setdefault(got.headers["etag"], number) == number, "one tag for two versions"
    assert len(seen) > 1, "nothing was replaced while it was read"
    assert written > len(seen)
    wait(lambda: server.open_files() == [], "every file is closed")


def test_a_range_of_a_version_that_is_gone_is_the_whole_new_one(server: FileServer, tmp_path: Path) -> None:
    async def talk() -> tuple[Got, Got, Got]:
        os.utime(server.folder / "large.bin", (1_600_000_000, 1_600_000_000))
        await asyncio.sleep(0.06)
        first = await fetch(server.port, "/large.bin", Range="bytes=0-999")
        asked = {"Range": "bytes=1000-1999", "If_Range": first.headers["etag"]}
        second = await fetch(server.port, "/large.bin", **asked)
        tmp_path.joinpath("new").write_bytes(LARGE[::-1])
        os.utime(tmp_path / "new", (1_600_000_000, 1_600_000_000))
        os.replace(tmp_path / "new", server.folder / "large.bin")
        return first, second, await fetch(server.port, "/large.bin", **asked)

    first, second, third = asyncio.run(talk())
    assert (first.status, first.body) == (206, LARGE[:1000])
    assert (second.status, second.body) == (206, LARGE[1000:2000])
    assert (third.status, third.body) == (200, LARGE[::-1])


@pytest.mark.parametrize("change", ["cut", "written"])
def test_a_file_that_is_written_to_while_it_is_sent_ends_the_connection(server: FileServer, change: str) -> None:
    path = server.folder / "large.bin"
    # More than all buffers on the way can hold.
    os.truncate(path, SPARSE)
    with socket.socket() as connection:
        connection.settimeout(30)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        got = bytearray(connection.recv(1000))
        if change == "cut":
            os.truncate(path, PIECE)
        else:
            with path.open("r+b") as file:
                file.write(b"x")
        while part := connection.recv(65536):
            got += part
    answer = parsed(bytes(got))
    assert answer.status == 200
    assert len(answer.body) < int(answer.headers["content-length"]) == SPARSE
    wait(lambda: server.open_files() == [], "the file is closed")
    assert "was written to while it was sent" in server.log.read_text()
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("end", ["reset", "closed"])
def test_clients_that_go_away_leave_nothing_open(server: FileServer, end: str) -> None:
    connections = []
    for _ in range(50):
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        connection.sendall(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        connections.append(connection)
    for connection in connections:
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    for connection in connections:
        if end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    wait(lambda: server.open_files() == [], "every file is closed")
    assert "Traceback" not in server.log.read_text()


def test_clients_that_take_nothing_cost_a_few_pieces_each(server: FileServer) -> None:
    server.folder.joinpath("large.bin").write_bytes(bytes(16_000_000))
    with contextlib.ExitStack() as stack:

        def asks() -> socket.socket:
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(30)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(16).startswith(b"HTTP/1.1 200")
            return connection

        asks()
        before = server.memory()
        for _ in range(SLOW_CLIENTS):
            asks()
        wait(lambda: len(server.open_files()) == SLOW_CLIENTS + 1, "all are being sent")
        assert server.memory() - before < SLOW_CLIENTS * 5 * PIECE
    wait(lambda: server.open_files() == [], "every file is closed")


def tool(name: str, target: Path, url: str) -> list[str]:
    return {
        "curl": [program("curl"), "-sS", "-C", "-", "-o", str(target), url],
        "wget2": [program("wget2"), "-q", "-c", "--tries=1", "-P", str(target.parent), url],
    }[name]


@pytest.mark.parametrize("name", ["curl", "wget2"])
def test_a_cut_download_is_resumed_and_a_whole_one_left_alone(server: FileServer, tmp_path: Path, name: str) -> None:
    target = tmp_path / "large.bin"
    with relay(server.port) as between:
        command = tool(name, target, f"http://127.0.0.1:{between.port}/large.bin")
        between.cut_at = 1_000_000
        subprocess.run(command, capture_output=True, check=False, timeout=120)
        kept = target.stat().st_size
        assert 0 < kept < len(LARGE)
        between.cut_at = None
        between.asked.clear()
        before = between.answered
        subprocess.run(command, capture_output=True, check=True, timeout=120)
        assert f"range: bytes={kept}-".encode() in bytes(between.asked).lower()
        assert between.answered - before < len(LARGE) - kept + 2000
        assert target.read_bytes() == LARGE
        before = between.answered
        subprocess.run(command, capture_output=True, check=True, timeout=120)
        assert between.answered - before < 2000
    assert target.read_bytes() == LARGE


def test_curl_takes_several_ranges_at_once(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "parts"
    url = f"http://127.0.0.1:{server.port}/large.bin"
    subprocess.run([program("curl"), "-sSf", "-r", "0-99,1000000-1000099", "-o", target, url], check=True, timeout=60)
    content = target.read_bytes()
    assert content.count(b"Content-Range: bytes ") == 2
    assert LARGE[:100] in content
    assert LARGE[1_000_000:1_000_100] in content

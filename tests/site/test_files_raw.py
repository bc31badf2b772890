"""Request lines as no client sends them: no file outside the folder, and no hidden one, ever comes back."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.filesend import FileServer, file_server

CANARY = b"canary-of-what-is-not-served"
GOOD = b"what is served"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServer]:
    work = tmp_path_factory.mktemp("raw")
    share = work / "share"
    for name in ("share/dir/good.txt", "share/good.txt", "share/Long Name Setup.exe", "share/x...x", "share/%2e%2e"):
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(GOOD)
    for name in ("secret.txt", "share-2/secret.txt", "share/.hidden", "share/.git/config", "share/dir/.env"):
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CANARY)
    share.joinpath("out").symlink_to(work)
    share.joinpath("near").symlink_to("../share-2")
    share.joinpath("link.txt").symlink_to("../secret.txt")
    share.joinpath("dot.txt").symlink_to(".hidden")
    share.joinpath("disk").symlink_to("/")
    os.mkfifo(share / "pipe")
    with file_server(share, work / "log") as running:
        yield running


def raw(server: FileServer, request: bytes) -> bytes:
    """Everything that comes back for some bytes, until the other side ends."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        try:
            while part := connection.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
    return b"".join(parts)


def get(target: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


ATTACKS = [
    # Up, plain and encoded, once and twice.
    b"/../secret.txt",
    b"/../../../../../../etc/passwd",
    b"/dir/../../secret.txt",
    b"/dir/../good.txt",
    b"/./good.txt",
    b"/dir/./good.txt",
    b"/..",
    b"/../",
    b"/.",
    b"/%2e%2e/secret.txt",
    b"/%2E%2E/secret.txt",
    b"/.%2e/secret.txt",
    b"/%2e./secret.txt",
    b"/dir/%2e%2e/%2e%2e/secret.txt",
    b"/%252e%252e/secret.txt",
    b"/%25252e%25252e/secret.txt",
    b"/..%2fsecret.txt",
    b"/..%2Fsecret.txt",
    b"/%2e%2e%2fsecret.txt",
    b"/..%252fsecret.txt",
    b"/dir%2f..%2f..%2fsecret.txt",
    b"/dir%2fgood.txt",
    b"/..;/secret.txt",
    b"/..%3b/secret.txt",
    b"/.../secret.txt",
    b"/.. /secret.txt",
    b"/..%20/secret.txt",
    b"/..%00/secret.txt",
    b"/..%0d/secret.txt",
    b"/..%09/secret.txt",
    # Backslashes.
    b"/..\\secret.txt",
    b"\\..\\secret.txt",
    b"/dir\\..\\..\\secret.txt",
    b"/..%5csecret.txt",
    b"/..%5Csecret.txt",
    b"/..%255csecret.txt",
    b"/dir%5cgood.txt",
    # Overlong and broken UTF-8, what looks like dots and slashes.
    b"/%c0%ae%c0%ae/secret.txt",
    b"/%c0%ae%c0%ae%c0%afsecret.txt",
    b"/..%c0%afsecret.txt",
    b"/..%c1%9csecret.txt",
    b"/%e0%80%ae%e0%80%ae/secret.txt",
    b"/..%e0%80%afsecret.txt",
    b"/..%f0%80%80%afsecret.txt",
    b"/..%ef%bc%8fsecret.txt",
    b"/..%e2%88%95secret.txt",
    b"/%ef%bc%8e%ef%bc%8e/secret.txt",
    b"/\xc0\xae\xc0\xae/secret.txt",
    b"/\xff",
    b"/%ff",
    b"/%uff0e%uff0e/secret.txt",
    b"/%u002e%u002e/secret.txt",
    b"/%%32%65%%32%65/secret.txt",
    b"/%",
    b"/good.txt%",
    b"/good.txt%2",
    b"/good.txt%zz",
    # NUL and other control characters.
    b"/%00",
    b"/good.txt%00",
    b"/good.txt%00.png",
    b"/good.txt%0a",
    b"/good.txt%0d%0aX:%20y",
    b"/good.txt\x00",
    b"/good.txt\x01",
    b"/good.txt\x7f",
    # Absolute, doubled, other ways to the root.
    b"//etc/passwd",
    b"///etc/passwd",
    b"//localhost/secret.txt",
    b"//good.txt",
    b"/dir//good.txt",
    b"/%2fetc/passwd",
    b"/file:///etc/passwd",
    b"/C:/secret.txt",
    b"/C%3a/secret.txt",
    b"/~/secret.txt",
    b"/~root/secret.txt",
    # Windows: streams, devices, short names, what is dropped at the end.
    b"/good.txt::$DATA",
    b"/good.txt:stream",
    b"/good.txt%3a%3a$DATA",
    b"/dir::$INDEX_ALLOCATION/good.txt",
    b"/CON",
    b"/nul.txt",
    b"/COM1",
    b"/LONGNA~1.EXE",
    b"/longna~1.exe",
    b"/good.txt.",
    b"/good.txt...",
    b"/good.txt%20",
    b"/good.txt%2e",
    b"/GOOD.TXT.",
    # Hidden files, links out, what is no file.
    b"/.hidden",
    b"/%2ehidden",
    b"/.HIDDEN",
    b"/.git/config",
    b"/dir/.env",
    b"/dot.txt",
    b"/link.txt",
    b"/LINK.TXT",
    b"/out/secret.txt",
    b"/out/share/good.txt/../../secret.txt",
    b"/near/secret.txt",
    b"/disk/etc/passwd",
    b"/pipe",
    b"/dir",
    b"/dir/",
    b"/",
    # Tricks with the query and the fragment.
    b"/?/../secret.txt",
    b"/?good.txt",
    b"/dir/?/good.txt",
    b"/good.txt%3f",
    b"/good.txt%23",
    b"/none#/../good.txt",
    b"/#good.txt",
    # Other forms of a target.
    b"http://localhost/../secret.txt",
    b"http://localhost/%2e%2e/secret.txt",
    b"http://localhost//etc/passwd",
    b"http:///etc/passwd",
    b"file:///etc/passwd",
    b"http://localhost",
    b"*",
    b"good.txt",
    b"localhost:80",
    b"?",
    b"#",
    b"",
]


@pytest.mark.parametrize("target", ATTACKS)
def test_nothing_comes_back(server: FileServer, target: bytes) -> None:
    answer = raw(server, get(target))
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), answer[:200]
    assert CANARY not in answer
    assert GOOD not in answer
    assert b"root:" not in answer


STRANGE_REQUESTS = [
    b"GET /../secret.txt\r\n\r\n",
    b"GET /../secret.txt HTTP/0.9\r\n\r\n",
    b"GET /../secret.txt HTTP/1.0\r\n\r\n",
    b"GET /../secret.txt HTTP/1.1\nHost: x\n\n",
    b"GET /.hidden HTTP/1.1\nHost: x\nConnection: close\n\n",
    b"GET /../secret.txt HTTP/1.1\rHost: x\r\r",
    b"GET\t/../secret.txt\tHTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET  /../secret.txt HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /.. /secret.txt HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /good.txt HTTP/1.1\r\n /../secret.txt\r\nHost: x\r\n\r\n",
    b"GET /%2e%2e\n/secret.txt HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /.hidden HTTP/9.9\r\nHost: x\r\n\r\n",
    b"\r\n\r\nGET /.hidden HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"CONNECT /../secret.txt HTTP/1.1\r\nHost: x\r\n\r\n",
    b"HEAD /../secret.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Original-URL: /.hidden\r\n\r\n",
    b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Rewrite-URL: /.hidden\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /" + b"../" * 20_000 + b"etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /none HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"GET /.hidden HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", STRANGE_REQUESTS)
def test_requests_that_are_none(server: FileServer, request_bytes: bytes) -> None:
    assert CANARY not in raw(server, request_bytes)
    assert GOOD in raw(server, get(b"/good.txt"))


@pytest.mark.parametrize(
    "target",
    [
        b"/good.txt",
        b"/GOOD.txt",
        b"/Dir/Good.TXT",
        b"/good.txt?",
        b"/good.txt?/../secret.txt",
        b"/good.txt?%00",
        b"/good%2etxt",
        b"/%67ood.txt",
        b"/x...x",
        b"/%252e%252e",
        b"/long%20NAME%20setup.exe",
        b"http://localhost/good.txt",
        b"http://elsewhere.example/dir/good.txt",
    ],
)
def test_what_only_looks_strange_is_served(server: FileServer, target: bytes) -> None:
    answer = raw(server, get(target))
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]
    assert answer.endswith(b"\r\n\r\n" + GOOD)


def test_no_answer_tells_what_answers(server: FileServer) -> None:
    for target in (b"/good.txt", b"/none", b"/%zz"):
        head = raw(server, get(target)).partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nserver:" not in head
        assert b"uvicorn" not in head


def test_several_requests_on_one_connection_get_their_own_answers(server: FileServer) -> None:
    first = b"GET /good.txt HTTP/1.1\r\nHost: x\r\n\r\nHEAD /good.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    second = b"GET /.hidden HTTP/1.1\r\nHost: x\r\n\r\nGET /good.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=0-3\r\n\r\n"
    last = b"GET /good.txt HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(first + second + last)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", answer) == [b"200", b"200", b"404", b"206", b"304"]
    assert CANARY not in answer


def test_nothing_of_all_that_is_left_open_or_told_as_a_traceback(server: FileServer) -> None:
    assert GOOD in raw(server, get(b"/good.txt"))
    assert server.open_files() == []
    assert "Traceback" not in Path(server.log).read_text()

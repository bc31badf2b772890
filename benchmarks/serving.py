"""Case H: how many requests a second the server answers beside nginx, and what ten thousand clients cost it."""

from __future__ import annotations

import re
import resource
import shutil
import socket
import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.measure import tree_memory
from tests.servers.deployment import ROOT, Machine, Serving
from tests.servers.nginx import nginx

FILE_SIZE = 16 * 1024
PROCESSES = 2
CONNECTIONS = 64
SECONDS = 3
CLIENTS = 10_000
MIB = 1024 * 1024
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_WRONG = re.compile(r"Non-2xx or 3xx responses|Socket errors")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one server: an address and a condition."""

    server: str
    what: str
    url: str
    etag: str | None = None


def table(work: Path, rounds: int) -> str:
    """Both servers in turn, medians as ratios; then the server's memory."""
    if shutil.which("wrk") is None:
        return "Not measured: wrk is not installed (Debian: apt install wrk)."
    with _both(work) as (serving, questions):
        rates: dict[Question, list[float]] = {one: [] for one in questions}
        for _ in range(rounds):
            for one in questions:
                rates[one].append(_rate(one))
        medians = {(one.server, one.what): statistics.median(found) for one, found in rates.items()}
        rows = [
            f"| {what} | {medians['ours', what] / medians['nginx', what]:.2f} |"
            for what in dict.fromkeys(one.what for one in questions)
        ]
        text = "\n".join(["| asked for | our requests a second / nginx's |", "|---|---|", *rows])
        return f"{text}\n\n{_clients(serving)}"


@contextmanager
def _both(work: Path) -> Iterator[tuple[Serving, Sequence[Question]]]:
    machine = Machine(work / "server")
    machine.put("NextCCClient/file.bin", b"x" * FILE_SIZE)
    with machine.serving("--workers", str(PROCESSES), "--access-log", "/dev/null") as serving:
        serving.published("Default")
        manifest = serving.get(f"{ROOT}/manifest/default")
        docroot = work / "served"
        docroot.mkdir()
        docroot.joinpath("manifest.json").write_bytes(manifest.content)
        shutil.copy(machine.shares / "NextCCClient/file.bin", docroot)
        with nginx(docroot, work / "nginx-h", extra="access_log off;", workers=PROCESSES) as peer:
            theirs = httpx.get(f"{peer.url}/manifest.json", trust_env=False).headers["etag"]
            yield (
                serving,
                (
                    Question("ours", "a file of 16 KiB", f"{serving.address}{ROOT}/NextCCClient/file.bin"),
                    Question("nginx", "a file of 16 KiB", f"{peer.url}/file.bin"),
                    Question(
                        "ours",
                        "whether anything is new (304)",
                        f"{serving.address}{ROOT}/manifest/default",
                        manifest.headers["etag"],
                    ),
                    Question("nginx", "whether anything is new (304)", f"{peer.url}/manifest.json", theirs),
                ),
            )


def _rate(question: Question) -> float:
    command = ["wrk", "-t", "2", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", question.url]
    if question.etag is not None:
        command += ["-H", f"If-None-Match: {question.etag}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = _RATE.search(said)
    if found is None or _WRONG.search(said):
        raise RuntimeError(f"wrk at {question.url}:\n{said}")
    return float(found[1])


def _clients(serving: Serving) -> str:
    """Ten thousand connections that stay open, each having asked once, twice over."""
    request = f"GET {ROOT}/manifest/default HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n".encode()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = min(CLIENTS, hard - 500)
    peaks = []
    before = tree_memory(serving.process.pid)
    try:
        for _ in range(2):
            with _connected(serving.port, most) as connections:
                _every(connections, lambda one: one.sendall(request))
                _every(connections, _answered)
                peaks.append(tree_memory(serving.process.pid))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    after = tree_memory(serving.process.pid)
    each = (peaks[-1] - before) / most / 1024
    return (
        f"{most:,} clients at once, each answered: {each:.1f} KiB of memory for each; the second time "
        f"{peaks[1] / peaks[0]:.2f} of the first; {after / MIB:.0f} MiB afterwards, {before / MIB:.0f} MiB before."
    )


@contextmanager
def _connected(port: int, count: int) -> Iterator[list[socket.socket]]:
    connections: list[socket.socket] = []
    try:
        connections.extend(socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(count))
        yield connections
    finally:
        for one in connections:
            one.close()


def _every(connections: Sequence[socket.socket], act: Callable[[socket.socket], None]) -> None:
    for one in connections:
        act(one)


def _answered(connection: socket.socket) -> None:
    answer = connection.recv(4096)
    if not answer.startswith(b"HTTP/1.1 304"):
        raise RuntimeError(f"a client was answered {answer[:80]!r}")

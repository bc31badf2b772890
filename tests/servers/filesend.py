"""The sender of files alone, behind the HTTP server the product uses: a folder at the root of a loopback port.

python -m tests.servers.filesend FOLDER PORT
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send

from deploy.site.address import parse_path
from deploy.site.filesend import send_file
from deploy.site.headers import FILE_HEADERS
from deploy.site.shares import open_file
from tests.servers.process import free_port, running

PROJECT = Path(__file__).parents[2]
FIELDS = tuple((name.lower().encode(), value.encode()) for name, value in FILE_HEADERS.items())


@dataclass(frozen=True)
class Files:
    """An application that serves one folder."""

    folder: Path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        segments = parse_path(scope["raw_path"])
        opened = None if segments is None else open_file(self.folder, segments)
        if opened is not None:
            await send_file(scope, receive, send, opened, headers=FIELDS)
            return
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@dataclass(frozen=True)
class FileServer:
    """A server that runs."""

    folder: Path
    port: int
    process: int
    log: Path

    def open_files(self) -> list[str]:
        """What it has open of its folder, with a mark where the name is gone."""
        found = []
        for link in Path(f"/proc/{self.process}/fd").iterdir():
            try:
                target = str(link.readlink())
            except FileNotFoundError:
                continue
            if target.startswith(str(self.folder)):
                found.append(target)
        return found

    def memory(self) -> int:
        """Bytes of memory it holds now."""
        pages = Path(f"/proc/{self.process}/statm").read_text().split()[1]
        return int(pages) * 4096


@contextmanager
def file_server(folder: Path, log: Path) -> Iterator[FileServer]:
    """Serve a folder until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "tests.servers.filesend", str(folder), str(port)]
    with running(command, port, log, env={**os.environ, "PYTHONPATH": str(PROJECT)}) as process:
        yield FileServer(folder, port, process.pid, log)


def main() -> None:
    """Run as the product runs it: the same parser, the same loop, no banner."""
    folder, port = sys.argv[1:]
    uvicorn.run(
        Files(Path(folder)),
        port=int(port),
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()

"""Python's own http.server on a loopback port, as administrators start it by hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import free_port, running


@contextmanager
def httpserver(docroot: Path, tmp: Path, *, protocol: str = "HTTP/1.0") -> Iterator[str]:
    """Serve `docroot` until the block ends; yields the address without a last slash."""
    port = free_port()
    tmp.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(docroot)]
    command += ["--protocol", protocol]
    with running(command, port, tmp / "output.log"):
        yield f"http://127.0.0.1:{port}"

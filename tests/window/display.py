"""A display nobody sees, for windows of tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.process import program, stop


@contextmanager
def display(size: str = "1024x768x24") -> Iterator[str]:
    """The name of a display that exists until the block ends; skips by name where there is no Xvfb."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [program("Xvfb"), "-displayfd", str(writer), "-screen", "0", size, "-nolisten", "tcp"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[writer],
        start_new_session=True,
    )
    os.close(writer)
    try:
        with open(reader, encoding="ascii") as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        stop(process)

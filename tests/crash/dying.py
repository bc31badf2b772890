"""Run micce-deploy and die, as by `kill -9`, right before its N-th file-changing call below some folders.

Used as a program: dying.py COUNT_FILE N FOLDER[:FOLDER...] ARGUMENT...; N = 0 never dies and writes the
number of calls to COUNT_FILE. The calls are those Python audits (PEP 578): opening for writing,
renaming, making and removing files and folders, setting times.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

CHANGING = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.utime", "os.chmod", "os.truncate", "os.link"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Countdown:
    """Counts the calls that change something below `folders`."""

    def __init__(self, last: int, folders: list[str]) -> None:
        self.calls = 0
        self._last = last
        self._folders = tuple(folders)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            flags = arguments[2]
            if not isinstance(flags, int) or not flags & WRITING:
                return
        elif event not in CHANGING:
            return
        path = arguments[1] if event == "os.rename" else arguments[0]
        if not isinstance(path, (str, bytes, os.PathLike)) or not os.fsdecode(path).startswith(self._folders):
            return
        self.calls += 1
        if self.calls == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """See the module."""
    count_file, last, folders = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(os.pathsep)
    from hotfix.deploy_cli import main as command

    countdown = Countdown(last, folders)
    sys.argv = ["micce-deploy", *sys.argv[4:]]
    sys.addaudithook(countdown)
    try:
        command()
    finally:
        count_file.write_text(str(countdown.calls))


if __name__ == "__main__":
    main()

"""The limit Wine does not have: a path of 260 characters or more fails unless it is written as `\\\\?\\...`.

Windows lets a process go beyond it only where the registry says so and for most calls; what does not
depend on that works everywhere.
"""

from __future__ import annotations

import os
import sys

MAX_PATH = 260
MAX_FOLDER = 248  # a new folder must leave room for a file name of the 8.3 form
TOO_LONG = 206  # ERROR_FILENAME_EXCED_RANGE
CALLS = frozenset(
    {"open", "os.chmod", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.scandir", "os.utime"}
)


def enforce() -> None:
    """From now on refuse what Windows refuses, in every call Python tells its audit hooks about."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event not in CALLS:
        return
    for argument in arguments[:2]:
        if not isinstance(argument, (str, os.PathLike)):
            continue
        path = os.fspath(argument)
        limit = MAX_FOLDER if event == "os.mkdir" else MAX_PATH
        if isinstance(path, str) and not path.startswith("\\\\?\\") and len(os.path.abspath(path)) >= limit:
            raise OSError(None, "The filename or extension is too long", path, TOO_LONG)

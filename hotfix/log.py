"""The installer's log file (manual: LOG FILE): one line an event, with UTC time, level and hotfix id.

A log that cannot be written is told once and stops nothing. Nothing secret is written to it: no
arguments of commands, and what comes from a file is made to fit one line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from deploy.errors import Problem, warning
from deploy.host.contract import Host

FOLDERS = ("Mitel", "MiCC Enterprise", "MiCCEHotFixInstaller")
NAME = "MiCCEHotFixInstaller.log"
LARGEST = 5 << 20
KEPT = 5
"""So many full logs are kept, `.1` being the newest."""
_PATIENCE = 5.0
_NOBODY = "-"


def log_path(host: Host) -> Path:
    r"""`%USERPROFILE%\AppData\Local\Mitel\MiCC Enterprise\MiCCEHotFixInstaller\MiCCEHotFixInstaller.log`."""
    return host.log_folder().joinpath(*FOLDERS, NAME)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Log:
    """Appends lines; `id` is the hotfix they are about, `tell` gets the one warning (log-not-written)."""

    def __init__(self, path: Path, tell: Callable[[Problem], None], now: Callable[[], datetime] = _utc_now) -> None:
        self.path = path
        self.id = _NOBODY
        self._tell = tell
        self._now = now
        self._failed = False

    def info(self, text: str) -> None:
        """What is done."""
        self._write("INFO", text)

    def problems(self, problems: Iterable[Problem]) -> None:
        """What is wrong: where, what, and what to do."""
        for one in problems:
            place = ":".join(str(part) for part in (one.file, one.line) if part is not None)
            text = f"{place}: {one.message}" if place else one.message
            said = f"{text} [{one.code}]" + (f"; {one.hint}" if one.hint else "")
            self._write("ERROR" if one.is_error else "WARNING", said)

    def _write(self, level: str, text: str) -> None:
        time = self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        line = f"{time}Z {level:<7} {_one_line(self.id)} {_one_line(text)}\n".encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # One line at a time, and nobody writes to a file that is being renamed.
            with FileLock(self.path.with_suffix(".lock"), timeout=_PATIENCE):
                self._rotate(len(line))
                _append(self.path, line)
        except (OSError, Timeout) as wrong:
            self._say(wrong)

    def _rotate(self, more: int) -> None:
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return
        if size + more <= LARGEST:
            return
        for number in range(KEPT, 0, -1):
            source = self.path if number == 1 else self._full(number - 1)
            with suppress(FileNotFoundError):
                os.replace(source, self._full(number))

    def _full(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _say(self, wrong: OSError) -> None:
        if not self._failed:
            self._failed = True
            said = f"the log cannot be written: {wrong.strerror or wrong}"
            self._tell(warning("log-not-written", said, "the work goes on without it", file=str(self.path)))


def _append(path: Path, line: bytes) -> None:
    extra = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | extra, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def _one_line(text: str) -> str:
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)

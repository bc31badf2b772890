"""The process that renders views, seen from the server: started, asked, ended when its time is over."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import deploy
from deploy.site.view_messages import READY, Answer, Request, answer_of, read_message, request_row, write_message

START_SECONDS = 60.0
END_SECONDS = 2.0
FROZEN_OPTION = "--view-worker"
# The parent's own module path, and nothing from the environment or the current folder.
_START = "import sys; sys.path[:] = sys.argv[1:]; from deploy.site.view_worker import main; main()"
# What an interpreter may not start without, and that holds no secret.
_NEEDED = ("SYSTEMROOT", "LD_LIBRARY_PATH")
_MOST_FOR_CHARACTER = 12
_MOST_BESIDES = 1 << 20


class ViewProcessEndedError(Exception):
    """The process has ended without an answer; `expired` says that its time was over, `code` is its exit code."""

    def __init__(self, expired: bool, code: int | None) -> None:
        super().__init__(f"exit code {code}")
        self.expired, self.code = expired, code


class ViewProcess:
    """One process, for one request at a time.

    It starts with an empty environment, without open files but its three streams, in a session of its
    own, and is ready when this returns; `OSError` is raised where it cannot be. It ends when its standard
    input does, so with the server, whatever happens to that.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            _command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={name: os.environ[name] for name in _NEEDED if name in os.environ},
            cwd=os.path.abspath(os.sep),
            close_fds=True,
            start_new_session=True,
            creationflags=_quiet_flags(),
        )
        self.answers = 0
        with self._until(START_SECONDS):
            said = self._receive(_MOST_BESIDES)
        if said != READY:
            self._process.kill()
            self.stop()
            raise OSError(None, f"it ended with exit code {self._process.returncode} before it was ready")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: Request) -> Answer:
        """The answer to a request. Raises `ViewProcessEndedError`, after `request.limits.seconds` at the latest."""
        most = request.limits.output * _MOST_FOR_CHARACTER + _MOST_BESIDES
        message = None
        with self._until(request.limits.seconds) as expired:
            if self._send(request):
                message = self._receive(most)
        if message is None:
            self._process.kill()
            raise ViewProcessEndedError(expired.is_set(), self._process.wait())
        self.answers += 1
        return answer_of(message)

    def stop(self) -> None:
        """End the process and wait until it is gone."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _send(self, request: Request) -> bool:
        if self._process.stdin is None:
            return False
        try:
            write_message(self._process.stdin.fileno(), request_row(request))
        except OSError:
            return False
        return True

    def _receive(self, most: int) -> Any:
        if self._process.stdout is None:
            return None
        try:
            return read_message(self._process.stdout.fileno(), most)
        except (OSError, ValueError):
            return None

    @contextmanager
    def _until(self, seconds: float) -> Iterator[threading.Event]:
        """The process is killed when the time is over; the event says that it was."""
        expired = threading.Event()
        timer = threading.Timer(seconds, self._expire, (expired,))
        timer.daemon = True
        timer.start()
        try:
            yield expired
        finally:
            timer.cancel()

    def _expire(self, expired: threading.Event) -> None:
        expired.set()
        self._process.kill()


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, FROZEN_OPTION]
    own = str(Path(deploy.__file__).resolve().parent.parent)
    paths = [path for path in dict.fromkeys([*sys.path, own]) if os.path.isabs(path)]
    return [sys.executable, "-I", "-S", "-c", _START, *paths]


def _quiet_flags() -> int:
    """On Windows: no console window, and no Ctrl+C meant for the parent."""
    return getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)

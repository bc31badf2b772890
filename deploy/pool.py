"""Worker processes: several interpreters fetch at once where one lock would hold their threads up.

They are started early, while the sources are still being listed, and wait for their first message.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import deploy
from deploy.crew import CrewSettings
from deploy.disk import write_all
from deploy.errors import Problem
from deploy.jobs import Task
from deploy.jsonlines import json_line
from deploy.messages import Report, origin_row, problem_row, report_of, settings_row, task_row
from deploy.stage import Stage
from deploy.transport.location import Location, Scheme

MOST_PROCESSES = 4
END_SECONDS = 2.0
SAID_BYTES = 2000
FROZEN_OPTION = "--transfer-worker"
# The parent's own module path, and nothing from the environment or the current folder.
_START = (
    "import gc, sys; gc.disable(); count = int(sys.argv[1]); sys.path[:] = sys.argv[2 : 2 + count]; "
    "from deploy.worker import main; main(sys.argv[2 + count :])"
)


class WorkerProcess:
    """One process and the pipe to it. `report` and `lost` are called from a thread of this object.

    `lost` is called once with what is known of an end that nobody asked for.
    """

    def __init__(self, schemes: Iterable[Scheme]) -> None:
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        with _interrupts_held_back():
            self._process = subprocess.Popen(
                _command(schemes),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                bufsize=0,
                creationflags=_quiet_flags(),
            )
        self._origins: dict[object, int] = {}
        self._reader: threading.Thread | None = None
        self._ending = False
        self.threads = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(
        self, stage: Stage, settings: CrewSettings, report: Callable[[Report], None], lost: Callable[[str], None]
    ) -> None:
        """Tell the process what to work with; jobs may follow."""
        self.threads = settings.threads
        begin = {
            "stage": os.path.abspath(stage.folder),
            "threads": settings.threads,
            "settings": settings_row(settings.transport),
            "retry": asdict(settings.retry),
        }
        self._send(["begin", begin])
        self._reader = threading.Thread(target=self._read, args=(stage.path_of, report, lost), daemon=True)
        self._reader.start()

    def submit(self, tasks: Sequence[Task]) -> None:
        """More to do; a process that has ended says so through `lost`."""
        self._send(["jobs", *(task_row(task, self._origin(task.job.location)) for task in tasks)])

    def drop(self, origin: Location, problem: Problem) -> None:
        """Fail what is left to do of an origin at once."""
        self._send(["drop", self._origin(origin), problem_row(problem)])

    def end(self) -> None:
        """Let the process end, which it does at once; `stop` waits for it."""
        self._ending = True
        try:
            if self._process.stdin is not None:
                self._process.stdin.close()
        except OSError:
            return

    def stop(self) -> None:
        """End the process and wait until it is gone."""
        self.end()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()

    def _origin(self, location: Location) -> int:
        number = self._origins.get(location.origin)
        if number is None:
            number = self._origins[location.origin] = len(self._origins)
            self._send(["origin", *origin_row(location)])
        return number

    def _send(self, message: Sequence[object]) -> None:
        if self._process.stdin is None or self._ending:
            return
        try:
            write_all(self._process.stdin.fileno(), json_line(message))
        except OSError:
            return

    def _read(self, paths: Callable[[str], str], report: Callable[[Report], None], lost: Callable[[str], None]) -> None:
        said = ""
        output = self._process.stdout
        if output is None:
            return
        with open(output.fileno(), "rb", closefd=False) as messages:
            for text in messages:
                try:
                    row = json.loads(text)
                except ValueError:
                    break
                if row[0] == "report":
                    report(report_of(row, paths))
                else:
                    said = str(row[1])
        if not self._ending:
            lost(said or self._last_words())

    def _last_words(self) -> str:
        code = self._process.wait()
        self._said.seek(0)
        words = self._said.read()[-SAID_BYTES:].decode("utf-8", "replace").strip()
        return f"exit code {code}" + (f": {words}" if words else "")


class Workers:
    """Processes ready to fetch for one download; a context manager that leaves none behind."""

    def __init__(self, processes: list[WorkerProcess], schemes: tuple[Scheme, ...]) -> None:
        self.processes = processes
        self._schemes = schemes

    @classmethod
    def prestart(cls, schemes: Iterable[Scheme] = (), count: int | None = None) -> Workers:
        """Start processes (one for each CPU, at most four), ready for sources of these schemes.

        Returns at once. Where the system starts none the list is shorter, and threads do the work.
        """
        workers = cls([], tuple(schemes))
        for _ in range(count if count is not None else min(os.cpu_count() or 1, MOST_PROCESSES)):
            process = workers.start()
            if process is None:
                break
            workers.processes.append(process)
        return workers

    def start(self) -> WorkerProcess | None:
        """One more process; None where the system refuses."""
        try:
            return WorkerProcess(self._schemes)
        except OSError:
            return None

    def close(self) -> None:
        """End every process."""
        for process in self.processes:
            process.end()
        for process in self.processes:
            process.stop()
        self.processes.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _command(schemes: Iterable[Scheme]) -> list[str]:
    names = [scheme.value for scheme in schemes]
    if getattr(sys, "frozen", False):
        return [sys.executable, FROZEN_OPTION, *names]
    own = str(Path(deploy.__file__).resolve().parent.parent)
    paths = [path for path in dict.fromkeys([*sys.path, own]) if os.path.isabs(path)]
    return [sys.executable, "-I", "-S", "-c", _START, str(len(paths)), *paths, *names]


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A process inherits what is held back: Ctrl+C, which reaches every process of a terminal, is the parent's."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # type: ignore[attr-defined, unused-ignore]
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # type: ignore[attr-defined, unused-ignore]


def _quiet_flags() -> int:
    """On Windows: no console window, and no Ctrl+C meant for the parent."""
    return getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)

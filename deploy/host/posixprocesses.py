"""Programs that run on Linux: found through /proc, asked and ended by signals."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.errors import TargetError, error
from deploy.host import procfs
from deploy.host.posixtool import Deadline
from deploy.host.processes import Process

POLL_SECONDS = 0.05
SEARCH_SECONDS = 10.0  # a network drive that does not answer must not stop everything


class PosixProcesses:
    """The running programs; one is told from a later one of the same id by when it was started."""

    def named(self, name: str) -> tuple[Process, ...]:
        wanted = {name.casefold(), f"{name}.exe".casefold()}
        found = []
        for pid in procfs.pids():
            stat = procfs.stat_of(pid)
            if stat is None or stat.ended or pid == os.getpid():
                continue
            known = next((one for one in procfs.names_of(pid, stat.comm) if one.casefold() in wanted), None)
            if known is not None:
                found.append(Process(pid, known, stat.started, procfs.service_of(pid)))
        return tuple(found)

    def holders(self, path: Path) -> tuple[Process, ...]:
        try:
            wanted, real = path.stat(), str(path.resolve())
        except OSError:
            return ()
        return tuple(_described(_holders(wanted, real)))

    def close(self, process: Process) -> None:
        _send(process, signal.SIGTERM, "close")

    def kill(self, process: Process) -> None:
        _send(process, signal.SIGKILL, "end")

    def wait(self, processes: Sequence[Process], timeout: float) -> tuple[Process, ...]:
        deadline = Deadline(timeout)
        return tuple(process for process in processes if not _ended(process, deadline))


def _holders(wanted: os.stat_result, real: str) -> tuple[int, ...]:
    found: list[int] = []

    def search() -> None:
        found.extend(pid for pid in procfs.pids() if procfs.holds(pid, wanted, real))

    worker = threading.Thread(target=search, daemon=True)
    worker.start()
    worker.join(SEARCH_SECONDS)
    return tuple(found)


def _described(pids: Iterable[int]) -> Iterator[Process]:
    for pid in pids:
        stat = procfs.stat_of(pid)
        if stat is not None and not stat.ended:
            names = procfs.names_of(pid, stat.comm)
            yield Process(pid, names[0] if names else stat.comm, stat.started, procfs.service_of(pid))


def _runs(process: Process) -> bool:
    stat = procfs.stat_of(process.pid)
    return stat is not None and not stat.ended and stat.started == process.started


@contextmanager
def _opened(process: Process) -> Iterator[int | None]:
    """A descriptor of a process, which never is another one's (pidfd_open(2)); None where the system has none.

    Raises `ProcessLookupError` where it has ended.
    """
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        raise
    except OSError:
        descriptor = -1
    try:
        if not _runs(process):
            raise ProcessLookupError
        yield None if descriptor < 0 else descriptor
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _send(process: Process, number: signal.Signals, what: str) -> None:
    try:
        with suppress(ProcessLookupError), _opened(process) as descriptor:
            if descriptor is None:
                os.kill(process.pid, number)
            else:
                signal.pidfd_send_signal(descriptor, number)
    except PermissionError as wrong:
        said = f"this account may not {what} {process.name} (process {process.pid})"
        raise TargetError(error("no-permission", said, "run this as administrator, or end it by hand")) from wrong


def _ended(process: Process, deadline: Deadline) -> bool:
    with suppress(ProcessLookupError), _opened(process) as descriptor:
        if descriptor is None:
            while _runs(process):
                if not deadline.pause(POLL_SECONDS):
                    return False
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(deadline.left * 1000))
    return True

"""Progress of a hotfix while it happens: a bar on a terminal, plain lines in a pipe, JSON lines for programs.

It is shown by a thread of its own: a terminal that is held (Ctrl-S, a selection in a Windows console) or
a slow reader keeps no service waiting.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.rendering import write_json
from hotfix.conversation import doing
from hotfix.events import Event, Progress, Tell
from hotfix.rendering import event_json


@contextmanager
def progress(*, as_json: bool) -> Iterator[Tell]:
    """Something to tell events to, fit for where stdout and stderr go; at the end all of them are shown."""
    with _shower(as_json) as show, _apart(show) as tell:
        yield tell


@contextmanager
def _apart(show: Tell) -> Iterator[Tell]:
    """Take events without waiting for anybody, and show them one after the other."""
    events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

    def work() -> None:
        while (event := events.get()) is not None:
            show(event)

    thread = threading.Thread(target=work, name="progress", daemon=True)
    thread.start()
    try:
        yield events.put
    finally:
        events.put(None)
        thread.join()


@contextmanager
def _shower(as_json: bool) -> Iterator[Tell]:
    if as_json:
        yield _json_line
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _line


def _json_line(event: Event) -> None:
    write_json(event_json(event), indent=False)


def _line(event: Event) -> None:
    if not isinstance(event, Progress):
        sys.stderr.write(f"{doing(event)}\n")
        sys.stderr.flush()


@contextmanager
def _bar() -> Iterator[Tell]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        console=Console(stderr=True),
        transient=True,
    )
    with bars:
        task = bars.add_task("", total=None)

        def show(event: Event) -> None:
            match event:
                case Progress(done, total):
                    bars.update(task, completed=done, total=total)
                case _:
                    bars.update(task, description=doing(event))

        yield show

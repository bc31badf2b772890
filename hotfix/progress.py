"""Progress of a hotfix while it happens: a bar on a terminal, plain lines in a pipe, JSON lines for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.rendering import write_json
from hotfix.conversation import doing
from hotfix.events import Event, Progress, Tell
from hotfix.rendering import event_json


@contextmanager
def progress(*, as_json: bool) -> Iterator[Tell]:
    """Something to tell events to, fit for where stdout and stderr go."""
    if as_json:
        yield lambda event: write_json(event_json(event), indent=False)
    elif sys.stderr.isatty():
        with _bar() as tell:
            yield tell
    else:
        yield _line


def _line(event: Event) -> None:
    if not isinstance(event, Progress):
        sys.stderr.write(f"{doing(event)}\n")


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

        def tell(event: Event) -> None:
            match event:
                case Progress(done, total):
                    bars.update(task, completed=done, total=total)
                case _:
                    bars.update(task, description=doing(event))

        yield tell

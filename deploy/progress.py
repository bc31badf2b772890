"""Progress while it happens: bars on a terminal, plain lines in a pipe, JSON lines for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deploy.disk import readable_size
from deploy.events import Event, Phase, Progress, Retrying
from deploy.rendering import event_json, write_json

PHASES = {
    "ask": "asking the sources",
    "download": "downloading",
    "compare": "comparing with the sources",
    "place": "placing",
    "execute": "executing",
}
STEP = 10

Tell = Callable[[Event], None]


@contextmanager
def progress(*, as_json: bool) -> Iterator[Tell]:
    """Something to tell events to, fit for where stdout and stderr go."""
    if as_json:
        yield _tell_json
    elif sys.stderr.isatty():
        with _bars() as tell:
            yield tell
    else:
        yield _Lines().tell


def _tell_json(event: Event) -> None:
    write_json(event_json(event), indent=False)


class _Lines:
    """A line for each phase, each tenth of a download, each retry."""

    def __init__(self) -> None:
        self._tenth = 0

    def tell(self, event: Event) -> None:
        match event:
            case Phase(name, files, size):
                self._tenth = 0
                about = "" if size is None else f", {readable_size(size)}"
                counted = f": {files} files{about}" if files and name != "execute" else ""
                sys.stderr.write(f"{PHASES.get(name, name)}{counted}\n")
            case Progress(done, files, bytes_done, bytes_total, _):
                whole = bytes_total or 0
                part = bytes_done * 100 // whole if whole else done * 100 // max(files, 1)
                if part // STEP > self._tenth and part < 100:
                    self._tenth = part // STEP
                    sys.stderr.write(f"  {part}%: {done} of {files} files, {readable_size(bytes_done)}\n")
            case Retrying(key, problem, attempt, delay):
                sys.stderr.write(f"  {key}: {problem.message}; attempt {attempt} failed, again in {delay:.1f} s\n")
            case _:
                return  # what failed is said once, at the end


@contextmanager
def _bars() -> Iterator[Tell]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[counted]}"),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bars:
        task = bars.add_task(PHASES["ask"], total=None, counted="")

        def tell(event: Event) -> None:
            match event:
                case Phase(name, files, size):
                    counted = f"{files} files" if files else ""
                    bars.reset(task, description=PHASES.get(name, name), total=size, counted=counted)
                case Progress(done, files, bytes_done, bytes_total, _):
                    bars.update(task, completed=bytes_done, total=bytes_total, counted=f"{done}/{files} files")
                case Retrying(key, problem, _, delay):
                    bars.console.print(
                        f"{key}: {problem.message}; again in {delay:.1f} s", markup=False, highlight=False
                    )
                case _:
                    return

        yield tell

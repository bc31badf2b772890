"""A transfer process: fetches what its standard input names and reports on its standard output.

Started by `deploy.pool`, and by a packed program through `--transfer-worker`. It ends at once when its
input does, so that nothing writes into a staging folder whose installation is gone. Credentials
reach it through the pipe only, never as arguments.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import IO, Any, NoReturn

from deploy.crew import Crew, CrewSettings
from deploy.disk import write_all
from deploy.errors import TargetError
from deploy.jsonlines import json_line
from deploy.messages import Report, origin_of, problem_of, report_row, settings_of, task_of
from deploy.stage import Stage
from deploy.transport.contract import TransportSettings
from deploy.transport.location import Location, Scheme
from deploy.transport.registry import open_transport
from deploy.transport.retry import RetryPolicy

BROKEN = 70
# A fetch leaves no cycles unless it fails; looking for them by default takes a tenth of the time.
COLLECT_RARELY = (20_000, 20, 50)


def main(schemes: list[str]) -> NoReturn:
    """Work until standard input ends; `schemes` are those to be ready for before the first job comes."""
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = _claim_output()
    for scheme in schemes:
        open_transport(Location(Scheme(scheme)), TransportSettings()).close()
    gc.freeze()
    gc.set_threshold(*COLLECT_RARELY)
    gc.enable()
    messages = sys.stdin.buffer
    first = messages.readline()
    if first:
        _serve(_crew(json.loads(first)[1], output), messages)
    # Threads may be in the middle of a file: its part stays for the next run, nothing else is half done.
    os._exit(0)


def _claim_output() -> int:
    """Keep standard output for messages; what anything prints goes where errors go."""
    output = os.dup(1)
    os.dup2(2, 1)
    return output


def _crew(begin: dict[str, Any], output: int) -> Crew:
    lock = threading.Lock()

    def send(message: list[Any]) -> None:
        try:
            with lock:
                write_all(output, json_line(message))
        except OSError:
            os._exit(0)

    def report(report: Report) -> None:
        send(report_row(report))

    def broken(wrong: BaseException) -> None:
        send(["broken", "".join(traceback.format_exception(wrong))])
        os._exit(BROKEN)

    settings = CrewSettings(begin["threads"], settings_of(begin["settings"]), RetryPolicy(**begin["retry"]))
    try:
        crew = Crew(Stage(Path(begin["stage"])), settings, open_transport, report, broken)
    except TargetError as wrong:
        report(Report((), halted=wrong.problems))
        os._exit(0)
    crew.start()
    return crew


def _serve(crew: Crew, messages: IO[bytes]) -> None:
    """Hand on what comes in until nothing more can."""
    origins: list[Location] = []
    for text in messages:
        try:
            kind, *rest = json.loads(text)
        except ValueError:
            return
        match kind:
            case "origin":
                origins.append(origin_of(rest))
            case "jobs":
                crew.submit([task_of(row, origins) for row in rest])
            case "drop":
                crew.drop(origins[rest[0]], problem_of(rest[1]))


if __name__ == "__main__":
    main(sys.argv[1:])

"""A download in a process of its own, so that it can be killed: `python -m tests.crash.download_driver CONFIG`.

CONFIG is a JSON file: {"url", "stage", "files": [[path, size, modified], ...], "jobs", "processes"}.
Each event is a line of JSON on standard output; the first line holds the process ids of the workers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from deploy.download import DownloadOptions, FetchJob, Workers, download
from deploy.errors import MicceError
from deploy.events import Failed, Fetched, Progress
from deploy.stage import Stage
from deploy.transport.contract import TransportSettings, Validators
from deploy.transport.location import parse_location
from deploy.transport.retry import RetryPolicy


def main(config: Path) -> int:
    """Download, and say what happens; exit code 3 for an error that is told to people."""
    asked = json.loads(config.read_text("utf-8"))
    root = parse_location(asked["url"] + "/")
    jobs = [
        FetchJob(path, root.with_segments((*root.segments, *path.split("/"))), Validators(size, None, modified))
        for path, size, modified in asked["files"]
    ]
    retry = RetryPolicy(attempts=3, first_delay=0.01, longest_delay=0.05)
    options = DownloadOptions(jobs=asked["jobs"], processes=asked["processes"], retry=retry)
    with Workers.prestart([root.scheme], asked["processes"]) as workers:
        tell("workers", [process.pid for process in workers.processes])
        try:
            for event in download(jobs, Stage(Path(asked["stage"])), TransportSettings(), options, workers=workers):
                match event:
                    case Fetched():
                        tell("fetched", event.key, event.path, event.sha256, event.transferred)
                    case Progress():
                        tell("progress", event.bytes_done)
                    case Failed(key, problems):
                        tell("failed", key, str(problems[0]))
        except MicceError as wrong:
            tell("error", wrong.code)
            return 3
    return 0


def tell(*what: object) -> None:
    """One line, at once."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

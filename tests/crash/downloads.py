"""Starting, killing and judging `tests.crash.download_driver`."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy import stage as stage_module
from deploy.stage import staged_name

PROJECT = Path(stage_module.__file__).parent.parent
SECONDS = 60.0


@dataclass
class Told:
    """What one run of the driver said before its end."""

    code: int = 0
    workers: list[int] = field(default_factory=list)
    fetched: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    bytes_done: int = 0

    def take(self, line: str) -> None:
        kind, *rest = json.loads(line)
        match kind:
            case "workers":
                self.workers = rest[0]
            case "fetched":
                self.fetched[rest[0]] = (rest[1], rest[2], rest[3])
            case "failed":
                self.failed[rest[0]] = rest[1]
            case "progress":
                self.bytes_done = rest[0]
            case "error":
                self.error = rest[0]


@dataclass(frozen=True)
class Download:
    """One download to be run again and again."""

    url: str
    docroot: Path
    stage: Path
    config: Path
    jobs: int = 4
    processes: int = 2

    def run(self, kill_when: Callable[[Told], bool] | None = None, env: Mapping[str, str] | None = None) -> Told:
        """Run to the end, or kill the process, and it alone, with SIGKILL as soon as it said enough."""
        files = [
            [path.relative_to(self.docroot).as_posix(), path.stat().st_size, path.stat().st_mtime]
            for path in sorted(self.docroot.rglob("*"))
            if path.is_file()
        ]
        asked = {"url": self.url, "stage": str(self.stage), "files": files, "jobs": self.jobs}
        self.config.write_text(json.dumps(asked | {"processes": self.processes}))
        told = Told()
        with subprocess.Popen(
            [sys.executable, "-m", "tests.crash.download_driver", str(self.config)],
            cwd=PROJECT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if not line.endswith("\n"):
                    break
                told.take(line)
                if kill_when is not None and kill_when(told):
                    process.send_signal(signal.SIGKILL)
                    kill_when = None
        told.code = process.returncode
        return told

    def check(self, told: Told) -> None:
        """Everything arrived, and nothing else is left behind."""
        assert (told.code, told.failed, told.error) == (0, {}, None)
        files = {path.relative_to(self.docroot).as_posix(): path for path in self.docroot.rglob("*") if path.is_file()}
        assert told.fetched.keys() == files.keys()
        for key, path in files.items():
            data = path.read_bytes()
            staged, digest, _ = told.fetched[key]
            assert Path(staged).read_bytes() == data, key
            assert digest == hashlib.sha256(data).hexdigest()
        left = {path.name for path in (self.stage / "files").iterdir()}
        assert left == {staged_name(key) for key in files}
        assert all(path.name == "files" or path.name.startswith("journal-") for path in self.stage.iterdir())

    def journaled(self) -> list[str]:
        """The keys of every whole journal line."""
        text = b"".join(path.read_bytes() for path in self.stage.glob("journal-*"))
        return [json.loads(line)[0] for line in text.split(b"\n")[:-1]]


def wait_until_gone(pids: list[int]) -> None:
    """Wait for processes that are not children of this one to end."""
    until = time.monotonic() + SECONDS
    for pid in pids:
        while _lives(pid):
            assert time.monotonic() < until, f"process {pid} outlived its parent"
            time.sleep(0.005)


def _lives(pid: int) -> bool:
    """A zombie has ended: who reaps orphans here is not the project's concern."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

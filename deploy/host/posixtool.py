"""Running a program for its answer, within a time that is never exceeded."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 1024 * 1024
_ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended: its exit code (None: it took too long and was ended), what it wrote."""

    code: int | None
    output: bytes = b""
    errors: bytes = b""

    @property
    def said(self) -> str:
        """The last line it wrote to its standard error, else to its standard output."""
        for written in (self.errors, self.output):
            lines = written.decode("utf-8", "replace").split("\n")
            for line in reversed(lines):
                if line.strip():
                    return line.strip()
        return ""


def ask(command: Sequence[str], timeout: float, environment: Mapping[str, str] | None = None) -> Ran:
    """Run `command` for what it writes (the first MiB of each); raises `OSError` where it cannot be started.

    What it starts and leaves running may keep its output open: that is not waited for.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        code = _run(command, timeout, environment, output.fileno(), errors.fileno())
        return Ran(code, os.pread(output.fileno(), MOST_BYTES, 0), os.pread(errors.fileno(), MOST_BYTES, 0))


def tell(command: Sequence[str], timeout: float) -> int | None:
    """Run `command` for what it does: its exit code, None where it took too long and was ended.

    Nothing it writes is kept, for what it leaves running would go on writing. Raises `OSError`.
    """
    return _run(command, timeout, None, subprocess.DEVNULL, subprocess.DEVNULL)


def _run(
    command: Sequence[str], timeout: float, environment: Mapping[str, str] | None, output: int, errors: int
) -> int | None:
    """In a session of its own, so that neither the terminal nor the end of this program ends what it starts."""
    with subprocess.Popen(
        command,
        cwd=_ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(max(0, timeout))
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


class Deadline:
    """The end of a wait, and pauses until then."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self.seconds = seconds

    @property
    def left(self) -> float:
        """Seconds that are left, 0 or more."""
        return max(0.0, self._ends - time.monotonic())

    def pause(self, seconds: float) -> bool:
        """Wait so long, or as long as is left; False where nothing was."""
        left = self.left
        if left <= 0:
            return False
        time.sleep(min(left, seconds))
        return True

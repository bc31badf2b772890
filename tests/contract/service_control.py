"""A service manager for tests: `service_control.py FOLDER status|start|stop|start-type NAME [START_TYPE]`.

Each service is a file NAME.json below FOLDER; while it runs it is a real process, which `serve` is.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SECONDS = 60.0


def main(arguments: list[str]) -> int:
    folder, action, name = Path(arguments[0]), arguments[1], arguments[2]
    place = folder / f"{name}.json"
    if not place.is_file():
        return 4
    service = json.loads(place.read_text("utf-8"))
    pid = running(folder, name)
    if action == "status":
        told = {"start_type": service["start_type"], "dependents": service["dependents"], "process": pid}
        print(json.dumps(told))
        return 3 if pid is None else 0
    if action == "start-type":
        place.write_text(json.dumps(service | {"start_type": arguments[3]}), "utf-8")
        return 0
    if action == "start":
        return 0 if pid is not None else start(folder, name, service)
    return 0 if pid is None else stop(pid)


def running(folder: Path, name: str) -> int | None:
    """Its process id; None where it does not run, or is not ready."""
    ready = folder / f"{name}.pid"
    try:
        pid = int(ready.read_text("ascii"))
        state = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else pid


def start(folder: Path, name: str, service: dict[str, Any]) -> int:
    (folder / f"{name}.pid").unlink(missing_ok=True)
    if service["start_type"] == "disabled":
        return 1
    command = [sys.executable, "-I", "-S", __file__, str(folder), "serve", name]
    process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)
    if service["never_starts"]:
        return 0
    ends = time.monotonic() + SECONDS
    while running(folder, name) is None and time.monotonic() < ends:
        if process.poll() is not None:
            return 1
        time.sleep(0.01)
    return 0


def stop(pid: int) -> int:
    """Only asks: whoever wants to know whether it has stopped has to look."""
    os.kill(pid, signal.SIGTERM)
    return 0


def serve(folder: Path, name: str) -> int:
    """What the service itself does: hold its file until it is asked to stop."""
    service = json.loads((folder / f"{name}.json").read_text("utf-8"))
    if service["ends_again"]:
        return 42
    held = os.open(service["holds"], os.O_RDONLY) if service["holds"] else None
    signals = {signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    if not service["never_starts"]:
        ready = folder / f"{name}.new"
        ready.write_text(str(os.getpid()), "ascii")
        ready.replace(folder / f"{name}.pid")
    while True:
        signal.sigwait(signals)
        if not service["never_stops"]:
            break
    if held is not None:
        os.close(held)
    return 0


if __name__ == "__main__":
    if sys.argv[2] == "serve":
        sys.exit(serve(Path(sys.argv[1]), sys.argv[3]))
    sys.exit(main(sys.argv[1:]))

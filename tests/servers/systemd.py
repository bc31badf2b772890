"""A systemd of its own for tests: a user manager with mounts and a control group that nobody else sees.

It takes root and a control group of version 2 that can be divided; where these are missing, its tests are skipped.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.process import program

SECONDS = 60.0
CONTROL_GROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
TARGETS = ("default", "basic", "shutdown", "exit", "sockets", "timers", "paths")
# Only in its own mounts: what says that systemd runs here, its sockets, its part of the control groups.
INNER = """
set -e
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
mkdir -m 700 /run/u
exec "$0" --user
"""
# Outside a control group of its own systemd would move every process of this machine.
OUTER = """
set -e
echo $$ >"$0/cgroup.procs"
exec unshare --mount --cgroup --propagation private sh -c "$1" "$2"
"""


@dataclass(frozen=True, slots=True)
class Systemd:
    """A running manager: `program` is its systemctl, `runtime` its runtime folder, `units` where units are put."""

    program: Path
    runtime: Path
    units: Path

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its systemctl."""
        return subprocess.run(
            [self.program, "--user", *arguments],
            env={"XDG_RUNTIME_DIR": str(self.runtime), "PATH": os.defpath, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def add(self, unit: str, text: str) -> None:
        """Have a unit, or another text for it."""
        (self.units / unit).write_text(text, "utf-8")
        assert self.ask("daemon-reload").returncode == 0


@contextmanager
def running(folder: Path) -> Iterator[Systemd]:
    """Have one until the block ends; everything it started ends with it. Skips where that cannot be."""
    manager, control = program("systemd"), program("systemctl")
    group = _own_group()
    folder.joinpath("config/systemd/user").mkdir(parents=True)
    (folder / "basic").mkdir()
    for target in TARGETS:
        (folder / "basic" / f"{target}.target").write_text("[Unit]\nDescription=Of a test\n")
    units = folder / "config/systemd/user"
    environment = {
        "HOME": str(folder),
        "PATH": os.defpath,
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_RUNTIME_DIR": "/run/u",
        "SYSTEMD_UNIT_PATH": f"{units}:{folder / 'basic'}",
        "SYSTEMD_LOG_TARGET": "console",
    }
    log = folder / "systemd.log"
    process: subprocess.Popen[bytes] | None = None
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["sh", "-c", OUTER, str(group), INNER, manager],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        made = Systemd(folder / "systemctl", Path("/run/u"), units)
        made.program.write_text(f'#!/bin/sh\nexec nsenter --mount=/proc/{process.pid}/ns/mnt {control} "$@"\n')
        made.program.chmod(0o755)
        _wait(made, process, log)
        yield made
    finally:
        _remove(group)
        if process is not None:
            process.wait()


@pytest.fixture(scope="session")
def systemd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systemd]:
    """One for all tests of a run."""
    with running(tmp_path_factory.mktemp("systemd")) as made:
        yield made


def _own_group() -> Path:
    if os.geteuid() != 0:
        pytest.skip("a systemd of its own takes root")
    above = next((one for one in CONTROL_GROUPS if (one / "cgroup.controllers").exists()), None)
    if above is None:
        pytest.skip("a systemd of its own takes control groups of version 2")
    group = above / f"micce-test-{uuid.uuid4().hex}"
    try:
        group.mkdir()
    except OSError as wrong:
        pytest.skip(f"a systemd of its own takes a control group: {wrong.strerror}")
    return group


def _wait(made: Systemd, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + SECONDS
    while made.ask("is-system-running").stdout.strip() not in ("running", "degraded"):
        if process.poll() is not None:
            pytest.skip(f"a systemd of its own does not start here: {log.read_text('utf-8', 'replace').strip()}")
        assert time.monotonic() < ends, log.read_text("utf-8", "replace")
        time.sleep(0.05)


def _remove(group: Path) -> None:
    """End everything in a control group and below it, and remove them."""
    ends = time.monotonic() + SECONDS
    while group.exists() and time.monotonic() < ends:
        for folder, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                for pid in Path(folder, "cgroup.procs").read_text("ascii").split():
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
                os.rmdir(folder)
        time.sleep(0.01)
    assert not group.exists()

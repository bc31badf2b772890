"""The public command, run as a user runs it, with a machine of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers.process import unavailable

COMMAND = Path(sys.executable).with_name("micce-deploy")
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True, slots=True)
class Machine:
    """A computer with its machine.toml and state in a folder of the test's own."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return {**kept, "MICCE_MACHINE": str(self.folder / "machine.toml")}

    def settings(self, text: str) -> None:
        """Add to machine.toml."""
        with (self.folder / "machine.toml").open("a") as file:
            file.write(text)

    def run(self, *arguments: str | Path, cwd: Path | None = None) -> Ended:
        """Run micce-deploy to its end."""
        done = subprocess.run(
            self.command(arguments),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            cwd=cwd or self.folder,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start micce-deploy in a process group of its own."""
        return subprocess.Popen(
            self.command(arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            env=self.environment,
            cwd=self.folder,
            start_new_session=True,
        )

    @staticmethod
    def command(arguments: Sequence[str | Path]) -> list[str]:
        return [str(COMMAND), *map(str, arguments)]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    folder = tmp_path / "machine"
    folder.mkdir()
    (folder / "machine.toml").write_text(f'state = "{folder / "state"}"\n')
    return Machine(folder)


def setup_config(folder: Path, *files: str, execute: str = "", name: str = "Setup.config") -> Path:
    """Write a Setup.config with these `<file>` attributes and an `<execute>` element."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = "\n    ".join(f"<file {attributes} />" for attributes in files)
    path = folder / name
    path.write_text(
        f"""<?xml version="1.0" encoding="utf-8"?>
<configuration>
  {execute}
  <customerName>Test</customerName>
  <tenantID>7</tenantID>
  <files>
    {entries}
  </files>
</configuration>
"""
    )
    return path


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, by relative path with forward slashes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MiB: a tmpfs in a mount namespace would hide it from the command, so it is mounted.

    Where this account may not mount one, the test is skipped by name.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        unavailable(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)

"""The fault injector: a library to preload that counts the calls that change files, and strikes at the n-th."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import unavailable

SOURCE = Path(__file__).with_name("injector.c")
KILLS = ("kill", "torn")
REFUSALS = ("enospc", "eio", "eacces")


@dataclass(frozen=True)
class Injector:
    """`library` compiled; `folder` is where it counts and logs."""

    library: Path
    folder: Path

    def env(self, prefix: Path, mode: str, call: int) -> dict[str, str]:
        """The environment in which the `call`-th change below `prefix` (from 1) is hit; counting begins anew."""
        self.counter.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        return {
            "LD_PRELOAD": str(self.library),
            "CRASH_CTR": str(self.counter),
            "CRASH_N": str(call),
            "CRASH_MODE": mode,
            "CRASH_PREFIX": str(prefix),
            "CRASH_LOG": str(self.log),
        }

    @property
    def counter(self) -> Path:
        return self.folder / "counter"

    @property
    def log(self) -> Path:
        return self.folder / "calls"

    @property
    def calls(self) -> list[str]:
        """The changing calls of the last run: what was called."""
        return [line.split(" ")[1] for line in self.log.read_text().splitlines()]


def build(folder: Path) -> Iterator[Injector]:
    """Compile the injector; the test is skipped by name where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        unavailable("no C compiler is installed")
    library = folder / "injector.so"
    subprocess.run([str(compiler), "-shared", "-fPIC", "-O1", "-w", "-o", library, SOURCE, "-ldl"], check=True)
    yield Injector(library, folder)

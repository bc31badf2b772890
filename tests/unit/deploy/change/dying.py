"""Apply steps and end at a checkpoint without a word, as a killed process does; `broken_off` is how tests call it."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.change.steps import Step
from deploy.change.transaction import apply

ENDED = 3
PROJECT = Path(__file__).parents[4]


def broken_off(base: Path, steps: Sequence[Step], checkpoint: str = "changed") -> None:
    """Apply in a process that is gone as soon as it reaches a checkpoint."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.deploy.change.dying", checkpoint, base],
        cwd=PROJECT,
        input=pickle.dumps(tuple(steps)),
        capture_output=True,
        check=False,
    )
    assert done.returncode == ENDED, done.stderr


def main() -> None:
    """See the module."""
    steps = pickle.load(sys.stdin.buffer)

    def reached(checkpoint: str) -> None:
        if checkpoint == sys.argv[1]:
            os._exit(ENDED)

    apply(Path(sys.argv[2]), steps, checkpoint=reached)


if __name__ == "__main__":
    main()

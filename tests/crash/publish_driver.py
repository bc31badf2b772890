"""Publishes under the preloaded injector, each time in a fork of its own, as it is told on stdin.

Each line of stdin is a JSON array [base, mode, call, checkpoint, log]; the answer is a line [signal,
outcome, calls, problem codes]. `mode` and `call` are the injector's; "checkpoint" is "NAME:N" to die when
that one is reached for the N-th time, or "". Calls are counted and hit below the published tree.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from deploy.errors import MicceError
from tests.crash.publications import Scene, small_packs


def main() -> None:
    """See the module."""
    small_packs()
    injector = ctypes.CDLL(None)
    injector.injector_disarm.restype = ctypes.c_ulong
    for line in sys.stdin:
        base, mode, call, checkpoint, listed = json.loads(line)
        reader, writer = os.pipe()
        log = os.open(listed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            os.close(reader)
            below = os.fsencode(Scene(Path(base)).published)
            injector.injector_arm(below, ctypes.c_ulong(call), mode.encode(), log)
            outcome, codes = act(Scene(Path(base)), checkpoint)
            calls = injector.injector_disarm()
            os.write(writer, json.dumps([0, outcome, calls, codes]).encode())
            os._exit(0)
        os.close(writer)
        os.close(log)
        with open(reader, "rb") as answer:
            said = answer.read()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            said = json.dumps([os.WTERMSIG(status), "killed", 0, []]).encode()
        sys.stdout.write((said or b'[-1, "no answer", 0, []]').decode() + "\n")
        sys.stdout.flush()


def act(scene: Scene, checkpoint: str) -> tuple[str, list[str]]:
    """Publish; returns what came of it and the codes of problems."""
    try:
        result = scene.publish(stopping(checkpoint))
    except MicceError as wrong:
        return "refused", [one.code for one in wrong.problems]
    problems = [problem for one in result.customers for problem in one.problems] + list(result.problems)
    return "published" if result.ok else "partly", [one.code for one in problems]


def stopping(wanted: str) -> Callable[[str], None]:
    """A checkpoint at which the process dies."""
    name, _, count = wanted.partition(":")
    times: Counter[str] = Counter()

    def reached(checkpoint: str) -> None:
        times[checkpoint] += 1
        if checkpoint == name and times[name] == int(count):
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


if __name__ == "__main__":
    main()

"""Applies and recovers changes under the preloaded injector, each in a fork of its own, as it is told on stdin.

Each line of stdin is a JSON array [action, base, extra, mode, call, options, log];
the answer is a line
[signal, outcome, calls, problem codes]. `action` is "apply" or "recover"; `mode` and `call` are
the injector's; `options` is "" or names what is different: "copies" (no hard links), "stop:NAME"
(die at a checkpoint). Calls are counted and hit below the base folder; `log` is the file that lists them.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.change.recovery import recover
from deploy.change.transaction import apply
from deploy.errors import TargetError
from tests.crash.changes import Scene


def main() -> None:
    """See the module."""
    injector = ctypes.CDLL(None)
    injector.injector_disarm.restype = ctypes.c_ulong
    for line in sys.stdin:
        action, base, extra, mode, call, options, listed = json.loads(line)
        reader, writer = os.pipe()
        log = os.open(listed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            os.close(reader)
            scene = Scene(Path(base), extra)
            injector.injector_arm(os.fsencode(base), ctypes.c_ulong(call), mode.encode(), log)
            outcome, codes = act(scene, action, options)
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


def act(scene: Scene, action: str, options: str) -> tuple[str, list[str]]:
    """Apply or recover; returns what came of it and the codes of problems and warnings."""
    if options == "copies":
        os.link = no_links  # type: ignore[assignment]
    checkpoint = stopping(options.partition(":")[2])
    try:
        if action == "apply":
            return "applied", [one.code for one in apply(scene.base, scene.steps(), checkpoint=checkpoint)]
        done = recover(scene.base, checkpoint=checkpoint)
        return done.outcome.value, [one.code for one in done.warnings]
    except TargetError as wrong:
        return "refused", [one.code for one in wrong.problems]


def stopping(name: str) -> Callable[[str], None]:
    """A checkpoint at which the process dies."""

    def reached(checkpoint: str) -> None:
        if checkpoint == name:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def no_links(source: str, target: str) -> None:
    """What `os.link` says on a file system without hard links."""
    raise OSError(errno.EPERM, os.strerror(errno.EPERM), source)


if __name__ == "__main__":
    main()

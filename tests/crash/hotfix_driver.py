"""Applies, removes and recovers a hotfix under the preloaded injector, each in a fork of its own, as told on stdin.

These are the commands of the project, without the second it takes to start one: a whole matrix takes
thousands. Each line of stdin is a JSON object, see `Order`; the answer is one too, see `Told`.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hotfix import cli, installer
from tests.crash.hotfix_scene import HotfixScene

CODE = re.compile(r"\[([a-z]+(?:-[a-z]+)*)\]$", re.MULTILINE)


@dataclass(frozen=True)
class Order:
    """`action`: apply, uninstall, recover, on the scene in `folder`; `mode` and `call` are the injector's."""

    folder: str
    action: str
    log: str
    mode: str = "count"
    call: int = 0


@dataclass(frozen=True)
class Told:
    """The signal that ended it (0: none), what a command would exit with, codes of problems and warnings."""

    signal: int = 0
    exit: int = 0
    calls: int = 0
    codes: list[str] = field(default_factory=list)


def main() -> None:
    """See the module."""
    injector = ctypes.CDLL(None)
    injector.injector_disarm.restype = ctypes.c_ulong
    for line in sys.stdin:
        order = Order(**json.loads(line))
        os.environ.update(HotfixScene(Path(order.folder)).environment)
        sys.stdout.write(json.dumps(asdict(_in_a_fork(order, injector))) + "\n")
        sys.stdout.flush()


def _in_a_fork(order: Order, injector: ctypes.CDLL) -> Told:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.close(reader)
        listed = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        base = os.fsencode(f"{HotfixScene(Path(order.folder)).base}/")
        injector.injector_arm(base, ctypes.c_ulong(order.call), order.mode.encode(), ctypes.c_int(listed))
        code, codes = _acted(order)
        told = Told(0, code, injector.injector_disarm(), codes)
        with open(writer, "w") as answer:
            answer.write(json.dumps(asdict(told)))
        os._exit(0)
    os.close(writer)
    with open(reader) as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return Told(os.WTERMSIG(status))
    return Told(**json.loads(said)) if said else Told(-1)


def _acted(order: Order) -> tuple[int, list[str]]:
    """Run the command with its output in a file; returns its exit code, and the codes it said."""
    scene = HotfixScene(Path(order.folder))
    said = scene.folder / "said"
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    sys.argv = [order.action, *arguments(order.action, scene)]
    try:
        code = installer.run(sys.argv[1:]) if order.action == "apply" else cli.main()
    except SystemExit as ended:
        code = ended.code
    sys.stdout.flush()
    sys.stderr.flush()
    text = said.read_text()
    assert "Traceback" not in text, text
    return int(code or 0), CODE.findall(text)


def arguments(action: str, scene: HotfixScene) -> list[str]:
    """What the command is told."""
    if action == "apply":
        return [f"/i:{scene.config}", "/s"]
    return ["uninstall", "HF001", "--yes"] if action == "uninstall" else ["recover"]


if __name__ == "__main__":
    main()

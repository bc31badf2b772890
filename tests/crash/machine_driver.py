"""Changes and recovers machines under the preloaded injector, each in a fork of its own, as it is told on stdin.

Each line of stdin is a JSON object, see `Order`; the answer is one too, see `Told`. The injector
counts and hits calls of the fork itself below the base of the scene. A program that the fork starts has
the library too, but nothing armed in it: what commands do counts as the rest of the machine.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.change.model import Doing
from deploy.change.recovery import recover_machine
from deploy.change.transaction import carry_out
from deploy.errors import TargetError
from tests.crash.change_driver import no_links
from tests.crash.machines import MachineScene
from tests.crash.means_faults import Faults


@dataclass(frozen=True)
class Order:
    """What to do to the scene in `folder`.

    `action`: apply, recover, insist. `mode` and `call` are the injector's, which lists calls in `log`; where
    a call is failed, the process dies before that of the number `then`.
    `means` and `means_call` are those of `Faults`. `stop`: die at the checkpoint of this number, from 1.
    `copies`: the file system has no hard links. `last` and `elsewhere` are of the scene, "" for none.
    """

    folder: str
    action: str
    log: str
    mode: str = "count"
    call: int = 0
    then: int = 0
    means: str = ""
    means_call: int = 0
    stop: int = 0
    copies: bool = False
    last: bool = False
    elsewhere: str = ""


@dataclass(frozen=True)
class Told:
    """The signal that ended it (0: none), the outcome, codes of problems and warnings, what was passed on the way."""

    signal: int = 0
    outcome: str = ""
    calls: int = 0
    codes: list[str] = field(default_factory=list)
    checkpoints: list[str] = field(default_factory=list)
    means_calls: list[str] = field(default_factory=list)
    doings: list[str] = field(default_factory=list)


def main() -> None:
    """See the module."""
    injector = ctypes.CDLL(None)
    injector.injector_disarm.restype = ctypes.c_ulong
    MachineScene(Path()).means()  # what it imports when first needed is imported here, once for all forks
    for line in sys.stdin:
        told = _in_a_fork(Order(**json.loads(line)), injector)
        sys.stdout.write(json.dumps(asdict(told)) + "\n")
        sys.stdout.flush()


def _in_a_fork(order: Order, injector: ctypes.CDLL) -> Told:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.close(reader)
        listed = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        told = _done(order, injector, listed)
        with open(writer, "w") as answer:
            answer.write(json.dumps(asdict(told)))
        os._exit(0)
    os.close(writer)
    with open(reader) as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return Told(os.WTERMSIG(status), "killed")
    return Told(**json.loads(said)) if said else Told(-1, "no answer")


def _done(order: Order, injector: ctypes.CDLL, listed: int) -> Told:
    if order.copies:
        os.link = no_links  # type: ignore[assignment]
    elsewhere = Path(order.elsewhere) if order.elsewhere else None
    scene = MachineScene(Path(order.folder), order.last, elsewhere)
    checkpoints: list[str] = []
    doings: list[str] = []

    def reached(name: str) -> None:
        checkpoints.append(name)
        if len(checkpoints) == order.stop:
            os.kill(os.getpid(), signal.SIGKILL)

    def told(doing: Doing) -> None:
        doings.append(f"{doing.action} {doing.subject}")

    faults = Faults(order.means, order.means_call)
    means = faults.through(scene.means())
    change = scene.change()
    injector.injector_arm(
        os.fsencode(f"{scene.base}/"), ctypes.c_ulong(order.call), order.mode.encode(), ctypes.c_int(listed)
    )
    injector.injector_then_kill(ctypes.c_ulong(order.then))
    try:
        if order.action == "apply":
            outcome = "applied"
            warnings = carry_out(change, scene.home, means, tell=told, pause=_at_once, checkpoint=reached).warnings
        else:
            insist = order.action == "insist"
            done = recover_machine(scene.home, means, insist=insist, tell=told, pause=_at_once, checkpoint=reached)
            outcome, warnings = done.outcome.value, done.warnings
    except TargetError as wrong:
        outcome, warnings = "refused", wrong.problems
    calls = injector.injector_disarm()
    return Told(0, outcome, calls, [one.code for one in warnings], checkpoints, faults.calls, doings)


def _at_once(_: float) -> None:
    """No patience: nobody but the test is here to let go of a file."""


if __name__ == "__main__":
    main()

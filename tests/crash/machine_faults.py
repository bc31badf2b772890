"""Faults in the change of a machine and in its recovery, from the tests' side: strike, look, recover, look again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tests.crash.change_faults import PROJECT, SIGKILL, SOURCE
from tests.crash.machine_driver import Order, Told
from tests.crash.machines import MachineScene
from tests.crash.means_faults import DYING
from tests.crash.replicas import replicate
from tests.servers.process import program

KILLS = ("kill", "torn")
REFUSALS = ("enospc", "eio", "eacces")
FAULTS = (*KILLS, *REFUSALS)
LASTING = ("enospc-on", "eio-on", "eacces-on")
CODES = {
    "enospc": {"disk-full", "registry-failed"},
    "eio": {"cannot-write", "registry-failed"},
    "eacces": {"cannot-write", "no-permission", "registry-failed"},
}
"""What a refusal by the file system is called: of files, and of the file that stands in for a registry."""


@dataclass
class MachineDriver:
    """Changes and recovers scenes in processes that are hit by faults; `folder` is its own."""

    process: subprocess.Popen[str]
    folder: Path

    def act(self, scene: MachineScene, action: str, order: Order | None = None) -> Told:
        """Do what `order` says to `scene`; by default without a fault."""
        given = replace(
            order or NO_FAULT,
            folder=str(scene.folder),
            action=action,
            log=str(self._log),
            last=scene.last,
            elsewhere=str(scene.elsewhere or ""),
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(given)) + "\n")
        self.process.stdin.flush()
        return Told(**json.loads(self.process.stdout.readline()))

    def calls(self, scene: MachineScene) -> list[tuple[str, str]]:
        """The counted calls of the last action: what was called, and on what below the base of the scene."""
        rows = (line.split(" ", 2) for line in self._log.read_text().splitlines())
        return [(name, os.path.relpath(path, scene.base)) for _, name, path in rows]

    @property
    def _log(self) -> Path:
        return self.folder / "calls"


NO_FAULT = Order("", "", "")


def fault(mode: str, call: int, *, copies: bool = False) -> Order:
    """A fault at a file-changing call."""
    return replace(NO_FAULT, mode=mode, call=call, copies=copies)


@contextmanager
def started(folder: Path) -> Iterator[MachineDriver]:
    """Compile the injector and start a driver; the test is skipped by name where there is no compiler."""
    library = folder / "injector.so"
    subprocess.run([program("gcc"), "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.machine_driver"],
        cwd=PROJECT,
        env={**os.environ, "LD_PRELOAD": str(library), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield MachineDriver(process, folder)
        assert process.stdin is not None
        process.stdin.close()


@dataclass
class Bench:
    """A scene, a driver, and the scene as it was at some moments, to begin from there again."""

    driver: MachineDriver
    scene: MachineScene
    kept: list[str] = field(default_factory=list)

    def keep(self, moment: str) -> None:
        """Remember the scene as it is now."""
        replicate(self.scene.folder, self._at(moment))
        if moment not in self.kept:
            self.kept.append(moment)

    def back_to(self, moment: str) -> None:
        """The scene as it was then; `fresh` is made when first needed."""
        if moment == "fresh" and moment not in self.kept:
            self.scene.set_up()
            assert self.scene.state() == "old"
            self.keep(moment)
        else:
            replicate(self._at(moment), self.scene.folder)

    def recovered(self) -> str:
        """The state after a recovery without faults, which has to be old or new with nothing left over."""
        told = self.driver.act(self.scene, "recover")
        irreversible = ["not-reversible"] if self.scene.last and told.outcome == "rolled-back" else []
        assert (told.signal, told.codes) in ((0, []), (0, irreversible)), told
        state = self.whole()
        assert self.driver.act(self.scene, "recover").outcome == "nothing"
        return state

    def whole(self) -> str:
        """The state, which has to be old or new."""
        self.look()
        state = self.scene.state()
        assert state in ("old", "new"), state
        return state

    def look(self) -> None:
        """No service may run over mixed files, now or at any moment since the scene was set up."""
        assert self.scene.wrong_now() == ""

    def struck(self, order: Order) -> tuple[str, str]:
        """Apply on a fresh scene with a fault, then recover.

        Returns the state and where the fault struck; ("", "") if there is no such call.
        """
        self.back_to("fresh")
        told = self.driver.act(self.scene, "apply", order)
        where = self.where(order, told)
        if not where:
            if not order.then:
                assert (told.outcome, told.codes, self.scene.state()) == ("applied", [], "new"), told
            return "", ""
        try:
            self.look()
            if told.signal == 0:
                self._is_honest(told, order)
            state = self.recovered()
            if told.outcome == "applied":
                assert state == "new"
        except AssertionError as wrong:
            raise AssertionError(f"after {where}, which said {told}: {wrong}") from wrong
        return state, where

    def broken_off(self, first: Order) -> bool:
        """Apply on a fresh scene with a fault that kills, and keep what is left as `broken`; False for no such call."""
        self.back_to("fresh")
        told = self.driver.act(self.scene, "apply", first)
        if not self.where(first, told):
            return False
        assert told.signal == SIGKILL, told
        self.keep("broken")
        return True

    def struck_again(self, second: Order) -> tuple[str, str]:
        """As `struck`, with the fault in a recovery of what was broken off, and another recovery after it."""
        self.back_to("broken")
        told = self.driver.act(self.scene, "recover", second)
        where = self.where(second, told)
        try:
            self.look()
            if not where:
                return self.whole() and "", ""
            if told.outcome == "refused" and second.mode in REFUSALS:
                assert told.codes[0] in CODES[second.mode], told.codes
            if told.outcome in ("rolled-back", "finished", "nothing") and not told.codes:
                # What was said to be in order has to be.
                assert self.scene.state() == {"rolled-back": "old", "finished": "new"}.get(told.outcome, self.whole())
            return self.recovered(), where
        except AssertionError as wrong:
            raise AssertionError(f"in the recovery {where}, which said {told}: {wrong}") from wrong

    def where(self, order: Order, told: Told) -> str:
        """The call that was struck, in words; "" where the action made fewer."""
        if order.mode != "count":
            calls = self.driver.calls(self.scene)
            if told.signal == 0 and told.calls < max(order.call, order.then):
                return ""
            if order.then:
                self._died(told, True, calls[order.call - 1])
                said = f"{order.mode} at call {order.call}, {' '.join(calls[order.call - 1])}"
                return f"{said}, and a kill at call {order.then}, {' '.join(calls[order.then - 1])}"
            self._died(told, order.mode in KILLS, calls[order.call - 1])
            return f"{order.mode} at call {order.call}, {' '.join(calls[order.call - 1])}"
        if order.means:
            if told.signal == 0 and len(told.means_calls) < order.means_call:
                return ""
            self._died(told, order.means in DYING, order)
            return f"{order.means} at call {order.means_call} of the machine"
        if order.stop:
            if told.signal == 0 and len(told.checkpoints) < order.stop:
                return ""
            self._died(told, True, order)
            return f"a kill at checkpoint {order.stop}"
        return ""

    @staticmethod
    def _died(told: Told, dies: bool, where: object) -> None:
        assert told.signal == (SIGKILL if dies else 0), (where, told)

    def _is_honest(self, told: Told, order: Order) -> None:
        """What was said of a change that was not killed is true, at once."""
        state = self.scene.state()
        if told.outcome == "applied":
            # Decided, and at most something could not be cleaned up after.
            left = state.startswith("left over: ") and told.codes
            assert state == "new" or left, state
            return
        assert told.outcome == "refused"
        if order.mode in REFUSALS:
            assert told.codes[0] in CODES[order.mode], told.codes
        if order.mode not in LASTING:
            assert state == "old", state

    def _at(self, moment: str) -> Path:
        return Path(f"{self.scene.folder}.{moment}")

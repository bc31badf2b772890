"""Faults while a hotfix is applied, removed or recovered, from the tests' side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.crash.change_faults import PROJECT, SIGKILL, SOURCE
from tests.crash.hotfix_driver import Order, Told
from tests.crash.hotfix_scene import HotfixScene
from tests.crash.injector import KILLS
from tests.servers.process import program

NOTE = "state/hotfixes/.unfinished.json"


@dataclass(frozen=True)
class Deed:
    """What is done to a machine without the hotfix, or with it, and the state before and after."""

    action: str
    installed: bool
    before: str
    after: str


APPLY = Deed("apply", False, "old", "new")
REINSTALL = Deed("apply", True, "new", "new")
REMOVE = Deed("uninstall", True, "new", "old")


@dataclass
class HotfixBench:
    """A scene, and the process that acts on it."""

    process: subprocess.Popen[str]
    scene: HotfixScene

    def act(self, action: str, mode: str = "count", call: int = 0) -> Told:
        """Act, with a fault at one call."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = Order(str(self.scene.folder), action, str(self._log), mode, call)
        self.process.stdin.write(json.dumps(asdict(order)) + "\n")
        self.process.stdin.flush()
        return Told(**json.loads(self.process.stdout.readline()))

    def calls(self) -> list[str]:
        """The counted calls of the last action, in words."""
        rows = (line.split(" ", 2) for line in self._log.read_text().splitlines())
        return [f"{name} {os.path.relpath(path, self.scene.base)}" for _, name, path in rows]

    @property
    def _log(self) -> Path:
        return self.scene.folder / "calls"

    def begin(self, installed: bool) -> None:
        """The machine without the hotfix, or with it."""
        if not installed:
            self.scene.start_over()
            return
        if not self.scene.is_kept:
            self.scene.start_over()
            told = self.act("apply")
            assert (told.exit, told.codes) == (0, []), told
            self.scene.learn()
        self.scene.start_over(installed=True)

    def struck(self, deed: Deed, mode: str, call: int, *, again: bool = False) -> str:
        """Do it with a fault at one call, look, and recover where that is needed, or do it `again`.

        Returns the state after that; "" if there is no such call.
        """
        self.begin(deed.installed)
        told = self.act(deed.action, mode, call)
        calls = self.calls()
        if len(calls) < call:
            assert (told.exit, self.state(deed)) == (0, deed.after), told
            return ""
        where = f"{mode} at call {call} of {len(calls)}, {calls[call - 1]}; {told}"
        assert self.scene.wrong_now() == "", where
        if mode in KILLS:
            assert told.signal == SIGKILL, where
        else:
            assert told.signal == 0, where
            self._is_honest(deed, told, mode, where)
        done = self.act(deed.action if again else "recover")
        if again and done.codes == ["not-installed"]:
            # It was removed before the kill, and only lacks the cleaning up.
            done = self.act("recover")
        assert (done.signal, done.exit) == (0, 0), (done, where)
        state = self.state(deed)
        assert self.scene.wrong_now() == "", where
        assert state == deed.after if again else state in ("old", "new"), (state, where)
        return state

    def state(self, deed: Deed) -> str:
        """The state, as far as `deed` changes it."""
        return self.scene.state(removal=deed.action == "uninstall")

    def _is_honest(self, deed: Deed, told: Told, mode: str, where: str) -> None:
        """What the exit code says is true at once, but for a disk that takes nothing any more."""
        state = self.state(deed)
        if told.exit == 0:
            left = state.startswith(f"{deed.after}, but left over") and told.codes
            assert state == deed.after or left, (state, where)
        elif not mode.endswith("-on"):
            # The note for the next start may be there already, that there may be something to tidy up.
            assert state in (deed.before, f"{deed.before}, but left over: {[NOTE]}"), (state, where)


@contextmanager
def started(scene: HotfixScene) -> Iterator[HotfixBench]:
    """Compile the injector, set up the scene and start what acts on it."""
    scene.folder.mkdir(parents=True, exist_ok=True)
    library = scene.folder / "injector.so"
    subprocess.run([program("gcc"), "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.hotfix_driver"],
        cwd=PROJECT,
        env={**os.environ, "LD_PRELOAD": str(library), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        scene.set_up()
        try:
            bench = HotfixBench(process, scene)
            bench.begin(True)
            yield bench
        finally:
            scene.tear_down()
            process.stdin.close()

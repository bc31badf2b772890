"""Planning and applying in a thread of its own, so that a window stays alive; a queue tells what comes of it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import MicceError, Problem
from hotfix.events import Event
from hotfix.install import Applied
from hotfix.log import Log
from hotfix.logged import apply_logged, prepare_logged, recover_logged
from hotfix.planned import Plan
from hotfix.target import Target


@dataclass(frozen=True, slots=True)
class Failed:
    """What was asked for could not be done, and why."""

    problems: tuple[Problem, ...]


Message = Plan | Applied | Failed | Event


class Background:
    """One piece of work at a time; `take` is called by the window's own thread."""

    def __init__(self, target: Target, log: Log) -> None:
        self._target = target
        self._log = log
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether work is under way."""
        return self._thread is not None and self._thread.is_alive()

    def plan(self, config: Path) -> None:
        """Recover, then plan; a `Plan` or `Failed` comes of it, events before."""

        def work() -> Plan:
            recover_logged(self._target, self._log, self._messages.put)
            return prepare_logged(config, self._target, self._log, silent=False)

        self._start(work)

    def apply(self, plan: Plan) -> None:
        """Apply; an `Applied` or `Failed` comes of it, events before."""
        self._start(lambda: apply_logged(plan, self._target, self._log, self._messages.put))

    def cancelled(self) -> None:
        """Note that the person did not want it."""
        self._log.info("cancelled; nothing was changed")

    def take(self) -> Message | None:
        """The next message, None while there is none."""
        try:
            return self._messages.get_nowait()
        except queue.Empty:
            return None

    def _start(self, work: Callable[[], Message]) -> None:
        if self.busy:
            raise RuntimeError("one piece of work at a time")

        def run() -> None:
            try:
                self._messages.put(work())
            except MicceError as wrong:
                self._messages.put(Failed(wrong.problems))

        # Not a daemon: an apply goes to its end, whatever becomes of the window.
        self._thread = threading.Thread(target=run, name="hotfix")
        self._thread.start()

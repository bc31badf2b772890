"""Ctrl-C, a hang-up or a request to end in the middle of a change: it is undone in order, or goes to its end.

Left to themselves these signals would break off anything anywhere, the undoing too, and leave services
stopped until the next start. Here one is noted, and acted on where the change can be undone: at its
next step, at once while it waits for a service or a command. What is being undone and what is decided
goes to its end.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from deploy.change.files import Pause
from hotfix.events import Event, Progress, Tell

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_WAITING = frozenset({"run-command", "stop-service", "start-service", "close-process"})
_TO_ITS_END = frozenset({"commit", "undo", "undo-command"})
_UNDONE_FIRST = b"\nstopping: what has been done is undone first\n"
_ENDS_FIRST = b"\nstopping: this goes to its end first\n"


class Interruption:
    """What signals ask for during one change; `tell` and `pause` are the change's, and raise `KeyboardInterrupt`."""

    def __init__(self, tell: Tell, pause: Pause = time.sleep, *, to_its_end: bool = False) -> None:
        self.asked = False
        self._tell = tell
        self._pause = pause
        self._to_its_end = to_its_end
        self._waiting = False
        self._raised = False

    def tell(self, event: Event) -> None:
        """Pass an event on, unless the change is to stop before it."""
        if isinstance(event, Progress):
            self._stop_if_asked()
            self._tell(event)
            return
        self._waiting = False
        self._to_its_end |= event.action in _TO_ITS_END or _is_failing()
        self._stop_if_asked()
        self._tell(event)
        self._waiting = event.action in _WAITING

    def pause(self, seconds: float) -> None:
        """Wait, unless the change is to stop."""
        self._pause(seconds)
        self._stop_if_asked()

    def caught(self, number: int, frame: FrameType | None) -> None:
        """A signal; a second one reaches a command that the first one did not end."""
        del number, frame
        if not self.asked:
            with suppress(OSError):
                os.write(2, _ENDS_FIRST if self._to_its_end or _is_failing() else _UNDONE_FIRST)
        self.asked = True
        if self._waiting and not self._to_its_end and not _is_failing():
            self._raised = True
            raise KeyboardInterrupt

    def _stop_if_asked(self) -> None:
        if self.asked and not self._raised and not self._to_its_end and not _is_failing():
            self._raised = True
            raise KeyboardInterrupt


def _is_failing() -> bool:
    """Whether an error is being dealt with: everything is being undone then."""
    return sys.exc_info()[0] is not None


@contextmanager
def interruptible(tell: Tell, pause: Pause = time.sleep, *, to_its_end: bool = False) -> Iterator[Interruption]:
    """Have the signals of this process ask the change inside; `to_its_end` for one that must not stop.

    In another thread than the main one nothing is asked. A signal that is ignored (nohup, a job in the
    background) stays so.
    """
    one = Interruption(tell, pause, to_its_end=to_its_end)
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, one.caught)
    try:
        yield one
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

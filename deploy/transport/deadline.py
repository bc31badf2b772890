"""A deadline for libraries that wait without one: another thread ends the wait."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Deadline:
    """Calls `expire` on another thread after some seconds unless cancelled or renewed.

    `expire` has to make the waiting call fail, say by closing its connection; `expired` then tells why.
    """

    def __init__(self, expire: Callable[[], None], seconds: float) -> None:
        self._expire = expire
        self._seconds = seconds
        self.expired = False
        self._start()

    def renew(self) -> None:
        """Begin to count anew."""
        self.cancel()
        self._start()

    def cancel(self) -> None:
        """Count no more."""
        self._timer.cancel()

    def _start(self) -> None:
        self._timer = threading.Timer(self._seconds, self._fire)
        self._timer.daemon = True
        self._timer.start()

    def _fire(self) -> None:
        self.expired = True
        self._expire()

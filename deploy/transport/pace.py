"""The stall rule: at least so many bytes a second over a window of waiting.

Pure: time is handed in. Only the time spent waiting for the source counts, not what the reader does
between two reads.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """`window` in seconds, `least_rate` in bytes a second."""

    window: float
    least_rate: int
    waited: float = 0.0
    received: int = 0

    @property
    def patience(self) -> float:
        """How long the next read may wait, in seconds; never 0."""
        return max(self.window - self.waited, 0.001)

    def record(self, waited: float, received: int) -> bool:
        """Count one read; False when a whole window went by at less than the least rate."""
        self.waited += waited
        self.received += received
        enough = self.received >= self.least_rate * self.window
        if not enough and self.waited < self.window:
            return True
        self.waited, self.received = 0.0, 0
        return enough

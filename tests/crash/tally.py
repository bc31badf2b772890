"""What the whole matrices did, kept for the table in docs/reliability.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".cache" / "crash"


@dataclass
class Tally:
    """Counts of what came of each fault in the test `name`: by row of the table, kind of fault and state."""

    name: str
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, row: str, fault: str, states: Iterable[str]) -> None:
        """Take down the state after each fault, and keep it."""
        self.counts.update((row, fault, state) for state in states)
        FOLDER.mkdir(parents=True, exist_ok=True)
        rows = [[*key, count] for key, count in sorted(self.counts.items())]
        (FOLDER / f"{self.name}.json").write_text(json.dumps(rows))


def saved() -> Counter[tuple[str, str, str]]:
    """Everything that was kept."""
    total: Counter[tuple[str, str, str]] = Counter()
    for path in sorted(FOLDER.glob("*.json")):
        for row, fault, state, count in json.loads(path.read_text()):
            total[row, fault, state] += count
    return total

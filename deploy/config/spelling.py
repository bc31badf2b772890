"""Which known name somebody meant who wrote another."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST_GUESS = 40


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, compared in any case; None when nothing comes close or `name` is no word."""
    if len(name) > LONGEST_GUESS:
        return None
    spelled = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.strip().lower(), spelled, n=1)
    return spelled[close[0]] if close else None

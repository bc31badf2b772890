"""Rates as people type them: `10M` is ten mebibytes a second. Pure."""

from __future__ import annotations

import re

from deploy.errors import UsageError, error

_RATE = re.compile(r"(?i)(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?(?:/s)?")
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def parse_rate(text: str) -> int:
    """Bytes a second, at least 1; K, M and G are binary, as curl has them.

    Raises `UsageError` (bad-rate).
    """
    match = _RATE.fullmatch(text.strip())
    rate = int(float(match.group(1)) * _UNITS[match.group(2).lower()]) if match else 0
    if rate < 1:
        raise UsageError(error("bad-rate", f"'{text}' is not a rate", "write bytes a second as 500K, 10M or 1.5G"))
    return rate

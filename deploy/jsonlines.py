"""JSON lines: one value a line, in ASCII, so that no name can break a line and every one survives. Pure."""

from __future__ import annotations

import json

# Kept, because `json.dumps` with separators of its own makes a new encoder for every call.
_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)


def json_line(value: object) -> bytes:
    """A value as a line with its line feed; lone surrogates in names come through (PEP 383)."""
    return _ENCODER.encode(value).encode("ascii") + b"\n"

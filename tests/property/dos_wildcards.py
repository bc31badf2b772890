"""The meaning of a Windows wildcard, written down a second time: a set of states moved along the name.

From the wording of [MS-FSA] 2.1.4.4 ("... using the following wildcard rules") and of the rewriting
that FindFirstFile does before. Slow and plain on purpose; only what is compared with it is fast.
"""

from __future__ import annotations

STAR, DOS_STAR, DOS_QM, DOS_DOT = "*", "<", ">", '"'


def expression(pattern: str) -> str:
    """The pattern in the alphabet of the protocol, for names without `<>"`."""
    if pattern in ("", "*.*"):
        return STAR
    before_end = pattern.endswith("*.")
    written = pattern[:-1] if before_end else pattern
    rewritten = "".join(
        DOS_DOT if character == "." and written[place + 1 : place + 2] in ("*", "?") else character
        for place, character in enumerate(written)
    ).replace("?", DOS_QM)
    return rewritten[:-1] + DOS_STAR if before_end else rewritten


def is_in_expression(name: str, pattern: str) -> bool:
    """Whether the file name, folded already, is in the pattern, folded already."""
    if not name:
        return False
    wanted = expression(pattern)
    final_dot = name.rfind(".")
    states = {0}
    for place, character in enumerate(name):
        following: set[int] = set()
        for state in _without_consuming(states, wanted, character):
            token = wanted[state : state + 1]
            if token == STAR or (token == DOS_STAR and place != final_dot):
                following.add(state)
            elif token == DOS_QM:
                if character != ".":
                    following.add(state + 1)
            elif token == character or (token == DOS_DOT and character == "."):
                following.add(state + 1)
        states = following
    return len(wanted) in _without_consuming(states, wanted, "")


def _without_consuming(states: set[int], wanted: str, ahead: str) -> set[int]:
    """The states reached before `ahead` is consumed; "" is the end of the name."""
    reached: set[int] = set()
    waiting = list(states)
    while waiting:
        state = waiting.pop()
        if state in reached:
            continue
        reached.add(state)
        token = wanted[state : state + 1]
        skips = (
            token in (STAR, DOS_STAR) or (token == DOS_QM and ahead in (".", "")) or (token == DOS_DOT and ahead == "")
        )
        if token and skips:
            waiting.append(state + 1)
    return reached

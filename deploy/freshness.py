"""Whether a copy made earlier is still the file a listing shows, told without asking the source. Pure.

The rule is the one of git's index ("racy git", Documentation/technical/racy-git): equal size and
equal modification time prove that nothing changed only if that time was already safely past when
the copy was made. A file changed twice within the granularity of its time stamp would otherwise
keep both. So a copy made at `recorded_at` of a file modified at `m` is trusted when

    recorded_at >= m + precision + MARGIN

with the coarser precision of the two descriptions: any change made after the copy then shows a
later time. MARGIN allows for the clocks of the two machines, as RFC 7232 section 2.2.2 did with the
same minute; a client that is ahead of its server by more than that may be wrong about a file that
was replaced, with the very same size, in the minute it was copied.
"""

from __future__ import annotations

import enum

from deploy.transport.contract import Validators

MARGIN = 60.0


class Freshness(enum.Enum):
    """What is known of a copy: use it, ask with its validators as the condition, or fetch anew."""

    FRESH = "fresh"
    ASK = "ask"
    STALE = "stale"


def freshness(recorded: Validators, recorded_at: float, listed: Validators) -> Freshness:
    """Judge a copy described by `recorded`, whose transfer began at POSIX time `recorded_at`.

    FRESH: `listed` is provably the same version (equal strong ETags, or equal exact sizes and an
    equal modification time that is not racy). STALE: provably another one. ASK: not proven.
    """
    if recorded.size is not None and listed.size is not None and recorded.size != listed.size:
        return Freshness.STALE
    if recorded.strong_etag is not None and listed.strong_etag is not None:
        return Freshness.FRESH if recorded.strong_etag == listed.strong_etag else Freshness.STALE
    if recorded.size is None or listed.size is None or recorded.modified is None or listed.modified is None:
        return Freshness.ASK
    precision = max(recorded.precision, listed.precision)
    if not _same_time(recorded.modified, recorded.precision, listed.modified, listed.precision):
        return Freshness.ASK
    settled = recorded_at >= max(recorded.modified, listed.modified) + precision + MARGIN
    return Freshness.FRESH if settled else Freshness.ASK


def _same_time(one: float, precision: float, other: float, other_precision: float) -> bool:
    """Whether two times can be one; the coarser is the beginning of its granule, so the finer lies within."""
    if precision == other_precision:
        return one == other
    later = other - one if precision > other_precision else one - other
    return 0.0 <= later < max(precision, other_precision)

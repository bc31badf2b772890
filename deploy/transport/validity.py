"""Whether two looks at a file saw the same bytes, for sources that have no ETag.

Pure.
"""

from __future__ import annotations

from deploy.transport.contract import Resume, Validators

FINEST_PROOF = 1.0


def provably_same(held: Validators, now: Validators) -> bool:
    """Whether size and time of change are both known, equal, and told to the second or finer.

    A listing that shows minutes or days proves nothing: a file may have been replaced since by one of
    the same size.
    """
    if held.size is None or held.size != now.size or held.modified is None or now.modified is None:
        return False
    precision = max(held.precision, now.precision)
    return precision <= FINEST_PROOF and abs(held.modified - now.modified) < precision


def start_of(resume: Resume | None, now: Validators) -> int:
    """Where to begin reading in bytes: the offset asked for if the file is provably the same, else 0."""
    if resume is None or now.size is None or not 0 < resume.offset <= now.size:
        return 0
    return resume.offset if provably_same(resume.validators, now) else 0

"""When two looks at a file prove it the same."""

from __future__ import annotations

import pytest

from deploy.transport.contract import Resume, Validators
from deploy.transport.validity import provably_same, start_of

HELD = Validators(size=10, modified=1000.0)


@pytest.mark.parametrize(
    ("held", "now", "same"),
    [
        (HELD, HELD, True),
        (HELD, Validators(size=10, modified=1001.0), False),
        (HELD, Validators(size=11, modified=1000.0), False),
        (HELD, Validators(size=10, modified=1000.4), True),
        (Validators(size=10, modified=1000.0, precision=60), HELD, False),
        (HELD, Validators(size=10, modified=1000.0, precision=60), False),
        (Validators(size=10, modified=1.0, precision=1e-6), Validators(size=10, modified=1.001, precision=1e-6), False),
        (Validators(size=10), Validators(size=10), False),
        (Validators(modified=1000.0), Validators(modified=1000.0), False),
        (Validators(), Validators(), False),
        (Validators(size=10, etag='"x"'), Validators(size=10, etag='"x"'), False),
    ],
)
def test_proofs(held: Validators, now: Validators, same: bool) -> None:
    assert provably_same(held, now) is same
    assert provably_same(now, held) is same


@pytest.mark.parametrize(
    ("resume", "start"),
    [
        (None, 0),
        (Resume(4, HELD), 4),
        (Resume(10, HELD), 10),
        (Resume(11, HELD), 0),
        (Resume(-1, HELD), 0),
        (Resume(4, Validators(size=10, modified=999.0)), 0),
    ],
)
def test_where_to_start(resume: Resume | None, start: int) -> None:
    assert start_of(resume, HELD) == start
    assert start_of(resume, Validators()) == 0

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.change.model import Restart, ServiceChange
from deploy.change.service_ops import ServiceOp, arranged, refusals, runs, unforeseen
from deploy.host.services import ServiceState, ServiceStatus, StartType

RUNNING, STOPPED = ServiceState.RUNNING, ServiceState.STOPPED
AUTOMATIC, DELAYED, MANUAL, DISABLED = StartType.AUTOMATIC, StartType.DELAYED, StartType.MANUAL, StartType.DISABLED


def status(
    name: str, state: ServiceState = RUNNING, kind: StartType | None = AUTOMATIC, dependents: tuple[str, ...] = ()
) -> ServiceStatus:
    return ServiceStatus(name, state, kind, dependents)


def found(*statuses: ServiceStatus, **asked: str) -> dict[str, ServiceStatus | None]:
    by_name: dict[str, ServiceStatus | None] = {one.name: one for one in statuses}
    return by_name | {name: by_name[real] for name, real in asked.items()}


def only(change: ServiceChange, one: ServiceStatus) -> ServiceOp:
    (op,) = arranged([change], found(one))
    return op


def test_dependents_stop_first_and_count_even_if_they_do_not_run() -> None:
    ops = arranged(
        [ServiceChange("router", timeout=5)],
        found(
            status("Router", dependents=("Far", "Near")),
            status("Far", STOPPED, MANUAL),
            status("Near", RUNNING, DELAYED, ("Far",)),
            router="Router",
        ),
    )
    assert ops == (
        ServiceOp("Far", False, MANUAL, True, False, 5),
        ServiceOp("Near", True, DELAYED, True, True, 5),
        ServiceOp("Router", True, AUTOMATIC, True, True, 5),
    )
    assert [op.made_manual for op in ops] == [False, True, True]


@pytest.mark.parametrize(
    ("restart", "state", "starts"),
    [
        (Restart.IF_WAS_RUNNING, RUNNING, True),
        (Restart.IF_WAS_RUNNING, STOPPED, False),
        (Restart.IF_WAS_RUNNING, ServiceState.STARTING, True),
        (Restart.IF_WAS_RUNNING, ServiceState.PAUSED, True),
        (Restart.IF_WAS_RUNNING, ServiceState.STOPPING, False),
        (Restart.ALWAYS, STOPPED, True),
        (Restart.NEVER, RUNNING, False),
    ],
)
def test_what_starts_afterwards(restart: Restart, state: ServiceState, starts: bool) -> None:
    op = only(ServiceChange("A", restart=restart), status("A", state))
    assert (op.starts, op.stops, op.stops_for_undo) == (starts, True, True)


def test_a_dependent_does_not_start_what_is_to_stay_stopped() -> None:
    ops = arranged(
        [ServiceChange("A", restart=Restart.NEVER), ServiceChange("C", restart=Restart.ALWAYS)],
        found(status("A", dependents=("B", "C")), status("B"), status("C", STOPPED)),
    )
    assert {op.name: op.starts for op in ops} == {"A": False, "B": False, "C": True}


@pytest.mark.parametrize(("state", "stops_for_undo"), [(RUNNING, False), (STOPPED, True)])
def test_one_that_only_starts_is_stopped_by_undoing_alone(state: ServiceState, stops_for_undo: bool) -> None:
    op = only(ServiceChange("A", stop=False), status("A", state))
    assert (op.stops, op.starts, op.made_manual, op.stops_for_undo) == (False, True, False, stops_for_undo)


def test_one_that_only_starts_but_needs_what_stops_is_stopped_too() -> None:
    ops = arranged(
        [ServiceChange("B", stop=False), ServiceChange("A")], found(status("A", dependents=("B",)), status("B"))
    )
    assert [(op.name, op.stops, op.starts) for op in ops] == [("B", True, True), ("A", True, True)]


@pytest.mark.parametrize(
    ("kind", "state", "manual"),
    [
        (AUTOMATIC, RUNNING, True),
        (AUTOMATIC, STOPPED, True),
        (DELAYED, STOPPED, True),
        (MANUAL, RUNNING, False),
        (DISABLED, RUNNING, True),
        (DISABLED, STOPPED, False),
        (None, RUNNING, False),
    ],
)
def test_what_could_be_started_meanwhile_is_made_manual(
    kind: StartType | None, state: ServiceState, manual: bool
) -> None:
    assert only(ServiceChange("A"), status("A", state, kind)).made_manual is manual


def test_two_changes_of_one_service_are_one() -> None:
    (op,) = arranged(
        [ServiceChange("a", stop=False, timeout=7), ServiceChange("A", restart=Restart.NEVER)],
        found(status("A"), a="A"),
    )
    assert op == ServiceOp("A", True, AUTOMATIC, True, True, 120)


def test_refusals_name_everything() -> None:
    problems = refusals(
        [
            ServiceChange("Nobody"),
            ServiceChange("A", dependents=False),
            ServiceChange("B", stop=False),
            ServiceChange("B", restart=Restart.ALWAYS),
            ServiceChange("B"),
            ServiceChange("D", dependents=False),
        ],
        found(
            status("A", dependents=("B", "C")),
            status("B", STOPPED, DISABLED),
            status("C"),
            status("D", dependents=("B",)),
        ),
    )
    assert [one.code for one in problems] == [
        "no-such-service",
        "service-needed",
        "service-disabled",
        "service-disabled",
    ]
    assert "these need it: C" in problems[1].message


def test_what_runs_by_now_and_was_not_foreseen() -> None:
    ops = (
        ServiceOp("B", False, None, True, False, 3),
        ServiceOp("A", True, None, True, True, 4),
        ServiceOp("Untouched", True, None, False, True, 4),
    )
    more = unforeseen(
        ops,
        found(
            status("A", dependents=("New", "B", "Idle")),
            status("B"),
            status("New", RUNNING, DELAYED),
            status("Idle", STOPPED),
            status("Untouched", dependents=("Far",)),
            status("Far"),
        ),
    )
    assert more == (ServiceOp("New", True, DELAYED, True, True, 4),)


@st.composite
def machines(draw: st.DrawFn) -> tuple[dict[str, ServiceStatus | None], dict[str, set[str]], list[ServiceChange]]:
    """Services where each needs some of those before it; what each needs, directly or not; changes of some."""
    count = draw(st.integers(1, 7))
    needs: dict[str, set[str]] = {}
    for number in range(count):
        direct = draw(st.sets(st.integers(0, number - 1))) if number else set()
        needs[str(number)] = {str(one) for one in direct}.union(*(needs[str(one)] for one in direct))
    statuses: dict[str, ServiceStatus | None] = {}
    for name in needs:
        # What is needed by more comes later: nothing stops before what needs it.
        dependents = [one for one in reversed(needs) if name in needs[one]]
        state, kind = draw(st.sampled_from(list(ServiceState))), draw(st.none() | st.sampled_from(list(StartType)))
        statuses[name] = ServiceStatus(name, state, kind, tuple(dependents))
    changed = draw(st.lists(st.sampled_from(list(needs)), min_size=1))
    changes = [
        ServiceChange(name, draw(st.booleans()), draw(st.sampled_from(list(Restart))), True, draw(st.floats(0, 9)))
        for name in changed
    ]
    return statuses, needs, changes


@given(machines())
def test_nothing_stops_before_what_needs_it(
    case: tuple[dict[str, ServiceStatus | None], dict[str, set[str]], list[ServiceChange]],
) -> None:
    statuses, needs, changes = case
    ops = arranged(changes, statuses)
    names = [op.name for op in ops]
    assert len(set(names)) == len(names)
    for place, op in enumerate(ops):
        later = set(names[place + 1 :])
        assert not any(op.name in needs[other] for other in later), "dependents come first"
    stopping = {change.name for change in changes if change.stop}
    by_name = {op.name: op for op in ops}
    assert stopping <= {name for name, op in by_name.items() if op.stops}
    for name in needs:
        if needs[name] & stopping:
            assert by_name[name].stops, "what needs one that stops is stopped"
    for op in ops:
        known = statuses[op.name]
        assert known is not None
        assert (op.was_running, op.start_type) == (runs(known), known.start_type)
    assert arranged(changes, statuses) == ops

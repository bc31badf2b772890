from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from deploy.change import registry as effects
from deploy.change.course import Course, ignore, pass_by
from deploy.change.means import Means
from deploy.change.model import DeleteKey, DeleteValue, MakeKey, RegistryStep, SetValue
from deploy.change.registry_ops import (
    RegistryKind,
    RegistryOp,
    RegistrySeen,
    RegistryUndo,
    outcome,
    primitive,
    registry_undo_of,
)
from deploy.errors import TargetError
from deploy.host.contract import Host
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from tests.unit.deploy.change.machine import Processes, Registry, Services

ONE, TWO = RegistryValue(ValueType.DWORD, 1), RegistryValue(ValueType.MULTI, ("a", "b"))


def key(path: str) -> RegistryKey:
    return RegistryKey(Hive.HKLM, path)


def course(registry: Registry) -> Course:
    means = Means(cast("Host", None), Services({}, str), registry, Processes())
    return Course(means, ignore, lambda _: None, pass_by)


def test_missing_keys_are_ops_of_their_own_from_the_top() -> None:
    ops = primitive([SetValue(key("S\\A\\B"), "x", ONE), MakeKey(key("S\\A\\C"))], Registry({key("S"): {}}))
    assert [(op.kind, op.key.path) for op in ops] == [
        (RegistryKind.MAKE_KEY, "S\\A"),
        (RegistryKind.MAKE_KEY, "S\\A\\B"),
        (RegistryKind.SET_VALUE, "S\\A\\B"),
        (RegistryKind.MAKE_KEY, "S\\A\\C"),
    ]


def test_a_tree_goes_leaf_by_leaf_with_all_it_holds() -> None:
    registry = Registry({key("S"): {"": ONE}, key("S\\A"): {"x": TWO}, key("S\\A\\B"): {}, key("T"): {}})
    ops = primitive([DeleteKey(key("S"))], registry)
    assert [(op.kind, str(op), op.before) for op in ops] == [
        (RegistryKind.DELETE_KEY, "HKLM\\S\\A\\B", None),
        (RegistryKind.DELETE_VALUE, "HKLM\\S\\A\\x", TWO),
        (RegistryKind.DELETE_KEY, "HKLM\\S\\A", None),
        (RegistryKind.DELETE_VALUE, "HKLM\\S\\(default)", ONE),
        (RegistryKind.DELETE_KEY, "HKLM\\S", None),
    ]


def test_later_steps_see_what_earlier_ones_did() -> None:
    registry = Registry({key("S"): {"x": ONE}})
    steps = [DeleteKey(key("s")), SetValue(key("S\\New"), "y", ONE), DeleteKey(key("S")), MakeKey(key("S"))]
    registry = Registry({key("s"): {"x": ONE}, key("S"): {"x": ONE}})
    kinds = [op.kind for op in primitive(steps, registry)]
    assert kinds == [
        *(RegistryKind.DELETE_VALUE, RegistryKind.DELETE_KEY),
        *(RegistryKind.MAKE_KEY, RegistryKind.MAKE_KEY, RegistryKind.SET_VALUE),
        *(RegistryKind.DELETE_VALUE, RegistryKind.DELETE_KEY, RegistryKind.DELETE_KEY, RegistryKind.MAKE_KEY),
    ]


def test_what_is_so_already_takes_no_op() -> None:
    registry = Registry({key("S"): {}})
    assert primitive([MakeKey(key("S")), DeleteValue(key("S"), "x"), DeleteKey(key("T"))], registry) == ()


def test_the_outcome_is_the_last_op_on_each_place() -> None:
    made = RegistryOp(RegistryKind.MAKE_KEY, key("S"))
    set_, deleted = (
        RegistryOp(RegistryKind.SET_VALUE, key("S"), "x", ONE),
        RegistryOp(RegistryKind.DELETE_VALUE, key("s"), "X", None, ONE),
    )
    assert outcome([made, set_, deleted]) == (made, deleted)


def test_what_others_put_into_a_new_key_stays() -> None:
    op = RegistryOp(RegistryKind.MAKE_KEY, key("S"))
    assert registry_undo_of(op, RegistrySeen(True, False)) is RegistryUndo.NOTHING
    assert registry_undo_of(op, RegistrySeen(True, True)) is RegistryUndo.REMOVE_KEY


NAMES = st.sampled_from(["A", "B"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("\\".join).map(key)
VALUES = st.sampled_from([ONE, TWO, RegistryValue(ValueType.STRING, "")])
STEPS = st.lists(
    st.builds(MakeKey, PATHS)
    | st.builds(SetValue, PATHS, st.sampled_from(["", "x"]), VALUES)
    | st.builds(DeleteValue, PATHS, st.sampled_from(["", "x"]))
    | st.builds(DeleteKey, PATHS),
    max_size=6,
)


def filled(steps: list[RegistryStep]) -> Registry:
    """A registry after some steps."""
    registry = Registry()
    effects.carry_out_ops(primitive(steps, registry), course(registry))
    return registry


@given(STEPS, STEPS)
def test_carried_out_it_is_the_outcome_and_undone_it_is_the_start(
    before: list[RegistryStep], steps: list[RegistryStep]
) -> None:
    registry = filled(before)
    start = registry.copy()
    ops = primitive(steps, registry)
    assert registry.copy() == start, "planning changes nothing"
    effects.carry_out_ops(ops, course(registry))
    effects.look(ops, course(registry))
    assert effects.undo_ops(ops, course(registry)) == ()
    assert registry.copy() == start


@given(STEPS, STEPS, st.data())
def test_however_far_it_came_and_however_often_undoing_is_broken_off_it_is_the_start(
    before: list[RegistryStep], steps: list[RegistryStep], data: st.DataObject
) -> None:
    registry = filled(before)
    start = registry.copy()
    ops = primitive(steps, registry)
    effects.carry_out_ops(ops[: data.draw(st.integers(0, len(ops)))], course(registry))
    for _ in range(2):
        undone = data.draw(st.integers(0, len(ops)))
        assert effects.undo_ops(ops[len(ops) - undone :], course(registry)) == ()
    assert effects.undo_ops(ops, course(registry)) == ()
    assert registry.copy() == start


@given(STEPS, STEPS, st.data())
def test_what_resists_does_not_keep_the_rest_from_being_undone(
    before: list[RegistryStep], steps: list[RegistryStep], data: st.DataObject
) -> None:
    registry = filled(before)
    start = registry.copy()
    ops = primitive(steps, registry)
    effects.carry_out_ops(ops, course(registry))
    calls = 0
    broken = data.draw(st.integers(1, 5))

    def refuse(_: str) -> bool:
        nonlocal calls
        calls += 1
        return calls == broken

    registry.refuse = refuse
    try:
        problems = effects.undo_ops(ops, course(registry))
    except (AssertionError, KeyError, TargetError):  # the strict registry, where a key is missing
        problems = ()
    registry.refuse = lambda _: False
    assert all(one.code == "registry-failed" for one in problems)
    assert effects.undo_ops(ops, course(registry)) == ()
    assert registry.copy() == start

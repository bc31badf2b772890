"""The registry of a change: carried out op by op, looked at, and undone. Raises `TargetError` as `Registry` does."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.change.course import Course
from deploy.change.model import Doing
from deploy.change.registry_ops import (
    RegistryKind,
    RegistryOp,
    RegistrySeen,
    RegistryUndo,
    is_done,
    outcome,
    registry_undo_of,
    with_parents,
)
from deploy.errors import MicceError, Problem, TargetError, error
from deploy.host.registry import Hive, Registry


def carry_out_ops(ops: Sequence[RegistryOp], course: Course) -> None:
    """Carry out the ops, in order."""
    registry = course.machine.registry
    for number, op in enumerate(ops):
        course.tell(Doing("set-registry", str(op)))
        match op.kind:
            case RegistryKind.MAKE_KEY:
                registry.make_key(op.key)
            case RegistryKind.SET_VALUE if op.value is not None:
                registry.set_value(op.key, op.name, op.value)
            case RegistryKind.DELETE_VALUE:
                registry.delete_value(op.key, op.name)
            case RegistryKind.DELETE_KEY:
                registry.delete_key(op.key)
        course.reached(f"registry {number}")
    course.reached("registry-set")


def look(ops: Sequence[RegistryOp], course: Course) -> None:
    """See that everything is as it should be; raises `TargetError` (registry-not-kept)."""
    registry = course.machine.registry
    problems = [
        error(
            "registry-not-kept",
            f"{op} was changed and is not as it should be any more",
            "look for what changes it back (a policy, another program)",
        )
        for op in outcome(ops)
        if not is_done(op, _seen(op, registry))
    ]
    if problems:
        raise TargetError(problems)


def undo_ops(ops: Sequence[RegistryOp], course: Course) -> tuple[Problem, ...]:
    """Bring every key and value back, last op first; goes on after one that resists, and returns what did."""
    problems: list[Problem] = []
    for op in reversed(ops):
        try:
            _undo_one(op, course.machine.registry)
        except MicceError as wrong:
            problems += wrong.problems
    return tuple(problems)


def _undo_one(op: RegistryOp, registry: Registry) -> None:
    match registry_undo_of(op, _seen(op, registry)):
        case RegistryUndo.NOTHING:
            return
        case RegistryUndo.REMOVE_KEY:
            registry.delete_key(op.key)
        case RegistryUndo.MAKE_KEY:
            _make(op, registry)
        case RegistryUndo.DELETE_VALUE:
            registry.delete_value(op.key, op.name)
        case RegistryUndo.SET_VALUE if op.before is not None:
            _make(op, registry)
            registry.set_value(op.key, op.name, op.before)


def _make(op: RegistryOp, registry: Registry) -> None:
    for key in with_parents(op.key):
        if not registry.has_key(key):
            registry.make_key(key)


def _seen(op: RegistryOp, registry: Registry) -> RegistrySeen:
    if op.kind is RegistryKind.MAKE_KEY:
        there = registry.has_key(op.key)
        return RegistrySeen(there, there and not registry.subkeys(op.key) and not registry.value_names(op.key))
    if op.kind is RegistryKind.DELETE_KEY:
        return RegistrySeen(registry.has_key(op.key))
    return RegistrySeen(True, value=registry.value(op.key, op.name))


def see_account(ops: Sequence[RegistryOp], account: str, course: Course) -> None:
    """See that HKCU is that of the account the change was begun under; raises `TargetError` (other-account)."""
    now = course.machine.host.account() if any(op.key.hive is Hive.HKCU for op in ops) else account
    if now != account:
        said = f"a change of the settings of {account} was broken off, and this runs under {now}"
        raise TargetError(error("other-account", said, f"run the same command under the account {account}"))

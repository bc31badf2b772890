"""What a machine will be like after the plans before, for files, registry and installed hotfixes."""

from __future__ import annotations

from deploy.change.model import DeleteKey, DeleteValue, MakeKey, RegistryStep, SetValue
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType, View
from deploy.relpath import RelPath
from hotfix.foreseen import Foreseen, after
from hotfix.model import Manifest
from hotfix.places import POSIX
from hotfix.planned import FileAction, Plan, PlannedFile, PlannedRegistry, Verdict
from tests.unit.hotfix.planning import sha256

ONE, TWO = RegistryValue(ValueType.STRING, "1"), RegistryValue(ValueType.STRING, "2")


def key(path: str, view: View = View.BITS32) -> RegistryKey:
    return RegistryKey(Hive.HKLM, path, view)


def plan(*steps: RegistryStep, files: tuple[PlannedFile, ...] = (), supersedes: tuple[str, ...] = ()) -> Plan:
    manifest = Manifest("A.config", "A", 2, supersedes=supersedes)
    registry = tuple(PlannedRegistry(step, None, None) for step in steps)
    return Plan(manifest, "/package", sha256(b""), Verdict.READY, files=files, registry=registry)


def file(action: FileAction, name: str, source: str = "", content: bytes | None = None) -> PlannedFile:
    path = RelPath((source,)) if source else None
    return PlannedFile(action, 0, RelPath((name,)), f"/opt/{name}", None, None, 0, path, content)


def test_files_come_from_the_package_or_were_made_or_are_gone() -> None:
    files = (
        file(FileAction.CREATE, "new", "n.dll"),
        file(FileAction.EDIT, "Edited", content=b"x"),
        file(FileAction.DELETE, "gone"),
        file(FileAction.KEEP, "kept", "k.dll"),
    )
    found = after(plan(files=files), Foreseen({"/OPT/NEW": b"before", "/OPT/OTHER": None}), POSIX).files
    assert found == {"/OPT/NEW": "/package/n.dll", "/OPT/EDITED": b"x", "/OPT/GONE": None, "/OPT/OTHER": None}


def test_values_and_the_keys_they_need() -> None:
    found = after(plan(SetValue(key(r"A\B"), "V", ONE), DeleteValue(key(r"A\B"), "W")), Foreseen(), POSIX)
    assert found.value(key(r"a\b"), "v", None) == ONE
    assert found.value(key(r"A\B"), "w", TWO) is None
    assert found.value(key(r"A\B"), "x", TWO) == TWO
    assert found.value(key(r"A\B", View.BITS64), "V", None) is None
    assert found.has_key(key("A"), False)
    assert not found.has_key(key(r"A\C"), False)


def test_a_tree_goes_with_everything_in_it_and_may_come_again() -> None:
    steps = (SetValue(key(r"A\B\C"), "V", ONE), DeleteKey(key(r"A\B")), MakeKey(key(r"A\B\D")))
    found = after(plan(*steps), Foreseen(), POSIX)
    assert found.value(key(r"A\B\C"), "V", None) is None
    assert found.value(key(r"A\B\Old"), "V", TWO) is None
    assert not found.has_key(key(r"A\B\C"), True)
    assert not found.has_key(key(r"A\B\C\Deep"), True)
    assert found.has_key(key(r"A\B\D"), False)
    assert found.has_key(key(r"A\BB"), True)
    later = after(plan(SetValue(key(r"A\B\C"), "V", TWO)), found, POSIX)
    assert later.value(key(r"A\B\C"), "V", None) == TWO
    assert later.has_key(key(r"A\B\C"), False)


def test_what_was_planned_counts_as_installed_last() -> None:
    first = after(plan(supersedes=("OLD",)), Foreseen(), POSIX)
    both = after(plan(), first, POSIX)
    assert [(one.record.id, one.record.revision) for one in both.hotfixes] == [("A", 2), ("A", 2)]
    assert both.hotfixes[0].record.sequence < both.hotfixes[1].record.sequence
    assert both.hotfixes[0].makes_obsolete("old")
    assert not both.hotfixes[1].makes_obsolete("old")

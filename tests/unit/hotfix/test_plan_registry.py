"""The registry in a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.change.model import DeleteKey, DeleteValue, MakeKey, SetValue
from deploy.errors import TargetError, error
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType, View
from hotfix.planned import PlannedRegistry
from tests.unit.hotfix.planning import Scene, codes, one_file, ready, warned

KEY = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\SeC")
OLD = RegistryValue(ValueType.STRING, "old")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    one = Scene(tmp_path)
    one.bring("a.dll")
    for path in ("SOFTWARE", r"SOFTWARE\Mitel", KEY.path):
        one.host.settings.make_key(RegistryKey(Hive.HKLM, path))
    one.host.settings.set_value(KEY, "Mode", OLD)
    one.host.settings.calls.clear()
    return one


def registry(*entries: str) -> str:
    return "<registry>\n" + "\n".join(entries) + "\n</registry>"


def test_every_step_has_what_is_there_before_and_after(scene: Scene) -> None:
    one = RegistryValue(ValueType.DWORD, 1)
    plan = ready(
        scene.plan(
            registry(
                r'<value key="HKLM\SOFTWARE\Mitel\SeC" name="mode" data="new" />',
                r'<value key="HKLM\SOFTWARE\Mitel\SeC" name="Count" type="dword" data="0x1" view="64" />',
                r'<value key="HKLM\SOFTWARE\Mitel\SeC" name="Gone" action="delete" />',
                r'<key key="HKLM\SOFTWARE\Mitel\SeC\New" />',
                r'<key key="HKLM\SOFTWARE\Mitel\Old" action="delete" />',
            )
        )
    )
    wide = RegistryKey(Hive.HKLM, KEY.path, View.BITS64)
    new = RegistryValue(ValueType.STRING, "new")
    assert plan.registry == (
        PlannedRegistry(SetValue(KEY, "mode", new), OLD, new, 4),
        PlannedRegistry(SetValue(wide, "Count", one), None, one, 5),
        PlannedRegistry(DeleteValue(KEY, "Gone"), None, None, 6),
        PlannedRegistry(MakeKey(RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\SeC\New")), None, None, 7),
        PlannedRegistry(DeleteKey(RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\Old")), None, None, 8),
    )
    assert scene.host.settings.calls == []


def test_what_is_right_already_is_a_step_too(scene: Scene) -> None:
    plan = ready(scene.plan(registry(r'<value key="HKLM\SOFTWARE\Mitel\SeC" name="Mode" data="old" />')))
    assert plan.registry == (PlannedRegistry(SetValue(KEY, "Mode", OLD), OLD, OLD, 4),)


def test_what_could_not_be_brought_back_is_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = RegistryKey(Hive.HKLM, KEY.path + r"\Inner")
    scene.host.settings.make_key(inner)
    scene.host.settings.set_value(inner, "Odd", OLD)
    read = type(scene.host.settings).value

    def value(self: object, key: RegistryKey, name: str) -> RegistryValue | None:
        if name == "Odd":
            raise TargetError(error("registry-failed", "a type that is not known"))
        return read(scene.host.settings, key, name)

    monkeypatch.setattr(type(scene.host.settings), "value", value)
    for entry in (
        r'<key key="HKLM\SOFTWARE\Mitel\SeC" action="delete" />',
        r'<value key="HKLM\SOFTWARE\Mitel\SeC\Inner" name="Odd" data="x" />',
    ):
        plan = scene.plan(registry(entry))
        assert codes(plan) == ["registry-failed"]
        assert (plan.reasons[0].file, plan.reasons[0].line) == (str(scene.package / "HF1.config"), 4)
        plan = ready(scene.plan(one_file() + registry(entry.replace("/>", 'onError="continue" />'))))
        assert (plan.registry, warned(plan)) == ((), ["registry-failed"])
    ready(scene.plan(registry(r'<value key="HKLM\SOFTWARE\Mitel\SeC" name="Mode" data="x" />')))

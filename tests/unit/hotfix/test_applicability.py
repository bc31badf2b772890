"""Whether a hotfix concerns a machine, and what has to be in order first."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType
from deploy.machine import Machine, RegistryDriver, Role
from hotfix.planned import Verdict
from tests.unit.hotfix.planning import PRODUCT, Scene, actions, codes, one_file, ready, sha256, warned

KEY = RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\SeC")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    one = Scene(tmp_path)
    one.bring("a.dll")
    one.have("r.exe", b"router", "9.6.1.412")
    for path in ("SOFTWARE", r"SOFTWARE\Mitel", KEY.path):
        one.host.settings.make_key(RegistryKey(Hive.HKLM, path))
    one.host.settings.set_value(KEY, "V", RegistryValue(ValueType.STRING, "9.6"))
    return one


def requires(inner: str) -> str:
    return f"<requires>\n{inner}\n</requires>{one_file()}"


@pytest.mark.parametrize(
    ("requirement", "code"),
    [
        ('<product minVersion="9.6.1.0" maxVersion="9.6.1.65535" />', None),
        ('<product minVersion="9.6" maxVersion="9.6" />', None),
        ('<product minVersion="9.6.2.0" />', "other-product"),
        ('<product maxVersion="9.5" />', "other-product"),
        ('<product maxVersion="9.5" roles="Client" />', None),
        ('<product maxVersion="9.5" condition="exists($(InstallDir)none)" />', None),
        ('<product maxVersion="9.5" condition="!exists($(InstallDir)none)" />', "other-product"),
        ('<os architecture="x64" />', None),
        ('<os architecture="x86" />', "other-system"),
        ('<os minVersion="6.1" />', None),
        ('<os minVersion="10.0" />', "other-system"),
        ('<file path="$(InstallDir)r.exe" />', None),
        ('<file path="$(InstallDir)R.EXE" maxVersion="9.6.1.412" />', None),
        ('<file path="$(InstallDir)r.exe" maxVersion="9.6.1.411" />', "file-unmet"),
        ('<file path="$(InstallDir)a.exe" />', "file-unmet"),
        ('<file path="$(InstallDir)a.exe" exists="false" />', None),
        ('<file path="$(InstallDir)r.exe" exists="false" />', "file-unmet"),
        (f'<file path="$(InstallDir)r.exe" sha256="{sha256(b"router")}" />', None),
        (f'<file path="$(InstallDir)r.exe" sha256="{sha256(b"other")}" />', "file-unmet"),
        (r'<file path="C:\Windows\none" exists="false" />', None),
        (r'<registry key="HKLM\SOFTWARE\Mitel\SeC" />', None),
        (r'<registry key="HKLM\software\mitel\sec" name="v" />', None),
        (r'<registry key="HKLM\SOFTWARE\Mitel\SeC" name="V" equals="9.6" />', None),
        (r'<registry key="HKLM\SOFTWARE\Mitel\SeC" name="V" equals="9.7" />', "registry-unmet"),
        (r'<registry key="HKLM\SOFTWARE\Mitel\SeC" name="V" equals="9" type="dword" />', "registry-unmet"),
        (r'<registry key="HKLM\SOFTWARE\Mitel\SeC" name="X" />', "registry-unmet"),
        (r'<registry key="HKLM\SOFTWARE\Mitel\SeC" name="X" exists="false" />', None),
        (r'<registry key="HKLM\SOFTWARE\Mitel\SeC" exists="false" />', "registry-unmet"),
        (r'<registry key="HKLM\SOFTWARE\Mitel\SeC" view="64" />', "registry-unmet"),
    ],
)
def test_requirements(scene: Scene, requirement: str, code: str | None) -> None:
    plan = scene.plan(requires(requirement))
    if code is None:
        assert actions(plan) == {"a.dll": "create"}
        return
    assert plan.verdict is Verdict.NOT_APPLICABLE
    assert codes(plan) == [code]
    assert plan.reasons[0].line == 4
    assert not plan.reasons[0].is_error
    assert plan.files == ()


def test_every_unmet_requirement_is_told(scene: Scene) -> None:
    plan = scene.plan(requires('<product maxVersion="9.5" />\n<file path="$(InstallDir)none" />'))
    assert codes(plan) == ["other-product", "file-unmet"]


def test_not_applicable_comes_before_what_would_be_refused(scene: Scene) -> None:
    """Nothing is read of the package then, and no identifier is needed but those of the requirements."""
    plan = scene.plan(
        '<requires><product maxVersion="9.5" /><hotfix id="OTHER" /></requires>'
        '<files><file include="missing" outputFolder="$(TASInstallDir)" /></files>'
    )
    assert codes(plan) == ["other-product"]


def test_an_unknown_product_version_is_no_reason_to_keep_silent(scene: Scene) -> None:
    scene.with_machine(Machine())
    assert codes(scene.plan(requires('<product minVersion="9.6" />'))) == ["unknown-product"]
    ready(scene.plan(requires("<product />")))


@pytest.mark.parametrize(
    ("inner", "roles", "verdict"),
    [
        (one_file(roles="Client"), [Role.CLIENT], Verdict.READY),
        (one_file(roles="Client;Server"), [Role.SERVER, Role.ROUTER], Verdict.READY),
        (one_file(roles="Client"), [Role.SERVER], Verdict.NOT_APPLICABLE),
        (one_file(roles="Client"), [], Verdict.NOT_APPLICABLE),
        (one_file(roles="Client"), [Role.BROKER], Verdict.READY),
        (one_file(condition="exists($(InstallDir)none)"), [], Verdict.NOT_APPLICABLE),
        (one_file(condition="exists($(InstallDir)r.exe)"), [], Verdict.READY),
        ("", [], Verdict.NOT_APPLICABLE),
    ],
)
def test_roles_and_conditions(scene: Scene, inner: str, roles: list[Role], verdict: Verdict) -> None:
    scene.with_machine(Machine(roles=frozenset(roles), product_version=PRODUCT))
    plan = scene.plan(inner)
    assert plan.verdict is verdict
    if verdict is Verdict.NOT_APPLICABLE:
        assert codes(plan) == ["no-step-here"]


def test_a_broker_publishes_what_only_concerns_others(scene: Scene) -> None:
    scene.with_machine(Machine(roles=frozenset({Role.BROKER})))
    plan = ready(scene.plan(one_file(roles="Client")))
    assert plan.publishes
    assert plan.files == ()
    assert plan.roots == (str(scene.install),)
    assert scene.plan(one_file(roles="Client"), publish=False).verdict is Verdict.NOT_APPLICABLE


def test_what_is_published_is_the_whole_package(scene: Scene) -> None:
    scene.with_machine(Machine(roles=frozenset({Role.BROKER})))
    inner = '<files><file include="gone.dll" outputFolder="$(TASInstallDir)" roles="TAS" /></files>'
    assert codes(scene.plan(inner)) == ["missing-file"]


@pytest.mark.parametrize(
    ("needed", "is_met"),
    [("HF0", True), ("hf0", True), ('HF0" minRevision="2', True), ('HF0" minRevision="3', False), ("HF9", False)],
)
def test_prerequisites(scene: Scene, needed: str, is_met: bool) -> None:
    scene.apply(one_file(), 'id="HF0" revision="2"')
    plan = scene.plan(requires(f'<hotfix id="{needed}" />'))
    assert codes(plan) == ([] if is_met else ["missing-prerequisite"])
    assert is_met or plan.verdict is Verdict.REFUSED


def test_what_supersedes_a_prerequisite_stands_for_it(scene: Scene) -> None:
    scene.apply(one_file() + '<supersedes><hotfix id="HF0" /></supersedes>', 'id="HF5"')
    ready(scene.plan(requires('<hotfix id="hf0" />')))


def test_conflicts_both_ways(scene: Scene) -> None:
    scene.apply(one_file() + '<conflicts><hotfix id="HF8" /></conflicts>', 'id="HF5"')
    plan = scene.plan(one_file() + '<conflicts><hotfix id="hf5" /></conflicts>')
    assert codes(plan) == ["conflicting-hotfix"]
    assert "HF5 revision 1" in plan.reasons[0].message
    assert codes(scene.plan(one_file(), 'id="HF8"')) == ["conflicting-hotfix"]
    ready(scene.plan(one_file() + '<supersedes><hotfix id="HF5" /></supersedes>', 'id="HF8"'))


def test_what_was_superseded_conflicts_no_more(scene: Scene) -> None:
    scene.apply(one_file(), 'id="HF4"')
    scene.apply(one_file() + '<supersedes><hotfix id="HF4" /></supersedes>', 'id="HF5"')
    ready(scene.plan(one_file() + '<conflicts><hotfix id="HF4" /></conflicts>'))


def test_a_superseded_hotfix_is_not_needed_any_more(scene: Scene) -> None:
    scene.apply(one_file(), 'id="HF4"')
    plan = ready(scene.plan(one_file() + '<supersedes><hotfix id="hf4" /><hotfix id="HF3" /></supersedes>', 'id="HF5"'))
    assert plan.replaces == ("HF4",)
    scene.apply(one_file() + '<supersedes><hotfix id="hf4" /><hotfix id="HF3" /></supersedes>', 'id="HF5"')
    for id in ("HF4", "hf3"):
        plan = scene.plan(one_file(), f'id="{id}"')
        assert (plan.verdict, codes(plan)) == (Verdict.NOT_APPLICABLE, ["obsolete"])


def test_a_lower_revision_is_refused_and_the_same_is_a_reinstallation(scene: Scene) -> None:
    assert not ready(scene.plan(one_file(), 'id="HF1" revision="2"')).reinstall
    scene.apply(one_file(), 'id="HF1" revision="2"')
    assert codes(scene.plan(one_file(), 'id="hf1" revision="1"')) == ["lower-revision"]
    again = ready(scene.plan(one_file(), 'id="hf1" revision="2"'))
    assert again.reinstall
    assert actions(again) == {"a.dll": "keep"}
    assert not ready(scene.plan(one_file(), 'id="HF1" revision="3"')).reinstall


def test_a_reinstallation_meets_what_the_hotfix_itself_changed(scene: Scene) -> None:
    """As in the reference sample: it is for the file as it was before."""
    scene.have("a.dll", b"old", "9.6.1.412")
    new = scene.bring("a.dll", b"new", "9.6.1.413")
    inner = (
        '<requires><file path="$(InstallDir)a.dll" maxVersion="9.6.1.412" />'
        r'<file path="$(InstallDir)b.dll" exists="false" />'
        r'<registry key="HKLM\SOFTWARE\Mitel\SeC" name="V" equals="9.6" />'
        '</requires><files><file include="a.dll" outputFolder="$(InstallDir)" />'
        '<file include="b.dll" outputFolder="$(InstallDir)" condition="!exists($(InstallDir)b.dll)" />'
        '<delete path="$(InstallDir)r.exe" condition="exists($(InstallDir)r.exe)" /></files>'
        r'<registry><value key="HKLM\SOFTWARE\Mitel\SeC" name="V" data="9.7" /></registry>'
    )
    scene.bring("b.dll")
    scene.apply(inner)
    scene.host.versions[scene.install / "a.dll"] = scene.host.versions[new]
    again = ready(scene.plan(inner))
    assert again.reinstall
    assert actions(again) == {"a.dll": "keep", "b.dll": "keep", "r.exe": "keep"}
    # The same requirements in another hotfix are unmet now.
    assert sorted(codes(scene.plan(inner, 'id="OTHER"'))) == ["file-unmet", "file-unmet", "registry-unmet"]


def test_a_reinstallation_over_a_later_hotfix_is_told(scene: Scene) -> None:
    scene.apply(one_file())
    scene.bring("a.dll", b"newer")
    scene.apply(one_file(), 'id="HF2"')
    scene.bring("a.dll", b"new")
    plan = scene.plan(one_file())
    assert actions(plan) == {"a.dll": "replace"}
    assert warned(plan) == ["replaces-later"]
    assert "HF2" in plan.warnings[0].message


@pytest.mark.parametrize(
    ("wanted", "is_refused"), [("9.6.1.0", False), ("9.6", False), ("", False), ("9.6.1.1", True), ("99", True)]
)
def test_the_lowest_installer(scene: Scene, wanted: str, is_refused: bool) -> None:
    head = f'id="HF1" minInstallerVersion="{wanted}"' if wanted else 'id="HF1"'
    assert codes(scene.plan(one_file(), head)) == (["installer-too-old"] if is_refused else [])


@pytest.mark.parametrize("restriction", ["", 'onError="continue"'])
def test_what_is_not_carried_out_is_refused_where_it_applies(scene: Scene, restriction: str) -> None:
    inner = f'{one_file()}<registrations>\n<com path="x.dll" roles="Server" {restriction} /></registrations>'
    plan = scene.plan(inner)
    assert actions(plan) == {"a.dll": "create"}
    assert warned(plan) == ["unsupported-element"]
    scene.with_machine(Machine(roles=frozenset({Role.SERVER})))
    plan = scene.plan(inner)
    assert (codes(plan), warned(plan)) == (["unsupported-element"], [])
    assert plan.reasons[0].line == 4


def test_room(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotfix.facts.free_space", lambda _: 50 * 2**20)
    ready(scene.plan(requires('<diskSpace path="$(InstallDir)not/there" megabytes="50" />')))
    plan = scene.plan(requires('<diskSpace path="$(InstallDir)" megabytes="51" />'))
    assert codes(plan) == ["disk-full"]
    assert "51 MB" in plan.reasons[0].message
    monkeypatch.setattr("hotfix.facts.free_space", lambda _: 2**21 - 1)
    plan = scene.plan(one_file())
    assert codes(plan) == ["disk-full"]
    monkeypatch.setattr("hotfix.facts.free_space", lambda _: None)
    ready(scene.plan(one_file()))


def test_a_registry_that_does_not_answer_is_a_refusal_and_not_unmet(scene: Scene) -> None:
    machine = Machine(registry=RegistryDriver.NONE)
    registry = scene.host.registry(machine.registry, scene.host.state)
    object.__setattr__(scene.target.means, "registry", registry)
    plan = scene.plan(requires(r'<registry key="HKLM\SOFTWARE\Mitel" />'))
    assert codes(plan) == ["registry-unavailable"]
    assert plan.reasons[0].line == 4


def test_a_record_that_cannot_be_read_stops_the_plan(scene: Scene) -> None:
    scene.apply(one_file())
    (scene.target.hotfixes / "HF1" / "1" / "record.json").write_text("{")
    assert codes(scene.plan(one_file(), 'id="HF2"')) == ["record-damaged"]

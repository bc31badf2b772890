"""Several hotfixes at once: their order, and the plan of each over what those before it will have done."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from deploy.errors import ConfigError
from hotfix.batch import ordered
from hotfix.install import apply
from hotfix.model import Manifest, RequiredHotfix
from hotfix.planned import Plan, Verdict
from hotfix.prepare import in_order, prepare, prepare_all
from tests.unit.hotfix.planning import Scene, codes


def manifest(id: str, *needs: str, revision: int = 1, supersedes: tuple[str, ...] = ()) -> Manifest:
    return Manifest(
        f"{id}.config", id, revision, requires=tuple(RequiredHotfix(one) for one in needs), supersedes=supersedes
    )


def order(*manifests: Manifest) -> list[str]:
    return [manifests[number].id for number in ordered(manifests).sequence]


def test_what_is_needed_comes_first_else_the_order_given() -> None:
    assert order(manifest("B", "a"), manifest("A")) == ["A", "B"]
    assert order(manifest("C"), manifest("B"), manifest("A")) == ["C", "B", "A"]
    chain = [manifest("A"), manifest("B", "A"), manifest("C", "B"), manifest("D", "A", "C")]
    for some in itertools.permutations(chain):
        assert order(*some) == ["A", "B", "C", "D"]


def test_what_makes_obsolete_comes_first_unless_it_needs_the_other() -> None:
    new = manifest("NEW", supersedes=("OLD",))
    assert order(manifest("OLD"), new) == ["NEW", "OLD"]
    assert order(manifest("X", "OLD"), new) == ["NEW", "X"]
    assert order(manifest("NEW", "OLD", supersedes=("OLD",)), manifest("OLD")) == ["OLD", "NEW"]
    assert order(manifest("A", revision=1), manifest("A", revision=3), manifest("A", revision=2)) == ["A", "A", "A"]
    several = (manifest("A"), manifest("A", revision=3), manifest("A", revision=2))
    assert ordered(several).sequence == (1, 2, 0)


def test_circles_are_found_each_once() -> None:
    found = ordered([manifest("A", "C"), manifest("X", "A"), manifest("B", "A"), manifest("C", "B"), manifest("Z")])
    assert found.circles == ((0, 3, 2),)
    assert found.sequence == (1, 4, 0, 2, 3)
    assert ordered([manifest("A", "B"), manifest("B", "A"), manifest("C", "D"), manifest("D", "C")]).circles == (
        (0, 1),
        (2, 3),
    )


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def hotfix(scene: Scene, id: str, inner: str, head: str = "") -> Path:
    return scene.config(inner, f'id="{id}" {head}', f"{id}{len(list(scene.package.iterdir()))}.config")


def place(include: str, name: str, **attributes: str) -> str:
    more = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<files><file include="{include}" outputFolder="$(InstallDir)" outputName="{name}"{more} /></files>'


def plans(scene: Scene, *configs: Path) -> tuple[Plan, ...]:
    return prepare_all(configs, scene.target, silent=True)


def verdicts(found: tuple[Plan, ...]) -> list[tuple[str, str]]:
    return [(one.manifest.id, one.verdict.value) for one in found]


def test_each_is_planned_over_what_those_before_it_do(scene: Scene) -> None:
    scene.bring("1.dll", b"one", "1.0")
    scene.bring("2.dll", b"two", "2.0")
    scene.have("goes.dll", b"x")
    first = hotfix(
        scene,
        "FIRST",
        place("1.dll", "a.dll").replace("</files>", '<delete path="$(InstallDir)goes.dll" /></files>')
        + r'<registry><value key="HKLM\SOFTWARE\M" name="V" data="1" /></registry>',
    )
    second = hotfix(
        scene,
        "SECOND",
        '<requires><hotfix id="FIRST" /><file path="$(InstallDir)A.dll" minVersion="1.0" />'
        '<file path="$(InstallDir)goes.dll" exists="false" />'
        r'<registry key="HKLM\SOFTWARE\M" name="V" equals="1" /></requires>'
        + place("2.dll", "a.dll", overwrite="newer"),
    )
    before = scene.tree()
    found = plans(scene, second, first)
    assert verdicts(found) == [("FIRST", "ready"), ("SECOND", "ready")]
    assert scene.tree() == before
    (file,) = found[1].files
    assert (file.action, file.before) == ("replace", found[0].files[0].after)
    for config in (first, second):
        apply(prepare(config, scene.target, silent=True), scene.target)
        scene.host.versions[scene.install / "a.dll"] = "1.0"
    assert (scene.install / "a.dll").read_bytes() == b"two"


def test_edits_go_over_what_an_earlier_one_of_the_batch_made(scene: Scene) -> None:
    scene.have("e.xml", b'<c><a v="1"/><b v="1"/></c>')
    edit = (
        '<configFiles><configFile path="$(InstallDir)e.xml"><set xpath="/c/{}" attribute="v" value="2" />'
        "</configFile></configFiles>"
    )
    found = plans(scene, hotfix(scene, "ONE", edit.format("a")), hotfix(scene, "TWO", edit.format("b")))
    assert found[1].files[0].content == b'<c><a v="2"/><b v="2"/></c>'


def test_a_prerequisite_that_is_refused_does_not_count(scene: Scene) -> None:
    scene.bring("1.dll")
    first = hotfix(scene, "FIRST", place("1.dll", "a.dll") + '<services><service name="none" /></services>')
    second = hotfix(scene, "SECOND", '<requires><hotfix id="FIRST" /></requires>' + place("1.dll", "b.dll"))
    found = plans(scene, second, first)
    assert verdicts(found) == [("FIRST", "refused"), ("SECOND", "refused")]
    assert codes(found[1]) == ["missing-prerequisite"]


def test_the_same_twice_is_planned_once_and_only_the_highest_revision_counts(scene: Scene) -> None:
    scene.bring("1.dll")
    one = hotfix(scene, "A", place("1.dll", "a.dll"), 'revision="1"')
    two = hotfix(scene, "a", place("1.dll", "a.dll"), 'revision="2"')
    found = plans(scene, one, two, one)
    assert [(plan.manifest.revision, plan.verdict) for plan in found] == [
        (2, Verdict.READY),
        (1, Verdict.NOT_APPLICABLE),
    ]
    assert codes(found[1]) == ["obsolete"]


def test_two_that_say_to_be_one_revision_are_refused(scene: Scene) -> None:
    scene.bring("1.dll")
    found = plans(scene, hotfix(scene, "A", place("1.dll", "a.dll")), hotfix(scene, "A", place("1.dll", "b.dll")))
    assert [codes(one) for one in found] == [["two-of-one-revision"]] * 2


def test_what_another_of_the_batch_makes_obsolete(scene: Scene) -> None:
    scene.bring("1.dll")
    old = hotfix(scene, "OLD", place("1.dll", "a.dll"))
    new = hotfix(scene, "NEW", place("1.dll", "a.dll") + '<supersedes><hotfix id="OLD" /></supersedes>')
    found = plans(scene, old, new)
    assert verdicts(found) == [("NEW", "ready"), ("OLD", "notApplicable")]


def test_a_conflict_in_the_batch(scene: Scene) -> None:
    scene.bring("1.dll")
    one = hotfix(scene, "ONE", place("1.dll", "a.dll"))
    other = hotfix(scene, "TWO", place("1.dll", "b.dll") + '<conflicts><hotfix id="ONE" /></conflicts>')
    assert [codes(plan) for plan in plans(scene, one, other)] == [[], ["conflicting-hotfix"]]
    assert [codes(plan) for plan in plans(scene, other, one)] == [[], ["conflicting-hotfix"]]


def test_a_circle_is_refused_and_named(scene: Scene) -> None:
    scene.bring("1.dll")
    configs = [
        hotfix(scene, id, f'<requires><hotfix id="{needs}" /></requires>' + place("1.dll", f"{id}.dll"))
        for id, needs in (("A", "B"), ("B", "A"))
    ]
    alone = hotfix(scene, "C", place("1.dll", "c.dll"))
    found = plans(scene, *configs, alone)
    assert verdicts(found) == [("C", "ready"), ("A", "refused"), ("B", "refused")]
    assert codes(found[1]) == ["requires-circle"]
    assert "A needs B needs A" in found[1].reasons[0].message
    with pytest.raises(ConfigError) as raised:
        in_order(found)
    assert raised.value.code == "requires-circle"


def test_plans_are_put_in_order(scene: Scene) -> None:
    scene.bring("1.dll")
    second = hotfix(scene, "B", '<requires><hotfix id="A" /></requires>' + place("1.dll", "b.dll"))
    first = hotfix(scene, "A", place("1.dll", "a.dll"))
    found = plans(scene, second, first)
    assert in_order(reversed(found)) == found


def test_every_problem_of_every_manifest(scene: Scene) -> None:
    with pytest.raises(ConfigError) as raised:
        plans(scene, hotfix(scene, "A", "<files><file /></files>"), hotfix(scene, "B", "<files><delete /></files>"))
    assert {Path(one.file or "").name for one in raised.value.problems} == {"A0.config", "B1.config"}
    unset = [hotfix(scene, id, '<files><delete path="$(TASInstallDir)x" /></files>') for id in ("C", "D")]
    with pytest.raises(ConfigError) as raised:
        plans(scene, *unset)
    assert [one.code for one in raised.value.problems] == ["unset-identifier"] * 2

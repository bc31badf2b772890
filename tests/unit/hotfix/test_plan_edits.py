"""Edits of XML files, by themselves and over what the same hotfix brings."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotfix.planned import FileAction
from hotfix.xmledit import edited
from tests.unit.hotfix.planning import Scene, actions, codes, files, ready, sha256, warned

OLD = b'<?xml version="1.0"?>\r\n<c><a v="1"/></c>\r\n'
NEW = b'<c><a v="5"/><b/></c>\n'
SET = '<set xpath="/c/a" attribute="v" value="2" />'


def edits(inner: str = SET, **attributes: str) -> str:
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<configFiles>\n<configFile path="$(InstallDir)e.xml"{more}>\n{inner}\n</configFile></configFiles>'


PLACED = '<files><file include="e.xml" outputFolder="$(InstallDir)" overwrite="{}" backup="false" /></files>'


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_edit_has_its_bytes_and_digests(scene: Scene) -> None:
    scene.have("e.xml", OLD)
    file = files(scene.plan(edits()))["e.xml"]
    assert file.action is FileAction.EDIT
    assert file.content == OLD.replace(b'"1"', b'"2"')
    assert (file.before, file.after) == (sha256(OLD), sha256(file.content))
    assert (file.source, file.size, file.line) == (None, len(OLD), 4)
    assert [one.path for one in file.edits] == [f"{scene.install}\\e.xml"]
    assert edited(OLD, file.edits[0]) == file.content


def test_what_needs_no_edit_is_kept_and_still_known_as_edited(scene: Scene) -> None:
    scene.have("e.xml", OLD.replace(b'"1"', b'"2"'))
    file = files(scene.plan(edits()))["e.xml"]
    assert (file.action, file.content, len(file.edits)) == (FileAction.KEEP, None, 1)
    assert file.before == file.after


def test_several_entries_are_made_in_order(scene: Scene) -> None:
    scene.have("e.xml", OLD)
    second = edits('<set xpath="/c/a[@v=\'2\']" attribute="w" value="x" />', condition="exists($(InstallDir)e.xml)")
    inner = edits().replace("</configFiles>", "") + second.replace("<configFiles>", "")
    file = files(scene.plan(inner))["e.xml"]
    assert file.content == OLD.replace(b'v="1"', b'v="2" w="x"')
    assert len(file.edits) == 2


@pytest.mark.parametrize(
    ("there", "overwrite", "action", "content"),
    [
        (None, "always", "create", NEW.replace(b'"5"', b'"2"')),
        (OLD, "always", "replace", NEW.replace(b'"5"', b'"2"')),
        (NEW, "always", "replace", NEW.replace(b'"5"', b'"2"')),
        (NEW.replace(b'"5"', b'"2"'), "always", "keep", NEW.replace(b'"5"', b'"2"')),
        (OLD, "never", "edit", OLD.replace(b'"1"', b'"2"')),
    ],
)
def test_over_what_the_hotfix_brings(
    scene: Scene, there: bytes | None, overwrite: str, action: str, content: bytes
) -> None:
    if there is not None:
        scene.have("e.xml", there)
    scene.bring("e.xml", NEW)
    file = files(scene.plan(PLACED.format(overwrite) + edits()))["e.xml"]
    assert (file.action, file.content, file.source) == (action, content, None)
    assert file.after == sha256(content)
    placed = overwrite == "always"
    assert file.backup is not placed
    assert bool(file.edits) is not placed, "over the file of the package there is nothing to be made again"


def test_over_what_the_hotfix_brings_with_nothing_to_change(scene: Scene) -> None:
    scene.bring("e.xml", NEW)
    file = files(scene.plan(PLACED.format("always") + edits('<set xpath="/c/a" attribute="v" value="5" />')))["e.xml"]
    assert (file.content, str(file.source)) == (None, "e.xml")


@pytest.mark.parametrize(
    ("if_missing", "expected"), [("error", ["no-file-to-edit"]), ("skip", "keep"), ("create", "create")]
)
def test_a_file_that_is_missing(scene: Scene, if_missing: str, expected: list[str] | str) -> None:
    scene.bring("other")
    inner = '<files><file include="other" outputFolder="$(InstallDir)" /></files>' + edits(ifMissing=if_missing)
    plan = scene.plan(inner)
    if isinstance(expected, list):
        assert codes(plan) == expected
        assert plan.reasons[0].line == 4
        return
    file = files(plan)["e.xml"]
    assert file.action == expected
    assert file.before is None
    assert bool(file.edits) is (expected == "create")
    if file.content is not None:
        assert b'<a v="2"' in file.content


def test_an_xpath_that_finds_nothing(scene: Scene) -> None:
    scene.have("e.xml", OLD)
    plan = scene.plan(edits('<set xpath="/c/z" attribute="v" value="2" />'))
    assert codes(plan) == ["nothing-found"]
    assert (plan.reasons[0].file, plan.reasons[0].line) == (str(scene.package / "HF1.config"), 5)


def test_an_entry_that_may_be_left_out_is_left_out_as_a_whole(scene: Scene) -> None:
    scene.have("e.xml", OLD)
    plan = scene.plan(edits(SET + '<set xpath="/c/z" attribute="v" value="2" />', onError="continue"))
    assert actions(plan) == {"e.xml": "keep"}
    assert ready(plan).files[0].edits == ()
    assert warned(plan) == ["nothing-found"]


def test_what_is_no_xml_is_told_with_its_own_place(scene: Scene) -> None:
    path = scene.have("e.xml", b"<c>\n<a></c>")
    plan = scene.plan(edits())
    assert codes(plan) == ["not-well-formed"]
    assert plan.reasons[0].file is not None
    assert Path(plan.reasons[0].file.replace("\\", "/")) == path
    scene.have("e.xml", b"<c>" + b" " * (1 << 20) + b"</c>")
    assert codes(scene.plan(edits())) == ["document-too-large"]


def test_edited_and_deleted_is_a_contradiction(scene: Scene) -> None:
    scene.have("e.xml", OLD)
    inner = '<files><delete path="$(InstallDir)E.xml" condition="exists($(InstallDir))" /></files>' + edits()
    assert codes(scene.plan(inner)) == ["contradiction"]

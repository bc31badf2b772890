from __future__ import annotations

from itertools import product

import pytest

from deploy.change.ops import Before, Kind, Op, Seen, Undo, undo_of
from deploy.change.steps import Create, Delete, MakeFolder, Replace, Step, ordered, with_folders
from deploy.digest import sha256_of_bytes
from deploy.relpath import RelPath

DIGEST = sha256_of_bytes(b"x")
STAGED = RelPath.parse("stage/1")
FOLDER = Op(Kind.FOLDER, RelPath.parse("f"), None, None, None)
CREATE = Op(Kind.CREATE, RelPath.parse("a"), STAGED, DIGEST, None)
REPLACE = Op(Kind.REPLACE, RelPath.parse("a"), STAGED, DIGEST, Before(1, 2, 0o644, None))
DELETE = Op(Kind.DELETE, RelPath.parse("a"), None, None, Before(1, 2, 0o644, None))


def create(path: str) -> Create:
    return Create(RelPath.parse(path), "/staged", DIGEST, 1, None)


def replace(path: str) -> Replace:
    return Replace(RelPath.parse(path), "/staged", None, DIGEST, 1, None)


def delete(path: str) -> Delete:
    return Delete(RelPath.parse(path), None)


def folder(path: str) -> MakeFolder:
    return MakeFolder(RelPath.parse(path))


def test_folders_come_first_from_above_and_deletions_last() -> None:
    given: list[Step] = [delete("d"), folder("a/b/c"), replace("r"), folder("a"), create("c"), folder("a/b")]
    assert ordered(given) == (folder("a"), folder("a/b"), folder("a/b/c"), replace("r"), create("c"), delete("d"))


@pytest.mark.parametrize(
    "steps",
    [
        [create("a"), delete("a")],
        [create("a"), create("A")],
        [folder("a"), create("a")],
        [create("a"), create("a/b")],
        [delete("A/b"), create("a/B/c/d")],
    ],
)
def test_steps_that_no_order_makes_right_are_refused(steps: list[Step]) -> None:
    with pytest.raises(ValueError, match=r"two steps change|lies in what"):
        ordered(steps)


def test_missing_folders_are_made_once_and_each_is_asked_for_once() -> None:
    asked: list[str] = []

    def is_folder(path: RelPath) -> bool:
        asked.append(str(path))
        return str(path) == "here"

    steps = with_folders([create("here/x/y/1"), create("here/x/y/2"), replace("here/3"), folder("here/x")], is_folder)
    assert steps[:2] == (folder("here/x"), folder("here/x/y"))
    assert len(steps) == 5
    assert sorted(asked) == ["here", "here/x", "here/x/y"]


def test_a_folder_that_is_there_and_those_above_a_deletion_are_not_made() -> None:
    assert with_folders([folder("a"), delete("b/c")], lambda path: str(path) == "a") == (delete("b/c"),)


@pytest.mark.parametrize(
    ("op", "seen", "undo"),
    [
        (FOLDER, Seen(True, False, False, False, False), Undo.REMOVE_FOLDER),
        (FOLDER, Seen(False, False, False, False, False), Undo.NOTHING),
        (CREATE, Seen(False, True, False, False, False), Undo.NOTHING),
        (CREATE, Seen(False, False, False, False, False), Undo.NOTHING),
        (CREATE, Seen(True, False, False, False, False), Undo.UNSTAGE),
        (CREATE, Seen(True, True, False, False, True), Undo.REMOVE),
        (CREATE, Seen(True, True, False, False, False), Undo.NOTHING),
        (REPLACE, Seen(True, True, True, True, False), Undo.NOTHING),
        (REPLACE, Seen(True, False, True, False, False), Undo.SWAP),
        (REPLACE, Seen(False, True, True, False, False), Undo.RESTORE),
        (REPLACE, Seen(True, True, True, False, False), Undo.RESTORE),
        (REPLACE, Seen(True, True, False, True, False), Undo.NOTHING),
        (REPLACE, Seen(True, False, False, False, False), Undo.LOST),
        (DELETE, Seen(False, False, True, False, False), Undo.RESTORE),
        (DELETE, Seen(True, False, True, True, False), Undo.NOTHING),
        (DELETE, Seen(False, False, False, False, False), Undo.LOST),
    ],
)
def test_what_undoes_an_op(op: Op, seen: Seen, undo: Undo) -> None:
    assert undo_of(op, seen) is undo


def test_a_live_file_is_only_removed_when_it_is_the_staged_one() -> None:
    for op, flags in product((CREATE, REPLACE, DELETE), product((False, True), repeat=5)):
        seen = Seen(*flags)
        if undo_of(op, seen) is Undo.REMOVE:
            assert op is CREATE
            assert seen.is_new

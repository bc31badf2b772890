"""What is written into the tree is what was said, whole, or nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.digest import Sha256, sha256_of_bytes
from deploy.errors import SourceError, TargetError
from deploy.manifest import OBJECTS, PACKS, address_of
from deploy.site.packing import Content
from deploy.site.publish_tree import Piece, Tree


def nothing(_: str) -> None:
    return


def piece(path: Path, data: bytes, offset: int = 0) -> Piece:
    return Piece(str(path), offset, Content(sha256_of_bytes(data), len(data)))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    found = Tree(tmp_path / "tree", nothing)
    with found.writing():
        pass
    return found


def test_pieces_lie_one_after_another(tree: Tree, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"0123456789")
    with tree.writing():
        digest = tree.write(PACKS, [piece(source, b"34", 3), piece(source, b"0123456789"), piece(source, b"", 5)])
    assert digest == sha256_of_bytes(b"340123456789")
    path = Path(tree.path(address_of(digest, PACKS)))
    assert path.read_bytes() == b"340123456789"
    assert tree.present() == {address_of(digest, PACKS): 12}
    assert tree.is_right(address_of(digest, PACKS))
    path.write_bytes(b"340123456788")
    assert not tree.is_right(address_of(digest, PACKS))
    path.unlink()
    assert not tree.is_right(address_of(digest, PACKS))


@pytest.mark.parametrize("now", [b"changed!!!", b"short", b""])
def test_a_source_that_is_not_what_was_said_leaves_nothing(tree: Tree, tmp_path: Path, now: bytes) -> None:
    source = tmp_path / "source"
    source.write_bytes(now)
    with tree.writing(), pytest.raises(SourceError) as caught:
        tree.write(OBJECTS, [piece(source, b"0123456789")])
    assert (caught.value.code, caught.value.transient) == ("changed", True)
    assert tree.present() == {}
    with tree.writing():
        assert list((tree.work / "incoming").iterdir()) == []


def test_a_source_that_grew_is_not_what_was_said(tree: Tree, tmp_path: Path) -> None:
    """Of its bytes, those that were digested are there: the content is right, and that is what is published."""
    source = tmp_path / "source"
    source.write_bytes(b"0123456789 and more")
    with tree.writing():
        digest = tree.write(OBJECTS, [piece(source, b"0123456789")])
    assert Path(tree.path(address_of(digest, OBJECTS))).read_bytes() == b"0123456789"


def test_a_source_that_cannot_be_read(tree: Tree, tmp_path: Path) -> None:
    with tree.writing(), pytest.raises(SourceError) as caught:
        tree.write(OBJECTS, [piece(tmp_path / "no", b"x")])
    assert caught.value.code == "cannot-read"


def test_only_contents_are_seen(tree: Tree) -> None:
    digest = Sha256("ab" * 32)
    for name in (f"packs/ab/{digest}", f"packs/ac/{digest}", f"packs/ab/{digest}.tmp", "packs/x", f"other/ab/{digest}"):
        path = tree.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tree.folder / f"objects/ab/{digest}").mkdir(parents=True)
    os.makedirs(tree.folder / "objects/cd")
    os.symlink(tree.folder / "packs/x", tree.folder / f"objects/cd/{'cd' * 32}")
    assert tree.present() == {f"packs/ab/{digest}": 1}


def test_a_manifest_is_replaced_at_once_and_can_be_taken_back(tree: Tree) -> None:
    assert tree.manifest_bytes("acme") is None
    assert tree.manifest_stat("acme") is None
    with tree.writing():
        tree.write_manifest("acme", b"1")
        first = tree.manifest_stat("acme")
        tree.write_manifest("acme", b"2")
    assert tree.manifest_bytes("acme") == b"2"
    assert tree.manifest_stat("acme") != first
    assert tree.customers() == ("acme",)
    with tree.writing():
        tree.remove_manifest("acme")
        tree.remove_manifest("acme")
    assert tree.customers() == ()


def test_removing_what_is_gone_is_fine(tree: Tree) -> None:
    tree.remove(f"packs/ab/{'ab' * 32}")


def test_something_in_the_way_is_an_error_of_this_computer(tmp_path: Path) -> None:
    (tmp_path / "tree").write_bytes(b"x")
    with pytest.raises(TargetError) as caught, Tree(tmp_path / "tree", nothing).writing():
        raise AssertionError
    assert caught.value.code == "cannot-write"


def test_the_tree_is_made_where_it_is_missing(tmp_path: Path) -> None:
    with Tree(tmp_path / "a/b/tree", nothing).writing():
        assert (tmp_path / "a/b/tree/packs").is_dir()

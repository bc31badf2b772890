"""Addresses in another case than their server's."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import SourceError, error
from deploy.transport.anycase import APPLICATION_ROOT, DEEPEST, find
from deploy.transport.contract import Entry, Listing, Transport, TransportSettings, Validators
from deploy.transport.files import FilesTransport
from deploy.transport.location import Location, Scheme

ROOT = Location(Scheme.HTTP, "server")


class Tree:
    """A case-sensitive source that counts what it is asked; `closed` folders exist and cannot be listed."""

    def __init__(self, *paths: str, closed: tuple[str, ...] = (), code: str = "not-listable") -> None:
        self.files = {tuple(path.split("/")) for path in paths}
        self.closed = {tuple(filter(None, path.split("/"))) for path in closed}
        self.code = code
        self.asked: list[str] = []

    def list(self, folder: Location) -> Listing:
        self.asked.append(f"list /{'/'.join(folder.segments)}")
        depth = len(folder.segments)
        below = {path[depth]: len(path) > depth + 1 for path in self.files if path[:depth] == folder.segments}
        if not below:
            raise SourceError(error("not-found", "x"))
        if folder.segments in self.closed:
            raise SourceError(error(self.code, "x"), transient=self.code == "unreachable")
        return Listing(folder, tuple(Entry(name, is_folder) for name, is_folder in below.items()))

    def stat(self, file: Location) -> Validators:
        self.asked.append(f"stat /{'/'.join(file.segments)}")
        if file.segments not in self.files:
            raise SourceError(error("not-found", "x"))
        return Validators()


def found(tree: Tree, path: str) -> str | None:
    transport: Transport = tree  # type: ignore[assignment]
    location = find(transport, ROOT.with_segments(tuple(path.split("/"))))
    return None if location is None else "/".join(location.segments)


def test_the_manuals_own_example() -> None:
    tree = Tree("MiCCEInstallation/ScriptManager/setup.exe", "MiCCEInstallation/NextCCClient/a")
    assert found(tree, "MicCEInstallation/ScriptManager") == "MiCCEInstallation/ScriptManager"
    assert tree.asked == ["list /MicCEInstallation", "list /", "list /MiCCEInstallation"]


def test_every_segment_may_differ() -> None:
    tree = Tree("A/B/C/d.TXT")
    assert found(tree, "a/b/c/D.txt") == "A/B/C/d.TXT"
    assert tree.asked == ["list /a/b/c", "list /a/b", "list /a", "list /", "list /A", "list /A/B", "list /A/B/C"]


def test_one_request_for_a_file_whose_folder_is_right() -> None:
    tree = Tree("A/B/Client.exe", "A/B/other")
    assert found(tree, "A/B/client.EXE") == "A/B/Client.exe"
    assert tree.asked == ["list /A/B"]


def test_what_is_nowhere() -> None:
    tree = Tree("A/B/c")
    assert found(tree, "a/b/d") is None
    assert found(tree, "x/y/z") is None
    assert len(tree.asked) <= 2 * 3 + 2 * 3


def test_a_file_is_no_folder_on_the_way() -> None:
    assert found(Tree("A", "x"), "a/b") is None


def test_names_outside_ascii() -> None:
    assert found(Tree("ÜBER/Größe"), "über/größe") == "ÜBER/Größe"


def test_names_that_are_not_utf_8() -> None:
    assert found(Tree("CAF\udcc9/x"), "caf\udce9/x") == "CAF\udcc9/x"


class TestTwins:
    def test_the_exact_name_wins(self) -> None:
        assert found(Tree("data/X", "DATA/x"), "data/x") == "data/X"

    def test_neither_exact_is_an_error_that_names_both(self) -> None:
        with pytest.raises(SourceError) as wrong:
            found(Tree("Data/x", "DATA/x"), "data/x")
        assert wrong.value.code == "ambiguous-name"
        assert "'DATA'" in str(wrong.value)
        assert "'Data'" in str(wrong.value)

    def test_a_file_beside_is_no_twin_of_a_folder(self) -> None:
        assert found(Tree("DATA", "Data/x"), "data/x") == "Data/x"


class TestClosedFolders:
    @pytest.mark.parametrize("code", ["not-listable", "access-denied", "bad-answer"])
    def test_the_application_root_is_tried_as_the_product_spells_it(self, code: str) -> None:
        tree = Tree("MiCCEInstallation/ScriptManager/a", closed=("/",), code=code)
        assert found(tree, "micceinstallation/SCRIPTMANAGER") == "MiCCEInstallation/ScriptManager"

    def test_nothing_can_be_listed(self) -> None:
        tree = Tree("MiCCEInstallation/S/a", closed=("/", "MiCCEInstallation", "MiCCEInstallation/S"))
        assert found(tree, "MICCEINSTALLATION/S/a") == "MiCCEInstallation/S/a"
        assert found(tree, "MICCEINSTALLATION/S") == "MiCCEInstallation/S"
        assert found(tree, "MICCEINSTALLATION/S/b") is None

    def test_another_root_is_not_guessed(self) -> None:
        tree = Tree("Other/a", closed=("/",))
        assert found(tree, "other/a") is None
        assert tree.asked == ["list /other", "list /"]

    def test_the_root_spelled_right_is_not_tried_again(self) -> None:
        tree = Tree(f"{APPLICATION_ROOT}/a", closed=("/", APPLICATION_ROOT))
        assert found(tree, f"{APPLICATION_ROOT}/b") is None
        assert tree.asked == [f"list /{APPLICATION_ROOT}", "list /"]

    def test_a_source_that_does_not_answer_is_an_error(self) -> None:
        with pytest.raises(SourceError) as wrong:
            found(Tree("A/b", closed=("/",), code="unreachable"), "a/b")
        assert wrong.value.code == "unreachable"


class TestNotAsked:
    def test_shares_compare_names_themselves(self) -> None:
        tree = Tree("A/b")
        share = Location(Scheme.UNC, "server", None, "Share", ("a", "b"))
        assert find(tree, share) is None  # type: ignore[arg-type]
        assert tree.asked == []

    def test_a_root_has_no_spelling(self) -> None:
        assert find(Tree("A/b"), ROOT) is None  # type: ignore[arg-type]

    def test_addresses_too_deep(self) -> None:
        tree = Tree("A/b")
        assert found(tree, "/".join("x" * (DEEPEST + 1))) is None
        assert tree.asked == []


def test_a_real_folder(tmp_path: Path) -> None:
    if (tmp_path.parent / tmp_path.name.upper()).exists():
        pytest.skip("this file system compares in any case itself")
    (tmp_path / "MiCCEInstallation" / "Sub").mkdir(parents=True)
    (tmp_path / "MiCCEInstallation" / "Sub" / "Client.exe").write_bytes(b"1")
    root = Location(Scheme.FILE, anchor="/", segments=tmp_path.parts[1:])
    asked = root.child("MICCEInstallation").child("sub").child("client.EXE")
    with FilesTransport(root, TransportSettings()) as transport:
        with pytest.raises(SourceError):
            transport.stat(asked)
        spelled = find(transport, asked)
        assert spelled is not None
        assert spelled.segments[-3:] == ("MiCCEInstallation", "Sub", "Client.exe")
        assert transport.stat(spelled).size == 1

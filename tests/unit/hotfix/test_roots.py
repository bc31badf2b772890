from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.errors import ConfigError, TargetError
from deploy.host.fake import FakeHost
from deploy.relpath import RelPath
from hotfix.roots import Roots, below, is_within


def folders(base: Path, *names: str) -> list[str]:
    for name in names:
        (base / name).mkdir(parents=True, exist_ok=True)
    return [str(base / name) for name in names]


def test_a_root_within_another_is_left_out(tmp_path: Path) -> None:
    inner, outer = folders(tmp_path, "a/b", "a")
    assert Roots([inner, outer]).folders == (outer,)
    assert Roots([outer, inner]).folders == (outer,)


def test_names_that_only_begin_alike_are_two_roots(tmp_path: Path) -> None:
    both = folders(tmp_path, "a", "ab")
    assert Roots(both).folders == tuple(both)
    assert not is_within(both[1], both[0])


def test_files_lie_below_the_root_that_holds_them(tmp_path: Path) -> None:
    first, second = folders(tmp_path, "a", "b")
    roots = Roots([first, second])
    placed = roots.place(os.path.join(second, "x", "y.txt"))
    assert (placed.root, placed.target) == (1, RelPath(("x", "y.txt")))
    assert below(second, placed.target) == os.path.join(second, "x", "y.txt")


def test_what_lies_in_no_root_gets_one_of_its_own(tmp_path: Path) -> None:
    (first,) = folders(tmp_path, "a")
    roots = Roots.around([first, str(tmp_path / "gone")], [str(tmp_path / "c" / "d" / "e.txt")])
    # The nearest folder that is there holds both.
    assert roots.folders == (str(tmp_path),)
    with pytest.raises(ValueError, match="below none"):
        Roots([first]).place(str(tmp_path / "x"))


def test_a_file_is_placed_through_a_linked_folder_where_it_really_is(tmp_path: Path) -> None:
    (real,) = folders(tmp_path, "real")
    (tmp_path / "link").symlink_to(real)
    roots = Roots.around([], [str(tmp_path / "link" / "x.txt")])
    assert roots.folders == (real,)
    assert str(roots.place(str(tmp_path / "link" / "x.txt")).target) == "x.txt"


def test_an_unsafe_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Roots([str(tmp_path)]).place(str(tmp_path / "a|b"))


def test_a_root_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError):
        Roots([str(tmp_path / "gone")])


def test_long_paths_get_the_form_that_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = folders(tmp_path, "s", "l")
    monkeypatch.setattr(FakeHost, "any_length", lambda self, folder: Path(f"//?{folder}"))
    roots = Roots([short, long])
    placed = [roots.place(os.path.join(short, "x")), roots.place(os.path.join(long, "n" * 200, "x"))]
    assert roots.of_any_length(FakeHost(tmp_path), placed) == (short, str(Path(f"//?{long}")))

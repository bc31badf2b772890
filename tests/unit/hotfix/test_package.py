"""The files of a package, found in its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.errors import ConfigError, Problem
from deploy.relpath import RelPath
from hotfix.manifest_expand import for_roles
from hotfix.package import PackageFile, files_of, matches_of
from tests.unit.hotfix.packages import file, files, manifest_of, package, write

LISTED = '<content path="{}" sha256="{}" size="{}" />'


def paths(config: Path) -> list[str]:
    return [str(one.path) for one in files_of(manifest_of(config), config.parent)]


def problems(config: Path) -> list[Problem]:
    with pytest.raises(ConfigError) as raised:
        files_of(manifest_of(config), config.parent)
    for problem in raised.value.problems:
        assert problem.file == str(config)
        assert problem.hint
    return list(raised.value.problems)


def codes(config: Path) -> list[str]:
    return [one.code for one in problems(config)]


def test_each_file_comes_once_with_its_size_and_spelling(tmp_path: Path) -> None:
    inner = files(file("router.EXE"), file("Client/*.dll"), file("client/B.dll"))
    config = package(tmp_path, inner, {"Router.exe": "12345", "client/a.DLL": "1", "client/b.dll": "22", "x.dll": ""})
    assert files_of(manifest_of(config), tmp_path) == (
        PackageFile(RelPath(("client", "a.DLL")), 1, None, 5),
        PackageFile(RelPath(("client", "b.dll")), 2, None, 5),
        PackageFile(RelPath(("Router.exe",)), 5, None, 4),
    )


def test_wildcards_subfolders_and_exclusions(tmp_path: Path) -> None:
    held = {"c/a.dll": "", "c/a.pdb": "", "c/sub/b.dll": "", "c/Samples/x/y.dll": "", "c/noext": "", "d.dll": ""}
    config = package(tmp_path, files(file("c/*.*", subDirs="true", exclude="*.pdb;samples/")), held)
    assert paths(config) == ["c/a.dll", "c/noext", "c/sub/b.dll"]
    assert paths(package(tmp_path, files(file("c/*.dll")), {})) == ["c/a.dll"]


def test_the_manifest_is_no_part_of_the_package(tmp_path: Path) -> None:
    inner = files(file("*.*"))
    config = package(tmp_path, inner, {"a.dll": "", "other.config": "", "sub/HF1.config": ""})
    assert paths(config) == ["a.dll", "other.config"]


def test_programs_bring_what_lies_in_their_folder(tmp_path: Path) -> None:
    held = {
        "tools/bin/x.exe": "",
        "tools/bin/lib/y.dll": "",
        "tools/z.exe": "",
        "top.exe": "",
        "undo/u.exe": "",
        "n": "",
    }
    inner = """<commands><execute command="tools\\bin\\x.exe" idempotent="true" /><execute command="TOP.exe" />
    <execute command="/bin/true" undo="undo/u.exe /x" phase="before" /></commands>"""
    config = package(tmp_path, inner, held)
    assert paths(config) == ["tools/bin/lib/y.dll", "tools/bin/x.exe", "top.exe", "undo/u.exe"]


def test_sources_of_what_is_not_carried_out(tmp_path: Path) -> None:
    inner = """<configFiles><configFile path="$(InstallDir)a" transform="t.xdt" /></configFiles>
    <sql><script src="sql/a.sql" undo="sql/b.sql" /></sql>"""
    config = package(tmp_path, inner, {"t.xdt": "", "sql/a.sql": "", "sql/b.sql": "", "sql/c.sql": ""})
    assert paths(config) == ["sql/a.sql", "sql/b.sql", "t.xdt"]


def test_every_missing_file_is_said_with_its_line(tmp_path: Path) -> None:
    inner = files(file("a.dll"), file("b/*.dll")) + '\n<commands><execute command="c.exe" /></commands>'
    found = problems(package(tmp_path, inner, {}))
    assert [(one.code, one.line) for one in found] == [
        ("missing-file", 4),
        ("nothing-included", 5),
        ("missing-file", 7),
    ]


def test_twins_on_a_disk_that_tells_case_are_refused(tmp_path: Path) -> None:
    config = package(tmp_path, files(file("A.DLL")), {"a.dll": "1", "A.dll": "2"})
    if len(os.listdir(tmp_path)) == 2:
        pytest.skip("this disk does not tell case")
    assert codes(config) == ["ambiguous-name"]
    assert codes(package(tmp_path, files(file("*.dll")), {})) == ["ambiguous-name"]
    assert paths(package(tmp_path, files(file("a.dll")), {})) == ["a.dll"]


@pytest.mark.parametrize("include", ["x.dll", "*.dll"])
def test_a_link_out_of_the_package_is_refused(tmp_path: Path, include: str) -> None:
    outside = tmp_path / "outside.dll"
    outside.write_text("")
    config = package(tmp_path / "p", files(file(include)), {})
    (tmp_path / "p" / "x.dll").symlink_to(outside)
    assert codes(config) == ["leaves-package"]


def test_a_folder_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    write(tmp_path / "outside", {"x.dll": ""})
    config = package(tmp_path / "p", files(file("sub/x.dll")), {})
    (tmp_path / "p" / "sub").symlink_to(tmp_path / "outside")
    assert codes(config) == ["missing-file"]
    config = package(tmp_path / "p", files(file("*.dll", subDirs="true")), {"a/b.dll": ""})
    (tmp_path / "p" / "a" / "loop.dll").symlink_to(tmp_path / "p")
    assert codes(config) == ["not-a-file"]


def test_a_link_inside_the_package_is_a_file(tmp_path: Path) -> None:
    config = package(tmp_path, files(file("x.dll")), {"y.dll": "123"})
    (tmp_path / "x.dll").symlink_to("y.dll")
    (found,) = files_of(manifest_of(config), tmp_path)
    assert (str(found.path), found.size) == ("x.dll", 3)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    config = package(tmp_path, files(file("x")), {"x/y": ""})
    assert codes(config) == ["not-a-file"]


def test_a_name_windows_does_not_allow_is_refused_where_it_is_meant(tmp_path: Path) -> None:
    config = package(tmp_path, files(file("*.dll")), {"a.dll": "", "b:c.dll": "", "d:e.txt": ""})
    assert codes(config) == ["unsafe-path"]


def test_digests_and_sizes_come_from_the_manifest(tmp_path: Path) -> None:
    inner = files(file("a", sha256="1" * 64, size="3"), file("c/*")) + "<contents>"
    inner += LISTED.format("a", "1" * 64, 3) + LISTED.format("c/b", "2" * 64, 1) + "</contents>"
    config = package(tmp_path, inner, {"a": "123", "c/b": "1"})
    assert [one.sha256 for one in files_of(manifest_of(config), tmp_path)] == ["1" * 64, "2" * 64]


@pytest.mark.parametrize(
    ("attributes", "content", "code"),
    [
        ({"size": "4"}, ("a", "1" * 64, 3), "contradiction"),
        ({"sha256": "2" * 64}, ("a", "1" * 64, 3), "contradiction"),
        ({}, ("a", "1" * 64, 4), "size-mismatch"),
        ({}, ("b", "1" * 64, 3), "not-in-contents"),
    ],
)
def test_contents_that_do_not_fit(
    tmp_path: Path, attributes: dict[str, str], content: tuple[str, str, int], code: str
) -> None:
    inner = f"{files(file('a', **attributes))}<contents>{LISTED.format(*content)}</contents>"
    assert codes(package(tmp_path, inner, {"a": "123"})) == [code]


@pytest.mark.parametrize("name", ["c/new.dll", "tools/new.dll"])
def test_a_file_that_was_put_in_or_taken_out_is_noticed(tmp_path: Path, name: str) -> None:
    inner = files(file("c/*")) + "<commands><execute command='tools/x.exe' /></commands><contents>"
    for path in ("c/a", "c/b", "tools/x.exe", "tools/y"):
        inner += LISTED.format(path, "1" * 64, 0)
    config = package(tmp_path, f"{inner}</contents>", {"c/a": "", "c/b": "", "tools/x.exe": "", "tools/y": ""})
    assert len(paths(config)) == 4
    write(tmp_path, {name: ""})
    assert codes(config) == ["not-in-contents"]
    (tmp_path / name).unlink()
    (tmp_path / "c" / "b").unlink()
    (tmp_path / "tools" / "y").unlink()
    assert codes(config) == ["missing-file", "missing-file"]


def test_which_files_an_entry_selects_and_where_they_go(tmp_path: Path) -> None:
    many = file("Client/*.*", subDirs="true", exclude="*.pdb")
    held = {"client/x.dll": "", "client/sub/y.dll": "", "client/x.pdb": "", "a.dll": ""}
    config = package(tmp_path, files(many, file("A.dll", outputName="b.dll")), held)
    manifest = manifest_of(config)
    found = files_of(manifest, tmp_path)
    several, one = manifest.files
    assert [(str(match.file.path), str(match.output)) for match in matches_of(several, found)] == [
        ("client/sub/y.dll", "sub/y.dll"),
        ("client/x.dll", "x.dll"),
    ]
    assert [(str(match.file.path), str(match.output)) for match in matches_of(one, found)] == [("a.dll", "b.dll")]


def test_only_what_is_given_is_looked_for(tmp_path: Path) -> None:
    config = package(tmp_path, files(file("a", roles="Router")), {})
    assert files_of(for_roles(manifest_of(config), frozenset()), tmp_path) == ()

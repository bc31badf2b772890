"""Planning: what is taken, where it goes, who overwrites whom. No sources, no files."""

from __future__ import annotations

import pytest

from deploy.config.model import FileEntry, SetupConfig
from deploy.plan import FileFound, Findings, FolderFound, Plan, build_plan, selections, subfolders
from deploy.transport.contract import Entry, Listing, RefusedName, Validators
from deploy.transport.location import Location, parse_location

ROOT = "http://server/tree"


def config(*entries: FileEntry) -> SetupConfig:
    return SetupConfig("Setup.config", -1, entries)


def entry(include: str, number: int = 1, **rest: object) -> FileEntry:
    return FileEntry(number, include, rest.pop("output_folder", "Solidus"), line=10 + number, **rest)  # type: ignore[arg-type]


def listing(folder: Location, *names: str) -> Listing:
    """Names ending in a slash are folders."""
    entries = tuple(Entry(name.rstrip("/"), name.endswith("/"), Validators(size=1)) for name in names)
    return Listing(folder, entries)


def planned(*entries_and_names: tuple[FileEntry, dict[tuple[str, ...], tuple[str, ...]]]) -> tuple[Plan, list[str]]:
    """Plan entries whose folders hold the given names; returns the plan and the error codes."""
    setup = config(*(one for one, _ in entries_and_names))
    ready, wrong = selections(setup)
    assert not wrong
    findings = []
    for selection, (_, folders) in zip(ready, entries_and_names, strict=True):
        found = tuple(
            FolderFound(
                below,
                listing(selection.source.folder.with_segments((*selection.source.folder.segments, *below)), *names),
            )
            for below, names in folders.items()
        )
        findings.append(Findings(selection, found))
    plan, errors = build_plan(setup, findings)
    return plan, [one.code for one in errors]


def outputs(plan: Plan) -> list[str]:
    return [str(one.output) for one in plan.files]


def test_a_wildcard_takes_matching_names_and_keeps_the_tree() -> None:
    plan, errors = planned(
        (entry(f"{ROOT}/*.exe", sub_dirs=True), {(): ("b.exe", "A.EXE", "c.dll", "sub/"), ("sub",): ("d.exe",)}),
    )
    assert not errors
    assert outputs(plan) == ["Solidus/A.EXE", "Solidus/b.exe", "Solidus/sub/d.exe"]
    assert [str(one.source) for one in plan.files] == [f"{ROOT}/A.EXE", f"{ROOT}/b.exe", f"{ROOT}/sub/d.exe"]


def test_exclude_takes_names_and_whole_folders_away_and_spares_their_listing() -> None:
    selection = selections(config(entry(f"{ROOT}/*.*", sub_dirs=True, exclude="*.pdb; secret/")))[0][0]
    root = FolderFound((), listing(selection.source.folder, "a.exe", "a.pdb", "secret/", "open/"))
    assert [below for _, below in subfolders(selection, root)] == [("open",)]
    plan, _ = build_plan(config(), [Findings(selection, (root,))])
    assert outputs(plan) == ["Solidus/a.exe"]


def test_without_sub_dirs_no_folder_is_searched() -> None:
    selection = selections(config(entry(f"{ROOT}/*.*")))[0][0]
    root = FolderFound((), listing(selection.source.folder, "sub/"))
    assert list(subfolders(selection, root)) == []


def test_no_match_is_a_warning_with_its_line() -> None:
    plan, errors = planned((entry(f"{ROOT}/*.zip"), {(): ("a.exe",)}))
    assert not errors
    assert [(one.code, one.file, one.line) for one in plan.warnings] == [("no-match", "Setup.config", 11)]


def test_a_later_entry_overwrites_an_earlier_one_in_any_case() -> None:
    plan, errors = planned(
        (entry(f"{ROOT}/*.*"), {(): ("ClientSetup.ini", "x")}),
        (entry("http://server/own/*.*", 2, output_folder="solidus"), {(): ("CLIENTSETUP.INI",)}),
    )
    assert not errors
    assert [(str(one.output), one.entry) for one in plan.files] == [("Solidus/x", 1), ("Solidus/CLIENTSETUP.INI", 2)]
    (lost,) = plan.overwritten
    assert (lost.loser.entry, lost.winner.entry) == (1, 2)


def test_overwritten_twice_names_the_last_winner_for_both() -> None:
    plan, _ = planned(*((entry(f"{ROOT}/{n}/*.*", n), {(): ("f",)}) for n in (1, 2, 3)))
    assert [(one.loser.entry, one.winner.entry) for one in plan.overwritten] == [(1, 3), (2, 3)]


def test_names_that_differ_in_case_only_within_one_entry_are_an_error() -> None:
    _, errors = planned((entry(f"{ROOT}/*.*"), {(): ("Readme", "README")}))
    assert errors == ["case-twins"]


def test_an_output_that_is_file_and_folder_is_an_error() -> None:
    _, errors = planned(
        (entry(f"{ROOT}/*.*", output_folder="."), {(): ("Solidus",)}),
        (entry(f"{ROOT}/x/*.*", 2, output_folder="SOLIDUS"), {(): ("f",)}),
    )
    assert errors == ["file-and-folder"]


@pytest.mark.parametrize(
    "name", ["CON", "aux.txt", "a:b", "trailing.", "trailing ", "tab\tname", "..", "a\\b", "x" * 300]
)
def test_hostile_names_are_left_out_with_a_warning_and_good_ones_kept(name: str) -> None:
    plan, errors = planned((entry(f"{ROOT}/*.*"), {(): (name, "good.exe")}))
    assert not errors
    assert outputs(plan) == ["Solidus/good.exe"]
    assert [one.code for one in plan.warnings] == ["unsafe-name"]


def test_hostile_folders_are_not_entered() -> None:
    selection = selections(config(entry(f"{ROOT}/*.*", sub_dirs=True)))[0][0]
    root = FolderFound((), listing(selection.source.folder, "..", "NUL/", "ok/"))
    assert [below for _, below in subfolders(selection, root)] == [("ok",)]


def test_refused_names_of_a_listing_are_told_and_a_flood_is_cut_short() -> None:
    selection = selections(config(entry(f"{ROOT}/*.*")))[0][0]
    refused = tuple(RefusedName(f"../{n}", "holds a separator") for n in range(1000))
    found = FolderFound((), Listing(selection.source.folder, (Entry("a", False),), refused))
    plan, errors = build_plan(config(), [Findings(selection, (found,))])
    assert not errors
    assert outputs(plan) == ["Solidus/a"]
    assert len(plan.warnings) == 21
    assert "980 more" in plan.warnings[-1].message


def test_a_single_file_keeps_the_name_of_the_setup_config() -> None:
    setup = config(entry("http://server/own/ClientSetup.ini"))
    (selection,), _ = selections(setup)
    found = FileFound(parse_location("http://server/Own/clientsetup.ini"), Validators(size=7))
    plan, _ = build_plan(setup, [Findings(selection, found)])
    assert [(str(one.output), str(one.source)) for one in plan.files] == [
        ("Solidus/ClientSetup.ini", "http://server/Own/clientsetup.ini")
    ]


def test_every_bad_entry_is_told_at_once_with_its_line() -> None:
    ready, problems = selections(
        config(
            entry("http://server/a*b/c", 1),
            entry("http://server/ok", 2, output_folder="..\\up"),
            entry("gopher://x/y", 3, output_folder="C:\\x"),
            entry("http://server/CON", 4),
        )
    )
    assert not ready
    assert [(one.line, one.code) for one in problems] == [
        (11, "wildcard-in-folder"),
        (12, "unsafe-path"),
        (13, "bad-include"),
        (13, "unsafe-path"),
        (14, "unsafe-path"),
    ]
    assert all(one.hint and one.file == "Setup.config" for one in problems)


def test_the_order_is_by_entry_then_by_folded_path() -> None:
    plan, _ = planned(
        (entry(f"{ROOT}/*.*", 1, output_folder="z", sub_dirs=True), {(): ("b", "A", "_"), ("m",): ("q",)}),
        (entry(f"{ROOT}/2/*.*", 2, output_folder="a"), {(): ("k",)}),
    )
    assert outputs(plan) == ["z/A", "z/b", "z/m/q", "z/_", "a/k"]


def test_a_folder_named_in_two_cases_becomes_one() -> None:
    plan, _ = planned(
        (entry(f"{ROOT}/*.*", 1, output_folder="Solidus\\Bin"), {(): ("a",)}),
        (entry(f"{ROOT}/2/*.*", 2, output_folder="SOLIDUS\\bin\\x"), {(): ("b",)}),
    )
    assert outputs(plan) == ["Solidus/Bin/a", "Solidus/Bin/x/b"]


def test_an_entry_whose_source_failed_keeps_the_others() -> None:
    from deploy.errors import error

    setup = config(entry(f"{ROOT}/*.*", 1), entry(f"{ROOT}/2/*.*", 2))
    one, two = selections(setup)[0]
    good = FolderFound((), listing(two.source.folder, "a"))
    plan, errors = build_plan(setup, [Findings(one, None, (error("unreachable", "no", "do"),)), Findings(two, (good,))])
    assert outputs(plan) == ["Solidus/a"]
    assert [(one.code, one.line) for one in errors] == [("unreachable", 11)]

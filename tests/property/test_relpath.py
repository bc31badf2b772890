"""No text makes a path that leaves its base; good names are kept."""

from __future__ import annotations

import ntpath
import posixpath
import re

from hypothesis import given
from hypothesis import strategies as st

from deploy.errors import ConfigError
from deploy.relpath import RelPath, fold, segment_problem

ANY = st.text(st.characters(codec=None, categories=None))
PIECES = st.sampled_from(
    [
        "..",
        ".",
        "/",
        "\\",
        "C:",
        ":",
        "a",
        "Bin",
        " ",
        "CON",
        "nul",
        ".txt",
        "COM1",
        "¹",
        "$",
        "~1",
        "\0",
        "\u2215",
        "ü",
        "$DATA",
    ]
)
PATHS = st.lists(PIECES, max_size=10).map("".join) | ANY
ORDINARY = st.from_regex(re.compile(r"[A-Za-z][A-Za-z0-9_-]{4,20}\.[a-z]{1,4}"), fullmatch=True)


def parsed(text: str) -> RelPath | None:
    try:
        return RelPath.parse(text)
    except ConfigError as refused:
        refusal = refused.problems[0]
    assert refusal.code == "unsafe-path"
    assert refusal.message.isprintable()
    return None


@given(PATHS)
def test_a_path_stays_below_its_base_on_every_system(text: str) -> None:
    path = parsed(text)
    if path is None:
        return
    for module, base in ((ntpath, "D:\\base"), (posixpath, "/base")):
        joined = module.normpath(module.join(base, *path.segments))
        assert joined == module.join(base, *path.segments)
        assert joined == base or joined.startswith(base + module.sep)
        assert not module.isabs(str(path))
    assert ntpath.splitdrive(str(path))[0] == ""


@given(PATHS)
def test_what_is_shown_reads_as_the_same_path(text: str) -> None:
    path = parsed(text)
    if path is not None:
        assert RelPath.parse(str(path)) == path
        assert RelPath.parse(str(path).replace("/", "\\")) == path


@given(st.lists(ORDINARY, max_size=6))
def test_ordinary_names_are_kept(names: list[str]) -> None:
    path = RelPath(tuple(names))
    assert path == RelPath.BASE.join(tuple(names)) == RelPath.parse("\\".join(names))
    assert path.key == "/".join(map(str.upper, names))


@given(ANY)
def test_the_quick_way_and_the_thorough_way_agree(name: str) -> None:
    # A name in front of which stands something unusual is never looked at the quick way.
    unusual = f"é{name}"
    if segment_problem(name) is None and len(name.encode("utf-16-le")) < 500:
        assert segment_problem(unusual) is None


@given(ANY, ANY)
def test_folding_goes_character_by_character(one: str, other: str) -> None:
    assert fold(one + other) == fold(one) + fold(other)
    assert len(fold(one)) == len(one)
    assert fold(fold(one)) == fold(one)

"""What is taken from the list of renames at the next start, and what never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.host.pendingrenames import native, without

MINE = "\\??\\C:\\MiCC\\new.dll"
OTHER = "\\??\\C:\\MiCC\\new.dll.old"


@pytest.mark.parametrize(
    ("entries", "left"),
    [
        ([], None),
        ([OTHER, ""], None),
        ([MINE, ""], []),
        ([MINE.upper(), "!\\??\\C:\\MiCC\\Router.dll"], []),
        ([OTHER, "", MINE, "", OTHER, MINE], [OTHER, "", OTHER, MINE]),
        ([MINE, "", MINE, OTHER], []),
        ([OTHER, MINE], None),
    ],
)
def test_only_operations_on_the_source_go(entries: list[str], left: list[str] | None) -> None:
    assert without(entries, "C:\\MiCC\\new.dll") == left


@pytest.mark.parametrize("entries", [[MINE], [OTHER, MINE, ""]])
def test_a_list_that_is_not_of_pairs_is_not_understood(entries: list[str]) -> None:
    with pytest.raises(ValueError, match="not pairs"):
        without(entries, "C:\\MiCC\\new.dll")


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("C:\\a b\\c", "\\??\\C:\\a b\\c"),
        ("C:/a/c", "\\??\\C:\\a\\c"),
        ("\\\\SERVER\\Share\\x", "\\??\\UNC\\SERVER\\Share\\x"),
        ("\\\\?\\C:\\x", "\\??\\C:\\x"),
        ("\\\\?\\UNC\\SERVER\\Share\\x", "\\??\\UNC\\SERVER\\Share\\x"),
    ],
)
def test_paths_are_written_as_the_list_has_them(path: str, written: str) -> None:
    assert native(path) == written


TEXTS = st.sampled_from([MINE, OTHER, "", "!\\??\\C:\\x"])


@given(st.lists(st.tuples(TEXTS, TEXTS)))
def test_operations_of_others_stay_in_their_order(pairs: list[tuple[str, str]]) -> None:
    entries = [text for pair in pairs for text in pair]
    left = without(entries, "c:\\micc\\NEW.dll")
    kept = [text for pair in pairs if pair[0] != MINE for text in pair]
    assert (entries if left is None else left) == kept

"""Arguments, quoted and split again, are the same arguments."""

from __future__ import annotations

import subprocess

from hypothesis import given
from hypothesis import strategies as st

from deploy.config.command import quote_arguments, split_arguments

ARGUMENTS = st.lists(st.text(st.sampled_from('ab" \t\\\n/')) | st.text(), max_size=6)


@given(ARGUMENTS)
def test_quoted_arguments_come_back(arguments: list[str]) -> None:
    assert split_arguments(quote_arguments(arguments)) == tuple(arguments)


@given(ARGUMENTS)
def test_arguments_quoted_by_python_for_windows_come_back(arguments: list[str]) -> None:
    assert split_arguments(subprocess.list2cmdline(arguments)) == tuple(arguments)


@given(st.text(st.sampled_from('ab" \t\\')))
def test_any_text_splits_and_is_stable_once_quoted(text: str) -> None:
    arguments = split_arguments(text)
    assert split_arguments(quote_arguments(arguments)) == arguments
    assert "".join(arguments).count("a") == text.count("a")

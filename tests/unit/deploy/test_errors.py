"""Problems, their places and the exceptions that carry them."""

from __future__ import annotations

import pytest

from deploy.errors import (
    SHOWN_LENGTH,
    ConfigError,
    ExecuteError,
    MicceError,
    SourceError,
    TargetError,
    UsageError,
    error,
    quoted,
    warning,
)


def test_a_problem_reads_as_place_severity_message_code_and_hint() -> None:
    problem = error("bad-value", "hidden is 'yes'", "write true or false", file="Setup.config", line=7)
    assert str(problem) == "Setup.config:7: error: hidden is 'yes' [bad-value]\n    write true or false"


def test_a_problem_without_place_and_hint_is_one_line() -> None:
    assert str(warning("no-match", "nothing matches")) == "warning: nothing matches [no-match]"


def test_a_place_is_filled_in_only_where_it_is_not_known() -> None:
    problem = error("x", "y", line=3)
    assert (problem.at("a", 9).file, problem.at("a", 9).line) == ("a", 3)
    assert problem.at("a").at("b", 4) == problem.at("a")
    assert error("x", "y").at("a").line is None


def test_only_errors_are_errors() -> None:
    assert error("x", "y").is_error
    assert not warning("x", "y").is_error


def test_an_error_holds_one_problem_or_several_and_its_code_is_the_first() -> None:
    one, other = error("one", "1"), error("other", "2")
    assert ConfigError(one).problems == (one,)
    both = ConfigError(problem for problem in (one, other))
    assert both.problems == (one, other)
    assert both.code == "one"
    assert str(both) == f"{one}\n{other}"


@pytest.mark.parametrize("kind", [ConfigError, ExecuteError, SourceError, TargetError, UsageError])
def test_every_error_is_of_the_one_tree_and_only_usage_ends_with_2(kind: type[MicceError]) -> None:
    raised = kind(error("x", "y"))
    assert isinstance(raised, MicceError)
    assert raised.exit_code == (2 if kind is UsageError else 1)


def test_a_source_error_says_whether_to_try_again() -> None:
    assert not SourceError(error("x", "y")).transient
    again = SourceError(error("x", "y"), transient=True, retry_after=2.5)
    assert (again.transient, again.retry_after) == (True, 2.5)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Solidus", "'Solidus'"),
        ("", "''"),
        ("a\nb\x1b[2J\x00", r"'a\nb\x1b[2J\x00'"),
        ("Grüße €", "'Grüße €'"),
        ("a\u202eb\u2028", r"'a\u202eb\u2028'"),
        ("\ud800", r"'\ud800'"),
        (r"C:\x", r"'C:\x'"),
    ],
)
def test_a_foreign_text_is_quoted_on_one_line(text: str, shown: str) -> None:
    assert quoted(text) == shown


def test_a_long_foreign_text_is_cut() -> None:
    assert quoted("x" * SHOWN_LENGTH) == "'" + "x" * SHOWN_LENGTH + "'"
    assert quoted("x" * 10_000) == "'" + "x" * (SHOWN_LENGTH - 1) + "…'"

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.errors import Problem, UsageError
from hotfix.slash import Options, asks_for_silence, parse_slash


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], Options()),
        (["/i:a.config"], Options("a.config")),
        (["/I:a.config", "/S"], Options("a.config", silent=True)),
        (["-i", "a.config", "-s"], Options("a.config", silent=True)),
        (["--i=a.config", "--text"], Options("a.config", text=True)),
        (["/s", "/i:/opt/x y.config"], Options("/opt/x y.config", silent=True)),
        (["/i", "/opt/hf/x.config"], Options("/opt/hf/x.config")),
        ([r"/i:C:\Program Files\x.config"], Options(r"C:\Program Files\x.config")),
        ([r'/I:"C:\Program Files\x.config"', "/S"], Options(r"C:\Program Files\x.config", silent=True)),
        ([r'/I:"C:\Program', r'Files\x.config"', "/S"], Options(r"C:\Program Files\x.config", silent=True)),
        (["/i:'x.config'"], Options("x.config")),
        (["/?"], Options(help=True)),
        (["/i:x", "/H", "/wrong"], Options(help=True)),
        (["-help"], Options(help=True)),
    ],
)
def test_what_is_meant(arguments: list[str], options: Options) -> None:
    assert parse_slash(arguments) == options


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        (["/s"], ["silent-without-file"]),
        (["/x"], ["unknown-option"]),
        (["/i"], ["missing-value"]),
        (["/i:", "/s"], ["missing-value"]),
        (['/i:""'], ["missing-value"]),
        (["/i:a", "/i:b"], ["repeated-option"]),
        (["/i:a", "b"], ["stray-argument"]),
        (["/s:1", "/i:a"], ["unexpected-value"]),
        (["/opt/a.config"], ["stray-argument"]),
        (["/q", "/z", "/s"], ["unknown-option", "unknown-option", "silent-without-file"]),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(arguments: list[str], codes: list[str]) -> None:
    with pytest.raises(UsageError) as refused:
        parse_slash(arguments)
    assert [one.code for one in refused.value.problems] == codes


@given(st.lists(st.text() | st.sampled_from(["/s", "/i", "-I:", "/?", '"', "/text", "--", "/"]), max_size=6))
def test_any_words_are_read_or_refused(arguments: list[str]) -> None:
    problems: tuple[Problem, ...] = ()
    options = Options()
    try:
        options = parse_slash(arguments)
    except UsageError as refused:
        problems = refused.problems
    assert all("\n" not in one.message for one in problems)
    assert options.config is None or options.config
    assert not options.silent or (options.config and asks_for_silence(arguments))


@given(st.text(alphabet=st.characters(exclude_characters="\"'", exclude_categories=["Cs"]), min_size=1))
def test_a_path_arrives_as_it_was_written(path: str) -> None:
    if path.strip():
        assert parse_slash([f"/i:{path}", "/s"]) == Options(path.strip(), silent=True)


def test_silence_is_heard_among_wrong_words() -> None:
    assert asks_for_silence(["/x", "-S", "y"])
    assert not asks_for_silence(["/i:/s", "s"])

"""How files look: sizes, docstrings, exceptions, nothing done at import time."""

from __future__ import annotations

import pytest

from tests.architecture import rules
from tests.architecture.source import ROOT, modules, parse, python_files


def test_source_files_are_short() -> None:
    assert rules.long_files(modules(), rules.MODULE_LINES) == []


def test_test_files_are_short() -> None:
    others = [
        parse(path.stem, path.read_text("utf-8"), path.relative_to(ROOT).as_posix())
        for path in python_files()
        if path.relative_to(ROOT).parts[0] in ("tests", "benchmarks", "packaging")
    ]
    assert rules.long_files(others, rules.TEST_LINES) == []


def test_functions_are_short() -> None:
    assert rules.long_functions(modules()) == []


def test_modules_functions_and_classes_say_what_they_are() -> None:
    assert rules.missing_docstrings(modules()) == []


def test_nothing_catches_everything() -> None:
    assert rules.broad_excepts(modules()) == []


def test_importing_a_module_only_builds_values() -> None:
    assert rules.import_time_work(modules()) == []


def test_module_names_say_something() -> None:
    assert rules.vague_names(modules()) == []


def test_a_long_file_and_a_long_function_are_found() -> None:
    module = parse("deploy.x", "def f():\n" + "    pass\n" * 60)
    assert rules.long_files([module], 60) == ["deploy/x.py: 61 lines, at most 60"]
    assert len(rules.long_functions([module])) == 1
    assert rules.long_functions([parse("deploy.x", "def f():\n" + "    pass\n" * 59)]) == []


def test_a_missing_docstring_is_found() -> None:
    text = '"""Doc."""\ndef f(): ...\ndef _g(): ...\nclass C: ...\n'
    assert rules.missing_docstrings([parse("deploy.x", text)]) == [
        "deploy/x.py:2: f has no docstring",
        "deploy/x.py:4: C has no docstring",
    ]


@pytest.mark.parametrize("caught", ["", " Exception", " BaseException", " (OSError, Exception)"])
def test_a_broad_handler_is_found(caught: str) -> None:
    swallowed = parse("deploy.x", f"try:\n    f()\nexcept{caught}:\n    pass\n")
    assert len(rules.broad_excepts([swallowed])) == 1
    raised_again = parse("deploy.x", f"try:\n    f()\nexcept{caught}:\n    g()\n    raise\n")
    assert rules.broad_excepts([raised_again]) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os\nx = os.getcwd()",
        "open('x')",
        "class C:\n    x = load()",
        "def f(x=now()): ...",
        "lock = threading.Lock()",
        "if True:\n    main()",
    ],
)
def test_work_at_import_time_is_found(text: str) -> None:
    assert len(rules.import_time_work([parse("deploy.x", text)])) == 1


@pytest.mark.parametrize(
    "text",
    [
        "x = re.compile('a')",
        "x = frozenset({1})",
        "@dataclass(frozen=True)\nclass C:\n    x: int = field(default=1)",
        "def f(x=Validators()): ...",
        "x = lambda: now()",
        "if __name__ == '__main__':\n    main()",
        "app = typer.Typer()",
    ],
)
def test_building_a_value_at_import_time_is_fine(text: str) -> None:
    assert rules.import_time_work([parse("deploy.x", text)]) == []

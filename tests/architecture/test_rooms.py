"""Who imports whom: the direction of the packages, the pure files, no cycles, libraries in their place."""

from __future__ import annotations

import pytest

from tests.architecture import layers, rules
from tests.architecture.source import ROOT, modules, parse

KNOWN = frozenset({"deploy", "deploy.errors", "deploy.atomic", "deploy.plan", "deploy.config.model", "hotfix.plan"})


def test_packages_import_downwards_only() -> None:
    assert rules.upward_imports(modules()) == []


def test_pure_files_import_pure_files_only() -> None:
    assert rules.impure_imports(modules()) == []


def test_files_that_say_they_are_pure_are_in_the_table() -> None:
    assert rules.undeclared_pure(modules()) == []
    claims = parse("deploy.install", '"""Something. Pure."""')
    assert rules.undeclared_pure([claims]) == ["deploy/install.py:1: says it is pure and is not in the table"]


def test_the_table_of_pure_files_names_files_that_exist() -> None:
    names = {module.name for module in modules()}
    missing = [
        f"{room}.{file}"
        for room, files in layers.PURE.items()
        for file in files
        if (room if file == "*" else f"{room}.{file}") not in names
    ]
    assert missing == []


def test_the_table_of_places_names_modules_that_exist() -> None:
    names = {module.name for module in modules()}
    places = {place for table in layers.ONLY_IN.values() for place in table}
    places |= {*layers.PLATFORM_TESTS, *layers.PRINTING}
    assert sorted(place for place in places if place not in names) == []


def test_there_are_no_import_cycles_lazy_imports_counted() -> None:
    assert rules.import_cycles(modules()) == []


def test_libraries_stay_where_they_belong() -> None:
    assert rules.misplaced_imports(modules()) == []


def test_one_file_asks_which_platform_this_is() -> None:
    assert rules.platform_tests(modules()) == []


def test_only_the_rendering_prints() -> None:
    assert rules.printing(modules()) == []


def test_only_the_named_packages_stand_at_the_top() -> None:
    allowed = {"deploy", "updater", "hotfix", "tests", "benchmarks"}
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} <= allowed


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("deploy.plan", "from hotfix import plan", ["deploy/plan.py:1: imports hotfix.plan"]),
        ("deploy.plan", "def f():\n    import updater.agent", ["deploy/plan.py:2: imports updater.agent"]),
        ("deploy.plan", "import tests.sim.faults", ["deploy/plan.py:1: imports tests.sim.faults"]),
        ("hotfix.plan", "import deploy.plan", []),
        ("hotfix.plan", "import updater.state", ["hotfix/plan.py:1: imports updater.state"]),
    ],
)
def test_an_import_against_the_direction_is_found(name: str, text: str, found: list[str]) -> None:
    assert rules.upward_imports([parse(name, text, known=KNOWN)]) == found


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("deploy.plan", "from deploy import atomic", ["deploy/plan.py:1: pure, but imports deploy.atomic"]),
        ("deploy.plan", "import os.path", ["deploy/plan.py:1: pure, but imports os.path"]),
        ("deploy.plan", "import urllib.request", ["deploy/plan.py:1: pure, but imports urllib.request"]),
        ("deploy.plan", "import httpx", ["deploy/plan.py:1: pure, but imports httpx"]),
        ("deploy.plan", "import re, urllib.parse\nfrom deploy.errors import error", []),
        ("deploy.config.model", "import deploy.atomic", ["deploy/config/model.py:1: pure, but imports deploy.atomic"]),
        ("deploy.atomic", "import os", []),
    ],
)
def test_what_reaches_out_of_a_pure_file_is_found(name: str, text: str, found: list[str]) -> None:
    assert rules.impure_imports([parse(name, text, known=KNOWN)]) == found


def test_a_cycle_through_a_lazy_import_is_found() -> None:
    group = [
        parse("deploy.a", "import deploy.b"),
        parse("deploy.b", "def f():\n    from deploy.c import x"),
        parse("deploy.c", "import deploy.a"),
        parse("deploy.d", "import deploy.a"),
    ]
    assert rules.import_cycles(group) == ["deploy.a <-> deploy.b <-> deploy.c"]


def test_a_library_in_the_wrong_room_is_found() -> None:
    wrong = parse("deploy.install", "def f():\n    from lxml import etree")
    assert rules.misplaced_imports([wrong]) == [
        "deploy/install.py:2: lxml belongs in deploy.config.xmltree, deploy.transport.listing"
    ]
    assert rules.misplaced_imports([parse("deploy.config.xmltree", "from lxml import etree")]) == []


@pytest.mark.parametrize("text", ["sys.platform == 'win32'", "os.name", "platform.system()"])
def test_a_platform_test_elsewhere_is_found(text: str) -> None:
    assert len(rules.platform_tests([parse("deploy.install", f"x = {text}")])) == 1
    assert rules.platform_tests([parse("deploy.host.current", f"x = {text}")]) == []


def test_print_in_the_library_is_found() -> None:
    assert rules.printing([parse("deploy.install", "def f():\n    print(1)")]) == ["deploy/install.py:2: print"]

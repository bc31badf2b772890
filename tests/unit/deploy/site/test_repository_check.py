"""A whole repository is looked over: every customer by itself, every file it has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deploy.errors import Problem, Severity, TargetError, error, warning
from deploy.site.repository_check import CheckedRepository, check_repository, is_repository
from tests.unit.deploy.site.test_customers import customer

INI = "[General]\r\nFormatVersion=1\r\nCustomerID={id}\r\nTenantID={tenant}\r\n[Features]\r\nAgent=true\r\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    customer(tmp_path / "root", "Default", tenant=-1)
    customer(tmp_path / "root", "acme")
    return tmp_path / "root"


def found(checked: CheckedRepository) -> dict[str, list[str]]:
    return {one.customer.id: [problem.code for problem in one.problems] for one in checked.customers}


def test_a_good_repository_has_no_problems(root: Path) -> None:
    checked = check_repository(root)
    assert (found(checked), checked.problems, checked.is_good) == ({"acme": [], "Default": []}, (), True)


def test_each_setup_config_is_judged_once_and_by_its_path(root: Path) -> None:
    (root / "broken").mkdir()
    judged: list[str] = []

    def judge(path: str) -> tuple[Problem, ...]:
        judged.append(path)
        twice = warning("no-match", "x", file=path)
        return (twice, twice) if "acme" in path else ()

    checked = check_repository(root, judge)
    assert judged == [str(root / id / "Setup.config") for id in ("acme", "Default")]
    assert found(checked) == {"acme": ["no-match"], "broken": ["no-setup-config"], "Default": []}
    assert not checked.is_good
    assert [one.code for one in checked.everything] == ["no-match", "no-setup-config"]


def test_a_setup_config_that_goes_away_meanwhile_is_a_problem_of_its_customer(root: Path) -> None:
    def judge(path: str) -> tuple[Problem, ...]:
        if "acme" in path:
            raise TargetError(error("cannot-read", f"{path}: gone"))
        return ()

    assert found(check_repository(root, judge)) == {"acme": ["cannot-read"], "Default": []}


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (INI.format(id="ACME", tenant=1), []),
        (INI.format(id="other", tenant=1), ["other-customer"]),
        (INI.format(id="other", tenant=2), ["other-customer", "other-customer"]),
    ],
)
def test_a_client_setup_ini_has_to_be_for_its_customer(root: Path, text: str, codes: list[str]) -> None:
    path = root / "acme" / "CLIENTSETUP.INI"
    path.write_text(text, newline="")
    (checked,) = (one for one in check_repository(root).customers if one.customer.id == "acme")
    assert [one.code for one in checked.problems] == codes
    assert [one.line for one in checked.problems] == [3, 4][: len(codes)]
    assert {one.file for one in checked.problems} <= {str(path)}


def test_a_client_setup_ini_that_is_none_is_a_problem(root: Path) -> None:
    (root / "acme" / "ClientSetup.ini").write_bytes(b"\0")
    assert not check_repository(root).is_good


def test_a_view_is_checked_where_there_is_one(root: Path) -> None:
    view = root / "acme" / "index.cshtml"
    view.write_text("<p>@Model.CustomerName</p>\n", encoding="utf-8")
    assert found(check_repository(root)) == {"acme": [], "Default": []}
    view.write_text("<p>\n@Model.Password</p>\n", encoding="utf-8")
    (problem,) = check_repository(root).everything
    assert (problem.severity, problem.file, problem.line) == (Severity.ERROR, str(view), 2)


def test_without_what_renders_views_that_is_a_warning(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "acme" / "Index.html.j2").write_text("x")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    checked = check_repository(root)
    assert found(checked) == {"acme": ["view-not-checked"], "Default": []}
    assert checked.is_good
    assert "[server]" in checked.everything[0].hint


def test_without_a_default_tenant_that_is_a_warning(root: Path) -> None:
    (root / "Default" / "Setup.config").unlink()
    assert check_repository(root).problems == ()
    (root / "Default").rmdir()
    (problem,) = check_repository(root).problems
    assert (problem.code, problem.severity, problem.file) == ("no-default-customer", Severity.WARNING, str(root))


def test_a_repository_is_told_from_a_customer(root: Path, tmp_path: Path) -> None:
    assert is_repository(str(root))
    (root / "acme" / "Setup.config").rename(root / "acme" / "SETUP.config")
    (root / "Default" / "Setup.config").unlink()
    assert is_repository(str(root))
    for other in (root / "acme", root / "acme" / "SETUP.config", tmp_path / "none", tmp_path):
        assert not is_repository(str(other))
    for address in ("http://h/WebDeployment", "\\\\SERVER\\Share", "", "a\0b"):
        assert not is_repository(address)
    customer(root, ".", file="setup.CONFIG")
    assert not is_repository(str(root))


def test_what_was_removed_makes_no_repository(tmp_path: Path) -> None:
    customer(tmp_path / ".removed", "x")
    customer(tmp_path, ".hidden")
    assert not is_repository(str(tmp_path))

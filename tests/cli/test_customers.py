"""The manual's walk-through, typed: a customer is added, edited, shown, checked and taken away."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.cli.conftest import Machine, tree

HOSTED = """    <file include="$(WebServerUri)/MiCCEInstallation/WebDeployment/acmecorp/ClientSetup.ini"
          outputFolder="Solidus" />
  </files>"""
SHARED = r"""    <file include="\\ACMESERVER\SharedFiles\ClientSetup.ini" outputFolder="Solidus" />
  </files>"""
INI = "[General]\r\nFormatVersion=1\r\nCustomerID={id}\r\nTenantID={tenant}\r\n[Features]\r\nAgent=true\r\n"


@pytest.fixture
def root(machine: Machine) -> Path:
    """The repository as the product brings it, without the example customer, in the current folder."""
    shutil.copytree(ROOT / "WebDeployment" / "Default", machine.folder / "WebDeployment" / "Default")
    return machine.folder / "WebDeployment"


def add(machine: Machine, id: str = "acmecorp", name: str = "ACME Corporation", tenant: str = "1") -> None:
    done = machine.run("customers", "add", id, "--name", name, "--tenant-id", tenant)
    assert done.code == 0, done.err


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")


@pytest.mark.parametrize("lines", [HOSTED, SHARED])
def test_the_walk_through_of_the_manual(machine: Machine, root: Path, lines: str) -> None:
    done = machine.run("customers", "add", "acmecorp", "--name", "ACME Corporation", "--tenant-id", "1")
    assert done.code == 0, done.err
    assert "/MiCCEInstallation/install/acmecorp" in done.out
    assert "micce-deploy clientsetup acmecorp" in done.out
    config = root / "acmecorp" / "Setup.config"
    default = (root / "Default" / "Setup.config").read_bytes()
    assert config.read_bytes() == default.replace(b">Default Tenant<", b">ACME Corporation<").replace(b">-1<", b">1<")

    edit(config, "  </files>", lines)
    if lines == HOSTED:
        (root / "acmecorp" / "ClientSetup.ini").write_text(INI.format(id="acmecorp", tenant=1), newline="")
    shown = machine.run("customers", "show", "ACMECORP")
    assert shown.code == 0
    assert "acmecorp: ACME Corporation, tenant 1\n" in shown.out
    assert "<file> 3, line 20: " in shown.out
    assert "0 errors, 0 warnings\n" in shown.out
    assert ("ClientSetup.ini:  ClientSetup.ini\n" in shown.out) == (lines == HOSTED)

    checked = machine.run("check", root, "--offline", "--set", "WebServerUri=http://MICCSERVER:80")
    assert (checked.code, checked.err) == (0, "")
    assert checked.out == (
        "acmecorp: good (0 errors, 0 warnings)\n"
        "Default: good (0 errors, 0 warnings)\n"
        f"{root}: good (2 customers, 0 errors, 0 warnings)\n"
    )


def test_list_has_a_line_a_customer(machine: Machine, root: Path) -> None:
    add(machine)
    (root / "broken").mkdir()
    (root / "CON.old").mkdir()
    done = machine.run("customers", "list")
    assert done.code == 0
    assert done.out.splitlines() == [
        "ID        TENANT  STATE    NAME",
        "acmecorp  1       good     ACME Corporation",
        "broken    ?       1 error  broken",
        "Default   -1      good     Default Tenant",
        f"{root}: 3 customers",
    ]
    assert "the folder 'CON.old' is not served" in done.err
    document = machine.run("customers", "list", "--json").json
    assert document["root"] == str(root)
    assert [(one["id"], one["tenantID"], one["ok"]) for one in document["customers"]] == [
        ("acmecorp", 1, True),
        ("broken", None, False),
        ("Default", -1, True),
    ]
    assert [one["code"] for one in document["problems"]] == ["unsafe-customer-id"]
    assert [one["code"] for one in document["customers"][1]["problems"]] == ["no-setup-config"]


def test_show_tells_every_problem_of_every_file(machine: Machine, root: Path) -> None:
    add(machine)
    config = root / "acmecorp" / "Setup.config"
    edit(config, "<tenantID>1</tenantID>", "<tenantID>one</tenantID>")
    edit(config, 'args="/Q /F /C:ClientSetup.ini"', 'arg="/Q"')
    done = machine.run("customers", "show", "acmecorp")
    assert done.code == 0
    assert "Setup.config:     not usable" in done.out
    assert f"{config}:8: warning" in done.err
    assert f"{config}:14: error" in done.err
    document = machine.run("customers", "show", "acmecorp", "--json").json
    assert (document["ok"], document["tenantID"], document["entries"], document["execute"]) == (False, None, [], None)
    assert {one["code"] for one in document["problems"]} == {"unknown-attribute", "bad-value"}


def test_show_as_json(machine: Machine, root: Path) -> None:
    add(machine)
    settings = machine.folder / "server.toml"
    settings.write_text('[server]\nroot = "WebDeployment"\nuri = "https://micc.example:443/"\n', "utf-8")
    document = machine.run("customers", "show", "acmecorp", "--settings", settings, "--json").json
    entries = document.pop("entries")
    assert document == {
        "id": "acmecorp",
        "name": "ACME Corporation",
        "tenantID": 1,
        "ok": True,
        "folder": str(root / "acmecorp"),
        "clientIni": None,
        "view": None,
        "problems": [],
        "installUrl": "https://micc.example:443/MiCCEInstallation/install/acmecorp",
        "clientSetupUrl": "https://micc.example:443/MiCCEInstallation/ClientSetup/acmecorp",
        "execute": {"command": "Solidus\\ClientSetup.exe", "args": "/Q /F /C:ClientSetup.ini", "hidden": True},
    }
    assert [(one["outputFolder"], one["subDirs"], one["line"]) for one in entries] == [
        ("Solidus", True, 17),
        ("ScriptManager", True, 19),
    ]


def test_check_finds_what_is_wrong_anywhere(machine: Machine, root: Path) -> None:
    for id in ("good", "config", "ini", "wrong", "nothing"):
        add(machine, id)
    edit(root / "config" / "Setup.config", "<tenantID>", "<tenantId>")
    (root / "ini" / "ClientSetup.ini").write_text("[General]\r\nFormatVersion=99\r\n", newline="")
    (root / "wrong" / "ClientSetup.ini").write_text(INI.format(id="good", tenant=2), newline="")
    (root / "nothing" / "Setup.config").unlink()
    (root / "bad name.").mkdir()
    (root / "GOOD").mkdir()
    done = machine.run("check", root, "--offline")
    assert done.code == 1
    for place in (
        root / "config" / "Setup.config",
        root / "ini" / "ClientSetup.ini",
        root / "wrong" / "ClientSetup.ini",
    ):
        assert f"{place}:" in done.err
    document = machine.run("check", root, "--offline", "--json")
    assert document.code == 1
    assert document.json["ok"] is False
    found = {one["code"] for one in document.json["problems"] if one["severity"] == "error"}
    assert found >= {"case-twins", "unsafe-customer-id", "no-setup-config", "other-customer", "not-well-formed"}
    places = {one["file"] for one in document.json["problems"] if one["severity"] == "error"}
    assert str(root / "Default" / "Setup.config") not in places


def test_check_asks_the_sources_of_every_customer(machine: Machine, root: Path) -> None:
    add(machine)
    share = machine.folder / "share"
    share.mkdir()
    edit(
        root / "acmecorp" / "Setup.config",
        "  </files>",
        f'<file include="{share.as_uri()}/*.x" outputFolder="a" />\n</files>',
    )
    done = machine.run("check", root)
    assert done.code == 0
    assert "[no-match]" in done.err
    assert "[no-match]" not in machine.run("check", root, "--offline").err


def test_a_folder_that_is_no_repository_is_taken_for_a_customer(machine: Machine, root: Path) -> None:
    (root.parent / "empty").mkdir()
    done = machine.run("check", root.parent / "empty")
    assert done.code == 1
    assert "[cannot-read]" in done.err
    assert machine.run("check", root / "Default", "--offline").code == 0


def test_removing_says_how_it_is_undone(machine: Machine, root: Path) -> None:
    add(machine)
    (root / "acmecorp" / "ClientSetup.ini").write_text("kept")
    before = tree(root / "acmecorp")
    document = machine.run("customers", "remove", "AcmeCorp", "--json").json
    kept = Path(document["kept"])
    assert (document["id"], document["folder"]) == ("acmecorp", str(root / "acmecorp"))
    assert kept.parent == root / ".removed"
    assert tree(kept) == before
    assert machine.run("customers", "show", "acmecorp").code == 1
    kept.rename(document["folder"])
    assert machine.run("customers", "show", "acmecorp").code == 0
    done = machine.run("customers", "remove", "acmecorp")
    assert f"to bring it back, rename that folder to {root / 'acmecorp'}" in done.out


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (("add", "acmecorp", "--name", "A", "--tenant-id", "1"), 1, "customer-exists"),
        (("add", "ACMECORP", "--name", "A", "--tenant-id", "1"), 1, "customer-exists"),
        (("add", "../up", "--name", "A", "--tenant-id", "1"), 2, "unsafe-customer-id"),
        (("add", "a", "--name", "", "--tenant-id", "1"), 2, "bad-value"),
        (("add", "a", "--name", "A", "--tenant-id=-2"), 2, "bad-value"),
        (("remove", "default"), 2, "default-customer"),
        (("remove", "nobody"), 1, "unknown-customer"),
        (("show", "nobody"), 1, "unknown-customer"),
        (("show", "../acmecorp"), 1, "unknown-customer"),
        (("list", "--root", "nowhere"), 1, "cannot-read"),
        (("list", "--settings", "nowhere.toml"), 1, "cannot-read"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    machine: Machine, root: Path, arguments: tuple[str, ...], exit_code: int, code: str
) -> None:
    add(machine)
    before = tree(root)
    done = machine.run("customers", *arguments)
    assert (done.code, done.out) == (exit_code, "")
    assert f"[{code}]" in done.err
    assert tree(root) == before
    failed = machine.run("customers", *arguments, "--json")
    assert failed.code == exit_code
    assert [one["code"] for one in failed.json["problems"]] == [code]


def test_a_server_toml_with_mistakes_is_said_line_by_line(machine: Machine, root: Path) -> None:
    settings = machine.folder / "server.toml"
    settings.write_text('root = "WebDeployment"\n[server]\nport = "x"\nrelaese = "1"\n', "utf-8")
    done = machine.run("customers", "list", "--settings", settings)
    assert done.code == 1
    for line, word in ((1, "write it below [server]"), (3, "a number"), (4, "did you mean release?")):
        assert f"{settings}:{line}: " in done.err
        assert word in done.err
    settings.write_text('[server]\nroot = "WebDeployment"\nrelaese = "1"\n', "utf-8")
    done = machine.run("customers", "list", "--settings", settings)
    assert done.code == 0
    assert "warning" in done.err
    assert f"{root}: 1 customer" in done.out

"""Customers as their folders are, through every kind of disorder on the disk."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.config import document
from deploy.config.identifiers import Identifiers
from deploy.errors import Severity
from deploy.site import customers_folder
from deploy.site.customers import Customers
from deploy.site.model import LONGEST_ID, Customer, CustomerDirectory, id_problem

CONFIG = """<configuration>
  <customerName>{name}</customerName>
  <tenantID>{tenant}</tenantID>
  <files><file include="$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*" outputFolder="Solidus" /></files>
</configuration>
"""
LONG_AGO = 1_600_000_000
needs_case = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names differ in case here")


def customer(root: Path, id: str, name: str = "N", tenant: int = 1, file: str = "Setup.config") -> Path:
    """Make a customer's folder; its times are long past."""
    folder = root / id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(CONFIG.format(name=name, tenant=tenant), encoding="utf-8")
    return folder


def settle(*paths: Path) -> None:
    """Put the times of files and folders far into the past, as if they had not been touched since."""
    for path in paths:
        os.utime(path, (LONG_AGO, LONG_AGO))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    customer(tmp_path / "root", "Default", "Default Tenant", -1)
    customer(tmp_path / "root", "acmecorp", "ACME Corporation")
    return tmp_path / "root"


def found(customers: Customers, id: str) -> Customer:
    one = customers.find(id)
    assert one is not None
    return one


def codes(one: Customer) -> list[str]:
    return [problem.code for problem in one.problems]


def test_every_folder_is_a_customer(root: Path) -> None:
    (root / "readme.txt").write_text("x")
    directory: CustomerDirectory = Customers(root)
    assert [(one.id, one.name, one.is_broken) for one in directory.all()] == [
        ("acmecorp", "ACME Corporation", False),
        ("Default", "Default Tenant", False),
    ]
    assert directory.refused() == ()


@pytest.mark.parametrize("id", ["acmecorp", "ACMECORP", "AcmeCorp"])
def test_the_id_counts_in_any_case(root: Path, id: str) -> None:
    one = found(Customers(root), id)
    assert (one.id, one.folder, one.config and one.config.tenant_id) == ("acmecorp", root / "acmecorp", 1)


def test_files_are_found_in_any_case(root: Path) -> None:
    folder = customer(root, "x", file="SETUP.CONFIG")
    (folder / "clientsetup.INI").write_text("")
    (folder / "index.CSHTML").write_text("")
    one = found(Customers(root), "x")
    assert not one.is_broken
    assert (one.client_ini, one.view) == (folder / "clientsetup.INI", folder / "index.CSHTML")
    (folder / "index.html.J2").write_text("")
    assert found(Customers(root), "x").view == folder / "index.html.J2"


@pytest.mark.parametrize(
    "id",
    [
        *("", ".", "..", "../Default", "Default/", "Default\\x", "Default\0", ".removed", "CON", "nul.txt", "Default."),
        *("a b ", "Default ", " Default", "Default:x", "DEFAUL~1", "Defaul\u0442", "\u017fx", "a\nb"),
        "x" * (LONGEST_ID + 1),
    ],
)
def test_an_id_that_is_not_safe_finds_nothing(root: Path, id: str) -> None:
    assert Customers(root).find(id) is None


@given(st.text(max_size=80))
def test_no_id_finds_anything_outside(id: str) -> None:
    root = Path("/nonexistent")
    if id_problem(id) is None:
        assert (root / id).parent == root
        assert id.isascii()
        assert id.lower() == id.casefold()
    assert Customers(root).find(id) is None


def test_a_broken_setup_config_breaks_its_customer_only(root: Path) -> None:
    folder = customer(root, "broken")
    (folder / "Setup.config").write_text("<configuration>\n<tenantID>x</tenantID></configuration>")
    customers = Customers(root)
    assert [one.id for one in customers.all() if not one.is_broken] == ["acmecorp", "Default"]
    broken = found(customers, "broken")
    assert broken.config is None
    assert codes(broken) == ["missing-element", "bad-value"]
    assert {problem.file for problem in broken.problems} == {str(folder / "Setup.config")}
    assert broken.name == "broken"


def test_a_folder_without_setup_config_is_broken(root: Path) -> None:
    (root / "empty").mkdir()
    (root / "folder" / "Setup.config").mkdir(parents=True)
    for id in ("empty", "folder"):
        assert codes(found(Customers(root), id)) == ["no-setup-config"]


def test_a_repository_that_is_not_there_has_no_customers(tmp_path: Path) -> None:
    customers = Customers(tmp_path / "none")
    assert (customers.all(), customers.find("Default")) == ((), None)
    assert [one.code for one in customers.refused()] == ["cannot-read"]
    customer(tmp_path / "none", "a")
    assert [one.id for one in customers.all()] == ["a"]
    assert customers.refused() == ()


@pytest.mark.skipif("os.name == 'nt'", reason="Windows does not make such names")
def test_unsafe_names_are_refused_and_said(root: Path) -> None:
    for name in ("CON", "trailing.", "with:colon", "new\nline", "ümlaut", "x" * 65, ".git"):
        customer(root, name)
    os.mkdir(os.fsencode(root) + b"/\xff")
    customers = Customers(root)
    assert [one.id for one in customers.all()] == ["acmecorp", "Default"]
    refused = customers.refused()
    assert {one.code for one in refused} == {"unsafe-customer-id"}
    assert [one.severity for one in refused].count(Severity.WARNING) == 1
    assert len(refused) == 8
    for one in refused:
        str(one).encode()
        assert "\n" not in one.message + (one.file or "")
        assert one.hint


def test_folders_of_the_repository_itself_are_neither_served_nor_said(root: Path) -> None:
    customer(root / ".removed", "old-20230101T000000Z")
    customer(root, ".adding-0123")
    (root / ".lock").write_text("")
    customers = Customers(root)
    assert len(customers.all()) == 2
    assert customers.refused() == ()


@needs_case
def test_folders_that_differ_in_case_only_are_one_broken_customer(root: Path) -> None:
    customer(root, "ACMEcorp")
    customers = Customers(root)
    assert [one.id for one in customers.all()] == ["ACMEcorp", "Default"]
    for id in ("acmecorp", "ACMEcorp"):
        one = found(customers, id)
        assert (one.is_broken, codes(one)) == (True, ["case-twins"])
        assert "ACMEcorp, acmecorp" in one.problems[0].message


@needs_case
def test_files_that_differ_in_case_only_are_not_chosen_from(root: Path) -> None:
    folder = customer(root, "a")
    customer(root, "a", file="setup.config")
    assert codes(found(Customers(root), "a")) == ["case-twins"]
    (folder / "setup.config").unlink()
    for name in ("ClientSetup.ini", "clientsetup.ini", "INDEX.cshtml", "Index.cshtml"):
        (folder / name).write_text("")
    one = found(Customers(root), "a")
    assert not one.is_broken
    assert (one.client_ini, one.view, codes(one)) == (None, None, ["case-twins", "case-twins"])


needs_links = pytest.mark.skipif("os.name == 'nt'", reason="links take a privilege")


@needs_links
@pytest.mark.parametrize("target", ["../outside", "{root}/../outside", ".", "..", "acmecorp/../../outside", "/"])
def test_links_that_leave_the_repository_are_refused(root: Path, target: str) -> None:
    customer(root.parent, "outside")
    (root / "linked").symlink_to(target.format(root=root))
    customers = Customers(root)
    assert customers.find("linked") is None
    assert [(one.code, one.file) for one in customers.refused()] == [("outside-repository", str(root / "linked"))]


@needs_links
def test_a_link_to_another_customer_is_a_customer(root: Path) -> None:
    (root / "acme").symlink_to("acmecorp")
    one = found(Customers(root), "ACME")
    assert (one.id, one.name) == ("acme", "ACME Corporation")


@needs_links
def test_a_link_to_nothing_is_a_broken_customer_until_it_leads_somewhere(root: Path) -> None:
    (root / "later").symlink_to("sub")
    customers = Customers(root)
    assert codes(found(customers, "later")) == ["cannot-read"]
    customer(root, "sub")
    settle(root)
    assert not found(customers, "later").is_broken


@needs_links
@pytest.mark.parametrize("name", ["Setup.config", "ClientSetup.ini", "Index.cshtml"])
def test_files_linked_from_outside_are_refused(root: Path, name: str) -> None:
    outside = customer(root.parent, "outside") / "Setup.config"
    folder = customer(root, "a")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(outside)
    one = found(Customers(root), "a")
    assert codes(one) == ["outside-repository"]
    assert (one.is_broken, one.client_ini, one.view) == (name == "Setup.config", None, None)


@needs_links
def test_the_repository_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    (root / "alias").symlink_to("acmecorp")
    assert len(Customers(tmp_path / "link").all()) == 3


@pytest.mark.skipif("os.name == 'nt' or os.geteuid() == 0", reason="this account may read everything")
def test_what_may_not_be_read_is_broken(root: Path) -> None:
    (root / "acmecorp").chmod(0)
    (root / "Default" / "Setup.config").chmod(0)
    customers = Customers(root)
    assert [codes(one) for one in customers.all()] == [["cannot-read"], ["cannot-read"]]
    (root / "acmecorp").chmod(0o700)
    assert not found(customers, "acmecorp").is_broken


def test_what_cannot_be_read_is_broken_and_tried_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    customers = Customers(root)
    real, refused = Path.open, [root / "acmecorp" / "Setup.config"]

    def opened(path: Path, *arguments: object) -> object:
        if path in refused:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", opened)
    assert codes(found(customers, "acmecorp")) == ["cannot-read"]
    refused.clear()
    assert not found(customers, "acmecorp").is_broken


class Counted:
    """How often a Setup.config was parsed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0

        def parse(data: bytes, name: str) -> object:
            self.count += 1
            return document.parse(data, name)

        monkeypatch.setattr(customers_folder, "parse", parse)


def test_thousands_of_requests_parse_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    customers = Customers(root)
    for _ in range(2000):
        found(customers, "acmecorp")
    assert counted.count == 1


def test_what_did_not_change_is_not_even_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers_folder, "SETTLED_NS", 0)
    folder = root / "acmecorp"
    settle(folder / "Setup.config", folder, root)
    latest = max(path.stat().st_ctime_ns for path in (folder / "Setup.config", folder, root))
    while time.time_ns() <= latest:  # until the clock of this computer has moved on
        pass
    customers = Customers(root)
    before = found(customers, "acmecorp")
    monkeypatch.setattr(os, "scandir", lambda path: pytest.fail(f"listed {path}"))
    monkeypatch.setattr(Path, "open", lambda path, *_: pytest.fail(f"opened {path}"))
    assert found(customers, "acmecorp") is before


def test_a_change_within_the_same_tick_is_seen(root: Path) -> None:
    path = root / "acmecorp" / "Setup.config"
    customers = Customers(root)
    now = time.time()
    for name in ("One", "Two", "Six"):
        path.write_text(CONFIG.format(name=name, tenant=1), encoding="utf-8")
        os.utime(path, (now, now))
        assert found(customers, "acmecorp").name == name


def test_an_older_file_that_replaces_a_newer_one_is_seen(root: Path) -> None:
    folder = root / "acmecorp"
    customers = Customers(root)
    assert found(customers, "acmecorp").name == "ACME Corporation"
    (folder / "new").write_text(CONFIG.format(name="ACME Corporatiom", tenant=1), encoding="utf-8")
    settle(folder / "new")
    os.replace(folder / "new", folder / "Setup.config")
    assert found(customers, "acmecorp").name == "ACME Corporatiom"


def test_folders_come_and_go(root: Path) -> None:
    customers = Customers(root)
    assert customers.find("new") is None
    customer(root, "new")
    assert found(customers, "new").id == "new"
    os.rename(root / "new", root / "NEW2")
    assert customers.find("new") is None
    assert found(customers, "new2").id == "NEW2"
    os.rename(root / "NEW2", root / "New2")
    assert found(customers, "new2").id == "New2"


def test_a_file_that_appears_is_seen(root: Path) -> None:
    customers = Customers(root)
    assert found(customers, "acmecorp").client_ini is None
    (root / "acmecorp" / "ClientSetup.ini").write_text("")
    assert found(customers, "acmecorp").client_ini is not None
    (root / "acmecorp" / "Setup.config").unlink()
    assert codes(found(customers, "acmecorp")) == ["no-setup-config"]


def test_values_that_the_server_knows_are_judged(root: Path) -> None:
    folder = customer(root, "a")
    text = CONFIG.format(name="N", tenant=1).replace('"Solidus"', '"$(BrokerServer)"')
    (folder / "Setup.config").write_text(text, encoding="utf-8")
    assert not found(Customers(root), "a").is_broken
    fine, odd = (Identifiers().with_values({"BrokerServer": name}, "test") for name in ("BROKER", "NUL"))
    assert not found(Customers(root, fine), "a").is_broken
    assert [(one.id, codes(one)) for one in Customers(root, odd).all() if one.is_broken] == [("a", ["unsafe-path"])]


def test_many_threads_see_whole_customers_while_files_change(root: Path) -> None:
    path = root / "acmecorp" / "Setup.config"
    customers = Customers(root)
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            new = root / "acmecorp" / "new"
            new.write_text(CONFIG.format(name=f"N{number}", tenant=number), encoding="utf-8")
            os.replace(new, path)

    def look() -> int:
        for _ in range(300):
            one = found(customers, "acmecorp")
            assert one.config is not None, one.problems
            assert one.name in ("ACME Corporation", f"N{one.config.tenant_id}")
            assert len(customers.all()) == 2
        return 300

    writer = threading.Thread(target=change)
    writer.start()
    try:
        with ThreadPoolExecutor(4) as threads:
            assert sum(threads.map(lambda _: look(), range(4))) == 1200
    finally:
        stop.set()
        writer.join()


@given(st.binary(max_size=300))
def test_no_bytes_of_a_setup_config_raise(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    root = tmp_path_factory.mktemp("r")
    (root / "a").mkdir()
    (root / "a" / "Setup.config").write_bytes(data)
    one = found(Customers(root), "a")
    assert one.is_broken
    assert one.problems

"""Adding and removing customers: whole or not at all, one at a time, and nothing is lost."""

from __future__ import annotations

import errno
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.errors import ConfigError, MicceError, TargetError, UsageError
from deploy.lock import only_one
from deploy.site import customers_change
from deploy.site.customers import Customers
from deploy.site.customers_change import LOCK, add, remove
from tests.cli.conftest import tree
from tests.unit.deploy.site.test_customers import CONFIG, customer

NOW = datetime(2024, 2, 29, 12, 30, 0, tzinfo=UTC)
KEPT = "acmecorp-20240229T123000Z"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    customer(tmp_path / "root", "Default", "Default Tenant", -1)
    return tmp_path / "root"


def customers_in(root: Path) -> dict[str, bytes]:
    """Every file of the repository but the lock."""
    return {name: data for name, data in tree(root).items() if name != LOCK}


def test_a_customer_is_added_as_the_manual_does_it(root: Path) -> None:
    (root / "Default" / "Index.cshtml").write_text("a view of Default")
    made = add(root, "acmecorp", "ACME Corporation", 1)
    assert (made.id, made.name, made.is_broken) == ("acmecorp", "ACME Corporation", False)
    assert made.config is not None
    assert made.config.tenant_id == 1
    wanted = CONFIG.format(name="ACME Corporation", tenant=1).encode()
    assert tree(root / "acmecorp") == {"Setup.config": wanted}


@pytest.mark.skipif("os.name == 'nt'", reason="Windows has access control lists")
def test_it_is_as_accessible_as_default(root: Path) -> None:
    (root / "Default").chmod(0o2750)
    (root / "Default" / "Setup.config").chmod(0o640)
    made = add(root, "a", "A", 1)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (made.folder, made.folder / "Setup.config")]
    assert modes == [0o2750, 0o640]


@pytest.mark.parametrize("id", ["", "..", "a/b", ".a", "CON", "a.", "ümlaut", "x" * 65])
def test_unsafe_ids_are_refused_with_everything_else_that_is_wrong(root: Path, id: str) -> None:
    before = tree(root)
    with pytest.raises(UsageError) as caught:
        add(root, id, " ", -5)
    assert [one.code for one in caught.value.problems] == ["unsafe-customer-id", "bad-value", "bad-value"]
    assert tree(root) == before


@pytest.mark.parametrize("id", ["acmecorp", "ACMECORP", "default", "File"])
def test_what_is_there_in_any_case_is_not_touched(root: Path, id: str) -> None:
    add(root, "acmecorp", "ACME", 1)
    (root / "file").write_text("x")
    before = tree(root)
    with pytest.raises(TargetError) as caught:
        add(root, id, "Other", 2)
    assert caught.value.code == "customer-exists"
    assert tree(root) == before


def test_without_a_default_there_is_nothing_to_copy(tmp_path: Path) -> None:
    with pytest.raises(TargetError) as caught:
        add(tmp_path / "none", "a", "A", 1)
    assert caught.value.code == "cannot-read"
    with pytest.raises(TargetError) as caught:
        add(tmp_path, "a", "A", 1)
    assert caught.value.code == "no-default-customer"
    assert not (tmp_path / "a").exists()


def test_a_broken_default_is_not_copied(root: Path) -> None:
    (root / "Default" / "Setup.config").write_text("<configuration/>")
    with pytest.raises(ConfigError) as caught:
        add(root, "a", "A", 1)
    assert [one.code for one in caught.value.problems] == ["missing-element", "missing-element"]
    assert not (root / "a").exists()


@pytest.mark.parametrize("at", ["filled", "renamed"])
def test_a_killed_adding_leaves_all_or_nothing_and_is_swept(root: Path, at: str) -> None:
    before = customers_in(root)

    def die(reached: str) -> None:
        if reached == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add(root, "a", "A", 1, die)
    seen = Customers(root)
    assert [one.id for one in seen.all()] == (["Default"] if at == "filled" else ["a", "Default"])
    assert not any(one.is_broken for one in seen.all())
    assert seen.refused() == ()
    if at == "filled":
        assert len(list(root.glob(".adding-*"))) == 1
    add(root, "b", "B", 2)
    assert list(root.glob(".adding-*")) == []
    wanted = {"b/Setup.config"} | ({"a/Setup.config"} if at == "renamed" else set())
    assert customers_in(root).keys() - before.keys() == wanted


def test_a_full_disk_leaves_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = customers_in(root)

    def full(path: Path, data: bytes) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(customers_change, "write_atomic", full)
    with pytest.raises(TargetError) as caught:
        add(root, "a", "A", 1)
    assert caught.value.code == "disk-full"
    assert customers_in(root) == before
    assert [path.name for path in root.iterdir() if path.is_dir()] == ["Default"]


def test_one_at_a_time(root: Path) -> None:
    with only_one(root / LOCK, "test"), pytest.raises(TargetError) as caught:
        add(root, "a", "A", 1)
    assert caught.value.code == "busy"
    with only_one(root / LOCK, "test"), pytest.raises(TargetError) as caught:
        remove(root, "a")
    assert caught.value.code == "busy"


def test_of_many_that_add_the_same_customer_one_does(root: Path) -> None:
    def adding(number: int) -> str:
        try:
            return add(root, "acme" if number % 2 else "ACME", f"N{number}", number).name
        except MicceError as wrong:
            return wrong.code

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(adding, range(8)))
    (name,) = (one for one in results if one.startswith("N"))
    assert {one for one in results if one != name} <= {"busy", "customer-exists"}
    (made,) = (one for one in Customers(root).all() if one.id != "Default")
    assert made.name == name


def test_a_removed_customer_is_kept_whole_and_can_be_brought_back(root: Path) -> None:
    add(root, "acmecorp", "ACME", 1)
    (root / "acmecorp" / "ClientSetup.ini").write_text("secret")
    before = tree(root / "acmecorp")
    gone = remove(root, "ACMEcorp", NOW)
    assert (gone.id, gone.folder, gone.kept) == ("acmecorp", root / "acmecorp", root / ".removed" / KEPT)
    assert tree(gone.kept) == before
    customers = Customers(root)
    assert customers.find("acmecorp") is None
    assert customers.refused() == ()
    os.rename(gone.kept, gone.folder)
    assert customers.find("acmecorp") is not None


@pytest.mark.skipif("os.name == 'nt'", reason="Windows has access control lists")
def test_what_was_removed_is_for_the_account_alone(root: Path) -> None:
    add(root, "acmecorp", "ACME", 1)
    assert stat.S_IMODE(remove(root, "acmecorp", NOW).kept.parent.stat().st_mode) == 0o700


def test_removing_again_in_the_same_second_keeps_both(root: Path) -> None:
    for number in (1, 2, 3):
        add(root, "acmecorp", f"N{number}", number)
        remove(root, "acmecorp", NOW)
    assert sorted(path.name for path in (root / ".removed").iterdir()) == [KEPT, f"{KEPT}-2", f"{KEPT}-3"]


def test_a_broken_customer_can_be_removed(root: Path) -> None:
    (root / "empty").mkdir()
    assert remove(root, "empty", NOW).kept.is_dir()


@pytest.mark.parametrize("id", ["Default", "DEFAULT", "default"])
def test_default_cannot_be_removed(root: Path, id: str) -> None:
    with pytest.raises(UsageError) as caught:
        remove(root, id)
    assert caught.value.code == "default-customer"
    assert (root / "Default").is_dir()


@pytest.mark.parametrize("id", ["none", ".removed", "..", "", ".", "Default/..", "file"])
def test_only_customers_are_removed(root: Path, id: str) -> None:
    (root / "file").write_text("x")
    (root / ".removed").mkdir()
    before = customers_in(root)
    with pytest.raises(TargetError) as caught:
        remove(root, id)
    assert caught.value.code == "unknown-customer"
    assert customers_in(root) == before


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names differ in case here")
def test_of_two_that_differ_in_case_the_one_spelled_exactly_goes(root: Path) -> None:
    for id in ("Acme", "acme"):
        customer(root, id)
    with pytest.raises(TargetError) as caught:
        remove(root, "ACME")
    assert caught.value.code == "case-twins"
    assert remove(root, "Acme", NOW).id == "Acme"
    left = Customers(root).find("ACME")
    assert left is not None
    assert (left.id, left.is_broken) == ("acme", False)


@pytest.mark.parametrize("at", ["ready", "renamed"])
def test_a_killed_removing_leaves_it_there_or_kept(root: Path, at: str) -> None:
    add(root, "acmecorp", "ACME", 1)

    def die(reached: str) -> None:
        if reached == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove(root, "acmecorp", NOW, die)
    assert (root / "acmecorp" / "Setup.config").exists() == (at == "ready")
    assert (root / ".removed" / KEPT / "Setup.config").exists() == (at == "renamed")


def test_a_link_is_taken_away_and_not_what_it_leads_to(root: Path) -> None:
    add(root, "acmecorp", "ACME", 1)
    try:
        (root / "alias").symlink_to("acmecorp")
    except OSError:
        pytest.skip("links take a privilege here")
    remove(root, "alias", NOW)
    assert (root / "acmecorp" / "Setup.config").exists()
    assert not os.path.lexists(root / "alias")

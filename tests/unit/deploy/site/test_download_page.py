"""What the download page says, for whom."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.config.clientini import ClientSetup, Feature, General, write
from deploy.digest import Sha256
from deploy.site.download_page import (
    FEATURE_NAMES,
    command_for,
    contents_of,
    context_of,
    features_of,
    page_address,
    page_of,
    primary_offer,
)
from deploy.site.model import Customer
from deploy.site.programs import Program, System, Visitor
from tests.unit.deploy.site.pages_bench import PagesBench

HOST = "http://miccserver:8080"
PROGRAMS: Mapping[str, System] = {
    "m-9.8.exe": System.WINDOWS,
    "m-9.7.exe": System.WINDOWS,
    "m.deb": System.LINUX,
    "m.whl": System.ANY,
}


def programs(*names: str) -> list[Program]:
    return [Program(name, PROGRAMS[name], 10, Sha256("0" * 64)) for name in names]


def customer(id: str = "acmecorp", ini: Path | None = None) -> Customer:
    return Customer(id, Path("/r") / id, None, client_ini=ini)


@pytest.mark.parametrize(
    ("names", "visitor", "file", "label"),
    [
        (PROGRAMS, System.WINDOWS, "m-9.8.exe", "Download for Windows"),
        (PROGRAMS, System.LINUX, "m.deb", "Download for Linux"),
        (PROGRAMS, System.MAC, "m.whl", "Download for any system with Python"),
        (PROGRAMS, Visitor.HANDHELD, "m-9.8.exe", "Download for Windows"),
        (PROGRAMS, Visitor.UNKNOWN, "m-9.8.exe", "Download for Windows"),
        (["m.deb"], System.WINDOWS, "install-acmecorp.cmd", "Install on Windows"),
        ([], System.WINDOWS, "install-acmecorp.cmd", "Install on Windows"),
        ([], System.LINUX, "install-acmecorp.sh", "Install on Linux"),
        ([], System.MAC, "install-acmecorp.sh", "Install on macOS"),
        ([], Visitor.UNKNOWN, "install-acmecorp.cmd", "Install on Windows"),
    ],
)
def test_one_button_for_the_system_of_the_visitor(
    names: list[str], visitor: System | Visitor, file: str, label: str
) -> None:
    offer = primary_offer(customer(), programs(*names), visitor)
    assert (offer.name, offer.label) == (file, label)
    assert (offer.size is None) is file.startswith("install-")
    if offer.size is None:
        kind = "windows" if file.endswith(".cmd") else "linux"
        assert offer.address == f"/MiCCEInstallation/install/acmecorp?script={kind}"
    else:
        assert offer.address == f"/MiCCEInstallation/programs/{file}"


class TestAddresses:
    @pytest.mark.parametrize(
        ("id", "address"),
        [
            ("acmecorp", f"{HOST}/MiCCEInstallation/install/acmecorp"),
            ("ACME Corp", f"{HOST}/MiCCEInstallation/install/ACME%20Corp"),
            ("default", f"{HOST}/MiCCEInstallation/install"),
        ],
    )
    def test_of_a_page(self, id: str, address: str) -> None:
        assert page_address(HOST, customer(id)) == address
        assert page_address(HOST, customer(id), "ClientSetup") == address.replace("/install", "/ClientSetup")

    def test_hosts_may_be_of_any_letters(self) -> None:
        assert page_address("https://b\u00fccher.example:8443", customer()).startswith(
            "https://b\u00fccher.example:8443/"
        )
        assert page_address("http://[fe80::1]:80", customer()).startswith("http://[fe80::1]:80/")

    @given(st.text(st.characters(max_codepoint=127)))
    def test_hold_nothing_a_shell_reads(self, origin: str) -> None:
        assert not set(page_address(origin, customer())) & set(" \"'`$&;<>|^(){}*?!\\\r\n\t\0")


class TestCommand:
    def test_is_the_one_of_the_documents(self) -> None:
        address = page_address(HOST, customer())
        assert command_for(customer(), address) == f"micce-deploy install {address} --to acmecorp"

    def test_quotes_what_would_be_two_words(self) -> None:
        command = command_for(customer("ACME Corp"), page_address("http://[::1]:80", customer("ACME Corp")))
        assert command == (
            'micce-deploy install "http://[::1]:80/MiCCEInstallation/install/ACME%20Corp" --to "ACME Corp"'
        )


class TestFeatures:
    def test_are_those_of_the_ini_in_words(self, tmp_path: Path) -> None:
        setup = ClientSetup(General("acmecorp"), features=frozenset({Feature.REPORT_MANAGER, Feature.AGENT}))
        ini = tmp_path / "ClientSetup.ini"
        ini.write_bytes(write(setup))
        assert features_of(customer(ini=ini)) == ("Agent", "Report Manager")
        assert {one: name.replace(" ", "") for one, name in FEATURE_NAMES.items()} == {
            one: one.value for one in Feature
        }

    @pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"[Features]\r\nAgent=perhaps\r\n"])
    def test_of_an_unsound_ini_nothing_is_said(self, tmp_path: Path, data: bytes) -> None:
        ini = tmp_path / "ClientSetup.ini"
        ini.write_bytes(data)
        assert features_of(customer(ini=ini)) == ()

    def test_of_no_ini_nothing_is_said(self, tmp_path: Path) -> None:
        assert features_of(customer()) == ()
        assert features_of(customer(ini=tmp_path / "gone")) == ()


class TestRelease:
    def test_the_checksum_is_of_the_manifest_as_it_is_sent(self, tmp_path: Path) -> None:
        bench = PagesBench(tmp_path)
        release = bench.publish()
        listing = contents_of(release).manifest
        assert listing is not None
        assert listing.sha256 == hashlib.sha256(release.manifest.read_bytes()).hexdigest()
        assert listing.address == "/MiCCEInstallation/manifest/acmecorp"

    def test_a_manifest_that_is_gone_has_no_checksum(self, tmp_path: Path) -> None:
        release = PagesBench(tmp_path).publish()
        release.manifest.unlink()
        assert contents_of(release).manifest is None

    def test_folders_are_sorted_and_the_base_comes_first(self, tmp_path: Path) -> None:
        assert [name for name, _ in contents_of(PagesBench(tmp_path).publish()).parts] == ["", "Solidus"]

    def test_before_the_first_there_are_no_contents(self) -> None:
        assert page_of(customer(), None, (), System.WINDOWS, HOST).contents is None


def test_a_view_is_given_whole_addresses(tmp_path: Path) -> None:
    bench = PagesBench(tmp_path)
    for id in ("acmecorp", "Default"):
        given = context_of(customer(id), bench.publish(), HOST)
        assert given.install_url == page_address(HOST, customer(id))
        assert given.client_setup_url == page_address(HOST, customer(id), "ClientSetup")
    assert (given.release, given.files, given.total_size) == ("9.7.1", "412", "300.0 MiB")
    assert context_of(customer(), None, HOST).files == "0"

"""Addresses of published releases, and the plan a manifest means on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.config.identifiers import Identifiers
from deploy.config.model import Execute, FileEntry
from deploy.digest import sha256_of_bytes
from deploy.errors import ConfigError
from deploy.manifest import ClientEntry, InPack, Manifest, ManifestFile, Pack, ServerEntry
from deploy.published import LARGEST_PACKED, plan_of, published_address
from deploy.relpath import RelPath
from deploy.sources import Sources
from deploy.transport.contract import TransportSettings

PAGE = "http://server/MiCCEInstallation/install/acmecorp"
PACK = sha256_of_bytes(b"pack")


def file(output: str, data: bytes, offset: int | None = None) -> ManifestFile:
    place = None if offset is None else InPack(PACK, offset)
    return ManifestFile(RelPath.parse(output), len(data), sha256_of_bytes(data), 1_700_000_000, place)


def manifest(*entries: ServerEntry | ClientEntry, execute: Execute | None = None) -> Manifest:
    when = datetime(2026, 3, 1, tzinfo=UTC)
    return Manifest("acmecorp", "ACME", 1, "9.6", when, execute, entries, (Pack(PACK, 1000),), (("BrokerServer", "B"),))


@pytest.fixture
def sources() -> Iterator[Sources]:
    with Sources(TransportSettings()) as opened:
        yield opened


@pytest.mark.parametrize(
    ("text", "where", "contents"),
    [
        (PAGE, "/MiCCEInstallation/manifest/acmecorp", "/MiCCEInstallation/published"),
        ("https://s:81/micce/INSTALL", "/micce/manifest/Default", "/micce/published"),
        ("http://s/x/Install/", "/x/manifest/Default", "/x/published"),
        ("http://s/x/manifest/a%20b", "/x/manifest/a%20b", "/x/published"),
        ("http://s/customers/acme/manifest.json", "/customers/acme/manifest.json", "/"),
        ("http://cdn/tree/Customers/acme/Manifest.JSON", "/tree/Customers/acme/Manifest.JSON", "/tree"),
    ],
)
def test_addresses_of_releases(text: str, where: str, contents: str) -> None:
    found = published_address(text)
    assert found is not None
    assert (found.manifest.path(), found.contents.path()) == (where, contents)


@pytest.mark.parametrize(
    "text",
    [
        "Setup.config",
        "WebDeployment/install",
        "http://s/install",
        "http://s/x/Setup.config",
        "http://s/x/install/acme/Setup.config",
        "ftp://s/x/install",
        "file:///x/install/acme",
        "http://s/manifest.json",
        "http://",
    ],
)
def test_other_addresses(text: str) -> None:
    assert published_address(text) is None


def plan(given: Manifest, sources: Sources, identifiers: Identifiers | None = None) -> object:
    address = published_address(PAGE)
    assert address is not None
    return plan_of(given, address, identifiers or Identifiers(), sources)


def test_files_are_promised_where_they_lie(sources: Sources) -> None:
    address = published_address(PAGE)
    assert address is not None
    given = manifest(ServerEntry(1, 5, (file("Solidus/a.dll", b"a", 7), file("Solidus/b.bin", b"bb"))))
    found = plan_of(given, address, Identifiers(), sources)
    one, other = found.files
    assert one.promise is not None
    assert other.promise is not None
    assert one.promise.pack is not None
    assert one.promise.pack.path() == f"/MiCCEInstallation/published/packs/{PACK[:2]}/{PACK}"
    assert (one.promise.offset, one.promise.size, one.line) == (7, 1, 5)
    digest = sha256_of_bytes(b"bb")
    assert other.promise.pack is None
    assert other.source.path() == f"/MiCCEInstallation/published/objects/{digest[:2]}/{digest}"


def test_a_later_entry_wins_wherever_it_is_resolved(sources: Sources, tmp_path: Path) -> None:
    address = published_address(PAGE)
    assert address is not None
    tmp_path.joinpath("ClientSetup.ini").write_bytes(b"own")
    mine = ClientEntry(FileEntry(2, f"file://{tmp_path.as_posix()}/ClientSetup.ini", "Solidus", line=9))
    stock = ServerEntry(1, 5, (file("Solidus/clientsetup.INI", b"stock", 0),))
    found = plan_of(manifest(stock, mine), address, Identifiers(), sources)
    assert [(one.entry, one.promise) for one in found.files] == [(2, None)]
    assert [one.loser.entry for one in found.overwritten] == [1]
    later = replace(stock, number=3)
    found = plan_of(manifest(mine, later), address, Identifiers(), sources)
    assert [one.entry for one in found.files] == [3]


def test_this_machine_goes_before_the_manifest_and_that_before_the_address(sources: Sources) -> None:
    address = published_address(PAGE)
    assert address is not None
    execute = Execute("Solidus\\x.exe", "$(BrokerServer) $(WebServer)")
    given = manifest(ServerEntry(1, 5, (file("Solidus/x.exe", b"x", 0),)), execute=execute)
    found = plan_of(given, address, Identifiers(), sources)
    assert found.execute is not None
    assert found.execute.args == "B server"
    own = Identifiers().with_values({"BrokerServer": "MINE"}, "machine.toml")
    found = plan_of(given, address, own, sources)
    assert found.execute is not None
    assert found.execute.args == "MINE server"


def test_what_no_pack_holds_is_refused(sources: Sources) -> None:
    large = replace(file("Solidus/x.bin", b"x", 0), size=LARGEST_PACKED + 1)
    with pytest.raises(ConfigError, match="bad-manifest"):
        plan(manifest(ServerEntry(1, 5, (large,))), sources)


def test_an_identifier_nobody_knows_is_named(sources: Sources) -> None:
    entry = ClientEntry(FileEntry(1, "$(Nonsense)/x.ini", "Solidus", line=9))
    with pytest.raises(ConfigError, match="unknown-identifier"):
        plan(manifest(entry), sources)

"""Index pages as servers wrote them: every name whole, sizes where they are told to the byte, times where they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.transport.contract import Listing
from deploy.transport.listing import parse_index, parse_multistatus
from deploy.transport.location import Location, Scheme

PAGES = Path(__file__).parents[4] / "corpora" / "listings"
ROOT = Location(Scheme.HTTP, "deploy.example")
FOLDER = ROOT.child("install files")
KINDS = {".html": "text/html", ".json": "application/json", ".xml": "text/xml"}

FILES = {
    "100% ready #1.txt": 9999,
    "ClientSetup.exe": 1_234_567,
    "ClientSetup.ini": 321,
    "Prüfung.txt": 1,
    '[1] <"quoted">?.txt': 5,
    "a very long name that every server shortens when it shows it, but not where it links to it.config": 64,
    "a+b&c.txt": 10_000,
    "caf\udce9.txt": 7,
    "co:lon.txt": 973,
    "it's.txt": 0,
    "semi;colon=1.txt": 972,
    "日本語.txt": 2048,
}
FOLDERS = {"Broker", "Script Manager"}
CHANGED = 1_700_000_000
HOUR = 3600.0


@dataclass(frozen=True)
class Expected:
    """What a page tells: sizes up to a limit, and when a file changed, within a precision; None for not at all."""

    largest: int
    earliest: float | None
    precision: float = 1.0


def local(seconds: int) -> float:
    """The earliest moment a time without zone can mean; the servers' clocks were an hour before UTC."""
    return CHANGED - seconds + HOUR - 14 * HOUR


EXPECTED = {
    "nginx.html": Expected(2**40, CHANGED - 20, 60.0),
    "nginx-human.html": Expected(9999, CHANGED - 20, 60.0),
    "nginx.json": Expected(2**40, CHANGED),
    "nginx.xml": Expected(2**40, CHANGED),
    "apache-plain.html": Expected(-1, None),
    "apache-fancy.html": Expected(972, local(20), 26 * HOUR + 60),
    "apache-table.html": Expected(972, local(20), 26 * HOUR + 60),
    "apache-icons.html": Expected(972, local(20), 26 * HOUR + 60),
    "apache-icons-pre.html": Expected(972, local(20), 26 * HOUR + 60),
    "apache-described.html": Expected(972, local(20), 26 * HOUR + 60),
    "apache-bare.html": Expected(-1, None),
    "apache-dav.xml": Expected(2**40, CHANGED),
    "lighttpd.html": Expected(-1, local(0), 26 * HOUR + 1),
}


def read(name: str) -> Listing:
    page = (PAGES / name).read_bytes()
    folder = ROOT.child("empty") if "empty" in name else ROOT if "root" in name else FOLDER
    if "dav" in name:
        return parse_multistatus(page, folder)
    return parse_index(page, KINDS[Path(name).suffix], folder)


@pytest.mark.parametrize("name", EXPECTED)
def test_pages_of_real_servers(name: str) -> None:
    listing, expected = read(name), EXPECTED[name]
    files = {entry.name: entry for entry in listing.entries if not entry.folder}
    assert files.keys() == FILES.keys()
    assert {entry.name for entry in listing.entries if entry.folder} == FOLDERS
    assert listing.folder == FOLDER
    assert listing.refused == ()
    for file, size in FILES.items():
        told = files[file].validators
        assert told.size == (size if size <= expected.largest else None), file
        assert told.modified == expected.earliest, file
        assert told.precision == expected.precision, file
    assert all(entry.validators.size is None for entry in listing.entries if entry.folder)


def test_python_s_own_server_spells_what_is_not_utf_8_its_own_way() -> None:
    listing = read("httpserver.html")
    own = {"caf\udced\udcb3\udca9.txt" if name == "caf\udce9.txt" else name for name in FILES}
    assert {entry.name for entry in listing.entries if not entry.folder} == own
    assert {entry.name for entry in listing.entries if entry.folder} == FOLDERS
    odd = next(entry.name for entry in listing.entries if entry.name.startswith("caf"))
    assert FOLDER.child(odd).path() == "/install%20files/caf%ED%B3%A9.txt"


@pytest.mark.parametrize("name", sorted(file.name for file in PAGES.glob("*empty*")))
def test_an_empty_folder_is_an_empty_listing(name: str) -> None:
    assert read(name).entries == ()
    assert read(name).refused == ()


IIS_FILES = {
    name: size for name, size in FILES.items() if name[0] in "1ACa日iP" and len(name) < 30 and "caf" not in name
}


@pytest.mark.parametrize("locale", ["us", "de", "gb", "sv", "long", "ambiguous"])
def test_iis_in_every_locale(locale: str) -> None:
    listing = read(f"iis-{locale}.html")
    files = {entry.name: entry.validators for entry in listing.entries if not entry.folder}
    assert {name: told.size for name, told in files.items()} == IIS_FILES
    (folder,) = (entry for entry in listing.entries if entry.folder)
    assert (folder.name, folder.validators.size) == ("Broker", None)
    expected = None if locale == "ambiguous" else local(20)
    assert {told.modified for told in files.values()} == {expected}


def test_iis_at_its_root_and_under_another_spelling() -> None:
    assert [(entry.name, entry.folder) for entry in read("iis-root.html").entries] == [
        ("web.config", False),
        ("install files", True),
    ]
    page = (PAGES / "iis-us.html").read_bytes()
    other = ROOT.child("INSTALL Files")
    listing = parse_index(page, "text/html", other)
    assert len(listing.entries) == len(IIS_FILES) + 1
    assert listing.folder == other


def test_caddy() -> None:
    listing = read("caddy.html")
    told = {entry.name: entry.validators for entry in listing.entries}
    assert {name: held.size for name, held in told.items()} == {
        "Broker": None,
        "100% ready #1.txt": 9999,
        "ClientSetup.exe": 1_234_567,
        "a+b&c.txt": 10_000,
        "co:lon.txt": 973,
        "it's.txt": 0,
        "Prüfung.txt": 1,
    }
    assert [entry.name for entry in listing.entries if entry.folder] == ["Broker"]
    assert told["ClientSetup.exe"].modified == CHANGED
    assert told["ClientSetup.exe"].precision == 1.0


def test_caddy_in_json() -> None:
    folder, file = read("caddy.json").entries
    assert (folder.name, folder.folder, folder.validators.size) == ("Broker", True, None)
    assert (file.name, file.folder, file.validators.size) == ("100% ready #1.txt", False, 9999)
    assert file.validators.modified == CHANGED

"""Addresses with drives, read through the local transport."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import Body, Resume, Transport, TransportSettings, Unchanged
from deploy.transport.location import Location, parse_location
from deploy.transport.registry import open_transport

pytestmark = pytest.mark.windows


def _transport(location: Location) -> Transport:
    return open_transport(location, TransportSettings())


def _read(location: Location, resume: Resume | None = None) -> bytes:
    with _transport(location) as transport:
        body = transport.open(location, resume=resume)
        assert not isinstance(body, Unchanged)
        return _all_of(body)


def _all_of(body: Body) -> bytes:
    parts: list[bytes] = []
    buffer = memoryview(bytearray(7))
    while count := body.readinto(buffer):
        parts.append(bytes(buffer[:count]))
    body.close()
    return b"".join(parts)


@pytest.mark.parametrize("form", ["{0}", "file:///{1}", "file://{1}", "{1}"])
def test_every_way_to_write_a_path_with_a_drive_reads_the_same_file(tmp_path: Path, form: str) -> None:
    file = tmp_path / "Client Setup 100%.ini"
    file.write_bytes(b"[ClientSetup]\r\n")
    assert file.drive == "C:"
    slashes = str(file).replace("\\", "/")
    written = form.format(file, slashes.replace("%", "%25") if "file:" in form else slashes)
    assert _read(parse_location(written)) == b"[ClientSetup]\r\n"


def test_a_folder_lists_names_as_they_are(tmp_path: Path) -> None:
    names = {"a b.txt", "välkommen.wav", "日本.txt", "#1 & 2+.dll", "Über"}
    (tmp_path / "Über").mkdir()
    for name in names - {"Über"}:
        (tmp_path / name).write_bytes(b"x")
    folder = parse_location(f"{tmp_path}\\")
    with _transport(folder) as transport:
        listing = transport.list(folder)
    assert {entry.name for entry in listing.entries} == names
    assert [entry.name for entry in listing.entries if entry.folder] == ["Über"]
    assert not listing.refused


def test_paths_longer_than_max_path_are_read(tmp_path: Path) -> None:
    folder = Path("\\\\?\\" + str(tmp_path))
    for _ in range(6):
        folder = folder / ("long" * 15)
    os.makedirs(folder)
    (folder / "deep.txt").write_bytes(b"deep")
    plain = str(folder).removeprefix("\\\\?\\")
    assert len(plain) > 300
    assert _read(parse_location(f"{plain}\\deep.txt")) == b"deep"
    with _transport(parse_location(plain)) as transport:
        assert [entry.name for entry in transport.list(parse_location(f"{plain}\\")).entries] == ["deep.txt"]


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = tmp_path / "big.bin"
    file.write_bytes(bytes(range(256)) * 4)
    location = parse_location(str(file))
    with _transport(location) as transport:
        seen = transport.stat(location)
    assert seen.size == 1024
    assert _read(location, Resume(1000, seen)) == (bytes(range(256)) * 4)[1000:]


@pytest.mark.parametrize(("name", "code"), [("missing.txt", "not-found"), ("no folder\\x.txt", "not-found")])
def test_what_is_not_there_is_said(tmp_path: Path, name: str, code: str) -> None:
    with pytest.raises(SourceError) as caught:
        _read(parse_location(f"{tmp_path}\\{name}"))
    assert caught.value.code == code


def test_a_share_is_opened_by_windows_itself() -> None:
    location = parse_location("\\\\localhost\\no such share\\ClientSetup.ini")
    with _transport(location) as transport:
        assert type(transport).__name__ == "FilesTransport"
        with pytest.raises(SourceError) as caught:
            transport.stat(location)
    assert caught.value.code in ("unreachable", "not-found")

"""The document of a manifest: what is written is read, and nothing else is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from deploy import manifest_json as module
from deploy.config.model import Execute, FileEntry
from deploy.digest import Sha256
from deploy.errors import ConfigError
from deploy.manifest import ClientEntry, InPack, Manifest, ManifestFile, Pack, ServerEntry
from deploy.manifest_json import FORMAT, encode_manifest, parse_manifest
from deploy.relpath import RelPath

WHEN = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)
PACK = Pack(Sha256("a" * 64), 100)
OTHER = Pack(Sha256("b" * 64), 10)
SHARE = r"\\SRV\Share\*.*"


def file(path: str, size: int = 5, digest: str = "c", place: InPack | None = None) -> ManifestFile:
    return ManifestFile(RelPath.parse(path), size, Sha256(digest * 64), 1_700_000_000, place)


FULL = Manifest(
    customer="acmeCorp",
    customer_name="ACME & Söhne \u20ac",
    tenant_id=-1,
    release="9.7.1",
    published=WHEN,
    execute=Execute("Solidus\\ClientSetup.exe", '/Q "$(InstallDir)."', hidden=True, line=3),
    entries=(
        ServerEntry(
            1,
            5,
            (
                file("a.dll", 60, "1", InPack(PACK.sha256, 40)),
                file("Solidus/Bin/b.dll", 10, "2", InPack(OTHER.sha256, 0)),
                file("Solidus/c.exe", 5_000_000, "3"),
                file("Solidus/Grüße.txt", 0, "4"),
            ),
        ),
        ClientEntry(FileEntry(2, SHARE, "Solidus", "*.pdb;x\\", sub_dirs=True, line=None)),
        ServerEntry(4, None, ()),
    ),
    packs=(PACK, OTHER),
    identifiers=(("BrokerServer", "BROKER"), ("WebServerUri", "http://web:80")),
)


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(encode_manifest(FULL))
    change(document)
    return json.dumps(document).encode()


def refused(data: bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_manifest(data, "there/manifest.json")
    (problem,) = caught.value.problems
    assert problem.file == "there/manifest.json"
    assert problem.hint
    assert problem.code == "bad-manifest"
    return problem.message


class TestRoundTrip:
    def test_what_is_written_is_read(self) -> None:
        assert parse_manifest(encode_manifest(FULL), "x") == FULL
        empty = replace(FULL, execute=None, entries=(), packs=(), identifiers=())
        assert parse_manifest(encode_manifest(empty), "x") == empty

    def test_the_same_manifest_gives_the_same_bytes_without_blanks(self) -> None:
        local = replace(FULL, published=WHEN.astimezone(timezone(timedelta(hours=5))))
        assert encode_manifest(local) == encode_manifest(FULL)
        assert b'":' in encode_manifest(FULL)
        assert b'": ' not in encode_manifest(FULL)

    def test_ten_thousand_files_are_small(self) -> None:
        files = tuple(file(f"Solidus/Bin/f{n:05}.dll", 1, "d", InPack(PACK.sha256, n % 100)) for n in range(10_000))
        data = encode_manifest(replace(FULL, entries=(ServerEntry(1, 1, files),)))
        assert len(data) < 10_000 * 115

    def test_names_that_are_not_known_are_skipped(self) -> None:
        def more(document: dict[str, Any]) -> None:
            document["more"] = document["execute"]["more"] = document["entries"][0]["more"] = {"x": [1]}

        assert parse_manifest(changed(more), "x") == FULL

    def test_a_later_format_is_for_a_later_program(self) -> None:
        with pytest.raises(ConfigError) as caught:
            parse_manifest(changed(lambda document: document.update(format=FORMAT + 1, entries="of another kind")), "x")
        assert caught.value.code == "newer-manifest"


def first_row(document: dict[str, Any]) -> list[Any]:
    row: list[Any] = document["entries"][0]["folders"][0][1][0]
    return row


def set_row(position: int, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: first_row(document).__setitem__(position, value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.pop("customer"), "customer of the document is missing"),
        (lambda d: d.update(customer="../x"), "no CustomerID"),
        (lambda d: d.update(customer="x" * 65), "longer than 64"),
        (lambda d: d.update(customer="NUL"), "no CustomerID"),
        (lambda d: d.update(tenantID=1.5), "tenantID"),
        (lambda d: d.update(tenantID=True), "tenantID"),
        (lambda d: d.update(tenantID=2**53 + 1), "tenantID"),
        (lambda d: d.update(format=0), "format"),
        (lambda d: d.update(published="2024-02-30T00:00:00Z"), "published"),
        (lambda d: d.update(published="2024-02-28T00:00:00+00:00"), "published"),
        (lambda d: d.update(release="x" * 20_001), "release"),
        (lambda d: d.update(execute=[]), "execute is no object"),
        (lambda d: d["execute"].update(hidden=1), "hidden"),
        (lambda d: d["execute"].update(line=0), "line"),
        (lambda d: d.update(identifiers=[["InstallDir", "C:\\"]]), "identifiers may only"),
        (lambda d: d.update(identifiers=[["WebServerPort", "99999"]]), "WebServerPort"),
        (lambda d: d.update(identifiers=[["WebServer", "a"], ["BrokerServer", "b"]]), "not sorted"),
        (lambda d: d.update(identifiers=[["WebServer", "a"], ["WebServer", "a"]]), "not sorted"),
        (lambda d: d.update(packs=[["a" * 64, 1, 2]]), "a pack is not"),
        (lambda d: d.update(packs=[["A" * 64, 100], ["b" * 64, 10]]), "lower case"),
        (lambda d: d.update(packs=[["a" * 64, True], ["b" * 64, 10]]), "a pack is not"),
        (lambda d: d.update(packs=[["a" * 64, 100], ["a" * 64, 100]]), "a pack twice"),
        (lambda d: d.update(packs=[]), "outside of its pack"),
        (lambda d: d["packs"][0].__setitem__(1, 99), "outside of its pack"),
        (lambda d: d["entries"].reverse(), "order of their numbers"),
        (lambda d: d["entries"][1].update(number=1), "order of their numbers"),
        (lambda d: d["entries"][1].update(subDirs="true"), "subDirs"),
        (lambda d: d["entries"][1].pop("include"), "include of entry 2"),
        (lambda d: d["entries"].append(None), "entry 4 is no object"),
        (lambda d: d["entries"][0].update(folders={}), "folders of entry 1"),
        (lambda d: d["entries"][0]["folders"].append(["x"]), "is not [path, files]"),
        (lambda d: d["entries"][0]["folders"].append(["x", {"a": 1}]), "is not [path, files]"),
        (lambda d: d["entries"][0]["folders"].append(["../x", []]), "a folder of entry 1"),
        (lambda d: d["entries"][0]["folders"].append(["C:/x", []]), "a folder of entry 1"),
        (lambda d: d["entries"][0]["folders"].append(["a/b\u202e", []]), "a folder of entry 1"),
        (lambda d: d["entries"][0]["folders"].append(["", [["A.DLL", 1, "e" * 64, 0]]]), "one file on Windows"),
        (lambda d: first_row(d).pop(), "is not [name, size, sha256, modified]"),
        (lambda d: first_row(d).append(1), "is not [name, size, sha256, modified]"),
        (set_row(0, "x/y"), "a file of entry 1"),
        (set_row(0, ".."), "a file of entry 1"),
        (set_row(0, "con.txt"), "a file of entry 1"),
        (set_row(0, 7), "no text"),
        (set_row(1, -1), "size or time"),
        (set_row(1, True), "size or time"),
        (set_row(1, 61), "outside of its pack"),
        (set_row(2, "C" * 64), "a digest"),
        (set_row(2, "c" * 63), "a digest"),
        (set_row(2, None), "a digest"),
        (set_row(3, 1.5), "size or time"),
        (set_row(3, 10**12), "size or time"),
        (set_row(3, -(10**12)), "size or time"),
        (set_row(4, -1), "outside of its pack"),
        (set_row(4, 2), "outside of its pack"),
        (set_row(4, False), "outside of its pack"),
        (set_row(5, -1), "outside of its pack"),
        (set_row(5, 41), "outside of its pack"),
    ],
)
def test_every_field_is_looked_at(change: Callable[[dict[str, Any]], object], said: str) -> None:
    assert said in refused(changed(change))


class TestHostile:
    def test_what_is_no_document(self) -> None:
        for data in (b"", b"\xff\xfe", b"[]", b"{", b"nul", b'{"format":1,"format":1}', b'{"format":NaN}'):
            assert refused(data)

    def test_a_name_that_stands_twice_anywhere(self) -> None:
        data = encode_manifest(FULL).replace(b'"number":2', b'"number":2,"number":2')
        assert "twice" in refused(data)

    def test_nesting_is_bounded(self) -> None:
        assert "nested too deeply" in refused(b'{"format":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")

    def test_numbers_of_a_million_digits(self) -> None:
        assert refused(b'{"format":' + b"9" * 1_000_000 + b"}")

    def test_size_is_bounded_before_anything_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LARGEST", 10)
        assert "more than 10 bytes" in refused(encode_manifest(FULL))

    def test_counts_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MOST_FILES", 3)
        assert "more than 3 files" in refused(encode_manifest(FULL))
        monkeypatch.setattr(module, "MOST_ENTRIES", 2)
        assert "entries" in refused(encode_manifest(FULL))
        monkeypatch.setattr(module, "MOST_PACKS", 1)
        assert "packs" in refused(encode_manifest(FULL))

    def test_rows_in_any_order_come_sorted(self) -> None:
        def reverse(document: dict[str, Any]) -> None:
            folders = document["entries"][0]["folders"]
            folders.reverse()
            for folder in folders:
                folder[1].reverse()

        assert parse_manifest(changed(reverse), "x") == FULL

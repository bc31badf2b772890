"""Listings in JSON and XML."""

from __future__ import annotations

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import Validators
from deploy.transport.listing import parse_index
from deploy.transport.location import Location, Scheme

AT = Location(Scheme.HTTP, "server", segments=("a",))


def names(document: bytes, kind: str) -> list[str]:
    return [entry.name for entry in parse_index(document, kind, AT).entries]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"null",
        b"[1]",
        b'["a"]',
        b'[{"name": 1, "type": "file"}]',
        b'[{"name": "a"}]',
        b'[{"type": "file"}]',
        b'[{"name": "a", "type": "file"}, {}]',
        b"[" * 100_000,
        b'{"name": "a", "type": "file"}',
        b"\xff\xfe",
    ],
)
def test_other_json_is_no_listing(document: bytes) -> None:
    with pytest.raises(SourceError) as wrong:
        parse_index(document, "application/json", AT)
    assert wrong.value.code == "not-listable"


def test_odd_rows() -> None:
    rows = (
        b'[{"name": "socket", "type": "other"}, {"name": "a/b", "type": "file"}, {"name": "..", "type": "directory"},'
        b' {"name": "half\\ud800", "type": "file"}, {"name": "", "type": "file"},'
        b' {"name": "ok", "type": "file", "size": -1, "mtime": "never"},'
        b' {"name": "caf\xe9", "type": "file", "size": 7.5}, {"name": "true", "type": "file", "size": true}]'
    )
    listing = parse_index(rows, "application/json", AT)
    assert [(entry.name, entry.validators) for entry in listing.entries] == [
        ("ok", Validators()),
        ("caf\udce9", Validators()),
        ("true", Validators()),
    ]
    assert [refused.name for refused in listing.refused] == ["a/b", "..", "half\ud800", ""]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<list>",
        b"<rss><channel/></rss>",
        b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Contents/></ListBucketResult>',
        b'<!DOCTYPE list [<!ENTITY a "b">]><list><file>&a;</file></list>',
        b'<!DOCTYPE list SYSTEM "http://127.0.0.1:9/x.dtd"><list/>',
        b"<list><file>" + b"<a>" * 100_000,
    ],
)
def test_other_xml_is_no_listing(document: bytes) -> None:
    with pytest.raises(SourceError) as wrong:
        parse_index(document, "text/xml", AT)
    assert wrong.value.code == "not-listable"


def test_rows_of_xml() -> None:
    document = (
        '<?xml version="1.0"?>\n<list>\n<directory mtime="2023-11-14T22:13:20Z">süb</directory>\n<other>pipe</other>'
        '<file mtime="2023-11-14T22:13:20Z" size="12">a &amp; b</file><file>x/y</file></list>'
    ).encode()
    listing = parse_index(document, "text/xml", AT)
    folder, file = listing.entries
    assert (folder.name, folder.folder) == ("süb", True)
    assert (file.name, file.validators) == ("a & b", Validators(12, None, 1_700_000_000.0))
    assert [refused.name for refused in listing.refused] == ["x/y"]

"""WebDAV's answer to PROPFIND."""

from __future__ import annotations

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import Listing, Validators
from deploy.transport.listing import parse_multistatus
from deploy.transport.location import Location, Scheme

AT = Location(Scheme.HTTP, "server", 8080, segments=("a b",))
OK = "HTTP/1.1 200 OK"


def response(href: str, properties: str = "", status: str = OK, more: str = "") -> str:
    return (
        f"<D:response><D:href>{href}</D:href><D:propstat><D:prop>{properties}</D:prop><D:status>{status}</D:status>"
        f"</D:propstat>{more}</D:response>"
    )


def parse(*responses: str) -> Listing:
    document = f'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:">{"".join(responses)}</D:multistatus>'
    return parse_multistatus(document.encode(), AT)


FULL = (
    '<D:resourcetype/><D:getcontentlength>12</D:getcontentlength><D:getetag>"tag"</D:getetag>'
    "<D:getlastmodified>Tue, 14 Nov 2023 22:13:20 GMT</D:getlastmodified>"
)


def test_a_file() -> None:
    (entry,) = parse(response("/a%20b/x%26y.txt", FULL)).entries
    assert (entry.name, entry.folder) == ("x&y.txt", False)
    assert entry.validators == Validators(12, '"tag"', 1_700_000_000.0, 1.0)


@pytest.mark.parametrize("href", ["/a%20b/sub/", "/a%20b/sub", "http://server:8080/a%20b/sub/", "sub/"])
def test_a_folder(href: str) -> None:
    (entry,) = parse(response(href, "<D:resourcetype><D:collection/></D:resourcetype>" + FULL[17:])).entries
    assert (entry.name, entry.folder, entry.validators) == ("sub", True, Validators())


@pytest.mark.parametrize(
    "href",
    ["/a%20b/", "/a%20b", "http://server:8080/a%20b/", "/a%20b/deep/er", "/other/x", "http://evil/a%20b/x", "../x", ""],
)
def test_what_is_no_member(href: str) -> None:
    assert parse(response(href, FULL)).entries == ()


def test_members_that_are_gone_and_properties_not_granted() -> None:
    gone = "<D:response><D:href>/a%20b/gone</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>"
    partly = response(
        "/a%20b/x",
        "<D:getcontentlength>5</D:getcontentlength>",
        more=("<D:propstat><D:prop><D:getetag/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>"),
    )
    unknown = response("/a%20b/y", FULL, "HTTP/1.1 403 Forbidden")
    listing = parse(gone, partly, unknown)
    assert [(entry.name, entry.validators) for entry in listing.entries] == [("x", Validators(5)), ("y", Validators())]


def test_odd_properties() -> None:
    odd = (
        "<D:getcontentlength>-1</D:getcontentlength><D:getetag>bare</D:getetag><D:getlastmodified>?</D:getlastmodified>"
    )
    (entry,) = parse(response("/a%20b/x", odd)).entries
    assert entry.validators == Validators()


def test_names_beyond_ascii_and_names_refused() -> None:
    listing = parse(
        response("/a%20b/%C3%BC"), response("/a%20b/日本"), response("/a%20b/%E9"), response("/a%20b/x%2fy")
    )
    assert [entry.name for entry in listing.entries] == ["ü", "日本", "\udce9"]
    assert [refused.name for refused in listing.refused] == ["x/y"]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html></html>",
        b'<multistatus xmlns="other:"/>',
        b'<D:multistatus xmlns:D="DAV:">',
        b'<!DOCTYPE x [<!ENTITY a "b">]><D:multistatus xmlns:D="DAV:"/>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><D:multistatus xmlns:D="DAV:"/>',
    ],
)
def test_other_documents(document: bytes) -> None:
    with pytest.raises(SourceError) as wrong:
        parse_multistatus(document, AT)
    assert wrong.value.code == "bad-answer"

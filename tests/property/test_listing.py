"""Names through index pages: whatever a folder holds comes back whole; whatever a page says, nothing else escapes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from deploy.errors import SourceError
from deploy.transport.contract import TransportSettings
from deploy.transport.httpdate import format_http_date, parse_http_date
from deploy.transport.listing import parse_index, parse_multistatus
from deploy.transport.listing.index import parse_page
from deploy.transport.listing.nginx import parse_nginx
from deploy.transport.location import Location, parse_location
from deploy.transport.web import WebTransport
from tests.servers.apache import FANCY, PLAIN, TABLE, apache, dav
from tests.servers.httpserver import httpserver
from tests.servers.lighttpd import lighttpd
from tests.servers.nginx import nginx

FOLDER = parse_location("http://server/some%20where/x").parent

# Wire-true names that a Unix folder can hold and that are one segment anywhere.
anything = (
    st.binary(min_size=1, max_size=80)
    .map(lambda raw: raw.translate(None, b"/\\\0").decode("utf-8", "surrogateescape"))
    .filter(lambda name: name not in ("", ".", ".."))
)
awkward = st.text(st.sampled_from(" %&#+;=?:'\"<>[]{}~@!$()*,^`|.-_aAéü日🎧"), min_size=1, max_size=40).filter(
    lambda name: name not in (".", "..")
)
names = anything | awkward
sizes = st.integers(0, 2**62)
minutes = st.integers(0, 70_000_000)


def encoded(name: str) -> str:
    return quote_from_bytes(os.fsencode(name), safe="~()*!'")


def nginx_page(rows: list[tuple[str, int, int]]) -> bytes:
    lines = []
    for name, size, minute in rows:
        _, day, month, year, clock, _ = format_http_date(minute * 60).split(" ")
        shown = (
            escape(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
            .replace("\r", "")
            .replace("\n", "")
        )
        lines.append(f'<a href="{encoded(name)}">{shown}</a>    {day}-{month}-{year} {clock[:5]}    {size}\r\n')
    head = "<html>\r\n<head><title>Index of /x/</title></head>\r\n<body>\r\n<h1>Index of /x/</h1><hr><pre>"
    return (head + '<a href="../">../</a>\r\n' + "".join(lines) + "</pre><hr></body>\r\n</html>\r\n").encode()


@given(st.lists(st.tuples(names, sizes, minutes), max_size=20, unique_by=lambda row: row[0]))
def test_a_page_by_the_quick_way_and_by_the_other(rows: list[tuple[str, int, int]]) -> None:
    page = nginx_page(rows)
    listing = parse_index(page, "text/html", FOLDER)
    assert [(one.name, one.validators.size, one.validators.modified) for one in listing.entries] == [
        (name, size, float(minute * 60)) for name, size, minute in rows
    ]
    assert parse_nginx(page, FOLDER) == listing
    assert parse_page(page, "text/html", FOLDER) == listing


@given(
    names,
    st.sampled_from(["{}", "./{}", "/some%20where/{}", "http://server/some%20where/{}", "//server:80/some%20where/{}"]),
)
def test_a_name_in_any_form_of_link(name: str, form: str) -> None:
    link = form.format(encoded(name)).replace("'", "%27")
    page = f"<title>Index of /</title><ul><li><a href='{link}'>x</a></li></ul>"
    (entry,) = parse_index(page.encode(), "text/html", FOLDER).entries
    assert entry.name == name
    assert FOLDER.child(entry.name).path() == FOLDER.child(name).path()


@given(names, sizes)
def test_a_name_in_webdav(name: str, size: int) -> None:
    told = f"<d:prop><d:getcontentlength>{size}</d:getcontentlength></d:prop><d:status>HTTP/1.1 200 OK</d:status>"
    member = f"<d:href>/some%20where/{escape(encoded(name))}</d:href><d:propstat>{told}</d:propstat>"
    document = f'<d:multistatus xmlns:d="DAV:"><d:response>{member}</d:response></d:multistatus>'
    (entry,) = parse_multistatus(document.encode(), FOLDER).entries
    assert (entry.name, entry.validators.size) == (name, size)


pieces = st.sampled_from(
    [
        *(
            "<pre>",
            "</pre>",
            "<table>",
            "<tr>",
            "<td>",
            "</td>",
            "<ul>",
            "<li>",
            "<hr>",
            "<th>Size</th>",
            "\r\n",
            " 5 ",
            "-",
        ),
        *("<title>Index of /</title>", "<h1>host - /</h1>", "<title>host - /</title>", "<a href='?C=N;O=D'>", "</a>"),
        *(
            "<a href='x'>",
            "<a href='..%2f'>",
            "<a href='%00'>",
            '<a href="y/">',
            "14-Nov-2023 22:13",
            "&#x110000;",
            "<!--",
        ),
        *(
            "[",
            "{",
            '"name":',
            '"type":"file"',
            "<list>",
            "<file size='1'>",
            "</file></list>",
            "<?xml version='1.0'?>",
            "<![CDATA[",
        ),
    ]
)
pages = st.lists(pieces | st.text(max_size=5), max_size=40).map(lambda parts: "".join(parts).encode("utf-8", "replace"))
kinds = st.sampled_from(
    ["text/html", "text/html; charset=utf-16", "application/json", "text/xml", "", None, "x/y; charset='"]
)


@settings(max_examples=400)
@given(pages | st.binary(max_size=300), kinds)
@example(b"<title>Index of /</title><pre><a href='\xff'>", "text/html; charset=utf-7")
@example(b"<title>Index of /</title><table><tr>", "text/html")
def test_no_page_does_harm(page: bytes, kind: str | None) -> None:
    try:
        listing = parse_index(page, kind, FOLDER)
    except SourceError as wrong:
        code = wrong.code
        assert code == "not-listable"
        return
    seen = [entry.name for entry in listing.entries]
    assert len(set(seen)) == len(seen)
    for name in seen:
        assert name not in ("", ".", "..")
        assert not {"/", "\\", "\0"} & set(name)
        assert FOLDER.child(name).path().count("/") == 2


@given(st.integers(-10_000_000_000, 100_000_000_000))
def test_http_dates_come_back(when: int) -> None:
    text = format_http_date(when)
    assume(len(text) == 29)
    assert parse_http_date(text) == when


@given(st.text(max_size=40))
def test_no_date_does_harm(text: str) -> None:
    assert parse_http_date(text) is None or isinstance(parse_http_date(text), float)


def _kept(name: str) -> bool:
    """What a Unix file system takes and no server below treats specially."""
    raw = os.fsencode(name)
    hidden = raw.startswith((b".", b"HEADER", b"README")) or raw.endswith((b"~", b"#")) or raw in (b"RCS", b"CVS")
    return len(raw) <= 200 and not hidden and not raw.lower().startswith(b"index.")


on_disk = st.lists(names.filter(_kept), min_size=1, max_size=12, unique=True)
# Line ends and other control characters: lighttpd and Apache refuse to be asked for them.
printable = st.lists(
    names.filter(_kept).filter(lambda name: not any(byte < 32 or byte == 127 for byte in os.fsencode(name))),
    min_size=1,
    max_size=12,
    unique=True,
)
# Python's server has a spelling of its own for names that are not UTF-8.
decodable = st.lists(
    names.map(lambda name: os.fsencode(name).decode("utf-8", "replace")).filter(_kept),
    min_size=1,
    max_size=12,
    unique=True,
)
real_server = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def come_back(root: Location, docroot: Path, wanted: list[str]) -> None:
    """Put files of these names into a new folder of the server, list it, and read each by its listed name."""
    folder = f"f{len(list(docroot.iterdir()))}"
    (docroot / folder).mkdir()
    for number, name in enumerate(wanted):
        (docroot / folder / name).write_bytes(b"%d" % number)
        os.utime(docroot / folder / name, (1_600_000_000, 1_600_000_000))
    with WebTransport(root, TransportSettings()) as transport:
        listing = transport.list(root.child(folder))
        assert sorted(entry.name for entry in listing.entries) == sorted(wanted)
        assert listing.refused == ()
        for number, name in enumerate(wanted):
            body = transport.open(root.child(folder).child(name))
            view = memoryview(bytearray(16))
            assert bytes(view[: body.readinto(view)]) == b"%d" % number  # type: ignore[union-attr]


@pytest.fixture(scope="module", params=["", "autoindex_exact_size off;", "autoindex_format json;"])
def nginx_root(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Location, Path]]:
    tmp = tmp_path_factory.mktemp("nginx")
    (tmp / "doc").mkdir()
    with nginx(tmp / "doc", tmp / "server", extra=request.param) as server:
        yield parse_location(f"{server.url}/"), tmp / "doc"


@pytest.fixture(scope="module", params=[PLAIN, FANCY, TABLE, "dav"])
def apache_root(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Location, Path]]:
    tmp = tmp_path_factory.mktemp("apache")
    (tmp / "doc").mkdir()
    style, extra = (PLAIN, dav(tmp / "doc")) if request.param == "dav" else (request.param, "")
    with apache(tmp / "doc", tmp / "server", index=style, extra=extra) as server:
        yield parse_location(f"{server.url}/"), tmp / "doc"


@pytest.fixture(scope="module")
def lighttpd_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Location, Path]]:
    tmp = tmp_path_factory.mktemp("lighttpd")
    (tmp / "doc").mkdir()
    lenient = 'server.http-parseopts = ( "url-invalid-utf8-reject" => "disable" )'
    with lighttpd(tmp / "doc", tmp / "server", extra=lenient) as server:
        yield parse_location(f"{server.url}/"), tmp / "doc"


@pytest.fixture(scope="module")
def python_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Location, Path]]:
    tmp = tmp_path_factory.mktemp("python")
    (tmp / "doc").mkdir()
    with httpserver(tmp / "doc", tmp / "server") as url:
        yield parse_location(f"{url}/"), tmp / "doc"


@real_server
@given(on_disk)
def test_through_nginx(nginx_root: tuple[Location, Path], wanted: list[str]) -> None:
    come_back(*nginx_root, wanted)


@real_server
@given(printable)
def test_through_apache(apache_root: tuple[Location, Path], wanted: list[str]) -> None:
    come_back(*apache_root, wanted)


@real_server
@given(printable)
def test_through_lighttpd(lighttpd_root: tuple[Location, Path], wanted: list[str]) -> None:
    come_back(*lighttpd_root, wanted)


@real_server
@given(decodable)
def test_through_python_s_server(python_root: tuple[Location, Path], wanted: list[str]) -> None:
    come_back(*python_root, wanted)

"""The quick way for nginx's own page: the same listing as the slow one, or none."""

from __future__ import annotations

import pytest

from deploy.transport.listing.index import parse_page
from deploy.transport.listing.nginx import parse_nginx
from deploy.transport.location import Location, Scheme
from tests.unit.deploy.transport.listing.test_corpus import FOLDER, PAGES

AT = Location(Scheme.HTTP, "server")


@pytest.mark.parametrize("name", ["nginx.html", "nginx-human.html", "nginx-empty.html"])
def test_the_same_as_the_parser_of_any_page(name: str) -> None:
    page = (PAGES / name).read_bytes()
    quick = parse_nginx(page, FOLDER)
    assert quick is not None
    assert quick == parse_page(page, "text/html", FOLDER)


@pytest.mark.parametrize(
    "name", sorted(file.name for file in PAGES.glob("*.html") if not file.name.startswith("nginx"))
)
def test_no_other_server_s_page(name: str) -> None:
    assert parse_nginx((PAGES / name).read_bytes(), FOLDER) is None


def test_cut_or_changed_anywhere_it_is_left_alone() -> None:
    page = (PAGES / "nginx.html").read_bytes()
    for at in range(len(page)):
        assert parse_nginx(page[:at], FOLDER) is None
    for old, new in (
        (b"<hr><pre>", b"<hr><p>x</p><pre>"),
        (b"14-Nov-2023", b"14-11-2023"),
        (b"</a>", b"</a><b>"),
        (b"</pre>", b"<i></pre>"),
        (b'Broker/"', b'Broker&amp;/"'),
    ):
        assert parse_nginx(page.replace(old, new, 1), FOLDER) is None


@pytest.mark.parametrize(
    ("body", "parent"),
    [('<body bgcolor="white">', '<a href="../">../</a>\r\n'), ("<body>", '<a href="../">../</a>\n'), ("<body>", "")],
)
def test_older_and_newer_versions(body: str, parent: str) -> None:
    page = (
        f"<html>\r\n<head><title>Index of /</title></head>\r\n{body}\r\n<h1>Index of /</h1><hr><pre>{parent}"
        '<a href="x">x</a>      14-Nov-2023 22:13      5\r\n</pre><hr></body>\r\n</html>\r\n'
    )
    found = parse_nginx(page.encode(), AT)
    assert found is not None
    assert [(entry.name, entry.validators.size) for entry in found.entries] == [("x", 5)]

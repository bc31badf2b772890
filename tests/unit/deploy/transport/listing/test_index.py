"""What is an index, and which of its links are names."""

from __future__ import annotations

import time

import pytest

from deploy.errors import SourceError
from deploy.transport.contract import Listing, Validators
from deploy.transport.listing import parse_index
from deploy.transport.location import Location, Scheme

FOLDER = Location(Scheme.HTTP, "server", 8080, segments=("a", "b c"))
KIND = "text/html"


def parse(page: str | bytes, kind: str | None = KIND, folder: Location = FOLDER) -> Listing:
    return parse_index(page.encode() if isinstance(page, str) else page, kind, folder)


def names(page: str | bytes, kind: str | None = KIND, folder: Location = FOLDER) -> list[str]:
    return [entry.name + ("/" if entry.folder else "") for entry in parse(page, kind, folder).entries]


def index(*links: str, title: str = "Index of /a/b c/") -> str:
    rows = "".join(f'<a href="{link}">x</a>   14-Nov-2023 22:13   5\n' for link in links)
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1><hr><pre>{rows}</pre><hr></body></html>"


class TestRecognition:
    @pytest.mark.parametrize(
        "title",
        [
            "Index of /",
            "Index of /somewhere/else/",
            "INDEX OF /x",
            " Index of /x",
            "Directory listing for /x/",
            "Directory Listing For [/x/]",
            "Directory: /x/",
            "Directory Listing -- /x/",
            "Directory index of /x",
        ],
    )
    def test_titles(self, title: str) -> None:
        assert names(index("a.txt", title=title)) == ["a.txt"]

    @pytest.mark.parametrize(
        "page",
        [
            "",
            " \n",
            "<html></html>",
            "<html><title>Welcome</title><body><a href='a.txt'>a</a></body></html>",
            "<html><title>Index</title><ul><li><a href='a.txt'>a</a></ul></html>",
            "<html><title>Index of products</title><ul><li><a href='a.txt'>a</a></ul></html>",
            "<html><title>Login - /</title><form><pre><a href='a.txt'>a</a></pre></form></html>",
            "<html><title>403 Forbidden</title><h1>403 Forbidden</h1><hr>nginx</html>",
            "<html><title>Files</title><table><tr><td><a href='a.txt'>a</a></table></html>",
            "plain text",
            "\x00\x01\x02",
            "<!-- Index of / --><p>nothing</p>",
            "<script>var title = 'Index of /';</script>",
        ],
    )
    def test_other_pages_are_not_taken_for_empty_folders(self, page: str) -> None:
        with pytest.raises(SourceError) as wrong:
            parse(page)
        assert wrong.value.code == "not-listable"
        assert not wrong.value.transient
        assert wrong.value.problems[0].hint

    def test_an_index_without_names_is_an_empty_folder(self) -> None:
        assert parse(index()) == Listing(FOLDER, ())
        assert parse(index("../", "?C=N;O=D")) == Listing(FOLDER, ())

    def test_links_outside_the_listing_are_no_names(self) -> None:
        page = (
            "<html><head><title>Index of /</title></head><body><p>Read <a href='readme.html'>this</a> first</p>"
            "<ul><li><a href='menu.html'>Menu</a></li></ul><h1>Index of /</h1><pre><a href='?C=N;O=D'>Name</a> "
            "<a href='?C=S;O=A'>Size</a><hr><a href='a.txt'>a.txt</a>   5   \n<hr></pre>"
            "<address><a href='about.html'>About</a></address></body></html>"
        )
        assert names(page) == ["a.txt"]

    def test_the_fullest_part_is_the_listing(self) -> None:
        page = (
            "<html><title>Index of /</title><body><ul><li><a href='menu.html'>Menu</a></li></ul>"
            "<ul><li><a href='a.txt'>a</a></li><li><a href='b.txt'>b</a></li></ul></body></html>"
        )
        assert names(page) == ["a.txt", "b.txt"]

    def test_without_a_list_or_table(self) -> None:
        page = "<html><title>Index of /</title><body><a href='a.txt'>a</a><br><a href='b/'>b</a></body></html>"
        assert names(page) == ["a.txt", "b/"]


class TestLinks:
    @pytest.mark.parametrize(
        ("link", "name"),
        [
            ("a.txt", "a.txt"),
            ("./a.txt", "a.txt"),
            ("././a.txt", "a.txt"),
            ("sub/", "sub/"),
            ("./sub/", "sub/"),
            ("/a/b%20c/x.txt", "x.txt"),
            ("/a/b c/x.txt", "x.txt"),
            ("/%61/b%20c/sub/", "sub/"),
            ("http://server:8080/a/b%20c/x.txt", "x.txt"),
            ("HTTP://SERVER:8080/a/b%20c/x.txt", "x.txt"),
            ("//server:8080/a/b%20c/x.txt", "x.txt"),
            (" a.txt ", "a.txt"),
            ("\ta.txt\n", "a.txt"),
            ("a b.txt", "a b.txt"),
            ("a%20b.txt", "a b.txt"),
            ("%20a%20", " a "),
            ("100%25.txt", "100%.txt"),
            ("100%.txt", "100%.txt"),
            ("%2541.txt", "%41.txt"),
            ("a%zz.txt", "a%zz.txt"),
            ("a+b.txt", "a+b.txt"),
            ("a%2Bb.txt", "a+b.txt"),
            ("a&amp;b.txt", "a&b.txt"),
            ("a&b=c.txt", "a&b=c.txt"),
            ("a%23b.txt", "a#b.txt"),
            ("a%3Fb.txt", "a?b.txt"),
            ("a;b.txt", "a;b.txt"),
            ("a%3Ab.txt", "a:b.txt"),
            ("./a:b.txt", "a:b.txt"),
            ("it&#39;s.txt", "it's.txt"),
            ("it&#x27;s.txt", "it's.txt"),
            ("&quot;q&quot;.txt", '"q".txt'),
            ("%C3%BC.txt", "ü.txt"),
            ("ü.txt", "ü.txt"),
            ("&#252;.txt", "ü.txt"),
            ("&#xFC;.txt", "ü.txt"),
            ("&uuml;.txt", "ü.txt"),
            ("&euro;.txt", "€.txt"),
            ("日本.txt", "日本.txt"),
            ("%FC.txt", "\udcfc.txt"),
            ("...", "..."),
            ("..a", "..a"),
            (".hidden", ".hidden"),
        ],
    )
    def test_names(self, link: str, name: str) -> None:
        assert names(index(link)) == [name]

    @pytest.mark.parametrize(
        "link",
        [
            "",
            " ",
            ".",
            "./",
            "..",
            "../",
            "../x.txt",
            "/",
            "/x.txt",
            "/a/",
            "/a/x.txt",
            "/a/b%20c",
            "/a/b%20c/",
            "/a/b%20c/..",
            "/a/b%20c/../x.txt",
            "/a/b%20c/deeper/x.txt",
            "/A/b%20c/x.txt",
            "/a/b%20cc/x.txt",
            "sub/x.txt",
            "sub//",
            "//a.txt",
            "?C=N;O=D",
            "?",
            "a.txt?x=1",
            "a.txt#part",
            "#top",
            "http://other:8080/a/b%20c/x.txt",
            "http://server/a/b%20c/x.txt",
            "https://server:8080/a/b%20c/x.txt",
            "//other/a/b%20c/x.txt",
            "http://[::1/x.txt",
            "http://server:x/a/b%20c/x.txt",
            "mailto:admin@server",
            "javascript:alert(1)",
            "ftp://server/a/b%20c/x.txt",
            "file:///a/b%20c/x.txt",
            "C:evil.txt",
        ],
    )
    def test_what_leaves_the_folder_is_no_name(self, link: str) -> None:
        assert parse(index(link)) == Listing(FOLDER, ())

    @pytest.mark.parametrize(
        "link",
        [
            "%2e%2e",
            "%2E",
            "%2e%2e/",
            "a%2fb",
            "..%2f..%2fetc",
            "a%5cb",
            "a\\b",
            "..\\x",
            "a%00b",
            "%5c%5cserver",
            "/a/b%20c/%2e%2e",
        ],
    )
    def test_what_cannot_be_a_name_is_refused_and_told(self, link: str) -> None:
        listing = parse(index("good.txt", link, link))
        assert [entry.name for entry in listing.entries] == ["good.txt"]
        (refused,) = listing.refused
        assert refused.reason

    def test_names_come_once_and_in_order(self) -> None:
        assert names(index("b", "a", "b", "./a", "%62", "/a/b%20c/c", "c")) == ["b", "a", "c"]

    def test_in_another_encoding(self) -> None:
        page = index("ü.txt").encode("windows-1252")
        assert names(page, "text/html; charset=windows-1252") == ["ü.txt"]
        with_meta = page.replace(b"<head>", b'<head><meta charset="ISO-8859-1">')
        assert names(with_meta) == ["ü.txt"]
        assert names(page) == ["\udcfc.txt"]
        assert names(page, "text/html; charset=no-such") == ["\udcfc.txt"]
        assert names(index("&uuml;%20.txt"), "text/html; charset=windows-1252") == ["ü .txt"]

    def test_for_an_ipv6_host(self) -> None:
        folder = Location(Scheme.HTTPS, "::1", segments=("x",))
        assert names(index("https://[::1]/x/a.txt", "https://[::1]:444/x/b.txt"), KIND, folder) == ["a.txt"]


class TestSizesAndTimes:
    @pytest.mark.parametrize(
        ("tail", "size"),
        [
            ("   14-Nov-2023 22:13   5", 5),
            ("   14-Nov-2023 22:13   5   ", 5),
            ("   14-Nov-2023 22:13   -", None),
            ("   14-Nov-2023 22:13   5K", None),
            ("   14-Nov-2023 22:13   1.5", None),
            ("   14-Nov-2023 22:13   5 KB", None),
            ("   14-Nov-2023 22:13   5,000", None),
            ("   14-Nov-2023 22:13", None),
            ("   5", 5),
            ("", None),
        ],
    )
    def test_only_sizes_to_the_byte(self, tail: str, size: int | None) -> None:
        page = f"<html><title>Index of /</title><pre><a href='a'>a</a>{tail}\n</pre></html>"
        (entry,) = parse(page).entries
        assert entry.validators.size == size

    def test_a_table_tells_by_its_header(self) -> None:
        page = (
            "<html><title>Index of /</title><table><thead><tr><th>Type</th><th>Name</th><th>{}</th><th>Date</th></tr>"
            "</thead><tr><td>5</td><td><a href='a'>a</a></td><td>1234</td><td>2023-11-14T22:13:20Z</td></tr></table>"
        )
        (entry,) = parse(page.format("Size")).entries
        assert entry.validators == Validators(1234, None, 1_700_000_000.0, 1.0)
        (entry,) = parse(page.format("Size (KB)")).entries
        assert entry.validators.size is None
        (entry,) = parse(page.format("Votes")).entries
        assert entry.validators.size is None

    @pytest.mark.parametrize(
        ("cell", "size"), [("12 bytes", 12), ("12 B", 12), ("12", 12), ("12 K", None), ("1 2", None)]
    )
    def test_sizes_in_cells(self, cell: str, size: int | None) -> None:
        page = f"<html><title>Index of /</title><table><tr><th>Name<th>Size<tr><td><a href=a>a</a><td>{cell}</table>"
        (entry,) = parse(page).entries
        assert entry.validators.size == size

    def test_short_and_broken_tables(self) -> None:
        page = (
            "<html><title>Index of /</title><table><tr><tr><td></td></tr><tr><th>Name<th>Modified<th>Size</tr>"
            "<tr><td><a href='a'>a</a><tr><td><a>no link</a><tr><td colspan=3><a href='b/'>b"
        )
        assert names(page) == ["a", "b/"]


class TestAttacks:
    @pytest.mark.parametrize(
        "page",
        [
            "<html><title>Index of /</title>" + "<div>" * 100_000,
            "<html><title>Index of /</title>" + "<table>" * 20_000,
            "<html><title>Index of /</title>" + "<pre>" * 20_000,
            "<html><title>Index of /</title><pre>" + "<a href='" * 50_000,
            "<html><title>Index of /</title><pre>" + "&#x41;" * 200_000,
            "<html><title>" + "Index of /" * 100_000,
            "<html><title>Index of /</title><pre><a href='x'>x</a>" + " " * 500_000 + "y",
            "<html><title>Index of /</title><pre><a href='x'>x</a>" + " 1" * 250_000,
            '<!DOCTYPE html [<!ENTITY a "b">]><html><title>Index of /</title><pre><a href="&a;">x</a></pre>',
        ],
    )
    def test_end_quickly(self, page: str) -> None:
        began = time.process_time()
        try:
            parse(page)
        except SourceError as wrong:
            code = wrong.code
        else:
            code = "not-listable"
        assert code == "not-listable"
        assert time.process_time() - began < 10

    def test_references_that_are_no_characters(self) -> None:
        assert len(names(index("&#xD800;a", "&#1114112;b", "&#0;c", "&#99999999999;d", "&nosuch;e"))) == 5

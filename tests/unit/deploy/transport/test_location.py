"""Reading and showing the addresses an `include` may hold."""

from __future__ import annotations

import pytest

from deploy.errors import ConfigError
from deploy.transport.location import Credentials, Location, Scheme, Source, parse_location, parse_source

UNC = Location(Scheme.UNC, "SERVER", None, "Share", ("folder",))


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        parse_source(text)
    (problem,) = raised.value.problems
    assert problem.code in ("bad-include", "wildcard-in-folder")
    assert problem.hint
    assert problem.message.isprintable()
    return problem.code


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (
            "http://server/a/b/*.*",
            Source(Location(Scheme.HTTP, "server", segments=("a", "b")), "*.*", True),
        ),
        ("HTTPS://Server:8443/x", Source(Location(Scheme.HTTPS, "Server", 8443), "x", False)),
        ("http://[::1]:80/x", Source(Location(Scheme.HTTP, "::1", 80), "x", False)),
        ("http://server\\a\\b", Source(Location(Scheme.HTTP, "server", segments=("a",)), "b", False)),
        ("http://server//a/./b//c", Source(Location(Scheme.HTTP, "server", segments=("a", "b")), "c", False)),
        ("  http://server/x \n", Source(Location(Scheme.HTTP, "server"), "x", False)),
        ("ftp://server/x", Source(Location(Scheme.FTP, "server"), "x", False)),
        ("ftps://server/x", Source(Location(Scheme.FTPS, "server"), "x", False)),
        ("ftpes://server:2121/x", Source(Location(Scheme.FTPES, "server", 2121), "x", False)),
        ("file:///srv/x", Source(Location(Scheme.FILE, anchor="/", segments=("srv",)), "x", False)),
        ("/srv/*.*", Source(Location(Scheme.FILE, anchor="/", segments=("srv",)), "*.*", True)),
        ("c:\\srv\\x", Source(Location(Scheme.FILE, anchor="C:\\", segments=("srv",)), "x", False)),
        ("C:/x", Source(Location(Scheme.FILE, anchor="C:\\"), "x", False)),
        ("\\\\SERVER\\Share\\folder\\x?", Source(UNC, "x?", True)),
    ],
)
def test_the_parts_of_an_address(text: str, source: Source) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "\\\\SERVER\\Share\\folder\\x",
        "//SERVER/Share/folder/x",
        "\\\\SERVER\\\\Share\\folder\\x",
        "file://SERVER/Share/folder/x",
        "file:////SERVER/Share/folder/x",
        "file://///SERVER/Share/folder/x",
        "file://\\\\SERVER\\Share\\folder\\x",
        "file:\\\\SERVER\\Share\\folder\\x",
        "file:///\\\\SERVER\\Share\\folder\\x",
        "FILE://SERVER\\Share\\folder\\x",
        "smb://SERVER/Share/folder/x",
    ],
)
def test_every_spelling_of_a_share(text: str) -> None:
    assert parse_source(text) == Source(UNC, "x", False)


@pytest.mark.parametrize(
    "text",
    [
        "file:///C:/a/x",
        "file://C:/a/x",
        "file://C:\\a\\x",
        "file:///c:\\a\\x",
        "file://\\C:\\a\\x",
        "file://localhost/C:/a/x",
        "C:\\a\\x",
        "c:/a//x",
    ],
)
def test_every_spelling_of_a_drive(text: str) -> None:
    assert parse_source(text) == Source(Location(Scheme.FILE, anchor="C:\\", segments=("a",)), "x", False)


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("http://h/My%20Files/a b", ("My Files", "a b")),
        ("http://h/100%/50%25", ("100%", "50%")),
        ("http://h/%zz/%4", ("%zz", "%4")),
        ("http://h/C%23+%26/C#+&", ("C#+&", "C#+&")),
        ("http://h/%C3%BC/ü", ("ü", "ü")),
        ("http://h/%FC/x", ("\udcfc", "x")),
        ("http://h/a%2Ab/x%3Fy", ("a*b", "x?y")),
        ("http://h/%2E/x", ("x",)),
        ("file:///a%20b/c%25", ("a b", "c%")),
        ("/a%20b/c%25", ("a%20b", "c%25")),
        ("\\\\S\\T\\a%20b\\c#d", ("a%20b", "c#d")),
        ("file://S/T/a%20b/x", ("a b", "x")),
    ],
)
def test_names_arrive_whole(text: str, segments: tuple[str, ...]) -> None:
    assert parse_source(text).file.segments == segments
    assert not parse_source(text).wildcard


def test_a_pattern_is_decoded_like_a_name() -> None:
    source = parse_source("http://h/a/My%20File%23*.t?t")
    assert (source.name, source.wildcard) == ("My File#*.t?t", True)
    assert str(source) == "http://h/a/My%20File%23*.t?t"
    assert refusal("http://h/a%2A*.txt") == "bad-include"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "a",
        "a/b",
        "C:x",
        "C",
        "http:/server/x",
        "http//server/x",
        "gopher://server/x",
        "unc://server/x",
        "http://",
        "http:///x",
        "http://server",
        "http://server/",
        "http://server/a/",
        "http://server/a/.",
        "http://server/a/..",
        "http://server/a/../b",
        "http://server/a/%2e%2E/b",
        "http://server/a/%2e%2E",
        "http://server/a%2Fb",
        "http://server/a%5Cb",
        "http://server/a%00b",
        "http://server/a%0D%0Ab",
        "ftp://server/a\r\nDELE b",
        "http://server/a\x01/b",
        "http://server:0/x",
        "http://server:65536/x",
        "http://server:８０/x",
        "http://server:/x",
        "http://server:80MiCCE/x",
        "http://ser ver/x",
        "http://ser\nver/x",
        "http://server?x/y",
        "http://server#x/y",
        "http://$(WebServer)/x",
        "http://::1/x",
        "http://[::1/x",
        "http://../x",
        "\\\\",
        "\\\\server",
        "\\\\server\\",
        "\\\\server\\share",
        "\\\\server\\share\\",
        "\\\\server\\share\\..\\x",
        "\\\\server\\..\\x",
        "\\\\server\\.\\x",
        "\\\\..\\share\\x",
        "\\\\user@server\\share\\x",
        "\\\\ser:ver\\share\\x",
        "\\\\?\\C:\\x",
        "\\\\?\\UNC\\server\\share\\x",
        "\\\\.\\C:\\x",
        "//./pipe/x",
        "//?/C:/x",
        "file://",
        "file:///",
        "file:///srv/",
        "file:////./C:/x",
        "/",
        "C:\\",
        "/srv/../x",
        "\ud800",
        "http://server/\udbff",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert refusal(text) == "bad-include"


@pytest.mark.parametrize(
    "text",
    [
        "http://server/a*/b",
        "http://server/a?b/c",
        "http://server/a/b?c=d/e",
        "\\\\server\\share\\a*\\b",
        "\\\\server\\sh*\\a",
        "file:////server/sh?re/a",
        "file://server/share/a?b/c",
        "/srv/*/x",
        "C:\\a?\\x",
    ],
)
def test_a_wildcard_in_a_folder_is_refused(text: str) -> None:
    assert refusal(text) == "wildcard-in-folder"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://h/a b/*.*", "http://h/a%20b/*.*"),
        ("http://h:80/x", "http://h/x"),
        ("http://h:81/x", "http://h:81/x"),
        ("http://[::1]:81/ü", "http://[::1]:81/%C3%BC"),
        ("http://h/%FC", "http://h/%FC"),
        ("http://h/a%2Ab/*.*", "http://h/a%2Ab/*.*"),
        ("\\\\S\\T\\a b\\*.*", "\\\\S\\T\\a b\\*.*"),
        ("smb://S:4450/T/a b/x?", "smb://S:4450/T/a%20b/x?"),
        ("smb://[::1]/T/x", "smb://[::1]/T/x"),
        ("file:///srv/a b/ü 100%25", "file:///srv/a b/ü 100%25"),
        ("/srv/100%/*.*", "file:///srv/100%25/*.*"),
        ("/*.*", "file:///*.*"),
        ("C:\\a\\*.*", "file:///C:/a/*.*"),
        ("file:///srv/a%3Fb", "file:///srv/a%3Fb"),
        ("file:///srv/%FF", "file:///srv/%FF"),
        ("/srv/a\u202eb", "file:///srv/a%E2%80%AEb"),
        ("file:///C%3A", "file:///C%3A"),
        ("/srv/x:y", "file:///srv/x%3Ay"),
        ("file:///%20x%20", "file:///%20x%20"),
    ],
)
def test_an_address_is_shown_so_that_it_can_be_read_again(text: str, shown: str) -> None:
    source = parse_source(text)
    assert str(source) == shown
    assert parse_source(shown).file.segments == source.file.segments
    assert str(parse_source(shown)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/", "file:///"),
        ("C:\\", "file:///C:/"),
        ("http://h", "http://h/"),
        ("\\\\S\\T", "\\\\S\\T"),
        ("/a/.", "file:///a"),
    ],
)
def test_a_root_is_a_location(text: str, shown: str) -> None:
    location = parse_location(text)
    assert str(location) == shown
    assert str(parse_location(shown)) == shown


def test_a_location_may_hold_what_a_pattern_would_be() -> None:
    assert parse_location("http://h/a?b").segments == ("a?b",)
    assert str(parse_location("http://h/a?b")) == "http://h/a%3Fb"


@pytest.mark.parametrize(
    ("text", "credentials"),
    [
        ("http://user:canary@h/x", Credentials("user", "canary")),
        ("http://user@h/x", Credentials("user", "")),
        ("ftp://us%40er:can%2Fary%3A@h/x", Credentials("us@er", "can/ary:")),
        ("http://user:can@ary@h/x", Credentials("user", "can@ary")),
        ("file://user:canary@S/T/x", Credentials("user", "canary")),
        ("smb://DOMAIN;user:canary@S/T/x", Credentials("DOMAIN\\user", "canary")),
        ("http://:@h/x", Credentials("", "")),
    ],
)
def test_credentials_are_used_and_never_shown(text: str, credentials: Credentials) -> None:
    source = parse_source(text)
    assert source.folder.credentials == source.file.credentials == credentials
    for shown in (str(source), repr(source), str(source.file), repr(source.folder), repr(credentials)):
        assert "canary" not in shown
        assert "user" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "http://user:ca/nary@h/x",
        "http://user:canary@h:x/x",
        "http://user:canary",
        "http://user:canary@/x",
        "http://user:canary@h ost/x",
        "htp:/user:canary@h/x",
        "user:canary@h/x",
        "gopher://user:canary@h/x",
        "http://user:canary@h/a?/x",
        "http://user:canary@h/",
        "\\\\user:canary@h\\share\\x",
        "smb://user:canary@h/",
        "file://user:canary@h/share",
    ],
)
def test_no_refusal_repeats_a_password(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_source(text)
    assert "nary" not in str(raised.value)


def test_a_refusal_names_the_server_only_where_it_cannot_be_a_user() -> None:
    with pytest.raises(ConfigError, match="the server 'host' or what follows it"):
        parse_source("http://host:80MiCCE/x")
    with pytest.raises(ConfigError, match=r"^error: the server or what follows it"):
        parse_source("http://canary:se/cret@host/x")


def test_where_one_connection_can_go() -> None:
    origin = parse_location("http://Server/a").origin
    assert origin == parse_location("http://server:80/b/c").origin
    for other in ("https://server/a", "http://server:81/a", "http://u:p@server/a", "http://other/a"):
        assert parse_location(other).origin != origin
    assert parse_location("\\\\S\\T\\a").origin == parse_location("smb://s/t/b").origin
    assert parse_location("\\\\S\\T\\a").origin != parse_location("\\\\S\\U\\a").origin


def test_walking_through_folders() -> None:
    folder = parse_location("http://h/a")
    child = folder.child("b c\udcff")
    assert (child.name, child.parent, child.path(), child.path(folder=True)) == (
        "b c\udcff",
        folder,
        "/a/b%20c%FF",
        "/a/b%20c%FF/",
    )
    root = folder.with_segments(())
    assert (root.name, root.path(), root.path(folder=True), root.parent) == ("", "/", "/", root)


def test_the_ports_of_the_schemes() -> None:
    texts = [
        "http://h/x",
        "https://h/x",
        "ftp://h/x",
        "ftps://h/x",
        "ftpes://h/x",
        "\\\\h\\s\\x",
        "/x",
        "http://h:81/x",
    ]
    assert [parse_location(text).effective_port for text in texts] == [80, 443, 21, 990, 21, 445, 0, 81]

"""Any text is an address or a refusal; what is shown can be read again and holds no password."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from deploy.errors import ConfigError
from deploy.transport.location import Scheme, Source, parse_location, parse_source

ANY = st.text(st.characters(codec=None, categories=None))
PIECES = st.sampled_from(
    [
        *("http://", "https://", "ftp://", "file://", "file:", "smb://", "\\\\", "//", "/", "\\", "C:", ":", "@", "%"),
        *("%2e", "%2F", "%5c", "%00", "%FF", "%2A", "*", "?", "#", ".", "..", " ", "\n", "\0", "[", "]", "::1", "80"),
        *("host", "Share", "a", "ü", "\udcfc", "\ud800", "$(", ")", ";", "user", "localhost"),
    ]
)
ADDRESSES = st.lists(PIECES, max_size=14).map("".join) | st.tuples(PIECES, ANY).map("".join) | ANY
SECRETS = st.text("abcdefXYZ0189:/@%;?# *\\", min_size=1, max_size=12)
SEGMENTS = st.lists(
    st.text(st.characters(exclude_characters="/\\", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
        lambda name: name not in (".", "..")
    ),
    min_size=1,
    max_size=4,
)


def read(text: str) -> Source | None:
    try:
        return parse_source(text)
    except ConfigError as refused:
        (problem,) = refused.problems
        assert problem.code in ("bad-include", "wildcard-in-folder")
        assert problem.hint
        assert problem.message.isprintable()
        return None


@given(ADDRESSES)
@example("file:////SERVER/Share/x")
@example("file://\\\\SERVER\\Share\\x")
def test_any_text_is_a_source_or_a_refusal(text: str) -> None:
    source = read(text)
    if source is None:
        return
    assert source.name not in ("", ".", "..")
    for segment in source.file.segments:
        assert segment not in ("", ".", "..")
        assert not set(segment) & set("/\\\0\r\n")
    assert not any(set(segment) & set("*?") for segment in source.folder.segments) or "%" in text
    assert str(source).isprintable()


@given(ADDRESSES)
def test_what_is_shown_reads_as_the_same_source(text: str) -> None:
    source = read(text)
    if source is None or source.folder.scheme is Scheme.UNC:
        return
    again = parse_source(str(source))
    default = again.folder.port is None
    port = again.folder.port if not default else source.folder.port
    folder = replace(again.folder, port=port, credentials=source.folder.credentials)
    assert replace(again, folder=folder) == source
    assert str(again) == str(source)


@given(SEGMENTS, st.sampled_from(["http://host/", "https://[::1]:81/", "ftp://host/", "file:///"]))
def test_every_name_survives_encoding(segments: list[str], start: str) -> None:
    encoded = start + "/".join(quote(segment, safe="") for segment in segments)
    location = parse_location(encoded)
    assert location.segments == tuple(segments)
    assert parse_location(str(location)) == location


@given(SECRETS, SECRETS, st.sampled_from(["http", "ftp", "smb", "file"]))
def test_encoded_credentials_are_read_whole_and_never_shown(user: str, password: str, scheme: str) -> None:
    user, password = f"canary-{user}", f"canary-{password}"
    text = f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@host/share/folder/x"
    source = parse_source(text)
    credentials = source.folder.credentials
    assert credentials is not None
    assert credentials.password == password
    for shown in (str(source), repr(source), str(source.file), repr(source.file)):
        assert "canary" not in shown


@given(SECRETS, st.sampled_from(["/x", "/a?b/x", "/", "", ":x/x", "/../x", "/%00"]))
def test_no_refusal_shows_what_may_be_a_password(password: str, rest: str) -> None:
    # A / or \ ends the authority (RFC 3986 section 3.2): what follows it is a path, shown as one.
    plain = password.replace("/", "").replace("\\", "")
    assert "canary" not in outcome(f"http://user:canary{plain}canary@host{rest}")


@given(SECRETS)
def test_a_password_with_an_unencoded_slash_is_refused_unseen(password: str) -> None:
    assert "canary" not in outcome(f"http://user:canary/{password}canary@host/x")


def outcome(text: str) -> str:
    """Everything that is shown of an address, or of its refusal."""
    try:
        source = parse_source(text)
    except ConfigError as refused:
        return str(refused)
    return f"{source} {source!r} {source.file} {source.file!r}"

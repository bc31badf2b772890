"""What a request path may name: once decoded, one plain name each, or nothing."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deploy.relpath import LOOK_ALIKES, segment_problem
from deploy.site.address import LONGEST, parse_path

TAKEN = {
    b"/": (),
    b"/install": ("install",),
    b"/install/": ("install",),
    b"/MiCCEInstallation/NextCCClient/Client%20Setup.exe": ("MiCCEInstallation", "NextCCClient", "Client Setup.exe"),
    b"/Gr%C3%BC%C3%9Fe.txt": ("Grüße.txt",),
    "/Grüße.txt".encode(): ("Grüße.txt",),
    b"/%f0%9f%98%80": ("😀",),
    b"/100%25.txt": ("100%.txt",),
    b"/a%23b": ("a#b",),
    b"/a+b": ("a+b",),
    b"/a;b=c": ("a;b=c",),
    b"/%41%42": ("AB",),
    # Decoded once: the text that is left is a name like any other.
    b"/%252e%252e/x": ("%2e%2e", "x"),
    b"/%252e": ("%2e",),
    b"/%255c": ("%5c",),
    b"/%252f": ("%2f",),
    b"/%2500": ("%00",),
    # Dots inside, and what only looks like a device or a short name.
    b"/...x": ("...x",),
    b"/..x": ("..x",),
    b"/a..b": ("a..b",),
    b"/.well-known": (".well-known",),
    b"/console.exe": ("console.exe",),
    b"/COM10": ("COM10",),
    b"/notes~": ("notes~",),
    b"/a~b.txt": ("a~b.txt",),
    b"/release~2026.html": ("release~2026.html",),
    b"/abcdefg~1.txt": ("abcdefg~1.txt",),
    b"/setup~1.config": ("setup~1.config",),
    b"/" + b"a" * 255: ("a" * 255,),
}

REFUSED = [
    # No path: other forms of a request target (RFC 9112 section 3.2).
    b"",
    b"*",
    b"install",
    b"http://host/install",
    b"host:80",
    b"\\install",
    # Up and here.
    b"/..",
    b"/.",
    b"/../x",
    b"/a/../b",
    b"/a/./b",
    b"/%2e",
    b"/%2e%2e/x",
    b"/%2E%2E/x",
    b"/.%2e/x",
    b"/%2e./x",
    b"/a/%2e%2e",
    b"/...",
    b"/a/..../b",
    b"/..%20/x",
    # Separators, written otherwise.
    b"/..\\x",
    b"/a\\b",
    b"/a%5cb",
    b"/..%5c..%5cx",
    b"/a%2fb",
    b"/..%2f..%2fx",
    b"/..%2Fx",
    "/a／b".encode(),
    "/a∕b".encode(),
    "/a⁄b".encode(),
    b"/a%ef%bc%8fb",
    b"/a%e2%88%95b",
    b"/%ef%bc%8e%ef%bc%8e/x",
    b"/%e2%80%a5/x",
    # Nothing between two slashes.
    b"//",
    b"//x",
    b"/a//b",
    b"/a//",
    # NUL and other control characters.
    b"/%00",
    b"/a.exe%00.txt",
    b"/a\x00b",
    b"/a%0d%0ab",
    b"/a%0ab",
    b"/a\nb",
    b"/a%09b",
    b"/a%1fb",
    b"/a%7fb",
    b"/a%c2%85b",
    b"/a%e2%80%a8b",
    # Not UTF-8: single bytes, overlong forms, surrogates, beyond Unicode, cut.
    b"/%ff",
    b"/%80",
    b"/%c0%ae%c0%ae/x",
    b"/%c0%af",
    b"/%e0%80%ae%e0%80%ae/x",
    b"/%e0%80%af",
    b"/%f0%80%80%af",
    b"/%c0%80",
    b"/%c1%9c",
    b"/%ed%a0%80",
    b"/%f4%90%80%80",
    b"/%c3",
    b"/\xc0\xae\xc0\xae/x",
    # Broken percent sequences, and those of old IIS.
    b"/%",
    b"/%2",
    b"/%zz",
    b"/a%2",
    b"/%u002e%u002e/x",
    b"/%%32%65%%32%65/x",
    b"/%+2e",
    # A fragment never is on a request line (RFC 9112 section 3.2); a query is taken off before.
    b"/a#b",
    b"/a?b",
    b"/a%3fb",
    # Streams, wildcards, drives.
    b"/a.exe::$DATA",
    b"/a.exe:x",
    b"/a%3astream",
    b"/C:",
    b"/C%3a/x",
    b"/*",
    b"/a%22b",
    b"/a%7cb",
    b"/%3cscript%3e",
    # What Windows drops at the end.
    b"/a.exe.",
    b"/a.exe%20",
    b"/a.exe...",
    b"/a.exe%2e",
    b"/a%20/b",
    # Devices, in any case and with an extension.
    b"/CON",
    b"/nul",
    b"/Nul.txt",
    b"/aux.tar.gz",
    b"/COM1",
    b"/lpt9.log",
    b"/COM%c2%b9",
    b"/CONIN$",
    b"/con%20.txt",
    # Short names.
    b"/PROGRA~1",
    b"/progra~1/x",
    b"/CLIENT~1.EXE",
    b"/CLIENT%7e1.EXE",
    b"/A~1",
    b"/TE021F~1.TXT",
    b"/A~B~1.TXT",
    b"/SETUP~12.C",
    b"/GRU%C3%9FE~1.TXT",
    # Directions of reading, too long.
    b"/a%e2%80%aeexe.txt",
    b"/a%e2%80%8fb",
    b"/" + b"a" * 256,
    b"/" + b"a/" * LONGEST,
]


@pytest.mark.parametrize(("raw", "names"), TAKEN.items())
def test_taken(raw: bytes, names: tuple[str, ...]) -> None:
    assert parse_path(raw) == names


@pytest.mark.parametrize("raw", REFUSED)
def test_refused(raw: bytes) -> None:
    assert parse_path(raw) is None


@pytest.mark.parametrize("sign", LOOK_ALIKES)
def test_what_looks_like_a_separator_is_refused(sign: str) -> None:
    assert parse_path(b"/a" + sign.encode() + b"b") is None
    assert parse_path(b"/a" + quote_from_bytes(sign.encode()).encode() + b"b") is None


@given(st.binary(max_size=60).map(lambda tail: b"/" + tail))
@example(b"/a/%2e%2e/b")
def test_whatever_is_sent_comes_out_as_plain_names_or_not_at_all(raw: bytes) -> None:
    names = parse_path(raw)
    assert names is None or all(segment_problem(name) is None for name in names)


@given(st.text("./\\%25cfeEF2~1:a \0", max_size=30).map(lambda tail: "/" + tail))
def test_nor_does_text_made_of_what_attacks_are_made_of(text: str) -> None:
    names = parse_path(text.encode())
    for name in names or ():
        assert name not in ("", ".", "..")
        assert not set(name) & set("/\\:\0")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), max_size=5))
def test_every_good_name_is_reached_encoded_and_decoded_once(names: list[str]) -> None:
    raw = "".join("/" + quote_from_bytes(name.encode(), safe="") for name in names).encode()
    found = parse_path(raw or b"/")
    assert found is None or found == tuple(names)
    if not any(segment_problem(name) or "~" in name for name in names):
        assert found == tuple(names)


@given(st.binary(max_size=40).map(lambda tail: b"/" + tail))
def test_encoding_every_byte_changes_nothing(raw: bytes) -> None:
    names = parse_path(raw)
    if names:
        again = b"".join(b"/" + b"".join(b"%%%02x" % byte for byte in name.encode()) for name in names)
        assert parse_path(again) == names

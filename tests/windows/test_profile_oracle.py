"""Files of sections and keys, read by us and by GetPrivateProfileStringW itself.

Left out is what Wine reads otherwise than Windows was seen to: `[name` without or with two `]`, keys that
begin with `;`, keys before the first section; and encodings that only one of them knows.
"""

from __future__ import annotations

import ctypes
import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deploy.config import clientini, profile
from deploy.config.clientini import ClientSetup, Feature, General, PasswordFormat, RunAs
from deploy.config.clientini_values import LAYOUT, obfuscate
from deploy.errors import ConfigError
from tests.unit.deploy.config.test_profile import LINES

pytestmark = pytest.mark.windows

Ask = Callable[[bytes, str, str], str | None]

LARGEST = 65_535
DEFAULTS = ("<none>", "<neither>")
KEYS = ("key", "KEY", "Key", "other", "k y", "k;y", "k%y", '"key"')
SECTIONS = ("Section", "SECTION", "two", "t wo", "")
BLANKS = ("", "", "", " ", "\t", "\v", " \t ")
ENDS = st.sampled_from(["\r\n", "\n", "\r", "\r\n\r\n"])
VALUES = st.lists(
    st.sampled_from([*" \t\v;=[]'\"%#\\/:,", "''", '""', "value", "ä", "€", "\xa0", "Key=", "[two]"]), max_size=6
).map("".join)
WIDE = st.lists(st.sampled_from([*" ;='\"%", "日", "🙂", "ß", "\u2028", "\u3000", "\x85", "x"]), max_size=6).map(
    "".join
)


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Asks Windows for one value of a file with this content; None where it gives the default."""
    function = ctypes.WinDLL("kernel32").GetPrivateProfileStringW
    folder = tmp_path_factory.mktemp("profiles")
    buffer = ctypes.create_unicode_buffer(LARGEST)
    # Windows keeps what it read by the name of the file.
    numbers = itertools.count()
    files: dict[bytes, Path] = {}

    def answer(data: bytes, section: str, key: str) -> str | None:
        path = files.get(data)
        if path is None:
            files.clear()
            path = files[data] = folder / f"{next(numbers)}.ini"
            path.write_bytes(data)
        said = [buffer[: function(section, key, default, buffer, LARGEST, str(path))] for default in DEFAULTS]
        return None if said == list(DEFAULTS) else said[0]

    return answer


@st.composite
def lines(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    before, within, after = (draw(st.sampled_from(BLANKS)) for _ in range(3))
    match draw(st.sampled_from(["key", "key", "key", "key", "section", "comment", "bare", "blank"])):
        case "section":
            rest = draw(st.sampled_from(["", " ", " rest", ";rest"]))
            return f"{before}[{within}{draw(st.sampled_from(SECTIONS))}{after}]{rest}"
        case "comment":
            return f"{before};{draw(values)}"
        case "bare":
            return f"{before}{draw(st.sampled_from(KEYS))}{after}"
        case "blank":
            return before
        case _:
            return f"{before}{draw(st.sampled_from(KEYS))}{within}={after}{draw(values)}{draw(st.sampled_from(BLANKS))}"


@st.composite
def texts(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    parts = [draw(st.sampled_from(["[Section]\r\n", "; comment\r\n[two]\n"]))]
    for line in draw(st.lists(lines(values), max_size=8)):
        parts += [line, draw(ENDS)]
    text = "".join(parts).removesuffix(draw(st.sampled_from(["", "\r\n", "\n"])))
    # A comment or a value after a lone CR may have become a header of its own.
    assume(not re.search(r"(?:^|[\r\n])[ \t\v]*\[[^]\r\n]*(?:\][^\r\n]*\]|(?=[\r\n])|\Z)", text))
    return text


def compare(ask: Ask, data: bytes) -> None:
    ours = profile.read(data)
    for section in ("section", "Two", " t wo ", "none"):
        for key in (*KEYS, " key "):
            assert ours.get(section.strip(), key.strip()) == ask(data, section, key), (data, section, key)


@given(texts(VALUES))
def test_ansi_is_read_as_windows_reads_it(ask: Ask, text: str) -> None:
    data = text.encode("cp1252")
    assume(profile.read(data).encoding in (profile.Encoding.ASCII, profile.Encoding.ANSI))
    compare(ask, data)


@given(texts(VALUES | WIDE))
def test_utf_16_is_read_as_windows_reads_it(ask: Ask, text: str) -> None:
    compare(ask, ("\ufeff" + text).encode("utf-16-le"))


@pytest.mark.parametrize(("line", "value"), [row for row in LINES if row[0] != "[Other\nKey=1"])
def test_windows_answers_what_the_tests_of_the_reader_expect(ask: Ask, line: str, value: str | None) -> None:
    for end in ("\r\n", ""):
        assert ask(f"Key=before\n[Section]\n{line}{end}".encode(), "section", "key") == value


@pytest.mark.parametrize("byte", range(0x80, 0x100))
def test_every_byte_of_the_ansi_code_page(ask: Ask, byte: int) -> None:
    if ctypes.WinDLL("kernel32").GetACP() != 1252:
        pytest.skip("this Windows has another ANSI code page")
    data = b"[a]\r\nk=x" + bytes([byte]) + b"\xffx\r\n"
    assert profile.read(data).get("a", "k") == ask(data, "a", "k")


@pytest.mark.parametrize("blank", ["\f", "\x1a", "\x01", "\x1f", "\x7f", "\x85", "\xa0", "\u2003", "\u3000", "\ufeff"])
def test_which_characters_are_blanks(ask: Ask, blank: str) -> None:
    data = f"\ufeff[a]\r\n{blank}k{blank}={blank}x{blank}\r\nj={blank}y{blank}\r\n".encode("utf-16-le")
    for key in ("k", "j"):
        assert profile.read(data).get("a", key) == ask(data, "a", key)


@given(st.dictionaries(st.sampled_from(["Key", "Password", "k;y"]), VALUES | WIDE | st.text(max_size=20), min_size=1))
def test_what_is_written_is_what_windows_reads(ask: Ask, wanted: dict[str, str]) -> None:
    try:
        data = profile.write([("First", [("Key", "1")]), ("Section", wanted.items())])
    except ConfigError:
        assert any(profile.value_problem(value) for value in wanted.values())
        return
    for key, value in wanted.items():
        assert ask(data, "section", key.lower()) == value


@given(VALUES | WIDE | st.text(max_size=20), st.sampled_from(PasswordFormat))
def test_windows_reads_the_values_of_a_client_setup(ask: Ask, password: str, form: PasswordFormat) -> None:
    setup = ClientSetup(
        General("acmecorp", 1, "http://MICCSERVER:80", "MICCESERVER"),
        RunAs("ACME\\Jörg", "" if form is PasswordFormat.NONE else password, form),
        frozenset({Feature.AGENT, Feature.SCRIPT_MANAGER}),
    )
    try:
        data = clientini.write(setup)
    except ConfigError:
        return
    answers = {key: ask(data, section.upper(), key.upper()) for section, keys in LAYOUT for key in keys}
    assert (
        answers["Password"]
        == {
            PasswordFormat.NONE: None,
            PasswordFormat.PLAIN: password,
            PasswordFormat.OBFUSCATED: obfuscate(password),
        }[form]
    )
    assert answers["Account"] == "ACME\\Jörg"
    assert answers["CustomerID"] == "acmecorp"
    assert [feature for feature in Feature if answers[feature.value] == "true"] == [
        Feature.AGENT,
        Feature.SCRIPT_MANAGER,
    ]
    assert answers["LogFile"] is None

"""Whatever is written is read again as it was, or refused; whatever is read never breaks the reader."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import assume, example, given
from hypothesis import strategies as st

from deploy.config import profile
from deploy.config.clientini import (
    ClientSetup,
    Feature,
    General,
    Options,
    PasswordFormat,
    Reboot,
    RunAs,
    Updater,
    faults,
    read,
    write,
)
from deploy.config.clientini_values import obfuscate, reveal
from deploy.errors import ConfigError

ANY = st.text(st.characters(codec=None, categories=None), max_size=30)
PIECES = st.sampled_from(
    [
        *" \t\v\f\x1a\r\n\0;=[]'\"%\\",
        "\r\n[General]\r\n",
        "CustomerID=x",
        "Password",
        "ä",
        "€",
        "🙂",
        "\u2028",
        "\ufeff",
        "x",
    ]
)
AWKWARD = st.lists(PIECES, max_size=12).map("".join) | ANY
NAMES = st.sampled_from(["General", "RunAs", "a", "Ä", "x y", "x;y", "ſ", "K"])
SETUPS = st.builds(
    ClientSetup,
    st.builds(
        General,
        st.sampled_from(["acmecorp", "Default", "ACME Corp.x"]) | AWKWARD,
        st.integers(-3, 2**31 + 1),
        st.none() | st.sampled_from(["http://MICCSERVER:80", "https://[::1]:8443/x"]) | AWKWARD,
        st.none() | st.just("MICCESERVER") | AWKWARD,
        st.none() | st.datetimes(timezones=st.just(UTC)),
    ),
    st.builds(
        RunAs,
        st.none() | st.sampled_from(["ACME\\installer", ".\\jörg", "x@acme.example"]) | AWKWARD,
        st.just("") | AWKWARD,
        st.sampled_from(PasswordFormat),
    ),
    st.frozensets(st.sampled_from(Feature)),
    st.builds(
        Options,
        st.none() | st.sampled_from(["C:\\Program Files (x86)\\Mitel", "/opt/micce"]) | AWKWARD,
        st.booleans(),
        st.sampled_from(Reboot),
        st.none() | st.just("C:\\Logs\\setup.log") | AWKWARD,
    ),
    st.builds(Updater, st.booleans(), st.booleans()),
)
GOOD = st.builds(
    ClientSetup,
    st.builds(General, st.just("acmecorp"), generated=st.none() | st.datetimes(timezones=st.just(UTC))),
    st.builds(RunAs, st.just("ACME\\installer"), AWKWARD, st.sampled_from(PasswordFormat)),
    st.just(frozenset({Feature.AGENT})),
)


@given(SETUPS | GOOD)
@example(ClientSetup(General("Default"), RunAs(".\\x", "' ", PasswordFormat.PLAIN), frozenset(Feature)))
@example(ClientSetup(General("Default", generated=datetime(1, 1, 1, tzinfo=UTC)), RunAs(), frozenset(Feature)))
def test_a_client_setup_comes_back_equal_or_is_refused(setup: ClientSetup) -> None:
    try:
        data = write(setup)
    except ConfigError:
        return
    assert faults(setup) == ()
    parsed = read(data, "ClientSetup.ini")
    assert parsed.problems == ()
    assert parsed.setup == setup
    lines = data.decode("utf-16" if data.startswith(b"\xff\xfe") else "ascii").split("\r\n")
    assert len([line for line in lines if line.startswith("[")]) == 5
    assert not any(set("\r\n\0") & set(line) for line in lines)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, AWKWARD, max_size=4), max_size=4))
def test_every_profile_comes_back_equal_or_is_refused(wanted: dict[str, dict[str, str]]) -> None:
    refused = any(profile.value_problem(value) for keys in wanted.values() for value in keys.values())
    try:
        data = profile.write((section, keys.items()) for section, keys in wanted.items())
    except ConfigError:
        assert refused
        return
    assert not refused
    found = profile.read(data)
    assert {section.name: {entry.key: entry.value for entry in section.entries} for section in found.sections} == wanted
    assert found.before == ()


@given(st.binary(max_size=200) | st.tuples(st.sampled_from([b"", b"\xff\xfe", b"\xef\xbb\xbf"]), AWKWARD).map(
    lambda two: two[0] + two[1].encode("utf-16-le" if two[0] == b"\xff\xfe" else "utf-8", "replace")
))  # fmt: skip
def test_whatever_is_read_gives_values_or_problems(data: bytes) -> None:
    parsed = read(data, "ClientSetup.ini")
    assert (parsed.setup is None) == any(problem.is_error for problem in parsed.problems)
    assert all(problem.line is None or problem.line > 0 for problem in parsed.problems)
    if parsed.setup is not None:
        assert read(write(parsed.setup), "again").setup == parsed.setup


@given(AWKWARD)
def test_an_obfuscated_password_comes_back(password: str) -> None:
    try:
        text = obfuscate(password)
    except UnicodeEncodeError:
        assume(False)
    assert text.isascii()
    assert reveal(text) == password


@given(ANY | st.binary(max_size=40).map(lambda data: data.decode("latin-1")))
def test_any_text_can_be_taken_for_an_obfuscated_password(text: str) -> None:
    revealed = reveal(text)
    assert revealed is None or obfuscate(revealed) == text

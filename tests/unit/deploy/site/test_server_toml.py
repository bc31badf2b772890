"""What server.toml may say, and what is said of what it may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.errors import Severity
from deploy.site.server_toml import RESERVED, ServerDocument, parse_server

WHOLE = r"""
[server]
root = "WebDeployment"
state = "state"
uri = "http://MICCSERVER:80/"
broker = "MICCESERVER"
release = "9.6.1"
programs = 'programs'
hotfixes = 'D:\MiCC\HotFixes'
host = "0.0.0.0"
port = 8443
tls_cert = "server.pem"
tls_key = "server.key"
https_only = true
trusted_proxies = ["127.0.0.1", "10.1.0.0/16", "::1"]
workers = 2

[shares]
NextCCClient = "shares/NextCCClient"
"Script Manager" = "shares/ScriptManager"

[publish]
folder = "published"
ingest = ['\\FILESERVER\Clients', 'file:///srv/clients']
watch = true
quiet = 2

[admin]
session_minutes = 60
lockout_attempts = 3
lockout_minutes = 30
"""


def test_every_setting_is_read() -> None:
    parsed = parse_server(WHOLE.encode(), "server.toml")
    assert parsed.problems == ()
    assert parsed.document == ServerDocument(
        root="WebDeployment",
        state="state",
        uri="http://MICCSERVER:80",
        broker="MICCESERVER",
        release="9.6.1",
        programs="programs",
        hotfixes="D:\\MiCC\\HotFixes",
        host="0.0.0.0",
        port=8443,
        tls_cert="server.pem",
        tls_key="server.key",
        https_only=True,
        trusted_proxies=("127.0.0.1", "10.1.0.0/16", "::1"),
        workers=2,
        shares=(("NextCCClient", "shares/NextCCClient"), ("Script Manager", "shares/ScriptManager")),
        published="published",
        ingest=("\\\\FILESERVER\\Clients", "file:///srv/clients"),
        watch=True,
        quiet=2.0,
        session_minutes=60,
        lockout_attempts=3,
        lockout_minutes=30,
    )


def test_an_empty_file_says_nothing() -> None:
    assert parse_server(b"\xef\xbb\xbf\r\n", "x").document == ServerDocument()


@pytest.mark.parametrize(
    ("text", "code", "line", "hint"),
    [
        ("[server]\nroot = 1", "wrong-type", 2, "write a string"),
        ('[server]\nroot = ""', "bad-setting", 2, "path"),
        ('[server]\nhost = " "', "bad-setting", 2, "0.0.0.0"),
        ("[server]\n\nport = 65536", "bad-setting", 3, "from 0 to 65535"),
        ('[server]\nport = "80"', "wrong-type", 2, "a number"),
        ("[server]\nhttps_only = 1", "wrong-type", 2, "true or false"),
        ('[server]\nuri = "MICCSERVER"', "bad-setting", 2, "http://"),
        ('[server]\nuri = "http://h/MiCCEInstallation"', "bad-setting", 2, "follows by itself"),
        ('[server]\nuri = "http://user:secret@h"', "bad-setting", 2, "scheme, host and port"),
        ('[server]\nbroker = "http://h"', "bad-setting", 2, "name of a computer"),
        ('[server]\ntrusted_proxies = ["*"]', "bad-setting", 2, "addresses or networks"),
        ('[server]\ntrusted_proxies = ["10.0.0.5/8"]', "bad-setting", 2, "addresses or networks"),
        ("[server]\nworkers = 0", "bad-setting", 2, "from 1 to 64"),
        ("[publish]\nquiet = -1", "bad-setting", 2, "seconds"),
        ("[publish]\nquiet = true", "wrong-type", 2, "seconds"),
        ("[publish]\nquiet = nan", "bad-setting", 2, "seconds"),
        ('[publish]\ningest = ["http://h/x"]', "bad-setting", 2, "read anyway"),
        ("[admin]\nlockout_attempts = 0", "bad-setting", 2, "from 1 to 1000"),
        ('[shares]\n"a/b" = "x"', "bad-setting", 2, "another name"),
        ('[shares]\n".git" = "x"', "bad-setting", 2, "another name"),
        ('[shares]\nCON = "x"', "bad-setting", 2, "another name"),
        ('[shares]\na = "x"\nA = "y"', "bad-setting", 3, "keep one"),
        ('[shares]\na = ""', "bad-setting", 2, "path"),
        ("[shares]\na = 1", "wrong-type", 2, "string"),
        ("shares = 1", "wrong-type", 1, "a table"),
        ("[server", "bad-server-file", 1, "Name = value"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, code: str, line: int, hint: str) -> None:
    parsed = parse_server(text.encode(), "server.toml")
    assert parsed.document is None
    assert [(one.code, one.line, one.file) for one in parsed.problems] == [(code, line, "server.toml")]
    assert hint in parsed.problems[0].hint


@pytest.mark.parametrize("name", RESERVED)
def test_no_share_hides_an_address_of_the_servers_own(name: str) -> None:
    (problem,) = parse_server(f'[shares]\n{name.upper()} = "x"'.encode(), "x").problems
    assert (problem.code, problem.line) == ("bad-setting", 2)


def test_unknown_keys_are_warnings_and_everything_is_said_at_once() -> None:
    text = b'[server]\nwokers = 1\nport = "x"\n[pubilsh]\n[admin]\nlockout = 3\n'
    parsed = parse_server(text, "x")
    assert parsed.document is None
    assert [(one.severity, one.line) for one in parsed.problems] == [
        (Severity.WARNING, 2),
        (Severity.ERROR, 3),
        (Severity.WARNING, 4),
        (Severity.WARNING, 6),
    ]
    assert "did you mean workers?" in parsed.problems[0].hint
    assert "did you mean publish?" in parsed.problems[2].hint


def test_https_that_never_comes_is_a_warning() -> None:
    (problem,) = parse_server(b"[server]\nhttps_only = true", "x").problems
    assert (problem.code, problem.severity, problem.line) == ("never-https", Severity.WARNING, 2)
    assert parse_server(b'[server]\nhttps_only = true\ntrusted_proxies = ["::1"]', "x").problems == ()


def test_text_that_is_not_utf_8_has_its_line() -> None:
    (problem,) = parse_server(b"[server]\n\xff", "x").problems
    assert (problem.code, problem.line) == ("bad-server-file", 2)


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    parsed = parse_server(data, "x")
    assert (parsed.document is None) == any(one.is_error for one in parsed.problems)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_no_value_raises(text: str) -> None:
    quoted = '"' + "".join(f"\\U{ord(one):08x}" for one in text) + '"'
    for key in ("root", "uri", "broker", "release", "host", "tls_cert"):
        parse_server(f"[server]\n{key} = {quoted}".encode(), "x")
    parse_server(f"[server]\ntrusted_proxies = [{quoted}]\n[publish]\ningest = [{quoted}]".encode(), "x")
    parse_server(f'[shares]\n{quoted} = "x"'.encode(), "x")

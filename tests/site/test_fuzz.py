"""Whatever is sent, the server answers with sense: never a 500, never a trace of its inside, never silence."""

from __future__ import annotations

import socket

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.deployment import ROOT, Serving

NAMES = st.sampled_from(
    [
        "install",
        "ClientSetup",
        "NextCCClient",
        "ScriptManager",
        "WebDeployment",
        "manifest",
        "published",
        "packs",
        "objects",
        "customers",
        "HotFixes",
        "admin",
        "sign-in",
        "static",
        "site.css",
        "programs",
        "acmecorp",
        "Default",
        "Setup.config",
        "ClientSetup.exe",
        "healthz",
        "metrics",
        "..",
        "%2e%2e",
        "%5c",
        "%00",
        "%",
        "%zz",
        "%f0%9f%98%80",
        "",
    ]
)
SEGMENTS = st.one_of(NAMES, st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="/?#")))
PATHS = st.builds(
    lambda root, parts, query: root + "".join(f"/{part}" for part in parts) + query,
    st.sampled_from([ROOT, ROOT.lower(), ""]),
    st.lists(SEGMENTS, max_size=5),
    st.sampled_from(["", "?", "?script=windows", "?script=%00", "?a=b&a=c", "?%"]),
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "TRACE"])
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "Range",
            "If-Range",
            "If-None-Match",
            "If-Match",
            "If-Modified-Since",
            "If-Unmodified-Since",
            "Cookie",
            "Origin",
            "Referer",
            "User-Agent",
            "Accept",
            "Sec-CH-UA-Platform",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
        ]
    ),
    st.one_of(
        VALUES,
        st.sampled_from(
            [
                "bytes=0-",
                "bytes=-0",
                "bytes=5-1",
                "bytes=0-0,2-3",
                "bytes=" + "0-1," * 200,
                "bytes=99999999999999999999-",
                '"x"',
                'W/"x"',
                "*",
                "Thu, 01 Jan 1970 00:00:00 GMT",
                "Thu, 99 Foo 9999 99:99:99 GMT",
                "session=" + "A" * 50,
                "null",
            ]
        ),
    ),
    max_size=4,
)
HOSTS = st.sampled_from(["localhost", "127.0.0.1", "a b", "", "evil.example", "[::1", "x" * 300, "localhost:99999"])
BODIES = st.one_of(
    st.just(b""),
    st.binary(max_size=200),
    st.sampled_from([b"account=a&password=b", b"%", b"feature=" + b"x" * 5000, b"&" * 3000, b"a=%ff%00"]),
)
TYPES = st.sampled_from(
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json", "text/plain", ""]
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(METHODS, PATHS, HOSTS, HEADERS, BODIES, TYPES)
def test_no_request_is_answered_with_an_error_of_the_server(
    serving: Serving, method: str, path: str, host: str, headers: dict[str, str], body: bytes, kind: str
) -> None:
    lines = [f"{method} {path or '/'} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method in ("POST", "PUT"):
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    request = "\r\n".join([*lines, "", ""]).encode("latin-1") + (body if method in ("POST", "PUT") else b"")
    with socket.create_connection(("127.0.0.1", serving.port), timeout=30) as connection:
        connection.sendall(request)
        answer = bytearray()
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 ")
    assert int(answer[9:12]) < 500, (request, bytes(answer[:300]))
    assert b"Traceback" not in answer
